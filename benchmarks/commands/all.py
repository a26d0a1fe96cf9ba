"""`all`: every benchmark of this checkout, one after another; one that cannot be run does not keep the rest."""

import argparse
import shlex
import sys
from pathlib import Path
from types import ModuleType

from backends import REGISTRY
from benchmarks.commands import Subparsers, options, resume, run
from benchmarks.commands.session import INTERRUPTED, add_execution, conclude, short
from benchmarks.definition import loading
from benchmarks.errors import UserError, one_of
from benchmarks.runner import environment
from benchmarks.runner import run as schedule
from datasets import DataError
from reports.records import Manifest
from reports.records.store import RecordError, read_json

NAME = "all"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="run every benchmark, then the audit", allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="each in its small form")
    parser.add_argument("--backends", metavar="A,B", help="these backends instead of each benchmark's")
    parser.add_argument("--resume", action="store_true", help="what an interrupted one has not finished, and no more")
    options.add_results(parser)
    add_execution(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    """0 where all went well, 1 where one could not be run or a trial or check of it failed."""
    import reports

    for backend in [] if arguments.backends is None else options.words(arguments.backends, "--backends"):
        if backend not in REGISTRY:
            raise UserError(f"--backends: there is no backend '{backend}'; {one_of(REGISTRY, backend)}")
    names, failed = loading.names(), []
    for place, name in enumerate(names, 1):
        _say(arguments, f"\nbenchmark {place}/{len(names)}: {name}")
        try:
            status = _one(arguments, name)
        except (UserError, DataError, RecordError) as mistake:
            print(f"error: {name}: {mistake}", file=sys.stderr)
            status = 2
        if status == INTERRUPTED:
            words = [word for word in arguments.words if word != "--resume"]
            again = shlex.join([environment.python(), "-m", "benchmarks", *words, "--resume"])
            print(f"interrupted: the rest is left; go on with {again}", file=sys.stderr)
            reports.write_audits(arguments.results)
            return INTERRUPTED
        if status:
            failed.append(name)
    page, _ = reports.write_audits(arguments.results)
    _say(arguments, f"\n{len(names) - len(failed)} of {len(names)} benchmarks went well\naudit: {short(page)}")
    if failed:
        print(f"error: {', '.join(failed)}: see above", file=sys.stderr)
    return 1 if failed else 0


def _one(arguments: argparse.Namespace, name: str) -> int:
    """Run a benchmark, or go on with it; a run that is finished is told of again."""
    words = ["run", name, *(["--quick"] if arguments.quick else [])]
    words += ["--backends", arguments.backends] if arguments.backends else []
    asked = _asked(arguments, run, words)
    begun = _begun(arguments.results / name, run.definition(asked)) if arguments.resume else None
    if begun is None:
        return run.execute(asked)
    if schedule.left(begun) == 0 and (begun / "certificate.json").exists():  # whatever has changed since
        return conclude(arguments, begun)
    return resume.execute(_asked(arguments, resume, ["resume", str(begun)]))


def _begun(folder: Path, benchmark: loading.Benchmark) -> Path | None:
    """The newest run of exactly these trials; one that cannot be read is passed over."""
    wanted = [trial.key for trial in benchmark.trials()]
    for path in sorted(folder.glob("*/manifest.json"), reverse=True):
        try:
            plan = read_json(path, Manifest)
        except RecordError as damage:
            print(f"passed over: {damage}", file=sys.stderr)
            continue
        if [trial.key for trial in plan.trials] == wanted and plan.reproduces is None and path.parent.name != "latest":
            return path.parent
    return None


def _asked(arguments: argparse.Namespace, command: ModuleType, words: list[str]) -> argparse.Namespace:
    """What a command would have been called with."""
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    asked = parser.parse_args(words, argparse.Namespace(words=words))
    for option in ("results", "executor", "cluster", "json"):
        setattr(asked, option, getattr(arguments, option))
    return asked


def _say(arguments: argparse.Namespace, words: str) -> None:
    if not arguments.json:
        print(words, flush=True)
