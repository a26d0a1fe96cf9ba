"""Clocks. A backend returns only when its device has finished, so a clock around a call times the work."""

import resource
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import psutil

Result = TypeVar("Result")


def timed(call: Callable[[], Result]) -> tuple[float, Result]:
    """Wall seconds of one call, and what it returned."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def repeated(call: Callable[[], object], *, budget: float, most: int) -> tuple[float, ...]:
    """Wall seconds of each of up to `most` calls, as many as fit into `budget` seconds, at least three.

    One call beforehand is not counted: it traces and compiles for this shape.
    """
    call()
    seconds: list[float] = []
    while len(seconds) < 3 or (len(seconds) < most and sum(seconds) < budget):
        seconds.append(timed(call)[0])
    return tuple(seconds)


class OtherLoad:
    """How much of some cores other programs, and other guests of the same host, use from its making on."""

    def __init__(self, cores: tuple[int, ...]) -> None:
        self._cores = cores
        self._start = self._now()

    def share(self) -> float:
        """From 0, all quiet, to 1, nothing left for this process."""
        wall, busy, own = (now - then for now, then in zip(self._now(), self._start, strict=True))
        return min(1.0, max(0.0, (busy - own) / (wall * len(self._cores))))

    def _now(self) -> tuple[float, float, float]:
        return time.perf_counter(), self._busy(), cpu_seconds()

    def _busy(self) -> float:
        """Seconds in which the cores did not idle, since the machine started."""
        times = psutil.cpu_times(percpu=True)
        idle = ("idle", "iowait", "guest", "guest_nice")  # a guest's time is in user's already
        fields = [field for field in times[0]._fields if field not in idle]
        return float(sum(getattr(times[core], field) for core in self._cores for field in fields))


def cpu_seconds() -> float:
    """User and system time of this process so far, over all its threads."""
    return time.process_time()


def peak_memory_bytes() -> int:
    """The largest resident set of this process so far; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
