"""One trial on the host that this process runs on: a worker started, watched, and its answer made a record."""

from benchmarks.definition.settings import CaseSettings
from benchmarks.runner import environment, processes
from benchmarks.runner.cores import Conditions
from benchmarks.worker import digests
from benchmarks.worker.jobs import Job, TrialJob
from reports.records import Limits, Plan, Record, Trial


class Task(Record):
    """A trial to be run somewhere, with all that any host needs for it."""

    plan: Plan
    case: CaseSettings
    threads: int
    persistence: float  # the naive forecasts' mean squared errors on the same windows
    seasonal: float | None
    limits: Limits
    gradient_flow: bool = False
    timed: bool = True


def attempt(task: Task, conditions: Conditions) -> Trial:
    """Run the task on the cores of `conditions`, which the caller holds. Whatever goes wrong is the trial's failure."""
    job = TrialJob(
        plan=task.plan,
        case=task.case,
        cores=conditions.cores,
        persistence=task.persistence,
        seasonal=task.seasonal,
        gradient_flow=task.gradient_flow,
        timed=task.timed,
    )
    found = environment.describe(conditions.cores, conditions.variables)
    ended = processes.work(Job(trial=job), conditions.variables, task.limits)
    answer = ended.answer
    failure = answer.failure or (None if answer.outcome else "it gave no answer")
    return Trial(
        plan=task.plan,
        outcome=answer.outcome,
        failure=failure,
        log=ended.log if failure else "",
        killed=ended.killed,
        seconds=ended.seconds,
        environment=found,
        trained=answer.trained,
        trained_digest=None if answer.trained is None else digests.of_bytes(answer.trained),
    )
