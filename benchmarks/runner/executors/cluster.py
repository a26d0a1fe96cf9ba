"""Runs trials on the nodes of a Ray cluster. Ray's scheduler places them and repeats those of a lost node.

The nodes get this checkout's code with the job; the frameworks must be installed on them. A file given with --csv must
have the same path on each node; where the file is missing, the trial fails with that reason.
"""

import re
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import NodeDiedError, RayError, RayTaskError, WorkerCrashedError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from benchmarks.errors import UserError, error_clause
from benchmarks.runner import environment
from benchmarks.runner.cores import Conditions, first_free
from benchmarks.runner.environment import ROOT
from benchmarks.runner.processes import Task, run_trial
from reports.records import Plan, Trial

RETRIES = 3  # of one trial, each after its node, or a process that it needs, was lost
POLL = 2.0  # seconds between two looks at the list of nodes
PATIENCE = 60.0  # seconds without a node for any remaining trial; a node that restarts is back by then
CANCEL_TIMEOUT = 10.0  # seconds for interrupted trials to end their workers

ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):([0-9]{1,5})")
CONNECT_TIMEOUT = 20.0  # seconds; a running cluster answers in two
# Ray alone waits for two minutes, prints messages and cannot be interrupted, so a child process tries first.
TRY_TO_JOIN = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"
SHIPPED = ("backends", "benchmarks", "datasets", "reports")  # the folders of the checkout that a trial needs


class KilledError(Exception):
    """A trial's worker was killed from outside, for example as its node shut down; the argument is the JSON record."""


@dataclass
class Round:
    """The trials of one case, mode and seed. A speed ratio needs one host, so they run on one node, in order."""

    left: deque[Task]
    node: str | None = None  # where the last one ran


def create(cluster: str | None) -> "Cluster":
    connect(cluster)
    return Cluster()


class Cluster:
    """Implements executors.Executor."""

    name = "ray"

    def __init__(self) -> None:
        self._commit = environment.describe((), {}).commit  # of the code that the nodes were given
        self._running: dict[Any, tuple[Task, Round]] = {}  # by Ray's object reference
        self._last_capacity = 0.0  # when a node could last take any trial

    def threads(self) -> int:
        return min(cpus for cpus, _ in nodes())

    def require(self, threads: int) -> None:
        if threads > (most := max(cpus for cpus, _ in nodes())):
            raise UserError(
                f"training.threads = {threads}, but the largest node of the Ray cluster has {most} CPUs; "
                f"write at most {most}"
            )

    def run(self, tasks: Iterable[Task], starting: Callable[[Plan], None], at_once: int = 1) -> Iterator[Trial]:
        """Run as many trials at once as fit on the nodes, whatever `at_once` is."""
        waiting = rounds(tasks)
        self._last_capacity = time.monotonic()
        try:
            while waiting or self._running:
                while waiting and len(self._running) < capacity(waiting[0].left[0].threads):
                    self._submit(waiting.popleft(), starting)
                for reference in self._finished():
                    task, of_round = self._running.pop(reference)
                    trial, of_round.node = self._outcome(task, reference, of_round.node)
                    if of_round.left:
                        self._submit(of_round, starting)
                    yield trial
                if self._stranded(waiting):
                    yield from self._abandoned(waiting)
        finally:
            self._cancel()

    def _submit(self, of_round: Round, starting: Callable[[Plan], None]) -> None:
        task = of_round.left.popleft()
        starting(task.plan)
        node = of_round.node
        remote = ray.remote(
            num_cpus=task.threads,
            num_gpus=int(any(gpus for _, gpus in nodes())),
            max_retries=RETRIES,
            retry_exceptions=[KilledError],
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=True) if node else "DEFAULT",
        )(on_node)
        self._running[remote.remote(task.model_dump_json())] = task, of_round

    def _finished(self) -> list[Any]:
        if not self._running:
            time.sleep(POLL)
            return []
        done, _ = ray.wait(list(self._running), timeout=POLL)
        return list(done)

    def _outcome(self, task: Task, reference: object, node: str | None) -> tuple[Trial, str | None]:
        """Return the trial, and the node on which its round continues."""
        try:
            node, record = ray.get(reference)
            trial = Trial.model_validate_json(record)
        except RayTaskError as error:
            if not isinstance(error.cause, KilledError):
                return failed(task.plan, f"its node could not run it: {error_clause(error.cause)}"), None
            trial = Trial.model_validate_json(error.cause.args[0])
        except (NodeDiedError, WorkerCrashedError):
            return failed(task.plan, f"its node was lost, and so were the nodes of {RETRIES} more tries", True), None
        except RayError as error:
            return failed(task.plan, f"Ray could not run it: {error_clause(error)}", True), None
        if trial.environment is None:
            return trial, node
        # The nodes have the code without its git history.
        machine = trial.environment.model_copy(update={"commit": self._commit})
        return trial.model_copy(update={"environment": machine}), node

    def _stranded(self, waiting: deque[Round]) -> bool:
        """Return whether no node could take any trial for too long; Ray itself would wait forever."""
        tasks = [task for task, _ in self._running.values()] + [of_round.left[0] for of_round in waiting]
        if not tasks or any(capacity(task.threads) for task in tasks):
            self._last_capacity = time.monotonic()
        return time.monotonic() - self._last_capacity > PATIENCE

    def _abandoned(self, waiting: deque[Round]) -> Iterator[Trial]:
        running = list(self._running.values())
        self._cancel()
        left = [task for task, _ in running]
        for of_round in (*(of_round for _, of_round in running), *waiting):
            left += of_round.left
        waiting.clear()
        for task in left:
            reason = f"no node of the Ray cluster with {task.threads} CPUs was left, for {PATIENCE:g} seconds"
            yield failed(task.plan, reason, True)

    def _cancel(self) -> None:
        """End the running trials: first with an interrupt, so that each ends its worker, then by force."""
        references = list(self._running)
        self._running.clear()
        for force in (False, True):
            for reference in references:
                ray.cancel(reference, force=force)
            if references:
                _, references = ray.wait(references, num_returns=len(references), timeout=CANCEL_TIMEOUT)


