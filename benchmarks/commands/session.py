"""What run, resume and reproduce share: a run is found, executed with its progress shown, and concluded."""

import argparse
import sys
from pathlib import Path

from benchmarks.commands.options import elsewhere
from benchmarks.commands.output import Display, JsonLines, command_line, emit, short
from benchmarks.definition import loading
from benchmarks.definition.loading import Benchmark
from benchmarks.errors import UserError, name_hint
from benchmarks.microbenchmarks import harness_overhead
from benchmarks.runner import certify, executors, rounds, run
from benchmarks.runner.run import Invocation, point_latest
from datasets.spec import counted
from reports.records import Manifest, Repetition
from reports.records.store import read_run, run_folders

INTERRUPTED = 130  # exit status after Ctrl-C, as in shells


def find_run(name: str, results: Path, *, newest: bool = False) -> Path:
    """The folder of a run given by its path, by `benchmark/start`, or by its benchmark's name for the latest run.

    newest: by the benchmark's name, return the run that was started last, even if it has not finished.
    Raises UserError if there is no such run.
    """
    started = run_folders(results, name)
    candidates = started[-1:] if newest else [results / name / "latest"]
    for folder in (Path(name), *candidates, results / name):
        if (folder / "manifest.json").is_file():
            return folder.resolve()
    if started:
        again = command_line("resume", short(started[-1]))
        raise UserError(f"no run of '{name}' in {results} has finished; finish the newest one with: {again}")
    trials = (path for pattern in ("trials", "*/trials") for path in (results / name).glob(pattern))
    without = sorted({folder.parent.resolve() for folder in trials})
    if without:
        made = without[-1].parent.name
        again = f": {command_line('run', made, *elsewhere(results))}" if made in loading.names() else ""
        raise UserError(
            f"{without[-1]} has lost its manifest.json, so it cannot be read; put the file back, or run the benchmark "
            f"again{again}"
        )
    known = sorted({folder.parent.name for folder in run_folders(results)})
    benchmark, slash, _ = name.partition("/")
    if slash and benchmark in known:
        known = [f"{benchmark}/{folder.name}" for folder in run_folders(results, benchmark)]
    if known and Path(name).is_dir():
        raise UserError(f"{name} is not the folder of a run: it has no manifest.json; {name_hint(known, name)}")
    if known and name not in loading.names():
        raise UserError(f"there is no run '{name}' in {results}; {name_hint(known, name)}")
    begin = command_line("run", name if name in loading.names() else "co2", *elsewhere(results))
    empty = "" if known else ", which has no runs"
    raise UserError(f"there is no run '{name}' in {results}{empty}; make one with: {begin}")


def invocation(arguments: argparse.Namespace) -> Invocation:
    """The command and the executor that the arguments name. Raises UserError if the executor is not available."""
    return Invocation(command_line(*arguments.words), executors.create(arguments.executor, arguments.cluster))


def execute(
    arguments: argparse.Namespace, benchmark: Benchmark, folder: Path, manifest: Manifest, session: Invocation
) -> int:
    """Run the trials that have no result, write the report, and return the exit status.

    After an interrupt the finished trials are kept, and a message gives the command that continues the run.
    """
    display = (JsonLines if arguments.json else Display)(manifest, run.left(folder), certify.count(benchmark))
    display.begin(short(folder))
    try:
        with display:
            if manifest.search is None:
                run.execute(benchmark, folder, session.executor, display.progress)
            else:
                from benchmarks.runner import search

                search.execute(benchmark, folder, session.executor, display.progress)
        if manifest.repetition is not None and manifest.reproduces is None:
            _add_rounds(arguments, benchmark, folder, session, manifest.repetition)
        overhead_rounds = benchmark.header.harness_overhead
        if overhead_rounds and manifest.reproduces is None and session.executor.name == "local":
            with run.locked(folder):
                harness_overhead.add(folder, benchmark.header.backends, overhead_rounds)
    except KeyboardInterrupt:
        planned = read_run(folder)[0].expected_trials
        kept = f"{planned - run.left(folder)} of {counted(planned, 'trial')} are kept"
        print(f"interrupted: {kept}; continue with: {command_line('resume', short(folder))}", file=sys.stderr)
        return INTERRUPTED
    return conclude(arguments, folder)


def _add_rounds(
    arguments: argparse.Namespace, benchmark: Benchmark, folder: Path, session: Invocation, rule: Repetition
) -> None:
    """Run further rounds until the ratios are precise enough or the budget is used up, and print why."""
    while True:
        decision = rounds.decide(benchmark, folder, rule)
        if arguments.json:
            emit("round", another=decision.manifest is not None, reason=decision.reason)
        else:
            print(f"{decision.reason[:1].upper()}{decision.reason[1:]}.", flush=True)
        if decision.manifest is None:
            return
        with (JsonLines if arguments.json else Display)(decision.manifest, run.left(folder), checks=0) as display:
            run.execute(benchmark, folder, session.executor, display.progress)


def conclude(arguments: argparse.Namespace, folder: Path) -> int:
    """Write the report of a run, print its summary and path, and return the exit status."""
    import reports

    report = reports.write(folder)
    reports.write_overviews(folder)
    manifest, certificate, trials = read_run(folder)
    if manifest.reproduces is not None:
        return _conclude_reproduction(arguments, folder, report.html)
    point_latest(folder)
    failed = sum(trial.outcome is None for trial in trials)
    names = {name: facts.display_name for name, facts in manifest.backends.items()}
    unequal = sorted({names[check.backend] for check in certificate.checks if check.failure}) if certificate else []
    problems = [f"{failed} of {counted(manifest.expected_trials, 'trial')} failed"] if failed else []
    problems += [f"not shown to equal the reference implementation: {' and '.join(unequal)}"] if unequal else []
    problems += ["the run has no certificate"] if certificate is None else []
    if arguments.json:
        emit("result", report=str(report.html), markdown=str(report.markdown), good=not problems)
    else:
        print(f"\n{report.summary}\n\nreport: {short(report.html)}")
    if problems:
        print(f"error: {'; '.join(problems)}; the report gives the reasons: {short(report.html)}", file=sys.stderr)
    return 1 if problems else 0


def _conclude_reproduction(arguments: argparse.Namespace, folder: Path, page: Path) -> int:
    """The link `latest` is not moved: a benchmark's name means a whole run with its certificate."""
    import reports

    verdict = reports.write_reproduction(folder)
    if arguments.json:
        for row in verdict.rows:
            emit("row", **row)
        facts = {"verdict": verdict.sentence, "good": verdict.good}
        emit("result", report=str(page), markdown=str(verdict.markdown), **facts)
    else:
        print(f"\n{verdict.summary}\n\nverdict: {short(verdict.markdown)}\nreport: {short(page)}")
    return 0 if verdict.good else 1
