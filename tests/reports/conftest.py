"""A finished run to look at, and a browser to look with."""

import shutil

import pytest
import synthetic_run

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture
def run_of(tmp_path):
    """Write a run's records and give its folder: `run_of(manifest, certificate, trials)`."""

    def write(manifest, certificate, trials):
        return synthetic_run.store(tmp_path / "run", manifest, certificate, trials)

    return write


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, NAMES)), None)
    with playwright.sync_playwright() as started:
        try:
            opened = started.chromium.launch(executable_path=found, args=QUIET.split())
        except playwright.Error as error:
            pytest.skip(f"no Chromium could be started: {str(error).splitlines()[0]}")
        yield opened
        opened.close()
