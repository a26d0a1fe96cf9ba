"""`run NAME`: certify, train and time every trial, and report."""

import argparse
import shlex
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks import suite
from benchmarks.commands import Subparsers, options
from benchmarks.commands.display import Display
from benchmarks.errors import UserError
from benchmarks.runner import certify, environment, schedule
from benchmarks.runner.storage import read_run

NAME = "run"
DEFAULT = "co2"  # whose models and training an own file gets


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="run a benchmark and write its report", allow_abbrev=False)
    options.add_definition(parser)
    options.add_own_data(parser)
    options.add_results(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    benchmark = definition(arguments)
    command = shlex.join([environment.python(), "-m", "benchmarks", *arguments.words])
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


def definition(arguments: argparse.Namespace) -> suite.Benchmark:
    """The benchmark that was named, or co2's models on the user's own file."""
    stray = [name for name in ("target", "time", "features") if getattr(arguments, name) is not None]
    if arguments.csv is None and stray:
        raise UserError(f"--{stray[0]} belongs to --csv FILE; a benchmark's own series brings its columns")
    if arguments.name is None and arguments.csv is None:
        raise UserError(f"name a benchmark ({', '.join(suite.names())}), or a file of your own with --csv")
    name = DEFAULT if arguments.name is None else arguments.name
    benchmark = suite.read(name, quick=arguments.quick, changes=options.changes(arguments))
    return replace(benchmark, name=options.own_name(arguments) or benchmark.name)


def conclude(folder: Path) -> int:
    """Write the report and say where it is; the exit status."""
    import reports

    report = reports.write(folder)
    schedule.point_latest(folder)
    _, certificate, trials = read_run(folder)
    print(f"\n{report.summary}\n\nreport: {_short(report.html)}")
    good = certificate is not None and schedule.certified(certificate) and all(trial.outcome for trial in trials)
    return 0 if good else 1


def _short(path: Path) -> str:
    """Relative to where the user stands, if it is below."""
    path = path.resolve()
    here = Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
