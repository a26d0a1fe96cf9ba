"""What trials used: their time by part, the machine's resources, and the achieved share of the machine's peak."""

from collections.abc import Iterable
from dataclasses import dataclass

from reports.analysis.context import Context
from reports.analysis.intervals import MIN_FOR_INTERVAL, Interval, median_interval
from reports.analysis.metrics import METRICS, Metric, median_over_seeds, values
from reports.analysis.run import Group, Observation, Run, seed_counts
from reports.analysis.speedup import NullPair, null_pairs
from reports.records import Case, EpochSeconds, HarnessOverhead, Outcome, Overhead
from reports.render.formats import (
    case_name,
    four_digits,
    listed,
    per_cent,
    plural,
    sentence,
    significant,
    time_unit,
    whole,
)
from reports.render.page import Section, table_section
from reports.render.table import Cell, Format, Table, TableColumn, numbers, tabulate, words
from reports.sections.columns import interval_words, measured, scale

# Columns of the two tables, by the name of the metric. A column that no trial has a value for is left out.
TIME_BY_PART = (
    "wall_seconds",
    "import_seconds",
    "build_seconds",
    "first_step_seconds",
    "epochs_seconds",
    "validation_seconds",
    "harness_seconds",
    "inference_seconds",
    "rest_seconds",
)
RESOURCES = (
    "one_window_seconds",
    "one_window_p95_seconds",
    "inference_windows_per_second",
    "cpu_seconds",
    "peak_memory_bytes",
    "device_memory_bytes",
    "background_load_share",
    "steal_share",
    "lowest_megahertz",
    "highest_megahertz",
)
OVERHEAD = "harness_overhead.json"
Place = tuple[str, bool, str, int | None]  # host, whether on a GPU, precision, threads


@dataclass(frozen=True)
class Efficiency:
    """The floating-point operations per second of a group, one value per seed, and the peak of the same machine."""

    group: Group
    achieved: tuple[float, ...]  # in a steady epoch
    peak: tuple[float, ...]  # of the seeds that have one
    fraction: Interval | None  # achieved / peak


def section(context: Context) -> Section:
    """The tables of resources, folded, with a row for each group; the page of all trials has each trial.

    A search has no efficiency, because its trials may run at the same time.
    """
    tables = [time_by_part(context.recorded), resource_use(context.recorded)]
    if not context.search and (table := efficiency_table(context.run)).rows:
        tables.insert(0, table)
    return Section("resources", "Resources", tuple(table_section(table, folded=True) for table in tables))


def null_test_section(context: Context) -> Section | None:
    """The programs that take part twice, in a run that has any."""
    table = null_test_table(context.run, null_pairs(context.run, context.speedups))
    return table_section(table) if table.rows else None


def resolution(run: Run) -> str:
    """The smallest difference that the machine can show, from the null test before the run."""
    test = run.manifest.null_test
    known = {name: value for name, value in (test.smallest if test else {}).items() if name in run.backends}
    if test is None or not known:
        return (
            "No null test of this machine was run before. `make null-test` compares each default program with itself, "
            "to find the smallest difference that this machine can show."
        )
    parts = [f"{per_cent(value)} of {run.backend_phrase(name)}" for name, value in known.items()]
    return (
        f"The null test of {test.started[:10]} compared each program with itself: differences below {listed(parts)} "
        "cannot be seen on this machine."
    )


def null_test_table(run: Run, pairs: Iterable[NullPair]) -> Table:
    def verdict(pair: NullPair) -> Cell:
        if pair.ratio is None:
            return Cell("not comparable", tone="muted")
        return Cell("yes", tone="good") if pair.equal else Cell("no", tone="bad")

    columns: tuple[TableColumn[NullPair], ...] = (
        words("model", lambda pair: case_name(pair.case)),
        words("program", lambda pair: run.backend_name(pair.backend)),
        TableColumn("ratio to itself", lambda pair: measured(pair.ratio, four_digits)),
        words("interval contains 1", verdict),
        numbers("smallest visible difference", lambda pair: pair.smallest, form=per_cent),
    )
    caption = (
        "Each program took part twice, as if it were two programs. The ratio of their steady epochs should be 1 within "
        f"its interval. A 95 % interval, which needs {MIN_FOR_INTERVAL} seeds, misses 1 in one of twenty pairs by "
        "chance; more misses mean that the procedure or the machine adds a difference. With as many seeds, a "
        "difference between two programs that is smaller than the last column cannot be seen on this machine."
    )
    return tabulate("null-test", "Null test", caption, columns, pairs)


