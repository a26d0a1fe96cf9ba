"""Trials on a Ray cluster of two nodes on this machine; in one test, a node ends with all its processes."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from reports.records.store import read_run
from tests.benchmarks.command_line import COMMAND, REFERENCE, benchmarks, environment, is_worker

ray = pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends orphans")]

# Trials long enough that each node runs some of them, and that an interrupt finds one on each node.
TEXT = REFERENCE.replace("seeds = [1]", "seeds = [1, 2, 3, 4, 5]").replace("epochs = 3", "epochs = 500\nthreads = 1")
LONGER = TEXT.replace("epochs = 500", "epochs = 1500")
LOG_OF_RAY = r"\[\d{4}-\d\d-\d\d .*\.cc:\d+: "  # its core prints what it does about objects of a lost node
QUIET = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


class TwoNodes:
    """A head node and a second node, with one CPU each."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self.nodes = []
        self.environment = environment() | {"TMPDIR": folder}  # so that the cores of other tests are not waited for
        self._start("--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}")
        self._await(1)
        self._start(f"--address={self.address}")
        self._await(2)

    def _start(self, *words):
        command = [Path(sys.executable).parent / "ray", "start", "--block", "--num-cpus=1", "--num-gpus=0"]
        options = ["--disable-usage-stats", "--object-store-memory=80000000", *words]
        self.nodes.append(subprocess.Popen([*command, *options], env=self.environment, start_new_session=True, **QUIET))

    def _await(self, count):
        code = (
            "import ray, sys; ray.init(sys.argv[1]); sys.exit(sum(n['Alive'] for n in ray.nodes()) != int(sys.argv[2]))"
        )
        for _ in range(10):
            with suppress(subprocess.TimeoutExpired):
                if not subprocess.run(
                    [sys.executable, "-c", code, self.address, str(count)], timeout=15, check=False, **QUIET
                ).returncode:
                    return
            time.sleep(1)
        pytest.fail(f"the Ray cluster did not have {count} nodes in time")

    def workers(self, node):
        """Return the worker processes of trials on a node."""
        return [each for each in below(self.nodes[node]) if is_worker(each)]

    def kill(self, node):
        """Kill all processes of a node except the workers of trials, which must end by themselves."""
        for each in below(self.nodes[node]):
            if not is_worker(each):
                with suppress(psutil.Error):
                    each.kill()
        self.nodes[node].kill()
        self.nodes[node].wait(timeout=30)

    def stop(self):
        for number, node in enumerate(self.nodes):
            if node.poll() is None:
                self.kill(number)


def below(process):
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def key_of(worker):
    """Return the key of the trial that a worker runs, from its job file."""
    return json.loads(Path(worker.cmdline()[-3]).read_text())["plan"]["key"]


@pytest.fixture
def cluster():
    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # because the path of a socket must be short
    nodes = None
    try:
        nodes = TwoNodes(folder)
        yield nodes
    finally:
        if nodes:
            nodes.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(definition, results, cluster):
    words = ["run", str(definition), "--results", str(results), "--executor", "ray", "--cluster", cluster.address]
    run = subprocess.Popen(
        [*COMMAND, *words], env=cluster.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield run
    finally:
        run.kill()
        run.communicate(timeout=30)


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := condition():
            return result
        time.sleep(0.05)
    return pytest.fail("the condition was not met in time")


def gone(processes):
    return not psutil.wait_procs(processes, timeout=15)[1]


def test_trials_of_a_lost_node_run_on_another(cluster, written, tmp_path):
    with running(written(TEXT), tmp_path, cluster) as run:
        wait_for(lambda: list(tmp_path.glob("small/*/trials/*.json")))
        earlier = cluster.workers(1)
        workers = wait_for(lambda: [each for each in cluster.workers(1) if each not in earlier])  # just started
        (lost,) = {key_of(worker) for worker in workers}
        cluster.kill(1)
        assert gone(workers)
        assert lost not in [path.stem for path in tmp_path.glob("small/*/trials/*.json")]
        out, err = run.communicate(timeout=240)
    assert run.returncode == 0, out + err
    shown = [line for line in err.splitlines() if not re.match(LOG_OF_RAY, line)]
    assert shown == []
    folder = tmp_path / "small" / "latest"
    manifest, _, trials = read_run(folder)
    assert [trial.plan.key for trial in trials] == [plan.key for plan in manifest.trials]
    assert len(list((folder / "trials").iterdir())) == 5
    assert lost in [trial.plan.key for trial in trials]
    assert all(trial.outcome and trial.outcome.host == trial.environment.machine for trial in trials)
    assert {trial.environment.commit for trial in trials} == {manifest.environment.commit}
    assert manifest.sessions[0].executor == "ray"


def test_an_interrupt_ends_the_workers_on_every_node(cluster, written, tmp_path):
    with running(written(LONGER), tmp_path, cluster) as run:
        workers = wait_for(lambda: (first := cluster.workers(0)) and (second := cluster.workers(1)) and first + second)
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=60)
    assert run.returncode == 130, out + err
    assert "trials are kept; continue with" in err
    assert "Traceback" not in err
    assert gone(workers)
    assert not cluster.workers(0) + cluster.workers(1)


def test_more_threads_than_any_node_has_are_refused(cluster, written, tmp_path):
    text = TEXT.replace("threads = 1", "threads = 2")
    done = benchmarks(
        *("run", written(text), "--results", tmp_path / "results", "--executor", "ray", "--cluster", cluster.address),
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "training.threads = 2, but the largest node of the Ray cluster has 1 CPUs" in done.stderr
    assert list(tmp_path.iterdir()) == []
