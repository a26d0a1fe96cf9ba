"""What commands print: progress for a person or as JSON lines, tables, paths, and commands to type."""

import json
import shlex
from collections.abc import Collection, Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.runner import certify, environment, run
from datasets.spec import counted
from reports.records import Data, DataBaselines, Manifest, Plan, Scores, Trial


def emit(event: str, **facts: object) -> None:
    """Print one JSON object on a line of its own, with its kind in `event`. Raises ValueError for NaN."""
    print(json.dumps({"event": event, **facts}, ensure_ascii=False, allow_nan=False), flush=True)


def short(path: Path) -> str:
    """The path relative to the working directory if it lies below, else the absolute path."""
    path = path.resolve()
    here = Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def command_line(*words: object) -> str:
    """A command of this program as a user types it in a shell."""
    return shlex.join([environment.python(), "-m", "benchmarks", *map(str, words)])


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Collection[str] = ()) -> str:
    """A plain-text table. numbers: the headings of the columns that are aligned right."""
    from reports.render.table import Cell, Column, Row, Table
    from reports.render.terminal import plain_table

    columns = tuple(Column(head, numeric=head in numbers) for head in heads)
    cells = tuple(Row(tuple(map(Cell, row))) for row in rows)
    return "\n".join(plain_table(Table("", "", "", columns, cells)))


def check_line(name: str, checked: certify.Checked) -> str:
    """The result of a check in one line. name: of the backend."""
    models = {
        result: " and ".join(cases) if len(cases) <= 2 else counted(len(cases), "model")
        for result, cases in checked.results.items()
    }
    return f"{name}, {checked.job.dtype}: {'; '.join(f'{cases} {result}' for result, cases in models.items())}"


class Display:
    """Progress for a person: a bar on a terminal, and a line for each finished check and trial.

    Use as a context manager; the bar is shown on entry and removed on exit.
    """

    def __init__(self, manifest: Manifest, trials: int, checks: int) -> None:
        """trials, checks: how many of them this session has to do."""
        self._manifest, self._trials, self._checks = manifest, trials, checks
        self._checked = self._finished = 0
        self._console = Console(highlight=False, soft_wrap=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal)
        self._task = self._bar.add_task("certificate", total=checks)
        self.progress = run.Progress(self._check_done, self._baselines_done, self._trial_starts, self._trial_ends)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._bar.stop()

    def begin(self, folder: str) -> None:
        """Print the title of the run, how many trials it has, and the folder of its records."""
        wanted = self._manifest.expected_trials
        done = f", {wanted - self._trials} of them finished before" if wanted > self._trials else ""
        print(f"{self._manifest.title}: {counted(wanted, 'trial')}{done}; records are written to {folder}", flush=True)

    def _check_done(self, checked: certify.Checked) -> None:
        self._checked += 1
        self._bar.advance(self._task)
        line = check_line(self._manifest.backends[checked.job.backend].display_name, checked)
        self._console.print(f"check {self._checked}/{self._checks}  {line}", markup=False)

    def _baselines_done(self, made: DataBaselines) -> None:
        fitted = [f"{b.name} {b.seconds:.2f} s" for b in made.baselines if b.seconds is not None]
        absent = [f"without {absent.name}: {absent.reason}" for absent in made.absent]
        if fitted or absent:
            self._console.print(f"baselines  {'; '.join([*filter(None, [', '.join(fitted)]), *absent])}", markup=False)

    def _trial_starts(self, plan: Plan) -> None:
        if self._finished == 0:
            self._bar.update(self._task, total=self._trials, completed=0)
        self._bar.update(self._task, description=self._label(plan))

    def _trial_ends(self, trial: Trial) -> None:
        self._finished += 1
        self._bar.advance(self._task)
        self._console.print(f"trial {self._finished}/{self._trials}  {self._label(trial.plan)}: {self._result(trial)}")

    def _label(self, plan: Plan) -> str:
        name = self._manifest.backends[plan.backend].display_name
        return f"{name}, {plan.case}, {plan.mode}, seed {plan.seed}"

    def _result(self, trial: Trial) -> str:
        outcome = trial.outcome
        if outcome is None:
            return f"failed, {trial.failure}"
        if self._manifest.search is not None:  # a search looks at validation losses alone, so test scores stay unseen
            return f"validation loss {outcome.kept_loss:.4g} after {len(outcome.train_losses)} epochs"
        unit = self._manifest.data_of(trial.plan.case).unit
        return f"trained in {outcome.times.training:.2f} s, RMSE {outcome.scores.rmse:.4g} {unit}".rstrip()


class JsonLines:
    """Progress for programs: one JSON object a line. Has the same methods as `Display`."""

    def __init__(self, manifest: Manifest, trials: int, checks: int) -> None:
        self._manifest, self._trials, self._checks = manifest, trials, checks
        self.progress = run.Progress(self._check_done, self._baselines_done, self._trial_starts, self._trial_ends)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *details: object) -> None:
        return None

    def begin(self, folder: str) -> None:
        emit("run", benchmark=self._manifest.benchmark, folder=folder, trials=self._trials, checks=self._checks)

    def _check_done(self, checked: certify.Checked) -> None:
        job, failures = checked.job, {check.case: check.failure for check in checked.checks if check.failure}
        facts = {"cases": list(job.cases), "earlier": sorted(checked.earlier), "failures": failures}
        emit("checked", backend=job.backend, dtype=job.dtype, **facts)

    def _baselines_done(self, made: DataBaselines) -> None:
        seconds = {b.name: b.seconds for b in made.baselines if b.seconds is not None}
        if seconds or made.absent:
            emit("baselines", seconds=seconds, absent={absent.name: absent.reason for absent in made.absent})

    def _trial_starts(self, plan: Plan) -> None:
        emit("started", **plan.model_dump())

    def _trial_ends(self, trial: Trial) -> None:
        facts: dict[str, object] = {"failure": trial.failure, "seconds": trial.seconds}
        if (outcome := trial.outcome) is not None:
            facts["training"] = outcome.times.training
            if self._manifest.search is None:
                data, scores = self._manifest.data_of(trial.plan.case), outcome.scores
                facts |= scores.model_dump(mode="json") | skills(data, scores)
            else:  # a search looks at validation losses alone, so test scores stay unseen
                facts["validation_loss"] = outcome.kept_loss
        emit("finished", **trial.plan.model_dump(), **facts)


def skills(data: Data, scores: Scores) -> dict[str, float | str | None]:
    """Return the skill against the naive forecasts, as JSON values: an infinite skill is text, as in the records."""
    from reports.analysis.metrics import SKILLS, skill

    values = {name: skill(data, scores, naive) for name, naive in SKILLS.items()}
    return {name: value if value is None or isfinite(value) else str(value) for name, value in values.items()}