def overhead_section(context: Context) -> Section | None:
    """The harness overhead, in a run that measured it."""
    overhead = context.recorded.overhead
    return None if overhead is None else table_section(overhead_table(context.recorded, overhead))


def overhead_table(run: Run, overhead: HarnessOverhead) -> Table:
    times = (epoch.wall for row in overhead.overheads for epoch in (*row.contract, *row.bare))
    factor, unit = time_unit(times)

    def epochs(row: Overhead, seconds: tuple[EpochSeconds, ...]) -> Cell:
        notes = (sentence(f"{run.backend_name(row.backend)}, {row.cell}: {row.failure}"),) if row.failure else ()
        return measured(median_interval([epoch.wall for epoch in seconds]), significant, factor=factor, notes=notes)

    columns: tuple[TableColumn[Overhead], ...] = (
        words("backend", lambda row: run.backend_name(row.backend)),
        words("cell", lambda row: row.cell.upper()),
        words("hand-written loop", lambda row: row.loop),
        TableColumn("epoch of the backend", lambda row: epochs(row, row.contract), unit),
        TableColumn("epoch of the loop", lambda row: epochs(row, row.bare), unit),
        TableColumn("ratio", lambda row: measured(median_interval(row.ratios("wall")), four_digits)),
        TableColumn("ratio of CPU times", lambda row: measured(median_interval(row.ratios("cpu")), four_digits)),
    )
    caption = (
        "The time of an epoch of each backend, as a trial runs it, relative to a loop of the same program written by "
        "hand: 1.02 means that the suite adds 2 %. Each number is from a process of its own, and the processes take "
        f"turns. The model is one recurrent layer of {overhead.units} units and a dense layer, with windows of "
        f"{overhead.window} steps, {overhead.steps} batches of {overhead.batch} and "
        f"{plural(overhead.threads, 'thread')}. The loops get the user's environment, without the suite's variables, "
        "dtypes and deterministic modes; only cores, and with them threads, and Keras's engine are set. CPU times are "
        "less disturbed by other processes."
    )
    return tabulate("overhead", "Harness overhead", caption, columns, overhead.overheads, source=OVERHEAD)


def time_by_part(run: Run, *, each_trial: bool = False) -> Table:
    caption = (
        f"Wall time, {_scope(run, each_trial)}.{_training_share(run)} Epochs do not include the first step. Validation "
        "is the forecast of the validation part after each epoch; the harness draws batches and, with early "
        "stopping, keeps the weights of the best epoch; inference is all timed forecasts. The rest is the start of "
        "Python, the cutting of windows, untimed forecasts, the scores and a large matrix product. If there is no "
        "column for the harness, its time is in the rest too."
    )
    return _table(run, "time-by-part", "Time by part", caption, TIME_BY_PART, each_trial)


def resource_use(run: Run, *, each_trial: bool = False) -> Table:
    caption = (
        f"{_scope(run, each_trial).capitalize()}. Forecasts of one window are repeated many times, then the whole test "
        "part is forecast. CPU time is that of the whole process over all threads. Background load is the share of the "
        "trial's cores that other processes used during the training. Steal is the part of the background load that a "
        "virtual machine's host took for other guests. A number that was not recorded is a dash."
    )
    return _table(run, "resource-use", "Resources used", caption, RESOURCES, each_trial)


def _scope(run: Run, each_trial: bool) -> str:
    return "a row for each finished trial" if each_trial else interval_words(seed_counts(run.groups))


def _training_share(run: Run) -> str:
    """A sentence on the share of training in the time of the trials whose process time was recorded."""
    known = [(t.outcome.times.training, t.seconds) for t in run.trials if t.outcome and t.seconds]
    if not known:
        return " The time of the whole processes was not recorded."
    training, seconds = (sum(column) for column in zip(*known, strict=True))
    return f" Training took {per_cent(training / seconds)} of the time of {plural(len(known), 'trial')}."


