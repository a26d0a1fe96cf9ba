"""The tables of results: what each backend scored and how long it took, baselines and speed ratios included."""

from collections.abc import Callable
from math import inf

from benchmarks.runner.records import Outcome, Trial
from reports.comparison import Comparisons
from reports.doubts import warnings
from reports.grid import NONE, Cell, Column, Link, Row, Table, measured, number, row, text
from reports.naive import baselines
from reports.ratios import ratio_cell
from reports.run import Group, Run, repeats, unique
from reports.statistics import ENOUGH, Interval, interval, steady_epoch
from reports.wording import (
    backend_name,
    case_name,
    four_digits,
    plural,
    sentence,
    signed,
    squared,
    time_unit,
    whole,
)


def main(run: Run, comparisons: Comparisons) -> Table:
    """The result at a glance: one row a backend and case, then the forecasts that need no network."""
    groups = run.leading
    modes = unique(group.mode for group in groups)
    unit = score_unit(run)
    total_factor, total_unit = time_unit(_all(groups, lambda o: o.times.training))
    epoch_factor, epoch_unit = time_unit(_all(groups, lambda o: steady_epoch(o.times.epochs)))
    columns = (
        text("model"),
        Column("backend", numeric=False, vital=True),
        Column("test MSE", squared(unit)),
        Column("skill"),
        Column("training", total_unit),
        Column("epoch", epoch_unit),
        Column("speed ratio", vital=True),
        text("records"),
    )
    rows = [
        row(
            Cell(case_name(group.case), detail=group.mode if len(modes) > 1 else ""),
            backend_cell(group),
            measured(over_seeds(group, lambda o: o.scores.mse), four_digits),
            skill_cell(run, group, "persistence", lambda o: o.scores.skill_persistence),
            measured(over_seeds(group, lambda o: o.times.training), factor=total_factor, notes=warnings(group)),
            measured(
                over_seeds(group, lambda o: steady_epoch(o.times.epochs)), factor=epoch_factor, notes=warnings(group)
            ),
            ratio_cell(run, group, comparisons),
            records_cell(group),
        )
        for group in groups
    ]
    for label, baseline in baselines(run):
        mse, skill = number(baseline.scores.mse, four_digits), _skill(baseline.scores.skill_persistence, "persistence")
        rows.append(row(Cell(label), Cell(baseline.name), mse, skill, *[_blank()] * 4, kind="baseline"))
    caption = (
        f"{' and '.join(modes).capitalize()} mode, {spread_words(run)}. Skill is the share of persistence's "
        "squared error that a forecast removes: above 0 beats it. The speed ratio is of a steady epoch: 2 is twice as "
        "fast as the reference."
    )
    return Table("result", "The result", caption, columns, tuple(rows))


def scores(run: Run) -> Table:
    """Every score of both modes, and of the baselines."""
    unit = score_unit(run)
    columns = (
        text("model"),
        text("backend"),
        text("mode"),
        Column("test MSE", squared(unit)),
        Column("RMSE", unit),
        Column("MAE", unit),
        Column("skill against persistence"),
        Column("skill against seasonal naive"),
        Column("parameters"),
        text("records"),
    )
    rows = [
        row(
            Cell(case_name(group.case)),
            backend_cell(group),
            Cell(group.mode),
            measured(over_seeds(group, lambda o: o.scores.mse), four_digits),
            measured(over_seeds(group, lambda o: o.scores.rmse), four_digits),
            measured(over_seeds(group, lambda o: o.scores.mae), four_digits),
            skill_cell(run, group, "persistence", lambda o: o.scores.skill_persistence),
            skill_cell(run, group, "seasonal naive", lambda o: o.scores.skill_seasonal),
            measured(over_seeds(group, lambda o: float(o.parameter_count)), whole),
            records_cell(group),
        )
        for group in run.groups
    ]
    for label, baseline in baselines(run):
        found = baseline.scores
        figures = (number(value, four_digits) for value in (found.mse, found.rmse, found.mae))
        skills = (_skill(found.skill_persistence, "persistence"), _skill(found.skill_seasonal, "seasonal naive"))
        name = Cell(baseline.name, notes=(f"{baseline.name}: {baseline.explanation}",))
        rows.append(row(Cell(label), name, _blank(), *figures, *skills, _blank(), _blank(), kind="baseline"))
    over = _words(repeats(run.groups))
    caption = f"On the test part, {over}. Skill is 1 less the MSE over the naive forecast's MSE."
    return Table("scores", "Scores", caption, columns, tuple(rows))


