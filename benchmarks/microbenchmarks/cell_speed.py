"""Cell speed: the time of a cell written out as steps, relative to the same framework's own GRU of the same size.

`python -m benchmarks.microbenchmarks.cell_speed [BACKEND ...]`
"""

from backends.contract import Backend
from backends.layers import Dense
from backends.model import ModelSpec
from backends.recurrent import Recurrent
from benchmarks.microbenchmarks import harness
from benchmarks.microbenchmarks.harness import UNITS

WRITTEN = {
    **{cell: Recurrent(cell, UNITS) for cell in ("gru-reset-before", "gru1", "gru2", "gru3", "rmlp")},
    **{f"{cell}, recurrent dropout": Recurrent(cell, UNITS, recurrent_dropout=0.2) for cell in ("rnn", "lstm", "gru")},
}


def measure(backend: Backend) -> dict[str, list[float]]:
    """The ratio of each turn, for every cell."""
    gru = harness.epoch(backend, ModelSpec((Recurrent("gru", UNITS), Dense(1))))
    result = {}
    for cell, layer in WRITTEN.items():
        seconds = harness.take_turns({"cell": harness.epoch(backend, ModelSpec((layer, Dense(1)))), "gru": gru})
        result[cell] = harness.ratios(seconds["cell"], seconds["gru"])
    return result


def main(names: list[str]) -> None:
    results = [harness.in_process("cell_speed", name) for name in names]
    harness.print_header(["cell", *names])
    for cell in WRITTEN:
        harness.print_row([cell, *(harness.summary(result[cell]) for result in results)])


if __name__ == "__main__":
    harness.run(main, measure)
