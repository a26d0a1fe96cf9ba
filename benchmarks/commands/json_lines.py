"""Progress and result for programs: one JSON object a line on standard output, its kind in `event`."""

import json
from types import TracebackType
from typing import Self

from benchmarks.runner import run
from benchmarks.worker.jobs import CheckJob
from reports.records import Manifest, Plan, Trial


class JsonLines:
    """Has the same methods as `display.Display`."""

    def __init__(self, plan: Manifest, trials: int, checks: int) -> None:
        self._plan, self._trials, self._checks = plan, trials, checks
        self.progress = run.Progress(self._check_done, self._trial_starts, self._trial_ends)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def begins(self, folder: str) -> None:
        """Before the first check and trial of this session."""
        emit("run", benchmark=self._plan.benchmark, folder=folder, trials=self._trials, checks=self._checks)

    @staticmethod
    def result(**facts: object) -> None:
        """The last line."""
        emit("result", **facts)

    def _check_done(self, job: CheckJob) -> None:
        emit("checked", backend=job.backend, dtype=job.dtype, cases=list(job.cases))

    def _trial_starts(self, plan: Plan) -> None:
        emit("started", **plan.model_dump())

    def _trial_ends(self, trial: Trial) -> None:
        facts: dict[str, object] = {"failure": trial.failure, "seconds": trial.seconds}
        if (outcome := trial.outcome) is not None:
            facts["training"] = outcome.times.training
            if self._plan.search is None:
                facts |= outcome.scores.model_dump(mode="json")
            else:  # its trials are chosen by this, and nobody looks at their test scores
                facts["validation_loss"] = outcome.kept_loss
        emit("finished", **trial.plan.model_dump(), **facts)


def emit(event: str, **facts: object) -> None:
    """One line; a number that JSON has no word for is written as text, as in the records."""
    print(json.dumps({"event": event, **facts}, ensure_ascii=False, allow_nan=False), flush=True)
