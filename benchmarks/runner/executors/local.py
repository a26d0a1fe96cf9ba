"""Runs trials on this machine: one after another, or several at once where no times are compared."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack

from benchmarks.runner import processes
from benchmarks.runner.cores import Conditions, reserved, take_free
from benchmarks.runner.machine import available_cores
from benchmarks.runner.processes import Task, run_trial
from reports.records import Plan, Trial

POLL = 0.05  # seconds between two attempts to end workers that interrupted trials were just starting

Running = dict[Future[Trial], ExitStack]  # the running trials, each with the lock on its cores


def create(cluster: str | None) -> "Local":
    return Local()


class Local:
    """Implements executors.Executor."""

    name = "local"

    def threads(self) -> int:
        return len(available_cores())

    def require(self, threads: int) -> None:
        Conditions.of(threads)

    def run(self, tasks: Iterable[Task], starting: Callable[[Plan], None], at_once: int = 1) -> Iterator[Trial]:
        if at_once > 1:
            yield from _run_at_once(tasks, starting, at_once)
            return
        for task in tasks:
            starting(task.plan)
            conditions = Conditions.of(task.threads)
            with reserved(conditions.cores, alone=True):
                trial = run_trial(task, conditions)
            yield trial


def _run_at_once(tasks: Iterable[Task], starting: Callable[[Plan], None], at_once: int) -> Iterator[Trial]:
    """Run up to `at_once` trials at the same time, each on cores of its own. Only this thread waits for cores."""
    waiting, running = deque(tasks), Running()
    pool = ThreadPoolExecutor(at_once)
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                with ExitStack() as hold:
                    conditions = _cores(waiting[0].threads, hold, wait=not running)
                    if conditions is None:
                        break
                    task = waiting.popleft()
                    starting(task.plan)
                    running[pool.submit(run_trial, task, conditions)] = hold.pop_all()
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                running.pop(future).close()
            yield from (future.result() for future in done)
    finally:
        _end(running)
        pool.shutdown()


def _cores(threads: int, hold: ExitStack, *, wait: bool) -> Conditions | None:
    """Hold cores until `hold` is closed. If none are free, wait for the first set or, without `wait`, return None."""
    choices = Conditions.sets(threads)
    conditions = take_free(choices, hold)
    if conditions is None and wait:
        conditions = choices[0]
        hold.enter_context(reserved(conditions.cores, alone=True))
    return conditions


def _end(running: Running) -> None:
    """End the running trials, including workers that are just being started."""
    while not all(future.done() for future in running):
        processes.end_all()
        time.sleep(POLL)
    for hold in running.values():
        hold.close()
