"""The page of differences between the frameworks, from a synthetic record."""

import pytest
import synthetic_run

import reports
from reports.pages import differences_page, index_page
from reports.records.differences import Difference, Differences, Effect, FrameworkDefault
from reports.records.store import RecordError, write_json
from reports.render import markdown

NASTY = "<script>document.title='owned'</script>"


def default(framework, *, holds=True, lines="", failure=None):
    observed = 1e-8 if holds else 1e-7
    words = {"default": "1e-8", "documented": f"`eps` of {framework}"}
    return FrameworkDefault(
        framework=framework, **words, claimed=1e-8, observed=observed, holds=holds, lines=lines, failure=failure
    )


def difference(name, factor, **changes):
    """A difference that multiplies the loss and the test error of each of three seeds by about `factor`."""
    errors = (0.20, 0.21, 0.205)
    effect = Effect(
        outputs=0.0,
        off_loss=(0.7, 0.8, 0.75),
        on_loss=tuple(value * factor for value in (0.7, 0.8, 0.75)),
        off_error=errors,
        on_error=tuple(value * (factor + place * 1e-3) for place, value in enumerate(errors)),
    )
    frameworks = (default("PyTorch", lines="eps = 1e-8"), default("Keras"), default("Flax"))
    facts = {
        "title": f"The {name}",
        "explains": f"About {name}.",
        "measures": "default",
        "off": "without",
        "on": "with",
        "within": 1e-6,
    }
    facts |= {"defaults": frameworks, "default_gap": 0.5, "equal_gap": 1e-9, "effect": effect}
    return Difference(name=name, **facts | changes)


def record(*differences, **changes):
    environment = synthetic_run.records(cells=("gru",), epochs=4, weeks=30)[0].environment
    facts = {"started": "2026-03-01T09:30:00Z", "quick": False, "series": "Weekly CO2", "unit": "ppm"}
    facts |= {"persistence": 0.25, "seeds": (1, 2, 3), "steps": 600, "loss_steps": 200, "units": 32, "window": 20}
    facts |= {"batch": 32, "seconds": 60.0, "environment": environment.model_copy(update={"gpu": None})}
    return Differences(**facts | changes, differences=differences)


def test_the_largest_effect_comes_first_and_stands_out():
    """The noise of a seed is 2.4 % here: 30 % is more, 1 % is less, and a change of rounding is none."""
    page = differences_page.page(record(difference("small", 1.01), difference("large", 0.7), difference("none", 1.0)))
    rows = page.table("effects").rows
    assert [row.cells[0].text for row in rows] == ["The large", "The small", "The none"]
    assert [row.cells[3].tone for row in rows] == ["bad", "", ""]
    assert [row.cells[2].text for row in rows] == ["−30 %", "+1.0 %", "none"]
    assert rows[0].cells[3].detail.endswith("seed noise ±2.4 %")
    assert page.section("summary").blocks[0].text.startswith("One of 3 differences changes the test error")


def test_a_wrong_statement_about_a_default_is_a_notice_and_is_marked():
    wrong = (
        default("PyTorch"),
        default("Keras", holds=False),
        default("Flax", holds=False, failure="ImportError: no flax"),
    )
    page = differences_page.page(record(difference("epsilon", 1.0, defaults=wrong)))
    assert page.notices == (
        "The epsilon: Keras gave 1e-07 where 1e-08 is claimed and the experiment in Flax failed: ImportError: no flax.",
    )
    cells = page.table("defaults").rows[0].cells
    assert [cell.tone for cell in cells[1:]] == ["", "bad", "bad"]
    assert "1e-07" in page.table("defaults").notes[0]


def test_lines_that_do_not_make_equal_are_a_notice():
    page = differences_page.page(record(difference("epsilon", 1.0, equal_gap=0.1)))
    assert page.notices == ("The epsilon: with the lines, the frameworks differ by 1.0e-01, more than 1.0e-06.",)


def test_without_a_gpu_the_page_says_so():
    page = differences_page.page(record(difference("tf32", 1.0, default_gap=None, equal_gap=None, needs_gpu=True)))
    assert [cell.text for cell in page.table("effects").rows[0].cells[4:6]] == ["no GPU here"] * 2
    assert page.notices == ()


def test_failed_trainings_leave_the_rest_of_the_page():
    page = differences_page.page(record(difference("epsilon", 1.0, effect=None, failure="its process was killed")))
    assert page.notices == ("The epsilon: the trainings failed: its process was killed.",)
    assert page.table("effects").rows[0].cells[3].text == "–"


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "differences" / "2026-03-01T09-30-00Z"
    write_json(folder / "differences.json", record(difference("large", 0.7, title=NASTY, explains=NASTY)))
    return tmp_path


def test_the_page_is_written_escaped_and_linked_from_the_index(results):
    path, summary = reports.write_differences(results / "differences" / "2026-03-01T09-30-00Z")
    assert NASTY not in path.read_text()
    assert "eps = 1e-8" in path.with_suffix(".md").read_text()
    assert "−30 %" in summary
    link = index_page.page(results).eyebrow[0]
    assert (results / link.target) == path


def test_an_edited_record_is_refused(results):
    path = next(results.rglob("differences.json"))
    path.write_text(path.read_text().replace("0.7", "0.6", 1))
    with pytest.raises(RecordError, match="was edited after it was written"):
        reports.write_differences(path.parent)


def test_the_page_fits_a_phone(results, visit):
    path, _ = reports.write_differences(next(results.rglob("differences.json")).parent)
    opened = visit(path, viewport={"width": 390, "height": 844})
    assert opened.errors == []
    assert opened.overflowing() == []


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ((1.01,), "It moves a training"),
        ((1.01, 0.99), "They move a training"),
        ((0.7, 1.01), "The other difference moves a training"),
        ((0.7, 1.01, 0.99), "The other 2 differences move a training"),
    ],
)
def test_small_effects_are_called_the_others_only_beside_a_large_one(factors, said):
    each = [difference(f"change {place}", factor) for place, factor in enumerate(factors)]
    assert said in markdown.render(differences_page.page(record(*each)))
