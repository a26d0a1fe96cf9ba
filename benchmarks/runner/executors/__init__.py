"""Where trials run: `local`, on this machine, or `ray`, on the nodes of a Ray cluster (module `cluster`)."""

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module, util
from typing import Protocol

from benchmarks.errors import UserError, name_hint
from benchmarks.runner.environment import python
from benchmarks.runner.processes import Task
from reports.records import Plan, Trial

MODULES = {"local": "local", "ray": "cluster"}


class Executor(Protocol):
    """Runs trials, each in a process of its own on cores that it does not share."""

    name: str

    def threads(self) -> int:
        """Return the number of threads of a trial whose definition gives none: one for each available core."""

    def require(self, threads: int) -> None:
        """Raise UserError if no trial with so many threads can ever run."""

    def run(self, tasks: Iterable[Task], starting: Callable[[Plan], None], at_once: int = 1) -> Iterator[Trial]:
        """Yield each trial when it has finished. `starting` is called before each.

        at_once: how many trials may share a machine, each on cores of its own; more than 1 only where no times are
        compared. An interrupt ends the running trials; trials that were not yielded leave no result.
        """


def create(name: str, cluster: str | None = None) -> Executor:
    """Return the executor of this name. cluster: HOST:PORT of Ray's head; None: the cluster of this machine."""
    if name not in MODULES:
        raise UserError(f"there is no executor '{name}'; {name_hint(MODULES, name)}")
    if name == "local":
        if cluster is not None:
            raise UserError(
                f"--cluster {cluster} belongs to --executor ray; add --executor ray, or leave --cluster out"
            )
    elif util.find_spec(name) is None:
        raise UserError(f"executor 'ray' needs ray; install it with: {python()} -m pip install -e '.[ray]'")
    executor: Executor = import_module(f"benchmarks.runner.executors.{MODULES[name]}").create(cluster)
    return executor
