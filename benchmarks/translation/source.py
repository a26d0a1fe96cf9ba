"""Parts of the written source files that all frameworks share: calls laid out as ruff does, names, and texts."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from backends.layers import Conv1D, Dense, Dropout, Layer
from backends.recurrent import Recurrent
from benchmarks.translation.description import LastStep, Masking, TrainedModel

WIDTH = 88  # ruff's default


@dataclass(frozen=True)
class Call:
    """A call in a source file, with arguments as text or as calls."""

    function: str
    arguments: tuple["str | Call", ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


def laid_out(expression: "str | Call", indent: int, start: str = "", end: str = "") -> str:
    """`start`, the expression and `end`: on a line if they fit, otherwise with each argument on lines of its own."""
    space, line = " " * indent, f"{start}{expression}{end}"
    if isinstance(expression, str) or indent + len(line) <= WIDTH:
        return space + line
    arguments = [laid_out(argument, indent + 4, end=",") for argument in expression.arguments]
    return "\n".join([f"{space}{start}{expression.function}(", *arguments, f"{space}){end}"])


def names(model: TrainedModel) -> list[str]:
    """A name for each layer, as in gru1, gru2, dense; "" for layers without an object in PyTorch and Flax."""
    kinds = [_kind(layer) for layer in model.layers]
    totals, counts = Counter(kinds), Counter[str]()
    result = []
    for kind in kinds:
        counts[kind] += 1
        result.append(f"{kind}{counts[kind]}" if kind and totals[kind] > 1 else kind)
    return result


def _kind(layer: Layer) -> str:
    match layer:
        case Recurrent():
            return layer.cell.split("-")[0]
        case Dense():
            return "dense"
        case Conv1D():
            return "conv"
        case Dropout():
            return "dropout"
    return ""


def header(model: TrainedModel, weights: str) -> str:
    """The docstring of the file."""
    name = re.sub(r"[^\w .-]", "_", Path(model.source).name)  # quotation marks would end the docstring
    result = ", ".join(("N", *map(str, model.result)))
    paragraphs = [
        f'"""Translated from {name}.\n\n{windows(model)} to forecasts ({result}).',
        f"The weights are in {weights}, beside this file. To predict from a shell:",
        "    python model.py windows.npy forecasts.npy",
    ]
    return "\n\n".join(paragraphs) + '\n"""'


def windows(model: TrainedModel) -> str:
    return f"Windows (N, {model.window or 'T'}, {model.features})"


def summary(model: TrainedModel, indent: int) -> str:
    """The docstring that lists the layers."""
    texts = [_text(layer) for layer in model.layers]
    texts[0] = texts[0][0].upper() + texts[0][1:]
    lines, line = [], '"""'
    for text in [*(f"{text}," for text in texts[:-1]), f"{texts[-1]}."]:
        if indent + len(line) + 1 + len(text) > WIDTH:
            lines.append(line)
            line = ""
        line += text if line in ("", '"""') else f" {text}"
    space = " " * indent
    if not lines and indent + len(line) + 3 <= WIDTH:
        return f'{space}{line}"""'
    return "\n".join(space + line for line in [*lines, line, '"""'])


def _text(layer: Layer) -> str:
    match layer:
        case Masking():
            return f"padding where all features are {layer.value:g}"
        case LastStep():
            return "the last step"
        case Recurrent():
            sides = "bidirectional " if layer.bidirectional else ""
            reset = ", reset before the product" if layer.cell == "gru-reset-before" else ""
            activation = "" if layer.activation == "tanh" else f" and {layer.activation}"
            return f"{sides}{_kind(layer).upper()} with {layer.units} units{activation}{reset}"
    return str(layer)


def training_note(layer: Layer) -> str:
    """A comment on the dropout inside a recurrent layer, which frameworks other than Keras lack; or ""."""
    if not isinstance(layer, Recurrent):
        return ""
    rates = {"of its inputs": layer.dropout, "of its state": layer.recurrent_dropout}
    parts = [f"{rate!r} {part}" for part, rate in rates.items() if rate]
    return f"# in training with dropout {' and '.join(parts)}" if parts else ""


MAIN = """\
if __name__ == "__main__":
    windows_file, forecasts_file = sys.argv[1:]
    np.save(forecasts_file, predict(load(), np.load(windows_file)))
"""
