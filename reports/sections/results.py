"""The tables of results: what each backend scored and how long it took, baselines and speed ratios included."""

from collections.abc import Callable
from operator import attrgetter

import numpy as np

from reports.analysis.intervals import steady_epoch
from reports.analysis.run import Group, Run, over_seeds, score_unit, seed_counts, unique, values
from reports.analysis.speedup import Speedups
from reports.analysis.timing_quality import timing_warnings
from reports.records import Outcome
from reports.render.formats import case_name, four_digits, squared, time_unit, whole
from reports.render.page import Section, table_section
from reports.render.table import NONE, Cell, Column, Row, Table, number, row, text
from reports.sections import search_tables
from reports.sections.baselines import baselines
from reports.sections.columns import measured
from reports.sections.context import Context
from reports.sections.group_cells import backend_cell, records_cell, skill_cell, skill_of, spread_words, words_of
from reports.sections.ratio_cells import ratio_cell


def main(run: Run, comparisons: Speedups) -> Table:
    """The result at a glance: one row a backend and case, then the forecasts that need no network."""
    groups = run.leading
    modes = unique(group.mode for group in groups)
    unit = score_unit(run)
    total_factor, total_unit = time_unit(values(groups, lambda o: o.times.training))
    epoch_factor, epoch_unit = time_unit(values(groups, lambda o: steady_epoch(o.times.epochs)))
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
            measured(over_seeds(group, lambda o: o.times.training), factor=total_factor, notes=timing_warnings(group)),
            measured(
                over_seeds(group, lambda o: steady_epoch(o.times.epochs)),
                factor=epoch_factor,
                notes=timing_warnings(group),
            ),
            ratio_cell(run, group, comparisons),
            records_cell(group),
        )
        for group in groups
    ]
    for label, baseline in baselines(run):
        mse, skill = (
            number(baseline.scores.mse, four_digits),
            skill_of(baseline.scores.skill_persistence, "persistence"),
        )
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
    errors = {"mse": Column("test MSE", squared(unit)), "rmse": Column("RMSE", unit), "mae": Column("MAE", unit)}
    if run.scaled:
        errors |= {"scaled_mse": Column("scaled MSE"), "scaled_mae": Column("scaled MAE")}
    columns = (
        text("model"),
        text("backend"),
        text("mode"),
        *errors.values(),
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
            *(measured(over_seeds(group, attrgetter(f"scores.{error}")), four_digits) for error in errors),
            skill_cell(run, group, "persistence", lambda o: o.scores.skill_persistence),
            skill_cell(run, group, "seasonal naive", lambda o: o.scores.skill_seasonal),
            measured(over_seeds(group, lambda o: float(o.parameter_count)), whole),
            records_cell(group),
        )
        for group in run.groups
    ]
    for label, baseline in baselines(run, scaled=run.scaled):
        found = baseline.scores
        figures = (number(getattr(found, error), four_digits) for error in errors)
        skills = (skill_of(found.skill_persistence, "persistence"), skill_of(found.skill_seasonal, "seasonal naive"))
        name = Cell(baseline.name, notes=(f"{baseline.name}: {baseline.explanation}",))
        rows.append(row(Cell(label), name, _blank(), *figures, *skills, _blank(), _blank(), kind="baseline"))
    over = words_of(seed_counts(run.groups))
    caption = f"On the test part, {over}. Skill is 1 less the MSE over the naive forecast's MSE."
    if run.scaled:
        caption += " Scaled errors are those of the values scaled as the definition says."
    return Table("scores", "Scores", caption, columns, tuple(rows))


def times(run: Run, comparisons: Speedups) -> Table:
    """Where the time went, with both ratios. An uncertified backend has times but no ratio."""
    scale = {
        "total": time_unit(values(run.groups, lambda o: o.times.training)),
        "first": time_unit(values(run.groups, lambda o: o.times.first_step)),
        "epoch": time_unit(values(run.groups, lambda o: steady_epoch(o.times.epochs))),
        "one": time_unit(values(run.groups, lambda o: _median(o.times.predict_one))),
        "test": time_unit(values(run.groups, lambda o: _median(o.times.predict_test))),
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
            cell("total", lambda o: o.times.training, timing_warnings(group)),
            cell("first", lambda o: o.times.first_step),
            cell("epoch", lambda o: steady_epoch(o.times.epochs), timing_warnings(group)),
            ratio_cell(run, group, comparisons),
            ratio_cell(run, group, comparisons, training=True),
            cell("one", lambda o: _median(o.times.predict_one)),
            cell("test", lambda o: _median(o.times.predict_test)),
            measured(over_seeds(group, lambda o: float(o.peak_memory_bytes)), factor=2**-20),
            Cell(", ".join(unique(o.kernel for o in group.outcomes.values())) or NONE),
            records_cell(group),
        )

    over = words_of(seed_counts(run.groups))
    caption = (
        f"Wall time, {over}. Training runs from the first step, in which Keras and Flax trace and compile, to "
        "the last; an epoch is the median one after the first. Inference is for one window and for the whole test part."
    )
    return Table("times", "Times", caption, columns, tuple(map(timed, run.groups)))


def _median(values: tuple[float, ...]) -> float | None:
    return float(np.median(values)) if values else None


def _blank() -> Cell:
    return Cell("")


def section(context: Context) -> Section:
    searched = context.search
    return table_section(search_tables.result(searched) if searched else main(context.run, context.speedups))


def scores_section(context: Context) -> Section:
    return table_section(scores(context.run))


def times_section(context: Context) -> Section:
    return table_section(times(context.run, context.speedups))
