"""What a worker process is told and what it answers, as JSON."""

from backends.contract import Dtype
from benchmarks.runner.records import Check, Outcome, Plan, Record
from benchmarks.settings import CaseSettings


class TrialJob(Record):
    """Train, time and score one model."""

    plan: Plan
    case: CaseSettings
    cores: tuple[int, ...]  # a thread on each
    persistence: float  # the naive forecasts' mean squared errors on the same windows
    seasonal: float | None


class CheckJob(Record):
    """Hold one backend against the oracle in one dtype, for several cases."""

    backend: str
    dtype: Dtype
    seed: int
    cases: dict[str, CaseSettings]
    oracles: dict[str, str]  # case to the path of its stored oracle
    cores: tuple[int, ...]
    threads: int


class Job(Record):
    """One of the two."""

    trial: TrialJob | None = None
    check: CheckJob | None = None


class Answer(Record):
    """What became of it: exactly one is given."""

    outcome: Outcome | None = None
    checks: tuple[Check, ...] | None = None
    failure: str | None = None
