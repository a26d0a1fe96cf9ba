"""`all`: run every benchmark of this checkout in turn. A benchmark that cannot be run does not stop the others."""

import argparse
import sys
from pathlib import Path
from types import ModuleType

from benchmarks.commands import Subparsers, options, resume, run, session
from benchmarks.commands.output import command_line, short
from benchmarks.definition import loading
from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError, error_line
from benchmarks.runner import run as runner
from datasets import DataError
from reports.records import Manifest
from reports.records.store import RecordError, read_json, run_folders

NAME = "all"


def add(subparsers: Subparsers) -> None:
    summary = "run every benchmark, then write the page of published values"
    groups = options.command(subparsers, NAME, execute, summary, "all --quick", executor=True, json=options.PROGRESS)
    groups.what.add_argument("--quick", action="store_true", help="the small form of each benchmark")
    groups.what.add_argument("--backends", metavar="A,B", help="use these backends instead of those in the definitions")
    groups.what.add_argument("--resume", action="store_true", help="run only what an interrupted `all` left unfinished")


def execute(arguments: argparse.Namespace) -> int:
    """Return 0 if all trials and checks succeeded, 1 if one failed or a benchmark could not be run."""
    import reports

    if arguments.backends is not None:
        options.backend_names(arguments.backends)
    names, failed = loading.names(), []
    for place, name in enumerate(names, 1):
        _print(arguments, f"\nbenchmark {place}/{len(names)}: {name}")
        try:
            status = _run(arguments, name)
        except (UserError, DataError, RecordError) as mistake:
            print(error_line(mistake, name), file=sys.stderr)
            status = 2
        if status == session.INTERRUPTED:
            again = command_line(*(word for word in arguments.words if word != "--resume"), "--resume")
            print(f"interrupted: the remaining benchmarks were not run; continue with: {again}", file=sys.stderr)
            reports.write_published(arguments.results)
            return session.INTERRUPTED
        if status:
            failed.append(name)
    page, _ = reports.write_published(arguments.results)
    _print(
        arguments, f"\n{len(names) - len(failed)} of {len(names)} benchmarks succeeded\npublished values: {short(page)}"
    )
    if failed:
        print(f"error: {', '.join(failed)} failed; the messages above give the reasons", file=sys.stderr)
    return 1 if failed else 0


def _run(arguments: argparse.Namespace, name: str) -> int:
    """Run a benchmark, or resume its newest run with --resume. A finished run is only reported again."""
    words = ["run", name, *(["--quick"] if arguments.quick else [])]
    words += ["--backends", arguments.backends] if arguments.backends else []
    call = _call(arguments, run, words)
    folder = _newest(arguments.results, name, run.definition(call)) if arguments.resume else None
    if folder is None:
        return run.execute(call)
    if runner.left(folder) == 0 and (folder / "certificate.json").exists():  # even if versions have changed since
        return session.conclude(arguments, folder)
    return resume.execute(_call(arguments, resume, ["resume", str(folder)]))


def _newest(results: Path, name: str, benchmark: Benchmark) -> Path | None:
    """The newest run with exactly the trials of the benchmark. Runs that cannot be read are skipped."""
    keys = [trial.key for trial in benchmark.trials()]
    for folder in reversed(run_folders(results, name)):
        try:
            manifest = read_json(folder / "manifest.json", Manifest)
        except RecordError as damage:
            print(f"skipped: {damage}", file=sys.stderr)
            continue
        if [trial.key for trial in manifest.trials] == keys and manifest.reproduces is None:
            return folder
    return None


def _call(arguments: argparse.Namespace, command: ModuleType, words: list[str]) -> argparse.Namespace:
    """The arguments of another command, with the shared options of this one."""
    parser = argparse.ArgumentParser()
    command.add(parser.add_subparsers())
    call = parser.parse_args(words, argparse.Namespace(words=words))
    for option in ("results", "executor", "cluster", "json"):
        setattr(call, option, getattr(arguments, option))
    return call


def _print(arguments: argparse.Namespace, text: str) -> None:
    if not arguments.json:
        print(text, flush=True)
