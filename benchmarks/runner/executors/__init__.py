"""Where trials run: `local`, on this machine, or `ray`, on the nodes of a Ray cluster."""

from collections.abc import Callable, Iterable, Iterator
from importlib import import_module, util
from typing import Protocol

from benchmarks.errors import UserError, one_of
from benchmarks.runner.environment import python
from benchmarks.runner.run_trial import Task
from reports.records import Plan, Trial

MODULES = {"local": "local", "ray": "cluster"}


class Executor(Protocol):
    """Runs trials, each in a process of its own on cores that it has to itself."""

    name: str

    def threads(self) -> int:
        """How many a trial gets whose definition does not say: as many as there are cores for it."""

    def require(self, threads: int) -> None:
        """Raises UserError where no trial with so many can ever run."""

    def run(self, tasks: Iterable[Task], starting: Callable[[Plan], None], at_once: int = 1) -> Iterator[Trial]:
        """Each trial as it is finished. `starting` is told before each.

        at_once: how many may share a machine, each on cores of its own; several only where no time is compared.
        An interrupt ends what is under way; what had not been yielded by then is as if it had never run.
        """


def create(name: str, cluster: str | None = None) -> Executor:
    """An executor by name. cluster: where Ray's is, HOST:PORT; without it, the one that runs on this machine."""
    if name not in MODULES:
        raise UserError(f"there is no executor '{name}'; {one_of(MODULES, name)}")
    if name == "local":
        if cluster is not None:
            raise UserError(f"--cluster {cluster} belongs to --executor ray; the local executor runs trials here")
    elif util.find_spec(name) is None:
        raise UserError(f"executor 'ray' needs ray, not installed here; try: {python()} -m pip install -e '.[ray]'")
    executor: Executor = import_module(f"benchmarks.runner.executors.{MODULES[name]}").create(cluster)
    return executor
