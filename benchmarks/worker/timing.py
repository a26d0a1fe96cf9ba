"""Clocks. A backend returns only when its device has finished, so a clock around a call times the work."""

import resource
import sys
import time
from collections.abc import Callable
from typing import TypeVar

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


def cpu_seconds() -> float:
    """User and system time of this process so far, over all its threads."""
    return time.process_time()


def peak_memory_bytes() -> int:
    """The largest resident set of this process so far; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
