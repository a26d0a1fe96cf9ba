"""Harness overhead: each backend's epoch through the contract, relative to a hand-written loop of the same program.

`python -m benchmarks.microbenchmarks.harness_overhead [BACKEND ...]`. Both run in fresh processes that take turns on
the same cores: the contract with a trial's environment and settings, the loop of bare_loops.py with those of the user.
"""

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median

import backends
from backends import REGISTRY
from backends.model import forecaster
from benchmarks.errors import UserError
from benchmarks.microbenchmarks import harness
from benchmarks.microbenchmarks.bare_loops import LOOPS
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.runner.environment import worker_environment
from benchmarks.worker.timing import pin
from reports.records import EpochSeconds, HarnessOverhead, Overhead
from reports.records.store import overhead_path, write_json

CELLS = ("lstm", "gru")
ROUNDS = 6  # processes of each loop; the fewest with a 95 % interval of their median


def measurable(names: Iterable[str]) -> list[str]:
    """The backends that have a hand-written loop of the same program; a user's program has none."""
    return [name for name in names if name in REGISTRY and REGISTRY[name].module in LOOPS]


def measure(
    names: Iterable[str], rounds: int, report: Callable[[Overhead], None] = lambda measured: None
) -> HarnessOverhead:
    """Time every backend that has a hand-written loop, with an LSTM and a GRU; call `report` after each."""
    conditions, measured = Conditions.of(), []
    for name, cell in ((name, cell) for name in measurable(names) for cell in CELLS):
        measured.append(_overhead(name, cell, rounds, conditions))
        report(measured[-1])
    return HarnessOverhead(
        units=harness.UNITS,
        window=harness.WINDOW,
        batch=harness.BATCH,
        steps=harness.STEPS,
        threads=len(conditions.cores),
        overheads=tuple(measured),
    )


def _overhead(name: str, cell: str, rounds: int, conditions: Conditions) -> Overhead:
    """Alternate the processes; which is first changes from round to round."""
    contract: list[EpochSeconds] = []
    bare: list[EpochSeconds] = []
    measured = Overhead(backend=name, cell=cell, loop=inspect.getdoc(LOOPS[REGISTRY[name].module]) or "")
    turns = [(contract, _contract), (bare, _bare)]
    try:
        for _ in range(rounds):
            for seconds, time_process in turns:
                with reserved(conditions.cores, alone=True):
                    seconds.append(time_process(name, cell, conditions))
            turns.reverse()
    except UserError as error:
        return measured.model_copy(update={"failure": str(error)})
    return measured.model_copy(update={"contract": tuple(contract), "bare": tuple(bare)})


def add(folder: Path, names: Iterable[str], rounds: int) -> None:
    """Measure the overhead and write it into the folder of a run, unless it is there."""
    if not overhead_path(folder).exists():
        write_json(overhead_path(folder), measure(names, rounds, _log))


def _log(measured: Overhead) -> None:
    print(f"harness overhead: {REGISTRY[measured.backend].display_name}, {measured.cell}", file=sys.stderr, flush=True)


def _contract(name: str, cell: str, conditions: Conditions) -> EpochSeconds:
    environment = worker_environment(conditions.variables)
    return _epoch(harness.printed("harness_overhead", environment, "--contract", name, cell))


def _bare(name: str, cell: str, conditions: Conditions) -> EpochSeconds:
    environment = {**os.environ, **REGISTRY[name].environment}  # Keras's engine
    return _epoch(harness.printed("bare_loops", environment, name, cell, ",".join(map(str, conditions.cores))))


def _epoch(epochs: list[list[float]]) -> EpochSeconds:
    wall, cpu = zip(*epochs, strict=True)
    return EpochSeconds(wall=median(wall), cpu=median(cpu))


def _time_contract(name: str, cell: str) -> None:
    """The process of the contract."""
    conditions = Conditions.of()
    pin(conditions.cores)
    backend = backends.load(name, dtype="float32", threads=len(conditions.cores))
    model = forecaster(cell, units=harness.UNITS, layers=1, horizon=1)  # type: ignore[arg-type]
    harness.print_epochs(harness.epoch(backend, model))


def _row(measured: Overhead) -> Iterator[str]:
    yield from (measured.backend, measured.cell)
    if measured.failure:
        yield measured.failure
        return
    for times in (measured.contract, measured.bare):
        yield f"{median(epoch.wall for epoch in times) * 1e3:.1f}"
    for clock in ("wall", "cpu"):
        ratios = sorted(measured.ratios(clock))
        yield f"{median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"


def main(names: list[str]) -> None:
    known = measurable(REGISTRY)
    if unknown := set(names) - {*known}:
        sys.exit(f"error: {', '.join(sorted(unknown))} has no hand-written loop; name one of {', '.join(known)}")
    header = ["backend", "cell", "contract, ms/epoch", "loop, ms/epoch", "ratio (range)", "ratio of CPU times (range)"]
    harness.print_header(header)
    measure(names or REGISTRY, ROUNDS, lambda measured: harness.print_row(_row(measured)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--contract"]:
        _time_contract(*sys.argv[2:])
    else:
        main(sys.argv[1:])
