"""The cores and environment variables of workers, and the machine-wide reservation of cores."""

import fcntl
import logging
import os
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from benchmarks.errors import UserError
from benchmarks.runner.environment import worker_variables
from benchmarks.runner.machine import available_cores

LOCK = "like-for-like-core-"  # the first part of the names of the cores' files


@dataclass(frozen=True)
class Conditions:
    """The cores and environment variables of a worker: the same for every trial with the same number of threads."""

    cores: tuple[int, ...]
    variables: dict[str, str]

    @classmethod
    def of(cls, threads: int | None = None) -> "Conditions":
        """The first `threads` cores that this process may use, or all of them, with one thread on each."""
        cores = available_cores()
        if threads is not None and threads > len(cores):
            raise UserError(
                f"training.threads = {threads}, but this process may use {len(cores)} cores {cores}; "
                f"write at most {len(cores)}"
            )
        return cls._on(cores[:threads])

    @classmethod
    def sets(cls, threads: int) -> tuple["Conditions", ...]:
        """Disjoint sets of `threads` cores each, as many as this machine has."""
        cores = available_cores()
        return tuple(cls._on(cores[start : start + threads]) for start in range(0, len(cores) - threads + 1, threads))

    @classmethod
    def _on(cls, cores: tuple[int, ...]) -> "Conditions":
        return cls(cores, worker_variables(len(cores)))


@contextmanager
def reserved(cores: Sequence[int], *, alone: bool) -> Iterator[None]:
    """Wait for these cores and hold them: timed trials hold them exclusively, checks share them.

    The locks are shared by all runs of all users of the machine, so that two runs take turns, trial by trial.
    """
    with ExitStack() as stack:
        for core in sorted(cores):  # always in the same order, so that two processes cannot wait for each other
            stack.callback(os.close, _lock(core, fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        yield


@contextmanager
def first_free(choices: Sequence[Conditions]) -> Iterator[Conditions]:
    """Hold the first of these disjoint sets of cores that is free; wait for the first set if none is."""
    with ExitStack() as stack:
        if (free := take_free(choices, stack)) is not None:
            yield free
            return
    with reserved(choices[0].cores, alone=True):
        yield choices[0]


def take_free(choices: Sequence[Conditions], until: ExitStack) -> Conditions | None:
    """Hold the first of these sets that is free until the stack is closed. Return None at once if none is free."""
    for choice in choices:
        with ExitStack() as stack:
            try:
                for core in sorted(choice.cores):
                    stack.callback(os.close, _lock(core, fcntl.LOCK_EX | fcntl.LOCK_NB))
            except BlockingIOError:
                continue
            until.push(stack.pop_all())
            return choice
    return None


def _lock(core: int, operation: int) -> int:
    """Lock a core's file and return the open handle. Closing it, or the end of the process, releases the core."""
    path = Path(tempfile.gettempdir()) / f"{LOCK}{core}.lock"
    try:
        handle = os.open(path, os.O_RDONLY)  # without O_CREAT first, because another user may own the file
    except FileNotFoundError:
        handle = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            if operation & fcntl.LOCK_NB:
                raise
            _log_waiting()
            fcntl.flock(handle, operation)
    except BaseException:
        os.close(handle)
        raise
    return handle


@cache
def _log_waiting() -> None:
    """Log, once in a process, that other runs hold the cores, and which: those of this user that have a lock open."""
    others, locks = [], os.path.realpath(Path(tempfile.gettempdir()) / LOCK)
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended, or belongs to another user
            if process.pid != os.getpid() and any(file.path.startswith(locks) for file in process.open_files()):
                others.append(f"process {process.pid}, {shlex.join(process.cmdline())}")
    which = f" ({'; '.join(others)})" if others else ""
    message = f"waiting: another run uses this machine's cores{which}; the runs take turns, trial by trial"
    logging.getLogger(__name__).warning(message)
