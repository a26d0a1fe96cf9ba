"""The page of published values: every value that a document printed, and the result of each benchmark beside it."""

from dataclasses import replace
from math import inf
from pathlib import Path

from reports.analysis.metrics import beats, headline_error, median_over_seeds, naive_errors
from reports.analysis.run import Group, Run, unique
from reports.analysis.run_store import StoredRun, read_runs
from reports.analysis.search_results import selected_only
from reports.pages.stored_runs import notices, run_link
from reports.records.store import write_text
from reports.render import html, markdown
from reports.render.formats import case_name, four_digits, listed, plural
from reports.render.page import Page, Paragraph, Section, table_section
from reports.render.table import BLANK, Cell, Column, Link, Row, Table, number, row, text
from reports.sections.columns import measured
from reports.sections.published_values import CAPTION, check_published, counts_sentence, published_table

NAME = "published.html"
NO_VALUES = "No run has a published value yet; make bench-all runs every benchmark."


def write(results: Path) -> tuple[Path, str]:
    """Write `published.html` and `published.md` into the folder of all runs.

    Returns the path of the HTML page and the Markdown.
    """
    content, path = page(results), results / NAME
    text = markdown.render(content)
    write_text(path, html.render(content))
    write_text(path.with_suffix(".md"), text)
    return path, text


def page(results: Path) -> Page:
    """The page of one run per benchmark: the newest complete run, or another if there is none."""
    stored = read_runs(results)
    names = sorted(unique(run.benchmark for run in stored.runs))
    chosen = [_choose([run for run in stored.runs if run.benchmark == name]) for name in names]
    runs = [run for run in chosen if run is not None]
    values = [value for run in runs for value in check_published(run.run)]
    tables = [_table(results, run) for run in runs if run.run.manifest.published]
    return Page(
        title="Published values",
        description="Each value that a document printed, beside the value that the settings of that document give here",
        eyebrow=(Link("all runs", "index.html"),),
        notices=notices(stored),
        sections=(
            Section(
                "summary",
                "Summary",
                (Paragraph(counts_sentence(values) or NO_VALUES, "lead"), *([Paragraph(CAPTION)] if tables else [])),
            ),
            table_section(_overview(results, runs), style="wrapped"),
            *(table_section(table, style="wrapped") for table in tables),
        ),
        footer=Paragraph(
            "Written by Like for Like from the records of these runs:",
            links=(Link("this page as Markdown", Path(NAME).with_suffix(".md").name),),
        ),
    )


def _choose(runs: list[StoredRun]) -> StoredRun | None:
    """The newest run that is complete and unchanged; a quick, narrowed or unfinished run only if there is no other."""

    def shortcomings(stored: StoredRun) -> tuple[bool, bool, bool]:
        return stored.run.manifest.quick, stored.run.manifest.narrowed, bool(stored.run.missing)

    candidates = [stored for stored in runs if stored.run.manifest.reproduces is None and stored.run.trials]
    return min(candidates, key=shortcomings, default=None)


def _overview(results: Path, runs: list[StoredRun]) -> Table:
    columns = (
        *map(text, ("benchmark", "best model")),
        Column("its MSE"),
        text("best baseline"),
        Column("its MSE"),
        *map(text, ("beat persistence", "published values")),
    )
    caption = (
        "The newest complete run of each benchmark, or a narrowed or quick run if there is no other. The best model "
        "has the highest skill on the test part, by the median over the seeds; the best baseline has the lowest "
        "MSE on the same windows."
    )
    rows = tuple(_overview_row(results, stored) for stored in runs)
    return Table("benchmarks", "Benchmarks", caption, columns, rows, stacked=True)


def _overview_row(results: Path, stored: StoredRun) -> Row:
    run = selected_only(stored.run)  # the test errors of a search's other configurations must not be used
    link = run_link(stored.folder, stored.run.manifest.started, results)
    name = Cell(
        "",
        links=(Link(run.manifest.title, link.target, link.meaning),),
        detail="quick" if run.manifest.quick else "narrowed" if run.manifest.narrowed else "",
    )
    groups = [group for group in run.leading if group.outcomes]
    if not groups:
        return row(name, Cell("every trial failed", tone="bad"), *[BLANK] * 5)
    best = max(groups, key=_median_skill)
    metric, data = headline_error(run), run.data(best.case)
    errors = naive_errors(data, metric).items()
    naive, naive_error = min(errors, key=lambda pair: pair[1], default=("none", None))
    suffix = metric.unit_in(data.unit) if metric.unit else "(scaled)"

    def error(value: float) -> str:
        return f"{four_digits(value)} {suffix}".strip()

    def printed(group: Group) -> str:
        interval = median_over_seeds(group, metric)
        return error(interval.estimate) if interval else ""

    equal = [group for group in groups if group.case == best.case and printed(group) == printed(best)]
    return row(
        name,
        Cell(case_name(best.case), detail=listed([run.backend_name(group.backend) for group in equal])),
        replace(measured(median_over_seeds(best, metric), four_digits), text=printed(best)),
        Cell(naive),
        number(naive_error, error),
        _beating(run, groups),
        _reproduced(run),
    )


def _median_skill(group: Group) -> float:
    interval = median_over_seeds(group, "skill_persistence")
    return interval.estimate if interval else -inf


def _beating(run: Run, groups: list[Group]) -> Cell:
    """How many models beat persistence with every backend and seed."""
    cases = unique(group.case.label for group in groups)
    losing = {group.case.label for group in groups if not beats(run, group, "persistence")}
    count = len(cases) - len(losing)
    return Cell(f"{count} of {plural(len(cases), 'model')}", tone="" if count else "bad")


def _reproduced(run: Run) -> Cell:
    values = check_published(run)
    count = sum(value.verdict == "reproduced" for value in values)
    return Cell(f"{count} of {len(values)} reproduced" if values else "none")


def _table(results: Path, stored: StoredRun) -> Table:
    """The published values of one benchmark, with a link to the report of the run."""
    link = run_link(stored.folder, stored.run.manifest.started, results)
    title = f"{stored.run.manifest.title}: published values"
    return published_table(f"published-{stored.benchmark}", title, stored.run, "From the records of", link.target)