def _table(run: Run, name: str, title: str, caption: str, metrics: Iterable[str], each_trial: bool) -> Table:
    """A column for each metric, and a row for each finished trial in the order of execution or for each group."""
    if each_trial:
        observations = [planned.observation for planned in run.planned if planned.observation]
        trial_columns: list[TableColumn[Observation]] = [
            words("model", lambda row: case_name(row.case)),
            words("backend", lambda row: run.backend_name(row.trial.plan.backend)),
            words("mode", lambda row: row.trial.plan.mode),
            numbers("seed", lambda row: row.trial.plan.seed, form=lambda seed: f"{seed:.0f}"),
            *(_trial_column(run, metric) for metric in metrics),
        ]
        return tabulate(name, title, caption, trial_columns, observations)
    columns: list[TableColumn[Group]] = [
        words("model", lambda group: case_name(group.case)),
        words("backend", lambda group: group.backend_name),
        words("mode", lambda group: group.mode),
        *(_group_column(run, metric) for metric in metrics),
    ]
    return tabulate(name, title, caption, columns, [group for group in run.groups if group.outcomes])


def _trial_column(run: Run, name: str) -> TableColumn[Observation]:
    metric, factor, unit, form = _scaled(run, name)
    return numbers(metric.label, metric.value, unit, form, factor=factor, optional=True)


def _group_column(run: Run, name: str) -> TableColumn[Group]:
    metric, factor, unit, form = _scaled(run, name)

    def cell(group: Group) -> Cell:
        return measured(median_over_seeds(group, metric), form, factor=factor)

    return TableColumn(metric.label, cell, unit, optional=True)


def _scaled(run: Run, name: str) -> tuple[Metric, float, str, Format]:
    """Times of different parts are compared across a row, so they share the unit: milliseconds for one window."""
    metric = METRICS[name]
    return metric, *scale(metric, run, [1e-3] if name.startswith("one_window") else [])


def efficiency_table(run: Run) -> Table:
    """A row for each group whose operations and times are known."""
    columns: tuple[TableColumn[Efficiency], ...] = (
        words("model", lambda row: case_name(row.group.case)),
        words("backend", lambda row: run.backend_name(row.group.backend)),
        words("mode", lambda row: row.group.mode),
        numbers("threads", lambda row: row.group.case.threads, form=whole),
        words("precision", lambda row: row.group.case.dtype),
        numbers("operations of a step", lambda row: row.group.case.step_flops, "million", factor=1e-6),
        TableColumn("achieved, at least", lambda row: measured(median_interval(row.achieved), factor=1e-9), "GFLOP/s"),
        TableColumn("GEMM peak", lambda row: measured(median_interval(row.peak), factor=1e-9), "GFLOP/s"),
        TableColumn("fraction of peak, at least", lambda row: measured(row.fraction, _fraction)),
    )
    caption = (
        "A lower bound. Operations are the multiplications and additions of the matrix products of one optimizer step "
        "on one batch, forward and backward, counted from the shapes; activations and the optimizer are not counted. "
        "Achieved is the number of these operations per second in a steady epoch. The GEMM peak is the fastest product "
        "of two large matrices that any trial of this run measured on the same host and device, in the same precision, "
        "with as many threads. A small fraction does not mean that a backend is inefficient: a recurrent layer "
        "multiplies small matrices one after another. No implementation of the same products can be faster by more "
        "than a factor of 1 / fraction: at a fraction of 20 %, a factor of five."
    )
    return tabulate("efficiency", "Fraction of the machine's peak", caption, columns, efficiencies(run))


def efficiencies(run: Run) -> tuple[Efficiency, ...]:
    peaks = _gemm_peaks(run)
    rows = []
    for group in run.groups:
        achieved = values(group, "achieved_flops_per_second")
        seed_peaks = {seed: peaks.get(_place(group.case, group.outcomes[seed])) for seed in achieved}
        fractions = [achieved[seed] / peak for seed, peak in seed_peaks.items() if peak]
        if achieved:
            known = tuple(peak for peak in seed_peaks.values() if peak)
            rows.append(Efficiency(group, tuple(achieved.values()), known, median_interval(fractions)))
    return tuple(rows)


def _fraction(fraction: float) -> str:
    return f"{significant(fraction * 100, 2)} %"


def _place(case: Case, outcome: Outcome) -> Place:
    return outcome.host, outcome.device_memory_bytes is not None, case.dtype, case.threads


def _gemm_peaks(run: Run) -> dict[Place, float]:
    """The highest GEMM peak of each place, in operations per second."""
    peaks: dict[Place, float] = {}
    for group in run.groups:
        for seed, peak in values(group, "gemm_peak_flops_per_second").items():
            place = _place(group.case, group.outcomes[seed])
            peaks[place] = max(peaks.get(place, 0.0), peak)
    return peaks
