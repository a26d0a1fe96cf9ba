"""What all workers of a run have in common: how many cores, and their environment variables."""

import fcntl
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.errors import UserError
from benchmarks.runner.environment import available_cores, worker_variables


@dataclass(frozen=True)
class Conditions:
    """The same for every trial with the same number of threads."""

    cores: tuple[int, ...]
    variables: dict[str, str]

    @classmethod
    def of(cls, threads: int | None = None) -> "Conditions":
        """The first `threads` cores that this process may use, or all of them, and one thread on each."""
        cores = available_cores()
        if threads is not None and threads > len(cores):
            raise UserError(f"training.threads = {threads}, but this process may use {len(cores)} cores: {cores}")
        return cls._on(cores[:threads])

    @classmethod
    def sets(cls, threads: int) -> tuple["Conditions", ...]:
        """The disjoint sets of `threads` cores that this machine has room for."""
        cores = available_cores()
        return tuple(cls._on(cores[start : start + threads]) for start in range(0, len(cores) - threads + 1, threads))

    @classmethod
    def _on(cls, cores: tuple[int, ...]) -> "Conditions":
        return cls(cores, worker_variables(len(cores)))


@contextmanager
def reserved(cores: Sequence[int], *, alone: bool) -> Iterator[None]:
    """Wait for these cores, and hold them: a timed trial holds its cores alone, checks share theirs.

    All runs of all users of the machine keep to it, so that two runs at once take turns trial by trial.
    """
    with ExitStack() as stack:
        for core in sorted(cores):  # all in the same order, so that no two wait for each other
            stack.callback(os.close, _held(core, fcntl.LOCK_EX if alone else fcntl.LOCK_SH))
        yield


@contextmanager
def first_free(choices: Sequence[Conditions]) -> Iterator[Conditions]:
    """Hold alone the first of these disjoint sets of cores that nobody holds; wait for the first if all are held."""
    with ExitStack() as stack:
        if (free := take_free(choices, stack)) is not None:
            yield free
            return
    with reserved(choices[0].cores, alone=True):
        yield choices[0]


def take_free(choices: Sequence[Conditions], until: ExitStack) -> Conditions | None:
    """Hold alone, until the stack is closed, the first of these sets that nobody holds; None, at once, if all are."""
    for choice in choices:
        with ExitStack() as stack:
            try:
                for core in sorted(choice.cores):
                    stack.callback(os.close, _held(core, fcntl.LOCK_EX | fcntl.LOCK_NB))
            except BlockingIOError:
                continue
            until.push(stack.pop_all())
            return choice
    return None


def _held(core: int, operation: int) -> int:
    """The open handle of a core's lock file, locked; whoever closes it, or ends, lets go of the core."""
    path = Path(tempfile.gettempdir()) / f"like-for-like-core-{core}.lock"
    try:
        handle = os.open(path, os.O_RDONLY)  # not O_CREAT at once: the file may be another user's
    except FileNotFoundError:
        handle = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            if operation & fcntl.LOCK_NB:
                raise
            _say_waiting()
            fcntl.flock(handle, operation)
    except BaseException:
        os.close(handle)
        raise
    return handle


@cache
def _say_waiting() -> None:
    """Once a process: whoever starts a second run would otherwise look at nothing."""
    logging.getLogger(__name__).warning(
        "waiting: another run holds this machine's cores; the two take turns, trial by trial"
    )
