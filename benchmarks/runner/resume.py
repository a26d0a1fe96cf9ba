"""Continues an interrupted run, if the definition, the data, the versions and the machine are still the same."""

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from benchmarks.definition import loading
from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError
from benchmarks.runner import manifest
from benchmarks.runner.run import Invocation, left, locked, require
from benchmarks.runner.search import learns
from reports.records import Environment, Manifest
from reports.records.definitions import setting_differences
from reports.records.store import read_json, write_json


def restore(folder: Path) -> tuple[Benchmark, Manifest]:
    """Return the benchmark that the run's manifest defines, and the manifest.

    Raises UserError if a user's program differs from the one that the run recorded, or is missing. The recorded text is
    not executed in its place, because a folder of results must not run code that its reader does not have.
    """
    plan = read_json(folder / "manifest.json", Manifest)
    benchmark = loading.restore(folder / "manifest.json", plan.definition)
    for name, text in benchmark.programs.items():
        if plan.backends[name].source_text != text:
            raise UserError(
                f"{name} was changed after {folder} was started; undo the change (the manifest has the old text), or "
                "start a new run"
            )
    return replace(benchmark, name=plan.benchmark), plan


def resume(folder: Path, invocation: Invocation, *, anyway: bool) -> tuple[Benchmark, Manifest]:
    """Add a session to the run's manifest, so that the run can continue; none if all trials have ended.

    Raises UserError where the definition, the data, the versions or the machine have changed, unless `anyway`: then
    the manifest records the differences.
    """
    benchmark, plan = restore(folder)
    require(benchmark.header.backends)
    session = invocation.session(benchmark)
    changes = tuple(differences(benchmark, plan, session.environment))
    if changes and not anyway:
        raise UserError(
            f"{folder} cannot be resumed as the same run: {'; '.join(changes)}; "
            "add --anyway to resume it and record the differences, or start a new run with make bench"
        )
    if not left(folder):  # no trial runs in this session
        return benchmark, plan
    with locked(folder):
        sessions = (*plan.sessions, session.model_copy(update={"differences": changes}))
        plan = plan.model_copy(update={"sessions": sessions})
        write_json(folder / "manifest.json", plan)
    return benchmark, plan


def differences(benchmark: Benchmark, plan: Manifest, now: Environment) -> Iterator[str]:
    """Yield a clause for each difference from the start of the run."""
    if plan.source and plan.source_text:  # a reproduction has none, because it uses the stored run's definition
        yield from _definition_differences(Path(plan.source), plan.source_text)
    for label, prepared in manifest.prepare(benchmark).items():
        if plan.data_of(label).digest != prepared.windows.digest:
            yield f"the data of {label} have changed"
    if plan.search is not None and learns(plan.search.sampler):
        installed = metadata.version("optuna")
        if plan.search.optuna != installed:
            yield f"optuna was {plan.search.optuna} and is {installed}"
    yield from plan.environment.differences(now)


def _definition_differences(path: Path, stored: str) -> Iterator[str]:
    """Yield a clause if a setting of the TOML file differs from the stored text; comments may change."""
    if not path.is_file():
        yield f"its definition {path} is gone"
        return
    try:
        changes = [*setting_differences(tomllib.loads(stored), tomllib.loads(path.read_text(encoding="utf-8-sig")))]
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        yield f"its definition {path} was changed and is not a readable TOML file"
        return
    if changes:
        clauses = (
            f"{name} was {'not set' if before is None else before} and is {'not set' if after is None else after}"
            for name, before, after in changes
        )
        yield f"its definition {path} was changed: {', '.join(clauses)}"
