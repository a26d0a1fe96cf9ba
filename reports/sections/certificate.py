"""The tables of evidence: the certificate, how forecasts agree, native beside matched, every trial."""

from collections.abc import Mapping, Sequence

from reports.analysis.intervals import steady_epoch
from reports.analysis.run import Group, Run, over_seeds, score_unit
from reports.records import Check, Outcome
from reports.render.formats import backend_name, case_name, four_digits, listed, scientific, squared, time_unit, whole
from reports.render.page import Section, table_section
from reports.render.table import NONE, Cell, Column, Link, Row, Table, number, row, text
from reports.sections import certificate_summary
from reports.sections.columns import measured
from reports.sections.context import Context
from reports.sections.group_cells import links

FIGURES = ("outputs", "gradients", "losses", "weights")


def certificate(run: Run) -> Table:
    """The checks of a run, with the names of its models."""
    names = {case.label: case_name(case) for case in run.manifest.cases}
    reason = (
        "No backend has been compared with the reference implementation yet, so no speed ratio is printed."
        if "matched" in run.modes
        else "Native models differ between frameworks, so they are not compared with the reference implementation, and "
        "no speed ratio is printed."
    )
    checks = run.certificate.checks if run.certificate else ()
    return checks_table(checks, names, reason, "certificate.json" if run.certificate else "")


def checks_table(checks: Sequence[Check], names: Mapping[str, str], reason: str = "", source: str = "") -> Table:
    """A row for each check of a backend against the reference implementation; values beyond their bound are marked.

    names: the name of a model by its label, if it is not the label; reason: the caption if there are no checks.
    """
    columns = (
        *map(text, ("model", "backend", "precision", "verdict")),
        *map(Column, FIGURES),
        Column("parameters"),
        text("kernel"),
    )
    rows = tuple(
        row(
            Cell(names.get(check.case, check.case)),
            Cell(backend_name(check.backend)),
            Cell(check.dtype),
            Cell("equal", tone="good")
            if check.passed
            else Cell("not equal", notes=(_failure(check, names.get(check.case, check.case)),), tone="bad"),
            *(_difference(check, name) for name in FIGURES),
            number(check.parameter_count, whole),
            Cell(check.kernel),
        )
        for check in checks
    )
    steps = sorted({check.steps for check in checks})
    caption = (
        "The largest relative difference from the reference implementation, which computes in float64 NumPy, with its "
        "bound: of the outputs, of the gradient of every parameter, of the loss of each step, and of all weights, over "
        f"{listed([str(step) for step in steps])} steps of Adam from random weights."
        if checks
        else reason
    )
    return Table("certificate", "The certificate", caption, columns, rows, source)


def _failure(check: Check, case: str) -> str:
    return f"{backend_name(check.backend)}, {case}, {check.dtype}: {(check.failure or '').rstrip('.')}."


def _difference(check: Check, name: str) -> Cell:
    value, bound = getattr(check, name), check.bounds.get(name)
    if bound is None:
        return number(value, scientific)
    limit = f"≤ {bound:.0e}".replace("e-0", "e-")
    return Cell(scientific(value), value, limit, tone="" if value <= bound else "bad")


def native(run: Run) -> Table:
    """Native beside matched, as "native | matched" pairs of columns; empty unless the run has both."""
    factor, time = time_unit(
        epoch for g in run.groups for o in g.outcomes.values() if (epoch := steady_epoch(o.times.epochs)) is not None
    )
    heads = (("first loss", ""), ("test MSE", squared(score_unit(run))), ("epoch", time))
    columns = (
        *map(text, ("model", "backend")),
        *(Column(f"{label}, {mode}", unit) for label, unit in heads for mode in ("matched", "native")),
        text("records"),
    )

    def pair(matched: Group, other: Group) -> Row:
        both = (matched, other)
        return row(
            Cell(case_name(matched.case)),
            Cell(backend_name(matched.backend)),
            *(measured(over_seeds(g, lambda o: o.first_loss)) for g in both),
            *(measured(over_seeds(g, lambda o: o.scores.mse), four_digits) for g in both),
            *(measured(over_seeds(g, lambda o: steady_epoch(o.times.epochs)), factor=factor) for g in both),
            Cell("", links=links(matched, other)),
        )

    caption = (
        "Matched models compute the same function from the same weights. Native ones are what each framework gives a "
        "user who types the obvious, so they are other models, and their times give no ratio. The first loss is that "
        "of the first batch before any update, in scaled units."
    )
    return Table("native", "Native beside matched", caption, columns, tuple(pair(a, b) for a, b in pairs(run)))


def pairs(run: Run) -> list[tuple[Group, Group]]:
    """Each matched group with the native one of the same case and backend, where both have finished trials."""
    found = {(group.case.label, group.backend, group.mode): group for group in run.groups if group.outcomes}
    keys = [(case, backend) for case, backend, mode in found if mode == "matched"]
    return [
        (found[case, backend, "matched"], found[case, backend, "native"])
        for case, backend in keys
        if (case, backend, "native") in found
    ]


def trials(run: Run) -> Table:
    """Every planned trial in the order of execution, with its record, its failure, or the word that it is missing."""
    columns = (
        Column("place"),
        *map(text, ("model", "backend", "mode")),
        Column("seed"),
        text("state"),
        Column("test MSE", squared(score_unit(run))),
        Column("training", "s"),
        Column("first step", "s"),
        Column("epoch", "s"),
        *((Column("best epoch"),) if (kept := _keeps_best(run)) else ()),
        text("host"),
        text("record"),
    )
    cases = {case.label: case_name(case) for case in run.manifest.cases}
    finished = {trial.plan.key: trial for trial in run.trials}
    rows = []
    for plan in sorted(run.manifest.trials, key=lambda plan: plan.place):
        trial = finished.get(plan.key)
        state = Cell("missing", tone="muted") if trial is None else Cell("finished") if trial.outcome else None
        rows.append(
            row(
                number(plan.place + 1, whole),
                Cell(cases[plan.case]),
                Cell(backend_name(plan.backend)),
                Cell(plan.mode),
                number(plan.seed, lambda seed: f"{seed:.0f}"),
                state or Cell("failed", tone="bad"),
                *_raw(trial.outcome if trial else None, kept),
                Cell("", links=(Link(plan.key[:8], f"trials/{plan.key}.json"),)) if trial else Cell(NONE),
            )
        )
    caption = "In the order in which they were run, with the raw records."
    return Table("trials", "Every trial", caption, columns, tuple(rows))


def _keeps_best(run: Run) -> bool:
    """Whether any training restored the weights of its best epoch."""
    return any(trial.outcome and trial.outcome.best_epoch for trial in run.trials)


def _raw(outcome: Outcome | None, kept: bool) -> tuple[Cell, ...]:
    """kept: with the best epoch, of how many that were trained."""
    if outcome is None:
        return (Cell(NONE, tone="muted"),) * (6 if kept else 5)
    found = outcome.times
    times = (found.training, found.first_step, steady_epoch(found.epochs))
    best = number(outcome.best_epoch, lambda epoch: f"{epoch:.0f} of {len(found.epochs)}")
    figures = (number(outcome.scores.mse, four_digits), *map(number, times), *((best,) if kept else ()))
    return (*figures, Cell(outcome.host))


def section(context: Context) -> Section:
    """The summary with all checks folded below it, or all checks at once where they are few."""
    summary, checks = certificate_summary.glance(context.run), certificate(context.run)
    if not summary.rows:
        return table_section(checks)
    return table_section(summary, table_section(checks, folded=True))
