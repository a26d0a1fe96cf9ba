"""Goes on with a run that was cut short, and only where it would still be the same run."""

from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from benchmarks.definition import loading
from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError
from benchmarks.runner import manifest
from benchmarks.runner.folders import locked
from benchmarks.runner.run import Invocation, require
from reports.records import Environment, Manifest
from reports.records.store import read_run, write_json


def restore(folder: Path) -> tuple[Benchmark, Manifest]:
    """The benchmark as the run's own manifest defines it."""
    plan, _, _ = read_run(folder)
    benchmark = loading.restore(folder / "manifest.json", plan.definition)
    return replace(benchmark, name=plan.benchmark), plan


def resume(folder: Path, asked: Invocation, *, anyway: bool) -> tuple[Benchmark, Manifest]:
    """Make a run ready to go on, and record that it did.

    Raises UserError where the definition, the data, the versions or the machine are not what they were, unless
    `anyway`: then the manifest records what differs.
    """
    benchmark, plan = restore(folder)
    require(benchmark.header.backends)
    session = asked.session(benchmark)
    found = tuple(differences(benchmark, plan, session.environment))
    if found and not anyway:
        raise UserError(
            f"{folder} cannot go on as the same run: {'; '.join(found)}; "
            "--anyway goes on and records it, make bench starts afresh"
        )
    with locked(folder):
        sessions = (*plan.sessions, session.model_copy(update={"differences": found}))
        plan = plan.model_copy(update={"sessions": sessions})
        write_json(folder / "manifest.json", plan)
    return benchmark, plan


def differences(benchmark: Benchmark, plan: Manifest, now: Environment) -> Iterator[str]:
    """What is not as it was when the run began, a clause each."""
    if plan.source and plan.source_text:  # a repetition has none: it goes by what the stored run kept
        path = Path(plan.source)
        if not path.is_file():
            yield f"its definition {path} is gone"
        elif path.read_text(encoding="utf-8-sig") != plan.source_text:
            yield f"its definition {path} was changed"
    for label, prepared in manifest.prepare(benchmark).items():
        case = next(case for case in plan.cases if case.label == label)
        if plan.data[case.data].digest != prepared.windows.digest:
            yield f"the data of {label} are others"
    if plan.search is not None and plan.search.optuna != (installed := metadata.version("optuna")):
        yield f"optuna was {plan.search.optuna} and is {installed}"
    yield from plan.environment.differences(now)
