"""Downloads from a server on the loopback interface: a file is kept if it is complete and right, else not at all."""

import contextlib
import hashlib
import http.server
import threading
import time
from pathlib import Path

import pytest

from datasets import DataError, describe, load
from datasets.sources import origins
from datasets.sources.origins import Downloaded

CONTENT = b"day,value\n" + b"1,2\n" * 50_000
RIGHT = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file correctly, damaged, truncated, slowly or not at all, as the path says."""

    def do_GET(self):
        kind = self.path.strip("/")
        if kind == "absent":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if kind == "damaged":
            self.wfile.write(CONTENT[:-1] + b"?")
        elif kind == "truncated":
            self.wfile.write(CONTENT[: len(CONTENT) // 2])
        elif kind == "slow":
            self.wfile.write(CONTENT[:1000])
            self.wfile.flush()
            time.sleep(1.5)
            with contextlib.suppress(ConnectionError):
                self.wfile.write(CONTENT[1000:])  # complete and right, after the timeout of the client
        else:
            self.wfile.write(CONTENT)

    def log_message(self, *arguments):
        """Write no log."""


@pytest.fixture(scope="module")
def server():
    """The address of the running server."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """A cache folder that does not exist yet."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(origins, "TIMEOUT", 0.5)
    return tmp_path / "cache"


def remote(file: str, url: str) -> Downloaded:
    """A downloaded file with the SHA-256 of CONTENT."""
    return Downloaded(file, url, RIGHT, parse=lambda _: pytest.fail("not parsed here"))


def test_a_good_file_is_downloaded_once(server, cache):
    """The second read uses the cached file."""
    assert remote("a.csv", f"{server}/good").read() == CONTENT
    assert [file.name for file in cache.iterdir()] == ["a.csv"]
    assert remote("a.csv", "http://127.0.0.1:1/gone").read() == CONTENT


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "damaged",
            r"The download of a\.csv from .*/damaged is damaged or incomplete: its SHA-256 does not begin with",
        ),
        ("truncated", r"a\.csv"),
        ("slow", r"a\.csv could not be downloaded from .*/slow \(.*\): connect to the internet and try"),
        ("absent", r"a\.csv could not be downloaded from .*/absent \(HTTPError\)"),
    ],
)
def test_a_failed_download_is_reported_and_nothing_is_kept(server, cache, kind, message):
    """No file remains, neither under its name nor under a temporary one."""
    with pytest.raises(DataError, match=message) as caught:
        remote("a.csv", f"{server}/{kind}").read()
    assert "\n" not in str(caught.value)
    assert list(cache.iterdir()) == []


def test_the_error_without_a_network_names_file_url_and_cache_folder(cache):
    """The three things that a user needs to download the file in another way."""
    with pytest.raises(DataError) as caught:
        remote("a.csv", "http://127.0.0.1:1/a.csv").read()
    assert all(part in str(caught.value) for part in ("a.csv", "http://127.0.0.1:1/a.csv", str(cache)))


def test_a_damaged_file_in_the_cache_is_refused_and_not_replaced(server, cache):
    """The file may belong to the user: reading refuses it, and only an explicit fetch replaces it."""
    cache.mkdir()
    (cache / "a.csv").write_bytes(CONTENT[:-7])
    file = remote("a.csv", f"{server}/good")
    with pytest.raises(DataError, match=r"a\.csv is damaged: its SHA-256 begins with .* delete the file"):
        file.read()
    assert (cache / "a.csv").read_bytes() == CONTENT[:-7]
    assert file.fetch().read_bytes() == CONTENT


def test_a_failed_fetch_leaves_the_damaged_file_that_was_there(server, cache):
    """No partly written file takes its place."""
    cache.mkdir()
    (cache / "a.csv").write_bytes(b"old")
    with pytest.raises(DataError):
        remote("a.csv", f"{server}/truncated").fetch()
    assert [(file.name, file.read_bytes()) for file in cache.iterdir()] == [("a.csv", b"old")]


def test_a_filled_cache_may_be_read_only(cache, monkeypatch):
    """A file with the right SHA-256 is read without writing or downloading anything."""
    cache.mkdir()
    (cache / "a.csv").write_bytes(CONTENT)
    monkeypatch.setattr(origins.os, "access", lambda *_: False)
    file = remote("a.csv", "http://127.0.0.1:1/a.csv")
    assert file.read() == CONTENT
    assert file.fetch() == cache / "a.csv"


def test_a_cache_that_is_not_writable_is_named(cache, monkeypatch):
    """os.access is replaced, because root may write to every folder."""
    cache.mkdir()
    monkeypatch.setattr(origins.os, "access", lambda *_: False)
    with pytest.raises(DataError, match=r"a\.csv is not in .*cache, which is not writable: .* set BENCH_DATA"):
        remote("a.csv", "http://127.0.0.1:1/a.csv").read()


def test_a_cache_that_is_a_file_is_named(cache):
    """The cache folder cannot be created, because a file has its name."""
    cache.write_text("")
    with pytest.raises(DataError, match="which is not writable"):
        remote("a.csv", "http://127.0.0.1:1/a.csv").fetch()


def test_a_damaged_housing_pickle_is_refused(cache):
    """Unpickling a damaged file can raise any exception; the user gets a DataError."""
    cache.mkdir()
    (cache / "cal_housing_py3.pkz").write_bytes(b"no pickle")
    with pytest.raises(DataError, match=r"cal_housing_py3\.pkz is damaged .* delete the file, and the next run"):
        load("housing")


def test_a_failed_housing_download_leaves_no_file(cache, monkeypatch):
    """scikit-learn writes into a temporary folder, which is always removed."""
    import sklearn.datasets

    def interrupted(data_home: Path) -> None:
        (data_home / "cal_housing.tgz").write_bytes(b"half")
        raise OSError("connection lost")

    monkeypatch.setattr(sklearn.datasets, "fetch_california_housing", interrupted)
    with pytest.raises(DataError, match=r"cal_housing_py3\.pkz could not be downloaded from scikit-learn's"):
        describe("housing").origin.fetch()
    assert list(cache.iterdir()) == []
