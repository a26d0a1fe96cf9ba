"""`run NAME`: certify the backends, train and time every trial, write the report. With `--dry-run`, only estimate."""

import argparse
import sys
from collections.abc import Iterator
from math import inf
from pathlib import Path

import backends
from benchmarks.commands import Subparsers, options, session
from benchmarks.commands.output import emit, table
from benchmarks.definition import loading
from benchmarks.definition.loading import Benchmark
from benchmarks.errors import SettingError, UserError
from benchmarks.runner import run
from benchmarks.runner.estimate import Estimate, Span, estimate
from benchmarks.runner.run import Invocation
from benchmarks.worker.trial import PROBE_REPEATS
from datasets.spec import counted
from reports.records import Manifest, Plan

NAME = "run"
MANY = 60  # lines; a dry run lists up to so many trials, and counts more by case


def add(subparsers: Subparsers) -> None:
    example = "run co2 --only model.cell=gru --backends pytorch,flax --seeds 1,2,3"
    summary = "run a benchmark and write its report"
    groups = options.command(subparsers, NAME, execute, summary, example, executor=True, json=options.PROGRESS)
    options.add_definition(groups.what, optional=True)
    text = "add rounds until the 95%% interval of every speed ratio is this narrow, as in 5%%"
    groups.what.add_argument("--repeat-until", metavar="PERCENT", help=text)
    text = "minutes of trials after which --repeat-until adds no round (default: 30)"
    groups.what.add_argument("--budget", metavar="MINUTES", help=text)
    text = "print the trials and an estimate of their time, and write nothing"
    groups.what.add_argument("--dry-run", action="store_true", help=text)
    options.add_data_file(groups)


def execute(arguments: argparse.Namespace) -> int:
    benchmark = definition(arguments)
    invocation = session.invocation(arguments)
    try:
        if arguments.dry_run:
            return dry_run(benchmark, invocation, arguments.results, as_json=arguments.json)
        folder, manifest = run.begin(benchmark, arguments.results, invocation)
    except SettingError as error:  # settings that do not fit the data
        raise error.blamed(options.typed(arguments)) from None
    if not arguments.json:
        print_understood(manifest)
    return session.execute(arguments, benchmark, folder, manifest, invocation)


def definition(arguments: argparse.Namespace) -> Benchmark:
    """The benchmark with the changes from the command line; `loading.results_name` names the folder of its runs."""
    name = options.benchmark_name(arguments)
    changes, only, typed = options.changes(arguments), options.only(arguments), options.typed(arguments)
    changes |= _repetition(arguments)
    return loading.read(name, quick=arguments.quick, changes=changes, only=only, typed=typed)


def _repetition(arguments: argparse.Namespace) -> dict[str, float]:
    """The settings that add rounds."""
    until, budget = arguments.repeat_until, arguments.budget
    if until is None and budget is not None:
        raise UserError(f"--budget needs --repeat-until, as in --repeat-until 5% --budget {budget}")
    settings = {}
    if until is not None:
        percent = _between_0_and(100, until.removesuffix("%"))
        if percent is None or not until.endswith("%"):
            raise UserError(
                f"--repeat-until {until}: write a percentage above 0 % and below 100 %, as in --repeat-until 5%"
            )
        settings["repeat_until"] = percent / 100
    if budget is not None:
        minutes = _between_0_and(inf, budget)
        if minutes is None:
            raise UserError(f"--budget {budget}: write a number of minutes above 0, as in --budget 30")
        settings["budget"] = minutes
    return settings


def _between_0_and(limit: float, text: str) -> float | None:
    try:
        return value if 0 < (value := float(text)) < limit else None
    except ValueError:
        return None


def dry_run(benchmark: Benchmark, invocation: Invocation, results: Path, *, as_json: bool) -> int:
    """Print the trials, then the estimate. Raises the errors that a run raises for a wrong definition."""
    manifest = run.lay_out(benchmark, invocation)
    if as_json:
        for trial in manifest.trials:
            emit("trial", **trial.model_dump())
        _emit(estimate(benchmark, manifest, lambda _: None, results))
        return 0
    total = len(manifest.trials)
    chosen = f" of {total}, chosen by the sampler" if manifest.expected_trials < total else ""
    print_understood(manifest)
    print(f"{manifest.title}: {counted(manifest.expected_trials, 'trial')}{chosen}\n")
    print(_listed(manifest) if total <= MANY else _counted_by_case(manifest), flush=True)
    print("\n" + "\n".join(_described(estimate(benchmark, manifest, _print_probe, results), manifest)))
    return 0


