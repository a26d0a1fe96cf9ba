"""What a run shows while it is under way: a bar where there is a terminal, and a line for each finished trial."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from backends import REGISTRY
from benchmarks.runner import run
from benchmarks.worker.jobs import CheckJob
from datasets.spec import counted
from reports.records import Manifest, Plan, Trial


class Display:
    """A context: shows nothing before it is entered and cleans up the bar when left."""

    def __init__(self, plan: Manifest, trials: int, checks: int) -> None:
        self._plan, self._trials, self._checks = plan, trials, checks
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
        self.progress = run.Progress(self._check_done, self._trial_starts, self._trial_ends)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begins(self, folder: str) -> None:
        """Before the first check and trial of this session."""
        done = self._plan.expected_trials - self._trials
        resumed = f", {done} of them finished before" if done else ""
        print(
            f"{self._plan.title}: {counted(self._plan.expected_trials, 'trial')}{resumed}; records go to {folder}",
            flush=True,
        )

    def _check_done(self, job: CheckJob) -> None:
        self._checked += 1
        self._bar.advance(self._task)
        cases = " and ".join(job.cases) if len(job.cases) <= 2 else counted(len(job.cases), "model")
        name = REGISTRY[job.backend].framework
        self._console.print(
            f"check {self._checked}/{self._checks}  {name}, {job.dtype}: {cases} held against the oracle"
        )

    def _trial_starts(self, plan: Plan) -> None:
        if self._finished == 0:
            self._bar.update(self._task, total=self._trials, completed=0)
        self._bar.update(self._task, description=_name(plan))

    def _trial_ends(self, trial: Trial) -> None:
        self._finished += 1
        self._bar.advance(self._task)
        count = f"trial {self._finished}/{self._trials}  {_name(trial.plan)}"
        if trial.outcome is None:
            self._console.print(f"{count}: failed, {trial.failure}")
            return
        if self._plan.search is not None:  # whose trials are chosen by this, and nobody looks at their test scores
            epochs = len(trial.outcome.train_losses)
            self._console.print(f"{count}: validation loss {trial.outcome.kept_loss:.4g} after {epochs} epochs")
            return
        case = next(case for case in self._plan.cases if case.label == trial.plan.case)
        unit = self._plan.data[case.data].unit
        rmse, training = trial.outcome.scores.rmse, trial.outcome.times.training
        self._console.print(f"{count}: trained in {training:.2f} s, RMSE {rmse:.4g} {unit}".rstrip())


def _name(plan: Plan) -> str:
    return f"{REGISTRY[plan.backend].framework} {plan.case}, {plan.mode}, seed {plan.seed}"
