"""What run, resume and reproduce share: a run is executed, watched and concluded."""

import argparse
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.commands.display import Display
from benchmarks.commands.json_lines import JsonLines, emit
from benchmarks.definition.loading import Benchmark
from benchmarks.runner import certify, environment, executors, run
from benchmarks.runner.executors import Executor
from benchmarks.runner.run import Invocation, point_latest
from datasets.spec import counted
from reports.records import Manifest
from reports.records.store import read_run

INTERRUPTED = 130  # exit status, as shells have it


def add_execution(parser: argparse.ArgumentParser) -> None:
    """Where trials run, and how progress is told."""
    parser.add_argument("--executor", metavar="NAME", default="local", help="local (default), or ray")
    parser.add_argument("--cluster", metavar="HOST:PORT", help="Ray's cluster; without it, the one on this machine")
    add_json(parser)


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="progress and result as JSON, one object a line")


def asked(arguments: argparse.Namespace) -> Invocation:
    """The session that these arguments ask for; raises UserError where its executor is not to be had."""
    command = shlex.join([environment.python(), "-m", "benchmarks", *arguments.words])
    return Invocation(command, executors.create(arguments.executor, arguments.cluster))


def follow(
    arguments: argparse.Namespace, benchmark: Benchmark, folder: Path, plan: Manifest, invocation: Invocation
) -> bool:
    """Execute what is missing, showing progress. False when interrupted: what is finished is kept, and said to be."""
    display = (JsonLines if arguments.json else Display)(plan, run.left(folder), certify.count(benchmark))
    display.begins(short(folder))
    try:
        with display:
            _executing(plan)(benchmark, folder, invocation.executor, display.progress)
    except KeyboardInterrupt:
        kept = plan.expected_trials - run.left(folder)
        again = shlex.join([environment.python(), "-m", "benchmarks", "resume", short(folder)])
        print(
            f"interrupted: {kept} of {counted(plan.expected_trials, 'trial')} are kept; go on with {again}",
            file=sys.stderr,
        )
        return False
    return True


def _executing(plan: Manifest) -> Callable[[Benchmark, Path, Executor, run.Progress], None]:
    """Every trial in turn, or those that a search asks for."""
    if plan.search is None:
        return run.execute
    from benchmarks.runner import search

    return search.execute


def conclude(arguments: argparse.Namespace, folder: Path) -> int:
    """Write the report, of a repetition the verdict too, and say where they are; the exit status."""
    import reports

    report = reports.write(folder)
    reports.write_overviews(folder)
    plan, certificate, trials = read_run(folder)
    if plan.reproduces is not None:
        return _conclude_repetition(arguments, folder, report.html)
    point_latest(folder)
    good = certificate is not None and run.certified(certificate) and all(trial.outcome for trial in trials)
    if arguments.json:
        JsonLines.result(report=str(report.html), markdown=str(report.markdown), good=good)
    else:
        print(f"\n{report.summary}\n\nreport: {short(report.html)}")
    if not good:
        failed = sum(trial.outcome is None for trial in trials)
        unequal = sorted({check.backend for check in certificate.checks if check.failure}) if certificate else []
        words = [f"{failed} of {counted(plan.expected_trials, 'trial')} failed"] if failed else []
        words += [f"{', '.join(unequal)} did not equal the oracle"] if unequal else []
        print(f"error: {'; '.join(words) or 'there is no certificate'}; the report says why", file=sys.stderr)
    return 0 if good else 1


def _conclude_repetition(arguments: argparse.Namespace, folder: Path, page: Path) -> int:
    """`latest` stays where it is: a part of a run, without a certificate, is not what a benchmark's name means."""
    import reports

    verdict = reports.write_reproduction(folder)
    if arguments.json:
        for row in verdict.rows:
            emit("row", **row)
        JsonLines.result(report=str(page), markdown=str(verdict.markdown), verdict=verdict.sentence, good=verdict.good)
    else:
        print(f"\n{verdict.summary}\n\nverdict: {short(verdict.markdown)}\nreport: {short(page)}")
    return 0 if verdict.good else 1


def short(path: Path) -> str:
    """Relative to where the user stands, if it is below."""
    path = path.resolve()
    here = Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
