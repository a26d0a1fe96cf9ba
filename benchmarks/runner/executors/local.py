"""On this machine, one trial after another, or side by side where no time is compared."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack

from benchmarks.runner import processes
from benchmarks.runner.cores import Conditions, reserved, take_free
from benchmarks.runner.environment import available_cores
from benchmarks.runner.run_trial import Task, attempt
from reports.records import Plan, Trial

LOOK = 0.05  # seconds between two looks for a worker that an interrupted trial has started meanwhile

Flying = dict[Future[Trial], ExitStack]  # the trials under way, each with its hold on its cores


def create(cluster: str | None) -> "Local":
    return Local()


class Local:
    """Keeps the protocol of executors.Executor."""

    name = "local"

    def threads(self) -> int:
        return len(available_cores())

    def require(self, threads: int) -> None:
        Conditions.of(threads)

    def run(self, tasks: Iterable[Task], starting: Callable[[Plan], None], at_once: int = 1) -> Iterator[Trial]:
        if at_once > 1:
            yield from _side_by_side(tasks, starting, at_once)
            return
        for task in tasks:
            starting(task.plan)
            conditions = Conditions.of(task.threads)
            with reserved(conditions.cores, alone=True):
                trial = attempt(task, conditions)
            yield trial


def _side_by_side(tasks: Iterable[Task], starting: Callable[[Plan], None], at_once: int) -> Iterator[Trial]:
    """Each on cores of its own, as many at once as there are such; this thread alone waits for cores."""
    waiting, flying = deque(tasks), Flying()
    pool = ThreadPoolExecutor(at_once)
    try:
        while waiting or flying:
            while waiting and len(flying) < at_once:
                with ExitStack() as hold:
                    conditions = _cores(waiting[0].threads, hold, wait=not flying)
                    if conditions is None:
                        break
                    task = waiting.popleft()
                    starting(task.plan)
                    flying[pool.submit(attempt, task, conditions)] = hold.pop_all()
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                flying.pop(future).close()
            yield from (future.result() for future in done)
    finally:
        _end(flying)
        pool.shutdown()


def _cores(threads: int, hold: ExitStack, *, wait: bool) -> Conditions | None:
    """Cores held until `hold` is closed; None where all are held and `wait` is not asked for."""
    choices = Conditions.sets(threads)
    found = take_free(choices, hold)
    if found is None and wait:
        found = choices[0]
        hold.enter_context(reserved(found.cores, alone=True))
    return found


def _end(flying: Flying) -> None:
    """End what is under way, a worker that is only just being started included."""
    while not all(future.done() for future in flying):
        processes.end_all()
        time.sleep(LOOK)
    for hold in flying.values():
        hold.close()
