"""Fixtures for reports: folders of synthetic runs, figures without drawing, and a browser."""

import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest
import synthetic_run

from tests.blank_figures import blank_figures, drawn_figures

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = (
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


@pytest.fixture(scope="module", autouse=True)
def figures_are_blank(request):
    """Write each figure as an empty SVG, as drawing takes most of the time of a report.

    A module with `DRAWS = True` draws its figures; so does a test with the fixture `drawn`.
    """
    with nullcontext() if getattr(request.module, "DRAWS", False) else blank_figures():
        yield


@pytest.fixture
def drawn():
    """Draw figures in this test."""
    with drawn_figures():
        yield


@pytest.fixture
def run_of(tmp_path):
    """A function that writes the records of a run and returns its folder: `run_of(manifest, certificate, trials)`."""

    def write(manifest, certificate, trials):
        return synthetic_run.store(tmp_path / "run", manifest, certificate, trials)

    return write


@pytest.fixture(scope="session")
def browser():
    """Chromium, Debian's or another in the search path, else the one that playwright installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    with playwright.sync_playwright() as started:
        try:
            chromium = started.chromium.launch(executable_path=path, args=OPTIONS.split())
        except playwright.Error as error:
            pytest.skip(f"no Chromium could be started: {str(error).splitlines()[0]}")
        yield chromium
        chromium.close()


class Visit:
    """An open page with its errors and requests."""

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
        """Elements that extend beyond the window, except inside parts that scroll."""
        return self.value(BEYOND)

    def faint(self):
        """Text with too little contrast to its background."""
        return self.value(CONTRAST)


@pytest.fixture
def visit(browser):
    """A function that opens a file in the browser: `visit(path, viewport={"width": 360, "height": 800})`."""
    visits = []

    def start(path, **options):
        visits.append(Visit(browser, path, **options))
        return visits[-1]

    yield start
    for opened in visits:
        opened.context.close()
