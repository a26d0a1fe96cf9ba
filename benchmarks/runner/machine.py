"""The cores and the memory that this process may use, within the limits of its control group (a container's limits)."""

import os
from collections.abc import Iterator
from math import floor
from pathlib import Path

import psutil

ROOT = Path("/")  # of the file system with /proc and /sys; tests replace it


def available_cores() -> tuple[int, ...]:
    """Return the cores that this process may use: those of its affinity, at most as many as its CPU quota pays for."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    return tuple(cores[: max(1, floor(min((len(cores), *_quotas()))))])


def memory_bytes() -> int:
    """Return the memory that this process may use."""
    return int(min((psutil.virtual_memory().total, *_memory_limits())))


def shared_cores(cores: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return the groups of these cores that are threads of one physical core, as far as Linux reports them."""
    groups: dict[str, list[int]] = {}
    for core in cores:
        path = ROOT / f"sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"
        groups.setdefault(_read(path) or str(core), []).append(core)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _quotas() -> Iterator[float]:
    """CPU quotas of the control group and of those above it, in cores."""
    for folder in _control_groups("cpu"):
        if len(words := _read(folder / "cpu.max").split()) == 2 and words[0] != "max":  # version 2
            yield int(words[0]) / int(words[1])
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")  # version 1
        if quota and period and int(quota) > 0:
            yield int(quota) / int(period)


def _memory_limits() -> Iterator[int]:
    """Memory limits of the control group and of those above it. A limit that is not set is a huge number or "max"."""
    for folder in _control_groups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):  # version 2, version 1
            if (text := _read(folder / name)).isdigit():
                yield int(text)


def _control_groups(controller: str) -> Iterator[Path]:
    """The folders of this process's control group and of those above it, for either version of control groups.

    A line of /proc/self/cgroup is `number:controllers:path`; the controllers are empty in version 2.
    """
    for line in _read(ROOT / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = ROOT / "sys/fs/cgroup" / (controllers and controller)
        group = top / path.lstrip("/")
        yield from (group, *(folder for folder in group.parents if folder.is_relative_to(top)))


def _read(path: Path) -> str:
    """Return a file's text without the white space around it; "" where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""
