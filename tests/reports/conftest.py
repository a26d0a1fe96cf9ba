"""A finished run to look at, and a browser to look with."""

import shutil
from pathlib import Path

import pytest
import synthetic_run

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")
BEYOND = """
    [...document.querySelectorAll('body *')]
        .filter((element) => !element.closest('.scroll, pre, .skip'))
        .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5)
        .map((element) => element.outerHTML.slice(0, 80))
"""


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


class Visit:
    """An open page, and what it said and asked for."""

    def __init__(self, browser, path, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.errors, self.requests = [], []
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def column(self, table, place):
        return self.page.locator(f"#{table} tbody tr > :nth-child({place})").all_inner_texts()

    def value(self, script):
        return self.page.evaluate(script)

    def overflowing(self):
        """What is wider than the window, wherever it does not scroll by itself."""
        return self.value(BEYOND)

    def faint(self):
        """Text that does not stand out from its background."""
        return self.value(CONTRAST)


@pytest.fixture
def visit(browser):
    opened = []

    def start(path, **options):
        opened.append(Visit(browser, path, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.context.close()
