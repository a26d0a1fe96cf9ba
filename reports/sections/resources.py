"""What trials cost: where their time went, what they took of the machine, and how near they came to its pace."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reports.analysis.intervals import Interval, median_interval, steady_epoch
from reports.analysis.run import Group, Run
from reports.records import Case, Outcome, Trial
from reports.render.formats import backend_name, case_name, per_cent, plural, significant, whole
from reports.render.page import Section, table_section
from reports.render.table import Cell, Column, Format, Table, number, row, text
from reports.sections.columns import measured
from reports.sections.context import Context

MIB = 2.0**-20
GIGA = 1e-9


@dataclass(frozen=True)
class Figure:
    """A column of raw figures; one that no trial recorded is left out of its table."""

    column: Column
    of: Callable[[Run, Trial, Outcome], float | None]
    form: Format = significant
    factor: float = 1.0


def rest(run: Run, trial: Trial, outcome: Outcome) -> float | None:
    """What a process took besides the parts that have clocks of their own."""
    times = outcome.times
    if trial.seconds is None:
        return None
    parts = (times.import_framework, times.build, times.training, *times.validation, times.harness, inference(outcome))
    return max(0.0, trial.seconds - sum(parts))


def inference(outcome: Outcome) -> float:
    """All timed forecasts together; the one before each series of them is not timed."""
    return sum(outcome.times.predict_one) + sum(outcome.times.predict_test)


def validation(run: Run, trial: Trial, outcome: Outcome) -> float | None:
    return sum(outcome.times.validation) if outcome.times.validation else None


def harness(run: Run, trial: Trial, outcome: Outcome) -> float | None:
    """Older records have it in the rest."""
    return outcome.times.harness or None


def throughput(run: Run, trial: Trial, outcome: Outcome) -> float | None:
    """Windows of the test part a second, at the median repeat."""
    case = next(case for case in run.manifest.cases if case.label == trial.plan.case)
    return run.data(case).test_windows / float(np.median(outcome.times.predict_test))


SPLIT = (
    Figure(Column("whole process", "s"), lambda run, trial, outcome: trial.seconds),
    Figure(Column("import", "s"), lambda run, trial, outcome: outcome.times.import_framework),
    Figure(Column("build", "s"), lambda run, trial, outcome: outcome.times.build),
    Figure(Column("first step", "s"), lambda run, trial, outcome: outcome.times.first_step),
    Figure(Column("epochs", "s"), lambda run, trial, outcome: sum(outcome.times.epochs)),
    Figure(Column("validation", "s"), validation),
    Figure(Column("harness", "s"), harness),
    Figure(Column("inference", "s"), lambda run, trial, outcome: inference(outcome)),
    Figure(Column("rest", "s"), rest),
)
USE = (
    Figure(Column("one window, median", "ms"), lambda run, trial, o: float(np.median(o.times.predict_one)), factor=1e3),
    Figure(
        Column("one window, 95th percentile", "ms"),
        lambda run, trial, outcome: float(np.quantile(outcome.times.predict_one, 0.95)),
        factor=1e3,
    ),
    Figure(Column("test part", "windows/s"), throughput),
    Figure(Column("CPU time", "s"), lambda run, trial, outcome: outcome.times.cpu),
    Figure(Column("peak memory", "MiB"), lambda run, trial, outcome: outcome.peak_memory_bytes, factor=MIB),
    Figure(Column("GPU memory", "MiB"), lambda run, trial, outcome: outcome.device_memory_bytes, factor=MIB),
    Figure(Column("other load"), lambda run, trial, outcome: outcome.background_load, per_cent),
    Figure(Column("steal"), lambda run, trial, outcome: outcome.steal, per_cent),
    Figure(Column("lowest clock", "MHz"), lambda run, trial, o: o.frequency[0] if o.frequency else None, whole),
    Figure(Column("highest clock", "MHz"), lambda run, trial, o: o.frequency[1] if o.frequency else None, whole),
)


def split(run: Run) -> Table:
    """Where each trial's time went."""
    caption = (
        f"Wall time.{_share(run)} Epochs lack the first step, which stands beside them. Validation is the forecast of "
        "the validation part after each epoch, the harness draws batches and keeps the best weights, inference is all "
        "timed forecasts. The rest is the start of Python, cutting the windows, warming up, scoring and a large matrix "
        "product, and the harness where it has no column."
    )
    return _table(run, "split", "Where each trial's time went", caption, SPLIT)


def use(run: Run) -> Table:
    """What each trial took of the machine, and what others took meanwhile."""
    caption = (
        "One window is forecast again and again, then the whole test part. CPU time is of the whole process, over all "
        "its threads. Other load is the share of the trial's cores that other programs used while it trained, steal "
        "the part of it that the host gave to its other guests. What was not recorded has no column, or a dash."
    )
    return _table(run, "use", "What each trial took of the machine", caption, USE)


