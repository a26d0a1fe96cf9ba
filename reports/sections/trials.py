"""The trials that failed, and the table of all trials in the order of execution, which has its own page."""

from reports.analysis.context import Context
from reports.analysis.intervals import steady_epoch
from reports.analysis.run import Group, PlannedTrial, Run, score_unit
from reports.records import Trial
from reports.render.formats import case_name, four_digits, seeds_in_words, sentence, squared, whole
from reports.render.page import Code, Paragraph, Section
from reports.render.table import DASH, Cell, Link, Table, TableColumn, numbers, tabulate, words
from reports.sections.columns import TRIALS_PAGE


def section(context: Context) -> Section:
    """A link to the page with a row for each trial."""
    text = "Each trial with its numbers, its time by part, the resources that it used, and its record:"
    return Section("trials", "All trials", (Paragraph(text, links=(Link("all trials", TRIALS_PAGE),)),))


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
    """Each reason for which trials of a group failed, with the seeds and the end of one log."""
    failed: dict[tuple[Group, str], list[Trial]] = {}
    for group in context.recorded.groups:
        for trial in group.trials:
            if trial.outcome is None:
                failed.setdefault((group, trial.failure or "no reason was recorded"), []).append(trial)
    parts = tuple(_failure(group, reason, trials) for (group, reason), trials in failed.items())
    return Section("failures", "Failed trials", parts) if parts else None


def _failure(group: Group, reason: str, trials: list[Trial]) -> Section:
    """The trials of a group that failed for the same reason."""
    first, log = trials[0].plan, trials[0].log.strip("\n")
    seeds = seeds_in_words([t.plan.seed for t in trials])
    title = f"{group.backend_name}, {case_name(group.case)}, {group.mode}, {seeds}"
    paragraph = Paragraph(sentence(reason), links=(Link("record", f"trials/{first.key}.json"),))
    log_name = "its log" if len(trials) == 1 else f"the log of seed {first.seed}"
    blocks = (paragraph, Section("", f"The end of {log_name}", (Code(log),), folded=True)) if log else (paragraph,)
    return Section("", title, blocks)
