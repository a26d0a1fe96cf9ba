"""`run NAME`: certify, train and time every trial, and report."""

import argparse
import shlex
import sys
from pathlib import Path

from benchmarks import suite
from benchmarks.commands import Subparsers, options
from benchmarks.commands.display import Display
from benchmarks.runner import certify, environment, schedule
from benchmarks.runner.storage import read_run

NAME = "run"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="run a benchmark and write its report", allow_abbrev=False)
    options.add_narrowing(parser)
    options.add_results(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    benchmark = suite.read(arguments.name, quick=arguments.quick, changes=options.changes(arguments))
    command = shlex.join([environment.python(), "-m", "benchmarks", NAME, *options.words(arguments)])
    folder, plan = schedule.begin(benchmark, arguments.results, command)
    print(f"{plan.title}: {len(plan.trials)} trials, one after another; records go to {_short(folder)}")
    try:
        with Display(plan, certify.count(benchmark)) as display:
            schedule.execute(benchmark, folder, plan, display.progress)
    except KeyboardInterrupt:
        finished = len(list((folder / "trials").glob("*.json")))
        print(f"interrupted: {finished} of {len(plan.trials)} trials are kept in {_short(folder)}", file=sys.stderr)
        return 130
    return conclude(folder)


def conclude(folder: Path) -> int:
    """Write the report and say where it is; the exit status."""
    import reports

    report = reports.write(folder)
    _, certificate, trials = read_run(folder)
    print(f"\n{report.summary}\n\nreport: {_short(report.html)}")
    good = certificate is not None and schedule.certified(certificate) and all(trial.outcome for trial in trials)
    return 0 if good else 1


def _short(path: Path) -> str:
    """Relative to where the user stands, if it is below."""
    path = path.resolve()
    here = Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