def on_node(task_json: str) -> tuple[str, str]:
    """Run one trial on the node where Ray calls this; return the node's id and the trial's record as JSON."""
    task = Task.model_validate_json(task_json)
    sets = Conditions.sets(task.threads) or (Conditions.of(task.threads),)
    with first_free(sets) as conditions:
        record = run_trial(task, conditions)
    if record.killed:
        raise KilledError(record.model_dump_json())
    return ray.get_runtime_context().get_node_id(), record.model_dump_json()


def rounds(tasks: Iterable[Task]) -> deque[Round]:
    """Group the tasks by round, in their order."""
    by_key: dict[tuple[str, str, int], Round] = {}
    for task in tasks:
        key = task.plan.case, task.plan.mode, task.plan.seed
        by_key.setdefault(key, Round(deque())).left.append(task)
    return deque(by_key.values())


def nodes() -> list[tuple[int, int]]:
    """Return the CPUs and GPUs of each living node that has CPUs for trials."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [(int(each["CPU"]), int(each.get("GPU", 0))) for each in resources if each.get("CPU", 0) >= 1]


def capacity(threads: int) -> int:
    """Return how many trials the cluster can run at once. A trial takes a GPU if any node has one."""
    sizes = nodes()
    with_gpus = any(gpus for _, gpus in sizes)
    return sum(min(cpus // threads, gpus) if with_gpus else cpus // threads for cpus, gpus in sizes)


def failed(plan: Plan, reason: str, killed: bool = False) -> Trial:
    return Trial(plan=plan, outcome=None, failure=reason, killed=killed)


def connect(cluster: str | None) -> None:
    """Join the cluster at HOST:PORT, or the cluster of this machine, and give it the checkout's code.

    Raises UserError where no cluster can be joined.
    """
    if cluster is not None and (not (parts := ADDRESS.fullmatch(cluster)) or not 0 < int(parts[2]) < 65536):
        raise UserError(f"--cluster {cluster} is no address; write HOST:PORT, as `ray start --head` prints it")
    if problem := (_unreachable(cluster) if cluster else None) or _problem(cluster or "auto"):
        where = f"at {cluster}" if cluster else "on this machine"
        raise UserError(f"no Ray cluster can be joined {where}: {problem}")
    with _keep_signal_handlers():
        ray.init(address=cluster or "auto", log_to_driver=False, logging_level="ERROR", runtime_env=_code())


def _unreachable(cluster: str) -> str | None:
    """Return the network's error; None if a program listens at this address."""
    host, _, port = cluster.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT).close()
    except OSError as error:
        return f"{(error.strerror or 'no answer').lower()}; `ray start --head` starts one, and prints its address"
    return None


def _problem(address: str) -> str | None:
    """Return why another process cannot join; None if it can."""
    command = [sys.executable, "-c", TRY_TO_JOIN, address]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=CONNECT_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no Ray cluster answered within {CONNECT_TIMEOUT:g} seconds; `ray start --head` starts one"
    if done.returncode == 0:
        return None
    last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    if last.startswith("ConnectionError"):
        return "no cluster is running there; `ray start --head` starts one"
    if "ersion mismatch" in done.stderr:
        return "the cluster runs another version of Ray or Python; install the same on all nodes"
    return last[:300]


def _code() -> dict[str, object]:
    """Return the checkout's code as a Ray runtime environment."""
    excluded = [f"/{entry.name}" for entry in ROOT.iterdir() if entry.name not in SHIPPED]
    return {"working_dir": str(ROOT), "excludes": [*excluded, "__pycache__"]}


@contextmanager
def _keep_signal_handlers() -> Iterator[None]:
    """Restore this program's signal handlers, which `ray.init` replaces: they end workers after an interrupt."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
