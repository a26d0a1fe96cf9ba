"""All trials in the order of execution, and the trials that failed."""

from reports.analysis.context import Context
from reports.analysis.intervals import steady_epoch
from reports.analysis.run import PlannedTrial, Run, score_unit
from reports.records import Trial
from reports.render.formats import case_name, four_digits, sentence, squared, whole
from reports.render.page import Code, Paragraph, Section, table_section
from reports.render.table import DASH, Cell, Link, Table, TableColumn, numbers, tabulate, words


def section(context: Context) -> Section | None:
    """All trials, folded; a search has its table of configurations instead."""
    return None if context.search else table_section(all_trials(context.run), folded=True)


def all_trials(run: Run) -> Table:
    """A row for each planned trial with its state and the most important numbers."""
    unit = squared(score_unit(run))
    columns: tuple[TableColumn[PlannedTrial], ...] = (
        numbers("number", lambda row: row.plan.place + 1, form=whole),
        words("model", lambda row: case_name(row.case)),
        words("backend", lambda row: run.backend_name(row.plan.backend)),
        words("mode", lambda row: row.plan.mode),
        numbers("seed", lambda row: row.plan.seed, form=lambda seed: f"{seed:.0f}"),
        words("state", _state),
        numbers("test MSE", lambda row: row.outcome.scores.mse if row.outcome else None, unit, four_digits),
        numbers("training time", lambda row: row.outcome.times.training if row.outcome else None, "s"),
        numbers("first step", lambda row: row.outcome.times.first_step if row.outcome else None, "s"),
        numbers("steady epoch", lambda row: steady_epoch(row.outcome.times.epochs) if row.outcome else None, "s"),
        words("best epoch", _best_epoch, optional=True),
        words("host", lambda row: Cell(row.outcome.host) if row.outcome else DASH),
        words("record", _record),
    )
    caption = "In the order of execution, each with its record."
    return tabulate("trials", "All trials", caption, columns, run.planned)


def _state(row: PlannedTrial) -> Cell:
    if row.trial is None:
        return Cell("missing", tone="muted")
    return Cell("finished") if row.outcome else Cell("failed", tone="bad")


def _best_epoch(row: PlannedTrial) -> Cell:
    """The epoch whose weights were restored after training; a dash if the last weights were kept."""
    if row.outcome is None or row.outcome.best_epoch is None:
        return DASH
    return Cell(f"{row.outcome.best_epoch} of {len(row.outcome.times.epochs)}")


def _record(row: PlannedTrial) -> Cell:
    key = row.plan.key
    return Cell("", links=(Link(key[:8], f"trials/{key}.json"),)) if row.trial else DASH


def failed_section(context: Context) -> Section | None:
    """The reason and the end of the log of each failed trial."""
    failed = tuple(_failure(context.recorded, trial) for trial in context.recorded.failed)
    return Section("failures", "Failed trials", failed) if failed else None


def _failure(run: Run, trial: Trial) -> Section:
    plan, log = trial.plan, trial.log.strip("\n")
    names = {case.label: case_name(case) for case in run.manifest.cases}
    title = f"{run.backend_name(plan.backend)}, {names[plan.case]}, {plan.mode}, seed {plan.seed}"
    reason = Paragraph(
        sentence(trial.failure or "no reason was recorded"), links=(Link("record", f"trials/{plan.key}.json"),)
    )
    blocks = (reason, Section("", "The end of its log", (Code(log),), folded=True)) if log else (reason,)
    return Section("", title, blocks)
