"""The cores and memory of a container are those of its control group, not those of its host."""

import os

import psutil
import pytest

from benchmarks.runner import machine

GIB = 2**30


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Writes files of /proc and /sys, by path, on a machine with eight cores."""
    monkeypatch.setattr(machine, "ROOT", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)

    def write(texts):
        for path, text in texts.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(f"{text}\n")

    return write


def test_without_control_groups_the_host_counts(files):
    assert machine.available_cores() == tuple(range(8))
    assert machine.memory_bytes() == psutil.virtual_memory().total


@pytest.mark.parametrize(("quota", "cores"), [("150000", 1), ("200000", 2), ("20000", 1), ("max", 8), ("9900000", 8)])
def test_a_quota_of_version_2_limits_the_cores(files, quota, cores):
    """Threads beyond the quota would be stopped in turns, which makes times erratic."""
    files({"proc/self/cgroup": "0::/box/inner", "sys/fs/cgroup/box/cpu.max": f"{quota} 100000"})
    assert machine.available_cores() == tuple(range(cores))


@pytest.mark.parametrize(("quota", "cores"), [("300000", 3), ("-1", 8)])
def test_a_quota_of_version_1_limits_the_cores(files, quota, cores):
    folder = "sys/fs/cgroup/cpu/box"
    files(
        {
            "proc/self/cgroup": "4:memory:/\n3:cpu,cpuacct:/box\n0::/",
            f"{folder}/cpu.cfs_quota_us": quota,
            f"{folder}/cpu.cfs_period_us": "100000",
        }
    )
    assert machine.available_cores() == tuple(range(cores))


@pytest.mark.parametrize(
    ("group", "path"),
    [("0::/box", "sys/fs/cgroup/box/memory.max"), ("7:memory:/", "sys/fs/cgroup/memory/memory.limit_in_bytes")],
)
def test_a_memory_limit_of_either_version(files, group, path):
    files({"proc/self/cgroup": group, path: str(GIB // 2)})
    assert machine.memory_bytes() == GIB // 2
    files({path: "max"})
    assert machine.memory_bytes() == psutil.virtual_memory().total


def test_threads_of_one_core_are_named(files):
    topology = "sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    files({topology.format(core): f"{core % 2},{core % 2 + 2}" for core in range(4)})
    assert machine.shared_cores((0, 1, 2, 3)) == ((0, 2), (1, 3))
    assert machine.shared_cores((0, 1)) == machine.shared_cores((6, 7)) == ()