def print_understood(manifest: Manifest) -> None:
    """Print the two most important lines on how a file of the user was read, and what was changed in its rows."""
    files = [data for data in manifest.data.values() if data.understood]
    lines = [line for data in files for line in data.understood[:2]]
    lines += [("note", note) for data in files[:1] for note in data.notes]  # of the first of a grid
    for label, text in dict.fromkeys(lines):
        print(f"{label:<10} {text}", flush=True)


def _listed(manifest: Manifest) -> str:
    names = {name: facts.display_name for name, facts in manifest.backends.items()}
    rows = [[str(t.place + 1), t.case, names[t.backend], t.mode, str(t.seed)] for t in manifest.trials]
    return table(("place", "case", "backend", "mode", "seed"), rows, numbers=("place", "seed"))


def _counted_by_case(manifest: Manifest) -> str:
    rows = []
    for case in manifest.cases[:MANY]:
        trials = [trial for trial in manifest.trials if trial.case == case.label]
        names = ", ".join(dict.fromkeys(trial.backend for trial in trials))
        seeds = {mode: {t.seed for t in trials if t.mode == mode} for mode in dict.fromkeys(t.mode for t in trials)}
        modes = ", ".join(f"{mode}, {counted(len(numbers), 'seed')}" for mode, numbers in seeds.items())
        rows.append([case.label, str(len(trials)), names, modes])
    more = len(manifest.cases) - MANY
    others = f"\n... and {counted(more, 'more case')}" if more > 0 else ""
    return table(("case", "trials", "backends", "modes"), rows, numbers=("trials",)) + others


def _print_probe(plan: Plan) -> None:
    sys.stderr.write(f"probing {backends.entry(plan.backend).display_name}\n")  # whole lines, of two threads
    sys.stderr.flush()


def _described(result: Estimate, plan: Manifest) -> Iterator[str]:
    rows = [
        [backends.entry(backend).display_name, "trials", duration(span), f"{result.memory[backend] / 2**30:.1f} GiB"]
        for backend, span in result.trials.items()
    ]
    if result.certificate:
        rows.append(["all", "certificate", duration(result.certificate), ""])
    if result.complete:
        rows.append(["all", "in total", duration(result.whole), ""])
    if rows:
        yield table(("backend", "part", "time", "memory"), rows)
        yield ""
    limit = plan.limits.memory_bytes if plan.limits else None
    for backend, needed in result.memory.items():
        if limit is not None and needed > limit:
            yield (
                f"A trial of {backend} needs {needed / 2**30:.1f} GiB of memory, more than the limit of "
                f"{limit / 2**30:.1f} GiB, at which it will be ended; set training.batch lower, or memory_limit higher."
            )
    for failure in result.failures:
        yield f"{failure[:1].upper()}{failure[1:].rstrip('.')}."
    yield from _basis(result)


def _basis(result: Estimate) -> Iterator[str]:
    """How the estimate was made."""
    yield (
        f"The estimate rests on {counted(result.probes, 'probe')} on this machine under its present load. Each probe "
        f"started a process, built the largest model of each kind of cell and timed {PROBE_REPEATS} repeats of a few "
        "steps. A step of a smaller model is assumed to take at most the time of the largest one, and at least "
        "the share of it that its operations have; native models are assumed to be as fast as matched ones. Memory is "
        "that of the probe's process."
    )
    yield (
        "The lower end assumes fast steps (the first quartile of those repeats) and that all checks of equality run at "
        "the same time; the upper end assumes slow steps (the third quartile) and that one check runs after another. "
        "Failed or disturbed trials and the writing of the report are not included."
    )


def _emit(result: Estimate) -> None:
    def span(of: Span | None) -> list[float] | None:
        return None if of is None else [round(of.low, 3), round(of.high, 3)]

    emit(
        "estimate",
        seconds=span(result.whole) if result.complete else None,
        backends={name: span(of) for name, of in result.trials.items()},
        certificate=span(result.certificate),
        memory=result.memory,
        probes=result.probes,
        failures=list(result.failures),
        basis=" ".join(_basis(result)),
    )


def duration(span: Span) -> str:
    """A range such as "3 min 20 s to 4 min 5 s"; a single time if both ends read the same."""
    low, high = _time(span.low), _time(span.high)
    return low if low == high else f"{low} to {high}"


def _time(seconds: float) -> str:
    """Hours and minutes from one hour on, else minutes and seconds."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
