"""Downloads against a server on the loopback interface: a file is kept whole and right, or not at all."""

import contextlib
import hashlib
import http.server
import threading
import time
from pathlib import Path

import pytest

from datasets import DataError, describe, load
from datasets.sources import download
from datasets.sources.download import Remote

CONTENT = b"day,value\n" + b"1,2\n" * 50_000
RIGHT = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves one file in the ways that a bad day has."""

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
                self.wfile.write(CONTENT[1000:])  # whole and right, for who waits that long
        else:
            self.wfile.write(CONTENT)

    def log_message(self, *arguments):
        """Silent."""


@pytest.fixture(scope="module")
def server():
    """Its address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache folder that does not exist yet."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "TIMEOUT", 0.5)
    return tmp_path / "cache"


def test_a_good_file_is_downloaded_once(server, cache):
    """The second read needs no server."""
    assert download.read(Remote("a.csv", f"{server}/good", RIGHT)) == CONTENT
    assert [file.name for file in cache.iterdir()] == ["a.csv"]
    assert download.read(Remote("a.csv", "http://127.0.0.1:1/gone", RIGHT)) == CONTENT


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("damaged", r"sent for a\.csv is damaged or cut short: its SHA-256 is not"),
        ("truncated", r"a\.csv"),
        ("slow", r"a\.csv could not be downloaded from .*/slow \(.*\): go online and try again, or put the file into"),
        ("absent", r"a\.csv could not be downloaded from .*/absent \(HTTPError\)"),
    ],
)
def test_a_bad_download_is_named_and_nothing_is_kept(server, cache, kind, message):
    """Neither under its name nor under a temporary one."""
    with pytest.raises(DataError, match=message) as caught:
        download.read(Remote("a.csv", f"{server}/{kind}", RIGHT))
    assert "\n" not in str(caught.value)
    assert list(cache.iterdir()) == []


def test_without_a_network_the_error_says_which_file_from_where_and_where_to(cache):
    """The three things needed to get it by hand."""
    with pytest.raises(DataError) as caught:
        download.read(Remote("a.csv", "http://127.0.0.1:1/a.csv", RIGHT))
    assert all(part in str(caught.value) for part in ("a.csv", "http://127.0.0.1:1/a.csv", str(cache)))


def test_a_damaged_file_in_the_cache_is_refused_and_left_alone(server, cache):
    """It may be the user's own: reading says so; only an explicit fetch replaces it."""
    cache.mkdir()
    (cache / "a.csv").write_bytes(CONTENT[:-7])
    remote = Remote("a.csv", f"{server}/good", RIGHT)
    with pytest.raises(DataError, match=r"a\.csv is damaged: its SHA-256 begins with .* delete it"):
        download.read(remote)
    assert (cache / "a.csv").read_bytes() == CONTENT[:-7]
    assert download.fetch(remote).read_bytes() == CONTENT


def test_a_failed_fetch_leaves_the_damaged_file_that_was_there(server, cache):
    """Nothing half written in its place."""
    cache.mkdir()
    (cache / "a.csv").write_bytes(b"old")
    with pytest.raises(DataError):
        download.fetch(Remote("a.csv", f"{server}/truncated", RIGHT))
    assert [(file.name, file.read_bytes()) for file in cache.iterdir()] == [("a.csv", b"old")]


def test_a_filled_cache_may_be_read_only(cache, monkeypatch):
    """Nothing is written and nothing downloaded where the file is there and right."""
    cache.mkdir()
    (cache / "a.csv").write_bytes(CONTENT)
    monkeypatch.setattr(download.os, "access", lambda *_: False)
    remote = Remote("a.csv", "http://127.0.0.1:1/a.csv", RIGHT)
    assert download.read(remote) == CONTENT
    assert download.fetch(remote) == cache / "a.csv"


def test_an_unwritable_cache_is_named(cache, monkeypatch):
    """Root may write anywhere, so the answer of the system is simulated."""
    cache.mkdir()
    monkeypatch.setattr(download.os, "access", lambda *_: False)
    with pytest.raises(DataError, match=r"a\.csv is not in .*cache, which cannot be written to: .* set BENCH_DATA"):
        download.read(Remote("a.csv", "http://127.0.0.1:1/a.csv", RIGHT))


def test_a_cache_that_is_a_file_is_named(cache):
    """Making the folder fails."""
    cache.write_text("")
    with pytest.raises(DataError, match="which cannot be written to"):
        download.fetch(Remote("a.csv", "http://127.0.0.1:1/a.csv", RIGHT))


def test_a_damaged_housing_pickle_is_refused(cache):
    """It is unpickled, so anything can be raised; the user reads one sentence."""
    cache.mkdir()
    (cache / "cal_housing_py3.pkz").write_bytes(b"no pickle")
    with pytest.raises(DataError, match=r"cal_housing_py3\.pkz is damaged .* delete it and fetch it again"):
        load("housing")


def test_a_housing_download_that_fails_leaves_nothing(cache, monkeypatch):
    """scikit-learn writes into a folder of its own, which goes whatever happens."""
    import sklearn.datasets

    def half(data_home: Path) -> None:
        (data_home / "cal_housing.tgz").write_bytes(b"half")
        raise OSError("connection lost")

    monkeypatch.setattr(sklearn.datasets, "fetch_california_housing", half)
    with pytest.raises(DataError, match=r"cal_housing_py3\.pkz could not be downloaded from scikit-learn's"):
        describe("housing").origin.fetch()
    assert list(cache.iterdir()) == []
