"""Joins a Ray cluster as the driver of one job, or says in a sentence why that cannot be."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from benchmarks.errors import UserError
from benchmarks.runner.environment import ROOT

ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+):([0-9]{1,5})")
ANSWERS = 20.0  # seconds: a living cluster answers in two
# Left to itself, Ray waits for two minutes and talks meanwhile, and no call of ours could be interrupted.
PROBE = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"
ROOMS = ("backends", "benchmarks", "datasets")  # what a trial needs; whatever else lies in the checkout stays there


def connect(cluster: str | None) -> None:
    """Join the cluster at HOST:PORT, or the one that this machine belongs to, and give it the checkout's code."""
    if cluster is not None and (not (parts := ADDRESS.fullmatch(cluster)) or not 0 < int(parts[2]) < 65536):
        raise UserError(f"--cluster {cluster} is no address; write HOST:PORT, as `ray start --head` prints it")
    if problem := (_unreachable(cluster) if cluster else None) or _problem(cluster or "auto"):
        where = f"at {cluster}" if cluster else "on this machine"
        raise UserError(f"no Ray cluster can be joined {where}: {problem}")
    with _own_signals():
        ray.init(address=cluster or "auto", log_to_driver=False, logging_level="ERROR", runtime_env=_code())


def _unreachable(cluster: str) -> str | None:
    """What the network says; None where something listens at this address."""
    host, _, port = cluster.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWERS).close()
    except OSError as error:
        return f"{(error.strerror or 'no answer').lower()}; `ray start --head` starts one, and prints its address"
    return None


def _problem(address: str) -> str | None:
    """Why another process could not join; None if it could."""
    command = [sys.executable, "-c", PROBE, address]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=ANSWERS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"nothing of its kind answered within {ANSWERS:g} seconds; `ray start --head` starts one"
    if done.returncode == 0:
        return None
    last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    if last.startswith("ConnectionError"):
        return "none is running there; `ray start --head` starts one"
    if "ersion mismatch" in done.stderr:
        return "it runs another version of Ray or Python; install the same on all nodes"
    return last[:300]


def _code() -> dict[str, object]:
    """The checkout as nodes get it, in Ray's words."""
    stays = [f"/{entry.name}" for entry in ROOT.iterdir() if entry.name not in ROOMS]
    return {"working_dir": str(ROOT), "excludes": [*stays, "__pycache__"]}


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray puts handlers of its own in the place of ours, by which an interrupted run ends its workers."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.getsignal(number) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
