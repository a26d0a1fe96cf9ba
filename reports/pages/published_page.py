"""The page that ties all benchmarks together: what each found, and every published value audited."""

from pathlib import Path
from statistics import median

from reports.analysis.run import Group, Run, over_seeds, unique
from reports.analysis.run_store import StoredRun, read_runs
from reports.analysis.search_results import selected_only
from reports.records.store import write_text
from reports.render import html, markdown
from reports.render.formats import backend_name, case_name, four_digits, listed, plural, squared
from reports.render.page import Page, Paragraph, Section, table_section
from reports.render.table import Cell, Column, Link, Row, Table, row, text
from reports.sections.columns import measured
from reports.sections.published_values import COLUMNS, MEANING, audit, lead, row_of

NAME = "audit.html"
TITLE = "Every lesson, audited"
NOTHING = "No run holds a published value yet; make bench-all runs every benchmark."


def write(results: Path) -> tuple[Path, str]:
    """Write `audit.html` and `audit.md` into the folder of all runs; the first's path and the second's text."""
    told = page(results)
    path = results / NAME
    said = markdown.render(told)
    write_text(path, html.render(told))
    write_text(path.with_suffix(".md"), said)
    return path, said


def page(results: Path) -> Page:
    kept = read_runs(results)
    chosen = [_choose([past for past in kept.runs if past.benchmark == name]) for name in _names(kept.runs)]
    runs = [past for past in chosen if past is not None]
    found = [value for past in runs for value in audit(past.run)]
    tables = tuple(_table(results, past) for past in runs if past.run.manifest.published)
    meaning = [Paragraph(MEANING)] if tables else []
    return Page(
        title=TITLE,
        description="Each value that a document printed, beside the value that the settings of that document give here",
        eyebrow=(Link("all runs", "index.html"),),
        notices=kept.damaged,
        sections=(
            Section("summary", "Summary", (Paragraph(lead(found) or NOTHING, "lead"), *meaning)),
            table_section(_overview(results, runs), style="wrapped"),
            *(table_section(table, style="wrapped") for table in tables),
        ),
        footer=Paragraph(
            "Written by Like for Like from the records of these runs.", links=(Link("Markdown", "audit.md"),)
        ),
    )


def _names(runs: tuple[StoredRun, ...]) -> tuple[str, ...]:
    return tuple(sorted(unique(past.benchmark for past in runs)))


def _choose(runs: list[StoredRun]) -> StoredRun | None:
    """The newest whole run; one in the small form, narrowed or cut short only where there is no other."""
    own = [past for past in runs if past.run.manifest.reproduces is None and past.run.trials]
    return min(own, key=_lesser, default=None)


def _lesser(past: StoredRun) -> tuple[bool, bool, bool]:
    manifest = past.run.manifest
    return manifest.quick, manifest.narrowed, bool(past.run.missing)


def _overview(results: Path, runs: list[StoredRun]) -> Table:
    columns = (
        text("benchmark"),
        text("best model"),
        Column("its MSE"),
        text("best naive forecast"),
        Column("naive MSE"),
        Column("beat persistence", numeric=False),
        Column("published values", numeric=False),
    )
    told = (
        "Of each benchmark's newest whole run, or where there is none of a narrowed one or of the small form, on the "
        "test part: the model with the highest skill, by the median over seeds, beside the best forecast on the same "
        "windows that needs no network."
    )
    return Table("benchmarks", "Benchmarks", told, columns, tuple(_row(results, past) for past in runs), stacked=True)


def _row(results: Path, past: StoredRun) -> Row:
    run = selected_only(past.run)  # of a search what was selected: the others' test errors belong to no answer
    name = Cell(
        "",
        links=tuple(Link(run.manifest.title, one.target, one.meaning) for one in past.link(results).links),
        detail="small form" if run.manifest.quick else "narrowed" if run.manifest.narrowed else "",
    )
    groups = [group for group in run.leading if group.outcomes]
    if not groups:
        return row(name, Cell("no trial ended well", tone="bad"), *[Cell("")] * 5)
    best = max(groups, key=_skill)
    naive = min(run.data(best.case).baselines, key=lambda baseline: baseline.scores.mse)
    unit = squared(run.data(best.case).unit)
    return row(
        name,
        Cell(case_name(best.case), detail=listed([backend_name(g.backend) for g in groups if _alike(g, best)])),
        measured(
            over_seeds(best, lambda outcome: outcome.scores.mse), lambda mse: f"{four_digits(mse)} {unit}".strip()
        ),
        Cell(naive.name),
        Cell(f"{four_digits(naive.scores.mse)} {unit}".strip(), naive.scores.mse),
        _beaten(groups),
        _audited(run),
    )


def _alike(group: Group, best: Group) -> bool:
    """Whether it is of the same model, and its error reads the same."""
    errors = [over_seeds(one, lambda outcome: outcome.scores.mse) for one in (group, best)]
    return group.case == best.case and len({four_digits(error.estimate) for error in errors if error}) == 1


def _skill(group: Group) -> float:
    """The median over seeds of the skill against persistence."""
    return median(outcome.scores.skill_persistence or 0 for outcome in group.outcomes.values())


def _beaten(groups: list[Group]) -> Cell:
    """How many models do with every seed, whichever framework trained them."""
    cases = unique(group.case.label for group in groups)
    good = [
        case
        for case in cases
        if all(
            (o.scores.skill_persistence or 0) > 0 for g in groups if g.case.label == case for o in g.outcomes.values()
        )
    ]
    return Cell(f"{len(good)} of {plural(len(cases), 'model')}", tone="" if good else "bad")


def _audited(run: Run) -> Cell:
    found = audit(run)
    good = sum(one.verdict == "reproduced" for one in found)
    return Cell(f"{good} of {len(found)} reproduced" if found else "none")


def _table(results: Path, past: StoredRun) -> Table:
    """The values of one benchmark; its title leads to the report that has their records."""
    rows = tuple(map(row_of, audit(past.run)))
    title = f"{past.run.manifest.title}: published values"
    (link,) = past.link(results).links
    return Table(
        f"audit-{past.benchmark}", title, "From the records of", COLUMNS, rows, source=link.target, stacked=True
    )
