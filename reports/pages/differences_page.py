"""The page of the benchmark `differences`: what makes equal models differ between frameworks, and the remedy."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from statistics import median

from reports.analysis.intervals import Interval, median_interval
from reports.records.differences import Difference, Differences, Effect, FrameworkDefault
from reports.records.store import read_json, write_text
from reports.render import html, markdown
from reports.render.formats import MINUS, count, listed, plural, scientific, significant
from reports.render.page import Block, Bullets, Code, Page, Paragraph, Section, table_section
from reports.render.table import DASH, Cell, Link, Table, TableColumn, tabulate, words

RECORD = "differences.json"
NAME = "report.html"
MARKS = 1e-12  # smaller relative changes are rounding of float64


@dataclass(frozen=True)
class MeasuredDifference:
    """A difference with the changes that it makes, relative to the training without it: 0.02 is 2 % more."""

    difference: Difference
    loss: Interval | None
    error: Interval | None
    noise: float | None  # of a seed: half the range of the test errors without the difference, relative to their median
    usual_noise: float  # the median of `noise` over all differences of the run

    @property
    def size(self) -> float:
        """What rows are sorted by: the larger change of the loss and the test error."""
        changes = [abs(interval.estimate) for interval in (self.loss, self.error) if interval]
        return max(changes, default=-1.0)

    @property
    def stands_out(self) -> bool:
        """Whether the test error changes in one direction, and by more than the noise of a seed, here and usually."""
        if self.error is None or self.noise is None:
            return False
        one_direction = self.error.low > 0 or self.error.high < 0
        return one_direction and abs(self.error.estimate) > max(self.noise, self.usual_noise)


def write(folder: Path) -> tuple[Path, Page]:
    """Write `report.html` and `report.md` into the folder of a run. Returns the path of the HTML page, and the page."""
    content, path = page(read_json(folder / RECORD, Differences)), folder / NAME
    write_text(path, html.render(content))
    write_text(path.with_suffix(".md"), markdown.render(content))
    return path, content


def newest(results: Path) -> Path | None:
    """The page of the newest run under the folder of all runs; None if there is none."""
    return max(results.glob(f"differences/*/{NAME}"), default=None)


def page(record: Differences) -> Page:
    """The page of a run, the difference with the largest effect first."""
    changes = sorted(_changes(record), key=lambda change: -change.size)
    problems = [f"{each.title}: {listed(each.problems)}." for each in record.differences if each.problems]
    seeds = f"{plural(len(record.seeds), 'seed')}, {record.steps:,} steps"
    return Page(
        title="Why Keras, PyTorch and Flax give different results",
        description="The same LSTM or GRU, with the same data, learns differently in another framework. "
        "Each experiment changes one thing and nothing else.",
        facts=(
            record.started[:16].replace("T", " ") + " UTC",
            f"{plural(len(changes), 'difference')}, {seeds}",
            *(["small form"] if record.quick else []),
            listed([f"{name} {version}" for name, version in _versions(record).items()]),
        ),
        eyebrow=(Link("all runs", "../../index.html"),),
        notices=tuple(problems),
        sections=(
            Section("summary", "Summary", _summary(record, changes)),
            table_section(_effects(record, changes), style="wrapped"),
            table_section(_defaults(changes), style="wrapped"),
            Section("remedies", "How to make them equal", (_REMEDIES, *(_remedy(change) for change in changes))),
            Section("method", "How it was measured", _method(record)),
        ),
        footer=Paragraph(
            "Written by Like for Like from the record of this run:",
            links=(Link("the record", RECORD), Link("this page as Markdown", Path(NAME).with_suffix(".md").name)),
        ),
    )


_REMEDIES = Paragraph(
    "The lines are those that this run executed; names such as `layer`, `x` and `units` stand for your own. A "
    "framework without lines keeps its default. The run compared the results of all frameworks, by default and with "
    "the lines. What it measured stands behind each name of the documentation."
)


def _changes(record: Differences) -> list[MeasuredDifference]:
    noises = [_noise(each.effect) for each in record.differences if each.effect]
    usual = median([noise for noise in noises if noise is not None] or [0.0])
    return [_change(each, usual) for each in record.differences]


def _change(difference: Difference, usual_noise: float) -> MeasuredDifference:
    effect = difference.effect
    if effect is None:
        return MeasuredDifference(difference, None, None, None, usual_noise)
    loss, error = (
        median_interval([after / before - 1 for before, after in zip(off, on, strict=True)])
        for off, on in ((effect.off_loss, effect.on_loss), (effect.off_error, effect.on_error))
    )
    return MeasuredDifference(difference, loss, error, _noise(effect), usual_noise)


def _noise(effect: Effect) -> float | None:
    errors = effect.off_error
    return (max(errors) - min(errors)) / 2 / median(errors) if len(errors) > 1 else None


def _versions(record: Differences) -> dict[str, str]:
    packages = record.environment.packages
    return {
        name: packages[name]
        for name in ("torch", "keras", "tensorflow-cpu", "flax", "optax", "jax")
        if name in packages
    }


def change_text(change: float) -> str:
    """A relative change as text: "+3.1 %", "−0.020 %", "3.0e-9" for tiny ones, "none" for rounding."""
    if not isfinite(change):
        return "not finite"
    if abs(change) <= MARKS:
        return "none"
    sign = "+" if change > 0 else MINUS
    if abs(change) < 1e-5:
        return f"{sign}{scientific(abs(change))}"
    if abs(change) >= 10:
        return f"×{significant(1 + change, 2)}"
    return f"{sign}{significant(abs(change) * 100, 2)} %"


def _changed(interval: Interval | None, noise: float | None = None, *, stands_out: bool = False) -> Cell:
    if interval is None:
        return DASH
    low, high = change_text(interval.low), change_text(interval.high)
    parts = [f"{low} to {high}"] if low != high else []
    parts += [f"seed noise ±{significant(noise * 100, 2)} %"] if noise is not None else []
    return Cell(change_text(interval.estimate), interval.estimate, "; ".join(parts), tone="bad" if stands_out else "")


def _gap(value: float | None, needs_gpu: bool) -> Cell:
    if value is None:
        return Cell("no GPU here" if needs_gpu else "not measured", tone="muted")
    return Cell("0" if value == 0 else significant(value, 2), value)


def _effects(record: Differences, changes: Sequence[MeasuredDifference]) -> Table:
    columns: tuple[TableColumn[MeasuredDifference], ...] = (
        words(
            "difference",
            lambda change: Cell(
                _plain(change.difference.title),
                detail=f"{change.difference.off} → {change.difference.on}",
            ),
        ),
        TableColumn("outputs, same weights", _outputs),
        TableColumn(f"loss after {record.loss_steps} steps", lambda change: _changed(change.loss)),
        TableColumn("test error", lambda change: _changed(change.error, change.noise, stands_out=change.stands_out)),
        TableColumn("frameworks by default", lambda c: _gap(c.difference.default_gap, c.difference.needs_gpu)),
        TableColumn("with the lines", lambda c: _gap(c.difference.equal_gap, c.difference.needs_gpu)),
        words(
            "remedy",
            lambda c: Cell("", links=(Link("lines", f"#{c.difference.name}", f"lines: {c.difference.title}"),)),
        ),
    )
    spread = "95 % interval" if len(record.seeds) >= 6 else "range"
    caption = (
        "Two trainings that differ only as the small print of the first column says; changes are relative to the first "
        f"of them: the median over {plural(len(record.seeds), 'seed')} with its {spread}. Outputs: the largest "
        "difference before training, relative to the largest output. Test error: the mean squared error after "
        f"{record.steps:,} steps; seed noise is half the range of that error over the seeds without the difference. A "
        "coloured change has one direction and is larger than that and than the median of all seed noises. The last "
        "two columns: the largest relative difference between the frameworks themselves in a small experiment, by "
        "default and with the lines below. The largest effect comes first."
    )
    return tabulate("effects", "What each difference changes", caption, columns, changes, stacked=True)


def _plain(title: str) -> str:
    return title.replace("`", "")


def _outputs(change: MeasuredDifference) -> Cell:
    effect = change.difference.effect
    if effect is None:
        return DASH
    return Cell("none" if effect.outputs <= MARKS else significant(effect.outputs, 2), effect.outputs)


def _defaults(changes: Sequence[MeasuredDifference]) -> Table:
    def default(framework: str) -> TableColumn[MeasuredDifference]:
        def cell(change: MeasuredDifference) -> Cell:
            each = next(each for each in change.difference.defaults if each.framework == framework)
            return Cell(each.default.replace("`", ""), tone="" if each.holds else "bad", notes=_doubts(each))

        return words(framework, cell)

    columns: tuple[TableColumn[MeasuredDifference], ...] = (
        words("difference", lambda change: _plain(change.difference.title)),
        *map(default, ("PyTorch", "Keras", "Flax")),
    )
    caption = (
        "What the installed packages do if nothing is set. This run has measured each cell in the framework itself."
    )
    return tabulate("defaults", "Defaults", caption, columns, changes, stacked=True)


def _doubts(each: FrameworkDefault) -> tuple[str, ...]:
    if each.failure:
        return (f"The experiment in {each.framework} failed: {each.failure}.",)
    return () if each.holds else (f"{each.framework} gave `{each.observed!r}` where `{each.claimed!r}` is claimed.",)


def _remedy(change: MeasuredDifference) -> Section:
    difference = change.difference
    named = [
        f"{each.framework}: {each.documented}; {difference.measures}: `{_value(each)}`." for each in difference.defaults
    ]
    blocks: list[Block] = [Paragraph(difference.explains), Bullets(tuple(named))]
    for each in difference.defaults:
        if each.lines:
            blocks += [Paragraph(f"{each.framework}:"), Code(each.lines, "python")]
    kept = [each.framework for each in difference.defaults if not each.lines]
    if kept:
        blocks.append(Paragraph(f"{listed(kept)}: nothing to change."))
    if difference.default_gap is not None and difference.equal_gap is not None:
        gaps = (_gap(value, needs_gpu=False).text for value in (difference.default_gap, difference.equal_gap))
        by_default, equal = gaps
        blocks.append(
            Paragraph(
                f"Largest relative difference between the frameworks: {by_default} by default, {equal} with the lines."
            )
        )
    elif difference.needs_gpu:
        blocks.append(Paragraph("There is no GPU here, so the lines ran but their effect was not measured."))
    if difference.note:
        blocks.append(Paragraph(difference.note))
    return Section(difference.name, _plain(difference.title), tuple(blocks))


def _value(each: FrameworkDefault) -> str:
    if isinstance(each.observed, tuple):
        return ", ".join(significant(value) for value in each.observed)
    if isinstance(each.observed, bool):
        return "yes" if each.observed else "no"
    return "nothing" if each.observed is None else str(each.observed)


def _summary(record: Differences, changes: Sequence[MeasuredDifference]) -> tuple[Block, ...]:
    strong = [change for change in changes if change.stands_out]
    weak = [change for change in changes if change.error is not None and not change.stands_out]
    named = listed([_lower(change.difference.title) for change in strong])
    verb = "changes" if len(strong) == 1 else "change"
    lead = (
        f"{count(len(strong)).capitalize()} of {plural(len(changes), 'difference')} {verb} the test error by more than "
        f"another seed does: {named}."
        if strong
        else f"None of {plural(len(changes), 'difference')} changes the test error by more than another seed does."
    )
    exact = [change for change in changes if change.difference.equal_gap is not None]
    equal = sum(not change.difference.problems for change in exact)
    claims = [each for change in changes for each in change.difference.defaults]
    held = sum(each.holds for each in claims)
    return (
        Paragraph(lead, "lead"),
        Paragraph(
            f"{_smaller(len(weak), others=bool(strong))} a training by less than the choice of the seed: results can "
            "be compared number by number only if all differences are removed."
            if weak
            else "Results can be compared number by number only if all differences are removed."
        ),
        Bullets(
            (
                f"{held} of {len(claims)} statements about defaults hold in the installed packages.",
                f"With the lines that make them equal, frameworks agree within the bound in {equal} of {len(exact)} "
                "experiments that could be compared.",
                f"Repeating the last value has a test error of {significant(record.persistence)} {record.unit}²; the "
                f"trained model reaches {_error(changes)} {record.unit}².",
            )
        ),
    )


def _smaller(number: int, *, others: bool) -> str:
    """The differences whose effect does not stand out, as the subject of a sentence."""
    if others:
        return "The other difference moves" if number == 1 else f"The other {number} differences move"
    return "It moves" if number == 1 else "They move"


def _error(changes: Sequence[MeasuredDifference]) -> str:
    errors = [error for change in changes if change.difference.effect for error in change.difference.effect.off_error]
    return significant(min(errors)) if errors else "no result"


def _lower(title: str) -> str:
    """A title inside a sentence. Names such as Adam's and L2 keep their capital."""
    title = _plain(title)
    return (
        title
        if title[:1].isupper() and (title.startswith(("Adam", "L2", "RMS", "Tensor")))
        else title[:1].lower() + title[1:]
    )


def _method(record: Differences) -> tuple[Block, ...]:
    gpu = record.environment.gpu
    return (
        Bullets(
            (
                f"Model: an LSTM or GRU with {record.units} units and a dense output, on windows of {record.window} "
                f"rows of the series {record.series}; Adam with the rate 0.003, batches of {record.batch}, mean "
                "squared error.",
                "The trainings run in JAX with every equation written out, in float64, so that rounding adds nothing. "
                "Differences in mathematics do not depend on the framework that carries the training.",
                "Defaults, outputs and lines run in PyTorch, in Keras on TensorFlow and in Flax with Optax, in one "
                "process for each; float64 also in Keras on JAX and on PyTorch.",
                f"GPU: {gpu}." if gpu else "No GPU here: the experiments ran on the CPU.",
            )
        ),
        Paragraph("To run it again:"),
        Code(f"make bench-differences{' ARGS=--quick' if record.quick else ''}", command=True),
    )