def times(run: Run, comparisons: Comparisons) -> Table:
    """Where the time went, with both ratios. An uncertified backend has times but no ratio."""
    scale = {
        "total": time_unit(_all(run.groups, lambda o: o.times.training)),
        "first": time_unit(_all(run.groups, lambda o: o.times.first_step)),
        "epoch": time_unit(_all(run.groups, lambda o: steady_epoch(o.times.epochs))),
        "one": time_unit(_all(run.groups, lambda o: _median(o.times.predict_one))),
        "test": time_unit(_all(run.groups, lambda o: _median(o.times.predict_test))),
    }
    columns = (
        text("model"),
        text("backend"),
        text("mode"),
        Column("training", scale["total"][1]),
        Column("first step", scale["first"][1]),
        Column("epoch", scale["epoch"][1]),
        Column("speed ratio, epoch"),
        Column("speed ratio, training"),
        Column("one window", scale["one"][1]),
        Column("test part", scale["test"][1]),
        Column("peak memory", "MiB"),
        text("kernel"),
        text("records"),
    )

    def timed(group: Group) -> Row:
        def cell(key: str, figure: Callable[[Outcome], float | None], notes: tuple[str, ...] = ()) -> Cell:
            return measured(over_seeds(group, figure), factor=scale[key][0], notes=notes)

        return row(
            Cell(case_name(group.case)),
            backend_cell(group),
            Cell(group.mode),
            cell("total", lambda o: o.times.training, warnings(group)),
            cell("first", lambda o: o.times.first_step),
            cell("epoch", lambda o: steady_epoch(o.times.epochs), warnings(group)),
            ratio_cell(run, group, comparisons),
            ratio_cell(run, group, comparisons, training=True),
            cell("one", lambda o: _median(o.times.predict_one)),
            cell("test", lambda o: _median(o.times.predict_test)),
            measured(over_seeds(group, lambda o: float(o.peak_memory_bytes)), factor=2**-20),
            Cell(", ".join(unique(o.kernel for o in group.outcomes.values())) or NONE),
            records_cell(group),
        )

    over = _words(repeats(run.groups))
    caption = (
        f"Wall time, {over}. Training runs from the first step, in which Keras and Flax trace and compile, to "
        "the last; an epoch is the median one after the first. Inference is for one window and for the whole test part."
    )
    return Table("times", "Times", caption, columns, tuple(map(timed, run.groups)))


def backend_cell(group: Group) -> Cell:
    """The backend's name, with how many of its seeds there are to show where not all ended well."""
    name = backend_name(group.backend)
    ended = len(group.outcomes)
    detail = f"{ended} of {plural(len(group.plans), 'seed')}" if ended < len(group.plans) else ""
    return Cell(name, detail=detail, notes=failure_notes(group))


def failure_notes(group: Group) -> tuple[str, ...]:
    """How many of a group's trials failed, with each reason once."""
    failed = [trial for trial in group.trials if trial.outcome is None]
    if not failed:
        return ()
    reasons = "; ".join(unique((trial.failure or "no reason was recorded").rstrip(".") for trial in failed))
    who = f"{backend_name(group.backend)}, {case_name(group.case)}, {group.mode}"
    return (sentence(f"{who}: {plural(len(failed), 'trial')} failed: {reasons}"),)


def records_cell(group: Group) -> Cell:
    """A link to the raw record of each seed's trial."""
    return Cell("" if group.trials else NONE, links=links(group))


def links(*groups: Group) -> tuple[Link, ...]:
    def link(group: Group, trial: Trial) -> Link:
        meaning = f"record of {group.backend}, {group.case.label}, {group.mode}, seed {trial.plan.seed}"
        return Link(str(trial.plan.seed), f"trials/{trial.plan.key}.json", meaning)

    return tuple(link(group, trial) for group in groups for trial in group.trials)


def skill_cell(run: Run, group: Group, naive: str, figure: Callable[[Outcome], float | None]) -> Cell:
    if group.outcomes and run.exact(group.case, naive):
        return _beaten_by(naive)
    found = over_seeds(group, figure)
    return measured(found, signed, tone="bad" if found and found.low <= 0 else "")


def over_seeds(group: Group, figure: Callable[[Outcome], float | None]) -> Interval | None:
    """The median of one figure over a group's seeds; seeds that lack it are left out."""
    return interval(_all([group], figure))


def score_unit(run: Run) -> str:
    """The unit of all series of a run; empty where they differ."""
    units = {data.unit for data in run.manifest.data.values()}
    return units.pop() if len(units) == 1 else ""


def spread_words(run: Run) -> str:
    """For the mode that the answer is about."""
    return _words(run.repeats)


def _words(found: tuple[int, int]) -> str:
    """What stands before and beside each figure, by the fewest and the most seeds behind one."""
    fewest, most = found
    if most < 2:
        return "a single seed"
    seeds = plural(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    if fewest < ENOUGH <= most:
        return f"median of {seeds} with the 95 % interval, or the range where there are fewer than {ENOUGH}"
    return f"median of {seeds} with the {'95 % interval' if fewest >= ENOUGH else 'range'}"


def _all(groups: list[Group] | tuple[Group, ...], figure: Callable[[Outcome], float | None]) -> list[float]:
    found = (figure(outcome) for group in groups for outcome in group.outcomes.values())
    return [value for value in found if value is not None]


def _median(values: tuple[float, ...]) -> float | None:
    return sorted(values)[len(values) // 2] if values else None


def _skill(value: float | None, naive: str) -> Cell:
    if value == -inf:  # any error at all, against none
        return _beaten_by(naive)
    return number(value, signed, tone="bad" if value is not None and value < 0 else "")


def _beaten_by(naive: str) -> Cell:
    why = f"{naive} is exact on this test part: it cannot be beaten, and skill against it has no finite value"
    return Cell("undefined", notes=(sentence(why),), tone="muted")


def _blank() -> Cell:
    return Cell("")
