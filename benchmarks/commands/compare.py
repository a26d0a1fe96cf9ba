"""`compare RUN RUN`: compare two runs, and report which changes exceed the noise."""

import argparse
from contextlib import suppress
from pathlib import Path

from benchmarks.commands import Subparsers, options
from benchmarks.commands.output import command_line, emit, short
from benchmarks.commands.session import find_run
from benchmarks.errors import UserError
from reports.records.store import RecordError, read_run, run_folders

NAME = "compare"


def add(subparsers: Subparsers) -> None:
    summary, example = "compare two runs: what changed beyond noise", "compare co2 co2/2026-01-31T12-00-00Z"
    text = "print the comparison as JSON, one object a line"
    groups = options.command(subparsers, NAME, execute, summary, example, what="which runs", json=text)
    first = "the folder of a run, BENCHMARK/START, or the name of a benchmark for its latest finished run"
    groups.what.add_argument("first", metavar="RUN", help=first)
    groups.what.add_argument("second", metavar="OTHER", help="the other run")
    groups.output.add_argument("--markdown", metavar="FILE", type=Path, help="also write the comparison as Markdown")


def execute(arguments: argparse.Namespace) -> int:
    import reports

    first, second = (find_run(name, arguments.results) for name in (arguments.first, arguments.second))
    if first == second:
        raise UserError(f"both names mean the run {first}; {_another(first)}")
    comparison = reports.compare(first, second)
    if not comparison.common:
        models = (f"{short(folder)} has {_models(folder)}" for folder in (first, second))
        raise UserError(
            "there is nothing to compare, because no model of the same series and backend has a finished trial in both "
            f"runs: {'; '.join(models)}; name two runs of one series with a model in common"
        )
    if arguments.markdown is not None:
        arguments.markdown.write_text(comparison.markdown, encoding="utf-8")
    if arguments.json:
        for row in comparison.rows:
            emit("row", **row)
        emit("result", first=str(first), second=str(second), verdict=comparison.sentence)
    else:
        written = f"\n\nwritten: {short(arguments.markdown)}" if arguments.markdown else ""
        print(f"{comparison.summary}{written}")
    return 0


def _models(folder: Path) -> str:
    """The models of the finished trials of a run, with their series, and the backends."""
    manifest, _, trials = read_run(folder)
    plans = [trial.plan for trial in trials if trial.outcome]
    models = dict.fromkeys(f"{plan.case} ({manifest.data_of(plan.case).series})" for plan in plans)
    trained = dict.fromkeys(plan.backend for plan in plans)
    return f"{', '.join(models)} in {', '.join(trained)}" if plans else "no finished trial"


def _another(folder: Path) -> str:
    """What to type to compare a run with the newest other run of its benchmark that has a model in common."""
    import reports

    for other in reversed(run_folders(folder.parents[1], folder.parent.name)):
        with suppress(RecordError):  # a damaged run is no answer
            if other.resolve() != folder and reports.compare(other, folder).common:
                return f"compare it with another run, as in: {command_line('compare', short(other), short(folder))}"
    return f"{folder.parent} has no other run with one of its models yet, so run the benchmark again first"