def _share(run: Run) -> str:
    """How much of the trials' time was training, where they say how long they took."""
    known = [(t.outcome.times.training, t.seconds) for t in run.trials if t.outcome and t.seconds]
    if not known:
        return " How long the whole processes took was not recorded."
    training, seconds = (sum(column) for column in zip(*known, strict=True))
    return f" Training took {per_cent(training / seconds)} of the time of {plural(len(known), 'trial')}."


def _table(run: Run, name: str, title: str, caption: str, figures: tuple[Figure, ...]) -> Table:
    """A row a trial that ended well, in the order of execution."""
    cases = {case.label: case_name(case) for case in run.manifest.cases}
    ended = [(t, t.outcome) for t in sorted(run.trials, key=lambda t: t.plan.place) if t.outcome is not None]
    found = [(figure, [figure.of(run, *pair) for pair in ended]) for figure in figures]
    kept = [(figure, values) for figure, values in found if any(value is not None for value in values)]
    rows = tuple(
        row(
            Cell(cases[trial.plan.case]),
            Cell(backend_name(trial.plan.backend)),
            Cell(trial.plan.mode),
            number(trial.plan.seed, lambda seed: f"{seed:.0f}"),
            *(number(values[place], figure.form, factor=figure.factor) for figure, values in kept),
        )
        for place, (trial, _) in enumerate(ended)
    )
    columns = (*map(text, ("model", "backend", "mode")), Column("seed"), *(figure.column for figure, _ in kept))
    return Table(name, title, caption, columns, rows)


def work(run: Run) -> Table:
    """The arithmetic that was done at least, a second, beside what the machine can do; empty where not recorded."""
    rows = tuple(
        row(
            Cell(case_name(pace.group.case)),
            Cell(backend_name(pace.group.backend)),
            Cell(pace.group.mode),
            number(pace.group.case.threads, whole),
            Cell(pace.group.case.dtype),
            number((pace.group.case.step_flops or 0) * 1e-6),
            measured(median_interval(pace.rates), factor=GIGA),
            measured(median_interval(pace.ceilings), factor=GIGA),
            measured(pace.share, share_words),
        )
        for pace in paces(run)
    )
    columns = (
        *map(text, ("model", "backend", "mode")),
        Column("threads"),
        text("precision"),
        Column("operations of a step", "million"),
        Column("reached, at least", "billion/s"),
        Column("best product", "billion/s"),
        Column("share, at least"),
    )
    caption = (
        "A floor. Operations are the multiplications and additions in the matrix products of one optimizer step on "
        "one batch, forwards and backwards, counted from the shapes alone: activations and the optimizer come on top. "
        "Reached is how many of them a steady epoch did a second. The best product is the pace at which any trial of "
        "this run multiplied two large matrices on the same host and device, in the same precision, with as many "
        "threads: about what the machine can do. A small share is not waste by itself, since a recurrence multiplies "
        "small matrices, one after another; it says how much room a better way to compute would have at most."
    )
    return Table("work", "How near to the machine's pace", caption, columns, rows)


@dataclass(frozen=True)
class Pace:
    """Operations a second of a group's trials, and the best that any trial reached in the same place."""

    group: Group
    rates: tuple[float, ...]  # in a steady epoch, one a seed
    ceilings: tuple[float, ...]  # of a large matrix product, of the seeds that have one
    share: Interval | None  # of the ceiling


def paces(run: Run) -> tuple[Pace, ...]:
    """Of the groups whose operations and times are known."""
    best = _best(run)
    found = []
    for group in run.groups:
        pairs = [(rate, outcome) for outcome in group.outcomes.values() if (rate := _rate(run, group, outcome))]
        tops = [best.get(_place(group.case, outcome)) for _, outcome in pairs]
        shares = [rate / top for (rate, _), top in zip(pairs, tops, strict=True) if top]
        if pairs:
            rates, ceilings = tuple(rate for rate, _ in pairs), tuple(top for top in tops if top)
            found.append(Pace(group, rates, ceilings, median_interval(shares)))
    return tuple(found)


def share_words(share: float) -> str:
    return f"{significant(share * 100, 2)} %"


def _rate(run: Run, group: Group, outcome: Outcome) -> float | None:
    """Operations a second in a steady epoch."""
    epoch, operations = steady_epoch(outcome.times.epochs), group.case.step_flops
    steps = run.data(group.case).train_windows // group.case.batch
    return operations * steps / epoch if epoch and operations else None


Place = tuple[str, bool, str, int | None]  # host, whether on a GPU, precision, threads


def _place(case: Case, outcome: Outcome) -> Place:
    return outcome.host, outcome.device_memory_bytes is not None, case.dtype, case.threads


def _best(run: Run) -> dict[Place, float]:
    """The best rate of a large matrix product, operations a second."""
    best: dict[Place, float] = {}
    for group in run.groups:
        for outcome in group.outcomes.values():
            if outcome.gemm_peak is not None:
                place = _place(group.case, outcome)
                best[place] = max(best.get(place, 0.0), outcome.gemm_peak.flops_per_second)
    return best


def work_section(context: Context) -> Section | None:
    table = work(context.run)
    return table_section(table, folded=True) if table.rows and not context.search else None
