"""The cell of a speed ratio, with everything that speaks against it, or the reason why there is none."""

from reports.analysis.intervals import MIN_FOR_INTERVAL, Interval
from reports.analysis.run import Group, Run
from reports.analysis.speedup import NO_CERTIFICATE, Speedup, Speedups
from reports.analysis.timing_quality import timing_warnings
from reports.render.formats import backend_name, case_name, sentence
from reports.render.table import NONE, Cell
from reports.sections.columns import measured


def ratio_cell(run: Run, group: Group, comparisons: Speedups, *, training: bool = False) -> Cell:
    """The speed ratio against the reference, or why there is none."""
    if group.mode == "native":
        return Cell("another model", notes=("Native models differ, so their times give no ratio.",), tone="muted")
    comparison = comparisons[group.case.label].backends[group.backend]
    if not comparison.comparable:
        return Cell("not comparable", notes=tuple(_reason(group, r) for r in comparison.reasons), tone="bad")
    if comparison.is_reference:
        return Cell("1", 1.0, "reference")
    found = comparison.training if training else comparison.epoch
    if found is None:
        return Cell(NONE, notes=("With a single epoch there is no steady epoch to compare.",), tone="muted")
    warnings = [note for side in (group, *_reference(run, group, comparison)) for note in timing_warnings(side)]
    return measured(found, notes=(*_ratio_notes(group, comparison, found), *warnings))


def _reference(run: Run, group: Group, comparison: Speedup) -> tuple[Group, ...]:
    """The group on the other side of a ratio, whose times the ratio hangs on just as much."""
    return tuple(other for other in run.select(group.case, group.mode) if other.backend == comparison.reference)


def _ratio_notes(group: Group, comparison: Speedup, found: Interval) -> tuple[str, ...]:
    name = f"{backend_name(group.backend)}, {case_name(group.case)}"
    remarks = tuple(f"{name}: {remark}." for remark in comparison.remarks)
    if found.is_confidence_interval:
        return remarks
    what = "the only round" if found.single else f"the range of {found.count} rounds"
    return (*remarks, f"Too few for an interval: this is {what}; {MIN_FOR_INTERVAL} would give one of 95 %.")


def _reason(group: Group, reason: str) -> str:
    if reason == NO_CERTIFICATE:  # true of every backend, so said once
        return sentence(reason)
    return f"{backend_name(group.backend)}, {case_name(group.case)}, is not comparable: {reason.rstrip('.')}."
