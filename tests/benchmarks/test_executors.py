"""Executors: refused options, and how rounds and results are handled, with a stand-in for Ray."""

import socket
import time

import pytest

from backends import REGISTRY
from benchmarks.definition import loading
from benchmarks.errors import UserError
from benchmarks.runner import executors
from benchmarks.runner.processes import Task
from benchmarks.worker.jobs import TrialJob
from reports.records import Environment, Limits, Trial
from tests.benchmarks.command_line import SMALL, benchmarks

NODES = [f"{number:056x}" for number in (1, 2)]  # in the form of Ray's node ids


def test_an_unknown_executor_has_a_near_match():
    with pytest.raises(UserError, match="there is no executor 'rya'; did you mean 'ray'"):
        executors.create("rya")


def test_an_executor_that_is_not_installed_comes_with_its_install_command(monkeypatch):
    monkeypatch.setattr(executors.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"executor 'ray' needs ray; install it with: .*pip install"):
        executors.create("ray")


def test_a_cluster_belongs_to_ray():
    with pytest.raises(UserError, match="--cluster here:1 belongs to --executor ray"):
        executors.create("local", "here:1")


def unused():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize("command", ["run", "resume"])
@pytest.mark.parametrize(
    ("address", "message"),
    [(unused(), "no Ray cluster can be joined at 127.0.0.1:"), ("ray://here:1", "is no address; write HOST:PORT")],
    ids=["no listener", "no address"],
)
def test_an_unreachable_cluster(command, address, message, written, tmp_path):
    """One sentence within seconds, status 2, and no file is created or changed."""
    pytest.importorskip("ray")
    path = written() if command == "run" else _folder(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    start = time.monotonic()
    words = [command, path, "--results", tmp_path / "results", "--executor", "ray", "--cluster", address]
    done = benchmarks(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert time.monotonic() - start < 30
    assert sorted(tmp_path.rglob("*")) == before


def _folder(tmp_path):
    folder = tmp_path / "started"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    return folder


class StandIn:
    """A stand-in for Ray: two nodes with one CPU each. Every trial ends at once, and some are lost."""

    def __init__(self, monkeypatch, fail=()):
        self.module = pytest.importorskip("benchmarks.runner.executors.cluster")
        self.fail, self.submitted, self.cancelled, self.alive = fail, [], [], 2
        for name in ("remote", "wait", "get", "nodes", "cancel"):
            monkeypatch.setattr(self.module.ray, name, getattr(self, name))
        monkeypatch.setattr(self.module, "POLL", 0.01)

    def remote(self, **options):
        """Decorates a function; calling it returns the number of the submission."""
        where = options["scheduling_strategy"]

        class Remote:
            @staticmethod
            def remote(text):
                free = NODES[len(self.submitted) % 2]
                node = free if where == "DEFAULT" else where.node_id
                self.submitted.append((Task.model_validate_json(text), node, options))
                return len(self.submitted) - 1

        return lambda function: Remote

    def wait(self, answers, *, num_returns=1, timeout):
        return ([], answers) if not self.alive else (answers[:num_returns], answers[num_returns:])

    def get(self, answer):
        task, node, _ = self.submitted[answer]
        if task.plan.backend in self.fail:
            raise self.module.WorkerCrashedError()
        machine = Environment(
            machine=node,
            processor="",
            cores=(0,),
            memory_bytes=1,
            gpu=None,
            system="",
            python="",
            packages={},
            variables={},
            commit=None,
        )
        return node, Trial(plan=task.plan, outcome=None, failure="x", environment=machine).model_dump_json()

    def nodes(self):
        return [{"Alive": number < self.alive, "Resources": {"CPU": 1.0}} for number in range(2)]

    def cancel(self, answer, *, force):
        self.cancelled.append(answer)


@pytest.fixture
def tasks(written):
    benchmark = loading.read(str(written(SMALL.replace("seeds = [1]", "seeds = [1, 2, 3, 4, 5]"))))
    limits = Limits(seconds=60, memory_bytes=2**30)
    return [
        Task(job=TrialJob(plan=plan, case=benchmark.cases[plan.case], cores=()), threads=1, limits=limits)
        for plan in benchmark.trials()
    ]


def test_a_round_stays_on_one_node_which_the_records_name(monkeypatch, tasks):
    ray = StandIn(monkeypatch)
    started = []
    trials = list(ray.module.Cluster().run(tasks, started.append))
    assert sorted(trial.plan.place for trial in trials) == list(range(10))
    assert sorted(plan.place for plan in started) == list(range(10))
    machines = {}
    for trial in trials:
        machines.setdefault(trial.plan.seed, set()).add(trial.environment.machine)
    assert all(len(of_round) == 1 for of_round in machines.values())
    assert set().union(*machines.values()) == set(NODES)
    assert all(options["max_retries"] > 0 for _, _, options in ray.submitted)


def test_a_lost_trial_is_a_failure_and_the_others_run(monkeypatch, tasks):
    ray = StandIn(monkeypatch, fail=("flax",))
    trials = list(ray.module.Cluster().run(tasks, lambda plan: None))
    assert len(trials) == 10
    lost = [trial for trial in trials if trial.plan.backend == "flax"]
    assert all(trial.killed and "its node was lost" in trial.failure for trial in lost)
    assert len([trial for trial in trials if not trial.killed]) == 5
    assert "flax" in REGISTRY


def test_waiting_for_a_node_ends_in_time(monkeypatch, tasks):
    ray = StandIn(monkeypatch)
    monkeypatch.setattr(ray.module, "PATIENCE", 0.1)
    trials = []
    for trial in ray.module.Cluster().run(tasks, lambda plan: None):
        trials.append(trial)
        ray.alive = 0
    assert sorted(trial.plan.place for trial in trials) == list(range(10))
    assert all(trial.killed for trial in trials[2:])
    assert "no node of the Ray cluster with 1 CPUs was left" in trials[-1].failure


def test_closing_the_iterator_cancels_running_trials(monkeypatch, tasks):
    ray = StandIn(monkeypatch)
    running = ray.module.Cluster().run(tasks, lambda plan: None)
    next(running)
    running.close()
    assert ray.cancelled
