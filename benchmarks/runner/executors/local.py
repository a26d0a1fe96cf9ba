"""On this machine, one trial after another."""

from collections.abc import Callable, Iterable, Iterator

from benchmarks.runner.attempt import Task, attempt
from benchmarks.runner.conditions import Conditions, reserved
from benchmarks.runner.environment import available_cores
from benchmarks.runner.records import Plan, Trial


def create(cluster: str | None) -> "Local":
    return Local()


class Local:
    """Keeps the protocol of executors.Executor."""

    name = "local"

    def threads(self) -> int:
        return len(available_cores())

    def require(self, threads: int) -> None:
        Conditions.of(threads)

    def run(self, tasks: Iterable[Task], starting: Callable[[Plan], None]) -> Iterator[Trial]:
        for task in tasks:
            starting(task.plan)
            conditions = Conditions.of(task.threads)
            with reserved(conditions.cores, alone=True):
                trial = attempt(task, conditions)
            yield trial
