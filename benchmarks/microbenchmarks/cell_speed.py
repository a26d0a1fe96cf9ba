"""Cell speed: a cell written out as steps relative to the same framework's own GRU, and a mask relative to none.

`python -m benchmarks.microbenchmarks.cell_speed [BACKEND ...]`
"""

from backends.contract import Backend
from backends.layers import Dense
from backends.model import ModelSpec
from backends.recurrent import Recurrent
from benchmarks.microbenchmarks import harness
from benchmarks.microbenchmarks.harness import UNITS


def _model(layer: Recurrent, *, masked: bool = False) -> ModelSpec:
    return ModelSpec((layer, Dense(1)), masked)


LSTM, GRU = Recurrent("lstm", UNITS), Recurrent("gru", UNITS)
WRITTEN = {
    **{cell: Recurrent(cell, UNITS) for cell in ("gru-reset-before", "gru1", "gru2", "gru3", "rmlp")},
    **{f"{cell}, recurrent dropout": Recurrent(cell, UNITS, recurrent_dropout=0.2) for cell in ("rnn", "lstm", "gru")},
}
COMPARED = {
    **{f"{cell} to gru": (_model(layer), _model(GRU)) for cell, layer in WRITTEN.items()},
    **{f"{layer.cell}, masked to unmasked": (_model(layer, masked=True), _model(layer)) for layer in (LSTM, GRU)},
}


def measure(backend: Backend) -> dict[str, list[float]]:
    """The ratio of each turn, for every pair of models."""
    result = {}
    for name, pair in COMPARED.items():
        first, second = (harness.epoch(backend, model) for model in pair)
        seconds = harness.take_turns({"first": first, "second": second})
        result[name] = harness.ratios(seconds["first"], seconds["second"])
    return result


def main(names: list[str]) -> None:
    results = [harness.in_process("cell_speed", name) for name in names]
    harness.print_header(["time of an epoch", *names])
    for name in COMPARED:
        harness.print_row([name, *(harness.summary(result[name]) for result in results)])


if __name__ == "__main__":
    harness.run(main, measure)
