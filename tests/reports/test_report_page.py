"""The page of a run in a browser: layout, controls, links and escaping."""

from itertools import pairwise

import pytest
import synthetic_run
from synthetic_run import fail

import reports
from reports.render import html, markdown
from reports.render.page import Bullets, Page, Paragraph, Section

DRAWS = True

NASTY = '<script>document.title="owned"</script><img src="https://example.org/x.png" onerror="alert(1)"> $x$ & "q"'


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The default benchmark with a failed trial, a missing trial and a backend that is not certified for one case."""
    manifest, certificate, trials = synthetic_run.records()
    checks = tuple(
        check.model_copy(update={"failure": "weights differ"})
        if (check.backend, check.case) == ("keras", "gru")
        else check
        for check in certificate.checks
    )
    folder = tmp_path_factory.mktemp("page")
    synthetic_run.store(
        folder, manifest, certificate.model_copy(update={"checks": checks}), (fail(trials[0]), *trials[1:-1])
    )
    return reports.write(folder).html


def test_the_page_requests_no_other_file_and_has_no_errors(visit, report):
    seen = visit(report)
    seen.page.wait_for_timeout(200)
    assert seen.requests == [report.as_uri()]
    assert seen.errors == []


def test_a_click_sorts_by_value_and_a_second_click_reverses_the_order(visit, report):
    seen = visit(report)
    head = seen.page.locator("#result thead th", has_text="test MSE")
    values = "[...document.querySelectorAll('#result tbody td:nth-child(3)')].map((cell) => Number(cell.dataset.value))"
    assert seen.value(values) != sorted(seen.value(values))
    head.locator("button").click()
    assert seen.value(values) == sorted(seen.value(values))
    assert head.get_attribute("aria-sort") == "ascending"
    head.locator("button").click()
    assert seen.value(values) == sorted(seen.value(values), reverse=True)
    assert head.get_attribute("aria-sort") == "descending"


def test_rows_without_a_value_stay_last_in_both_orders(visit, report):
    seen = visit(report)
    button = seen.page.locator("#result thead th", has_text="speed ratio").locator("button")
    for _ in range(2):
        button.click()
        texts = [text.split()[0] if text.split() else "" for text in seen.column("result", 7)]
        assert all(text[0].isdigit() for text in texts[:5])
        assert texts[5] == "not"
        assert texts[6:] == [""] * 4


def test_words_sort_as_words_by_keyboard(visit, report):
    seen = visit(report)
    seen.page.locator("#certificate thead th", has_text="backend").locator("button").focus()
    seen.page.keyboard.press("Enter")
    names = seen.column("certificate", 2)
    assert names == sorted(names)
    assert names[0] == "Flax, compiled epoch"


def test_the_filter_shows_rows_that_contain_every_word(visit, report):
    seen = visit(report)
    table = seen.page.locator("#scores .table").first
    table.locator("input").fill("gru native")
    shown = table.locator("tbody tr:visible")
    assert shown.count() == 3
    assert all("GRU" in text and "native" in text for text in shown.all_inner_texts())


def test_no_table_scrolls_sideways_on_a_laptop(visit, report):
    seen = visit(report, viewport={"width": 1280, "height": 800})
    seen.value("document.querySelectorAll('details').forEach((folded) => folded.open = true)")
    tables = "[...document.querySelectorAll('.table .scroll')]"
    assert seen.value(f"{tables}.length") > 5
    wide = f"{tables}.filter((part) => part.scrollWidth > part.clientWidth + 1)"
    assert seen.value(f"{wide}.map((part) => part.getAttribute('aria-labelledby'))") == []


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_overflows(visit, report, width):
    seen = visit(report, viewport={"width": width, "height": 800})
    seen.value("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    assert seen.value("document.documentElement.scrollWidth") <= width
    assert seen.overflowing() == []


def test_print_shows_all_headings_and_no_controls(visit, report):
    seen = visit(report, viewport={"width": 718, "height": 1000})
    seen.page.emulate_media(media="print")
    heads = seen.page.locator("#times thead th")
    assert all(heads.nth(place).inner_text().strip() for place in range(heads.count()))
    assert not seen.page.locator("#theme, #copy, .filter").filter(visible=True).count()
    right = "[...document.querySelectorAll('td')].map((cell) => cell.getBoundingClientRect().right)"
    assert max(seen.value(right)) <= 718


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_to_its_background(visit, report, scheme):
    assert visit(report, color_scheme=scheme).faint() == []


def test_the_theme_follows_the_system_until_it_is_chosen(visit, report):
    background = "getComputedStyle(document.body).backgroundColor"
    seen = visit(report, color_scheme="dark")
    dark = seen.value(background)
    assert dark != visit(report, color_scheme="light").value(background)
    button = seen.page.locator("#theme")
    button.click()
    assert button.inner_text() == "theme: light"
    assert seen.value(background) != dark
    for _ in range(20):  # Chromium stores the choice some time after the click
        seen.page.reload()
        if kept := button.inner_text() == "theme: light":
            break
        seen.page.wait_for_timeout(100)
    assert kept
    seen.page.locator("#theme").click()
    assert seen.value(background) == dark


def test_figures_take_their_colours_from_the_theme(visit, report):
    ink = "getComputedStyle(document.querySelector('#figure-time svg text')).fill"
    assert visit(report, color_scheme="dark").value(ink) != visit(report, color_scheme="light").value(ink)


def test_the_command_is_copied(visit, report):
    seen = visit(report, permissions=["clipboard-read", "clipboard-write"])
    seen.page.locator("#copy").click()
    seen.page.wait_for_function("document.getElementById('copy').textContent === 'copied'")
    assert seen.value("navigator.clipboard.readText()") == "python -m benchmarks run co2"


def test_headings_are_nested_and_tables_and_figures_have_descriptions(visit, report):
    seen = visit(report)
    levels = seen.value("[...document.querySelectorAll('h1, h2, h3')].map((head) => Number(head.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert seen.value("[...document.querySelectorAll('table')].every((table) => table.caption.textContent.trim())")
    assert seen.value("[...document.querySelectorAll('[role=img]')].every((part) => part.ariaLabel.length > 30)")
    assert seen.value("document.querySelectorAll('[role=img] svg').length") >= 7


def test_ids_are_unique_and_the_target_of_every_anchor_exists(visit, report):
    seen = visit(report)
    ids = seen.value("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
    anchors = seen.value("[...document.querySelectorAll('a[href^=\"#\"]')].map((link) => link.hash.slice(1))")
    assert set(anchors) <= set(ids)


def test_every_record_that_is_linked_exists(visit, report):
    links = visit(report).value(
        "[...document.querySelectorAll('a:not([href^=\"#\"])')].map((a) => a.getAttribute('href'))"
    )
    assert len(set(links)) >= 35
    assert all((report.parent / link).is_file() for link in links)


def test_a_missing_ratio_has_a_footnote_with_the_reason(visit, report):
    seen = visit(report)
    cell = seen.page.locator("#result tbody tr", has_text="not comparable")
    assert cell.count() == 1
    cell.locator("sup a").first.click()
    assert "Keras, GRU, is not comparable: in float64 weights differ." in seen.page.locator("li:target").inner_text()


def test_failed_and_missing_trials_are_on_the_page(visit, report):
    seen = visit(report)
    assert "35 of 36 trials have finished" in seen.page.locator(".notice").first.inner_text()
    failures = seen.page.locator("#failures").inner_text()
    assert "PyTorch, eager loop, LSTM, matched, seed 1" in failures
    assert "The loss was not finite in epoch 3." in failures
    seen.page.locator("summary", has_text="the end of its log").click()
    assert "FloatingPointError" in seen.page.locator("#failures pre").inner_text()


def test_folded_sections_open_with_the_keyboard(visit, report):
    seen = visit(report)
    assert not seen.page.locator("#time-by-part table").is_visible()
    seen.page.locator("summary", has_text="Time by part").focus()
    seen.page.keyboard.press("Enter")
    assert seen.page.locator("#time-by-part tbody tr").count() == 12
    assert seen.page.locator("#time-by-part table").is_visible()


def test_the_page_of_all_trials_has_a_row_and_a_record_for_each(visit, report):
    seen = visit(report)
    seen.page.locator("#trials a").click()
    seen.page.wait_for_url("**/trials.html")
    assert seen.page.locator("#trials tbody tr").count() == 36
    assert seen.page.locator("#time-by-part tbody tr").count() == seen.page.locator("#resource-use tbody tr").count()
    links = seen.value("[...document.querySelectorAll('#trials a')].map((link) => link.getAttribute('href'))")
    assert len(links) == 35
    assert all((report.parent / link).is_file() for link in links)
    assert seen.errors == []


def test_markup_in_the_records_appears_as_text(visit, tmp_path):
    manifest, certificate, trials = synthetic_run.records(title=NASTY, cells=("gru",), epochs=4, weeks=30)
    series = manifest.data["co2"]
    data = series.model_copy(update={"title": NASTY, "unit": "<i>", "features": (NASTY,), "notes": (NASTY,)})
    case = manifest.cases[0].model_copy(update={"label": f"gru {NASTY}"})
    manifest = manifest.model_copy(
        update={
            "data": {"co2": data},
            "cases": (case,),
            "command": NASTY,
            "description": NASTY,
            "trials": tuple(plan.model_copy(update={"case": case.label}) for plan in manifest.trials),
        }
    )
    trials = [trial.model_copy(update={"plan": trial.plan.model_copy(update={"case": case.label})}) for trial in trials]
    trials[0] = fail(trials[0], reason=NASTY, log=NASTY)
    checks = tuple(
        check.model_copy(update={"case": case.label, "kernel": NASTY, "failure": NASTY}) for check in certificate.checks
    )
    synthetic_run.store(tmp_path, manifest, certificate.model_copy(update={"checks": checks}), trials)
    seen = visit(reports.write(tmp_path).html)
    seen.page.wait_for_timeout(200)
    assert seen.errors == []
    assert len(seen.requests) == 1
    assert seen.page.title() == f"{NASTY} · Like for Like"
    assert seen.page.locator("h1").inner_text() == NASTY
    assert seen.page.locator("img").count() == 0
    assert seen.page.locator("#command").inner_text() == NASTY
    assert seen.page.locator("main script").count() == 0


def test_the_summary_names_the_layers_of_each_model(visit, report):
    assert visit(report).page.locator(".case .layers").all_inner_texts() == ["1 × lstm 50", "1 × gru 50"]


def test_code_in_a_sentence_is_code_on_the_page():
    """Markdown keeps the backticks; a page in a browser shows none, and escapes the code like all text."""
    blocks = (Paragraph("Type `make <x>` at 5 %."), Bullets(("`make y` too",)))
    page = Page("A page", (Section("commands", "Commands", blocks),))
    text = html.render(page)
    assert "Type <code>make &lt;x&gt;</code> at 5\N{NO-BREAK SPACE}%." in text
    assert "<li><code>make y</code> too</li>" in text
    assert "`make y` too" in markdown.render(page)
