"""`run NAME --dry-run`: what would be run, and how long it would take; nothing is written."""

import sys
from collections.abc import Iterator

from backends import REGISTRY
from benchmarks.commands.json_lines import emit
from benchmarks.commands.text_table import aligned
from benchmarks.definition.loading import Benchmark
from benchmarks.runner import run
from benchmarks.runner.estimate import Estimate, Span, estimate
from benchmarks.worker.trial import PROBE_REPEATS
from datasets.spec import counted
from reports.records import Manifest, Plan

MANY = 60  # trials, from which on they are counted instead of listed


def show(benchmark: Benchmark, asked: run.Invocation, *, as_json: bool) -> int:
    """Print the trials, then the estimate. Raises what a run raises for a question that cannot be asked."""
    plan = run.lay_out(benchmark, asked)
    if as_json:
        for trial in plan.trials:
            emit("trial", **trial.model_dump())
        _emit(estimate(benchmark, plan, lambda _: None))
        return 0
    chosen = f" of {len(plan.trials)}, as the search asks for them" if plan.expected_trials < len(plan.trials) else ""
    print(f"{plan.title}: {counted(plan.expected_trials, 'trial')}{chosen}\n")
    print("\n".join(_listed(plan) if len(plan.trials) <= MANY else _folded(plan)), flush=True)
    found = estimate(benchmark, plan, _probing)
    print("\n" + "\n".join(_told(found)))
    return 0


def _listed(plan: Manifest) -> Iterator[str]:
    rows = [[str(t.place + 1), t.case, REGISTRY[t.backend].framework, t.mode, str(t.seed)] for t in plan.trials]
    return aligned(("place", "case", "backend", "mode", "seed"), rows)


def _folded(plan: Manifest) -> Iterator[str]:
    """A row a case."""
    rows = []
    for case in plan.cases:
        mine = [trial for trial in plan.trials if trial.case == case.label]
        names = ", ".join(dict.fromkeys(trial.backend for trial in mine))
        seeds = {mode: {t.seed for t in mine if t.mode == mode} for mode in dict.fromkeys(t.mode for t in mine)}
        counts = ", ".join(f"{mode} with {len(found)}" for mode, found in seeds.items())
        rows.append([case.label, str(len(mine)), names, counts])
    return aligned(("case", "trials", "backends", "modes with so many seeds"), rows)


def _probing(plan: Plan) -> None:
    print(f"probing {REGISTRY[plan.backend].framework}, {plan.case}", file=sys.stderr, flush=True)


def _told(found: Estimate) -> Iterator[str]:
    rows = [[REGISTRY[backend].framework, "its trials", spoken(span)] for backend, span in found.trials.items()]
    if found.certificate:
        rows.append(["all", "certificate", spoken(found.certificate)])
    if found.complete:
        rows.append(["all", "in all", spoken(found.whole)])
    if rows:
        yield from aligned(("backend", "part", "estimate"), rows)
        yield ""
    yield from map(_sentence, found.failures)
    yield from basis(found)


def basis(found: Estimate) -> Iterator[str]:
    """What an estimate rests on."""
    yield (
        f"The estimate rests on {counted(found.probes, 'probe')} on this machine, as busy as it was: each started a "
        f"process, built the largest model of a kind and timed {PROBE_REPEATS} repeats of some steps. A smaller "
        "model's step is assumed to take at least its share of the operations and at most as long; native models are "
        "assumed to be as fast as matched ones."
    )
    yield (
        "The range also covers the middle half of those repeats and, for the certificate, checks that run all at once "
        "to one after another. It does not cover failed or disturbed trials and the writing of the report."
    )


def _emit(found: Estimate) -> None:
    def span(of: Span | None) -> list[float] | None:
        return None if of is None else [round(of.low, 3), round(of.high, 3)]

    emit(
        "estimate",
        seconds=span(found.whole) if found.complete else None,
        backends={name: span(of) for name, of in found.trials.items()},
        certificate=span(found.certificate),
        probes=found.probes,
        failures=list(found.failures),
        basis=" ".join(basis(found)),
    )


def spoken(span: Span) -> str:
    """ "3 min 20 s to 4 min 5 s"; once, where both ends read alike."""
    low, high = _duration(span.low), _duration(span.high)
    return low if low == high else f"{low} to {high}"


def _duration(seconds: float) -> str:
    """Whole seconds below an hour, whole minutes above."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."
