"""On the nodes of a Ray cluster: its scheduler places trials, and runs again what a lost node had under way.

Nodes get this checkout's code with the job; the frameworks must be installed on them. A file of the user's own (--csv)
must lie at the same path on each; where it does not, the trial fails with that reason.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import NodeDiedError, RayError, RayTaskError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from benchmarks.errors import UserError
from benchmarks.runner import environment
from benchmarks.runner.cores import Conditions, first_free
from benchmarks.runner.executors.connection import connect
from benchmarks.runner.run_trial import Task, attempt
from reports.records import Plan, Trial

RETRIES = 3  # of one trial, each after its node, or a process that it needs, was lost
LOOK = 2.0  # seconds between two looks at which nodes there are
PATIENCE = 60.0  # seconds without a node for any trial that is left; one that restarts is back by then
FAREWELL = 10.0  # seconds for interrupted trials to end their workers


class KilledError(Exception):
    """A trial's worker was killed from outside, as by a node that shuts down; the argument is its record as JSON."""


@dataclass
class Round:
    """The trials of one case, mode and seed: a ratio needs one host, so they follow each other on one node."""

    left: deque[Task]
    node: str | None = None  # where the last one ran


def create(cluster: str | None) -> "Cluster":
    connect(cluster)
    return Cluster()


class Cluster:
    """Keeps the protocol of executors.Executor."""

    name = "ray"

    def __init__(self) -> None:
        self._commit = environment.describe((), {}).commit  # of the code that nodes have just been given
        self._flying: dict[Any, tuple[Task, Round]] = {}  # what Ray has yet to answer
        self._hoped = 0.0  # when there was last a node for something

    def threads(self) -> int:
        return min(cpus for cpus, _ in nodes())

    def require(self, threads: int) -> None:
        if threads > (most := max(cpus for cpus, _ in nodes())):
            raise UserError(f"training.threads = {threads}, but the largest node of the Ray cluster has {most} CPUs")

    def run(self, tasks: Iterable[Task], starting: Callable[[Plan], None], at_once: int = 1) -> Iterator[Trial]:
        """As many at once as the nodes have room for, whatever `at_once` says."""
        waiting = rounds(tasks)
        self._hoped = time.monotonic()
        try:
            while waiting or self._flying:
                while waiting and len(self._flying) < room(waiting[0].left[0].threads):
                    self._submit(waiting.popleft(), starting)
                for answer in self._answers():
                    task, of = self._flying.pop(answer)
                    trial, of.node = self._outcome(task, answer, of.node)
                    if of.left:
                        self._submit(of, starting)
                    yield trial
                if self._stranded(waiting):
                    yield from self._abandoned(waiting)
        finally:
            self._cancel()

    def _submit(self, of: Round, starting: Callable[[Plan], None]) -> None:
        task = of.left.popleft()
        starting(task.plan)
        where = NodeAffinitySchedulingStrategy(of.node, soft=True) if of.node else "DEFAULT"
        remote = ray.remote(
            num_cpus=task.threads,
            num_gpus=int(any(gpus for _, gpus in nodes())),
            max_retries=RETRIES,
            retry_exceptions=[KilledError],
            scheduling_strategy=where,
        )(on_node)
        self._flying[remote.remote(task.model_dump_json())] = task, of

    def _answers(self) -> list[Any]:
        if not self._flying:
            time.sleep(LOOK)
            return []
        done, _ = ray.wait(list(self._flying), timeout=LOOK)
        return list(done)

    def _outcome(self, task: Task, answer: object, node: str | None) -> tuple[Trial, str | None]:
        """The trial, and the node that its round goes on on."""
        try:
            node, record = ray.get(answer)
            trial = Trial.model_validate_json(record)
        except RayTaskError as error:
            if not isinstance(error.cause, KilledError):
                return failed(task.plan, f"its node could not run it: {_sentence(error.cause)}"), None
            trial = Trial.model_validate_json(error.cause.args[0])
        except (NodeDiedError, WorkerCrashedError):
            return failed(task.plan, f"its node was lost, and so were those of {RETRIES} more attempts", True), None
        except RayError as error:
            return failed(task.plan, f"Ray could not run it: {_sentence(error)}", True), None
        if trial.environment is None:
            return trial, node
        found = trial.environment.model_copy(update={"commit": self._commit})  # nodes have the code, not its history
        return trial.model_copy(update={"environment": found}), node

    def _stranded(self, waiting: deque[Round]) -> bool:
        """Whether there has been no node for any of the trials for too long; Ray itself would wait forever."""
        tasks = [task for task, _ in self._flying.values()] + [of.left[0] for of in waiting]
        if not tasks or any(room(task.threads) for task in tasks):
            self._hoped = time.monotonic()
        return time.monotonic() - self._hoped > PATIENCE

    def _abandoned(self, waiting: deque[Round]) -> Iterator[Trial]:
        flying = list(self._flying.values())
        self._cancel()
        left = [task for task, _ in flying]
        for of in (*(of for _, of in flying), *waiting):
            left += of.left
        waiting.clear()
        for task in left:
            lacking = f"no node of the Ray cluster with {task.threads} CPUs was left, for {PATIENCE:g} seconds"
            yield failed(task.plan, lacking, True)

    def _cancel(self) -> None:
        """End what is under way: asked first, so that each ends its worker, then by force."""
        answers = list(self._flying)
        self._flying.clear()
        for force in (False, True):
            for answer in answers:
                ray.cancel(answer, force=force)
            if answers:
                _, answers = ray.wait(answers, num_returns=len(answers), timeout=FAREWELL)


def on_node(task: str) -> tuple[str, str]:
    """Run by Ray on one of its nodes: the node's id and the trial's record, both given and returned as JSON."""
    asked = Task.model_validate_json(task)
    sets = Conditions.sets(asked.threads) or (Conditions.of(asked.threads),)
    with first_free(sets) as conditions:
        record = attempt(asked, conditions)
    if record.killed:
        raise KilledError(record.model_dump_json())
    return ray.get_runtime_context().get_node_id(), record.model_dump_json()


def rounds(tasks: Iterable[Task]) -> deque[Round]:
    """The tasks by round, in their order."""
    found: dict[tuple[str, str, int], Round] = {}
    for task in tasks:
        key = task.plan.case, task.plan.mode, task.plan.seed
        found.setdefault(key, Round(deque())).left.append(task)
    return deque(found.values())


def nodes() -> list[tuple[int, int]]:
    """The CPUs and GPUs of each living node that has CPUs for trials."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [(int(each["CPU"]), int(each.get("GPU", 0))) for each in resources if each.get("CPU", 0) >= 1]


def room(threads: int) -> int:
    """How many trials of so many threads the cluster can run at once; one takes a GPU where any node has one."""
    found = nodes()
    with_gpus = any(gpus for _, gpus in found)
    return sum(min(cpus // threads, gpus) if with_gpus else cpus // threads for cpus, gpus in found)


def failed(plan: Plan, reason: str, killed: bool = False) -> Trial:
    return Trial(plan=plan, outcome=None, failure=reason, killed=killed)


def _sentence(error: BaseException) -> str:
    first_line = (str(error).strip().splitlines() or ["no message"])[0]
    return f"{type(error).__name__}: {first_line[:300]}"
