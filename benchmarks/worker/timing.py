"""Clocks, memory and CPU counters of a process, pinning to cores, and the load that other processes put on the cores.

A backend's methods return only when its device has finished, so that a clock around a call measures the work.
"""

import fcntl
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import ceil
from pathlib import Path
from typing import TypeVar

import psutil

Result = TypeVar("Result")

FREQUENCY_INTERVAL = 1.0  # seconds between two readings of the clock frequency


def timed(call: Callable[[], Result]) -> tuple[float, Result]:
    """Return the wall seconds of one call, and the call's result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def repeated(call: Callable[[], object], *, budget: float, most: int) -> tuple[float, ...]:
    """Return the wall seconds of each of up to `most` calls.

    The calls stop after `budget` seconds in total, but there are at least three. A call before them is not counted,
    because it traces and compiles for this shape.
    """
    call()
    seconds: list[float] = []
    while len(seconds) < 3 or (len(seconds) < most and sum(seconds) < budget):
        seconds.append(timed(call)[0])
    return tuple(seconds)


def seconds_of_repeated(first: float, again: float, *, budget: float, most: int) -> float:
    """Return about how long `repeated` would take. first: seconds of the call that compiles; again: of a later call."""
    return first + again * max(3, min(most, ceil(budget / max(again, 1e-9))))


@contextmanager
def turn(path: str, *, alone: bool) -> Iterator[None]:
    """Hold the lock of a file, alone or together with other processes that do not hold it alone."""
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def peak_memory_bytes() -> int:
    """Return the largest resident set of this process so far.

    On Linux, getrusage counts the process that started this one too (its memory before exec); VmHWM does not.
    """
    if sys.platform == "linux":
        status = Path("/proc/self/status").read_text("ascii", errors="replace")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def pin(cores: tuple[int, ...]) -> None:
    """Restrict this process to these cores, where the system supports it (Linux)."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


class LoadMonitor:
    """Measures, from its creation until `stop`, how busy other processes keep the given cores.

    Loads are shares of the cores' time, from 0 (idle) to 1 (fully used).
    """

    def __init__(self, cores: tuple[int, ...]) -> None:
        self._cores = cores
        self._megahertz: list[float] = []
        self._next_reading = 0.0
        self._start = self._end = self._counters()
        self.read_frequencies()

    def read_frequencies(self) -> None:
        """Record the cores' clock frequencies, at most once a second: cheap enough to call between epochs."""
        if time.perf_counter() >= self._next_reading:
            self._next_reading = time.perf_counter() + FREQUENCY_INTERVAL
            self._megahertz += _frequencies(self._cores)

    def stop(self) -> None:
        """End the measurement."""
        self._end = self._counters()

    def background_load(self) -> float:
        """Return the share used by other processes and by other guests of the same host."""
        wall, busy, used_here, _ = self._elapsed()
        return _share(busy - used_here, wall * len(self._cores))

    def steal(self) -> float | None:
        """Return the share that the host gave to its other guests; None where the system does not report it."""
        wall, _, _, stolen = self._elapsed()
        return None if stolen is None else _share(stolen, wall * len(self._cores))

    def frequency(self) -> tuple[float, float] | None:
        """Return the lowest and the highest clock frequency seen, in MHz; None where the system does not report it."""
        return (min(self._megahertz), max(self._megahertz)) if self._megahertz else None

    def _elapsed(self) -> tuple[float, float, float, float | None]:
        start, end = self._start, self._end
        stolen = None if end[3] is None or start[3] is None else end[3] - start[3]
        return end[0] - start[0], end[1] - start[1], end[2] - start[2], stolen

    def _counters(self) -> tuple[float, float, float, float | None]:
        """Wall seconds, busy seconds of the cores, CPU seconds of this trial, and stolen seconds of the cores."""
        times = psutil.cpu_times(percpu=True)
        idle = ("idle", "iowait", "guest", "guest_nice")  # guest time is already part of user time
        fields = [field for field in times[0]._fields if field not in idle]
        busy = float(sum(getattr(times[core], field) for core in self._cores for field in fields))
        stolen = float(sum(times[core].steal for core in self._cores)) if "steal" in fields else None
        return time.perf_counter(), busy, time.process_time() + _children_seconds(), stolen


def _children_seconds() -> float:
    """CPU seconds of all processes that this one has started, such as the compilers of `torch.compile`."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it may have ended meanwhile
            times = child.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _share(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0


def _frequencies(cores: tuple[int, ...]) -> list[float]:
    """MHz of each core, where the system reports one per core. A system that does not know reports zero."""
    readings = psutil.cpu_freq(percpu=True) if hasattr(psutil, "cpu_freq") else []
    return [readings[core].current for core in cores if core < len(readings) and readings[core].current > 0]
