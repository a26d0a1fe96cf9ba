"""Numbers, names and lists as text. All parts of a report use these functions."""

import re
from collections.abc import Collection, Iterable, Sequence
from math import ceil, floor, isfinite, log10
from statistics import median

from reports.records import Case

COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
MINUS = "\N{MINUS SIGN}"


def case_name(case: Case) -> str:
    """The label of a case with the cell in capitals: "GRU, units 64"."""
    if case.units is None or case.label.split(",")[0] != case.cell:  # a model with its own name
        return case.label
    return case.cell.upper() + case.label[len(case.cell) :]


def names_apart(cases: Iterable[Case]) -> dict[str, str]:
    """By label, the part of each case's name that differs: "units 16" and "units 64" for two LSTMs."""
    parts = {case.label: case_name(case).split(", ") for case in cases}
    common = set.intersection(*map(set, parts.values())) if len(parts) > 1 else set()
    differing = {label: [part for part in name if part not in common] for label, name in parts.items()}
    return {label: ", ".join(differing[label] or parts[label]) for label in parts}


def significant(value: float, digits: int = 3) -> str:
    """`value` rounded to significant digits, in scientific notation below 1e-4 and from 1e12 on."""
    if not isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e12:
        return (MINUS if value < 0 else "") + scientific(abs(value))
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - floor(log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}".replace("-", MINUS)


def four_digits(value: float) -> str:
    """Four significant digits, for errors: matched models agree in the first two or three."""
    return significant(value, 4)


def plain(value: float) -> str:
    """A setting as it was typed, without rounding to significant digits."""
    return f"{value:g}"


def as_written(value: object) -> str:
    """A setting as in a definition: "true", "16; 64", and "not set" for None."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "; ".join(map(as_written, value)) or "none"
    return "not set" if value is None else str(value)


def whole(value: float) -> str:
    return f"{value:,.0f}"


def scientific(value: float) -> str:
    """Two significant digits: "4.8e-15"; "0" for zero."""
    return re.sub(r"e(-?)\+?0?", r"e\1", f"{value:.1e}") if value and isfinite(value) else significant(value)


def one_digit(bound: float) -> str:
    """A bound with one significant digit: "1e-3"."""
    return f"{bound:.0e}".replace("e-0", "e-")


def signed(value: float) -> str:
    """With its sign, and three decimals below 10: the format of skills."""
    if not isfinite(value) or abs(value) < 5e-4:
        return "0" if isfinite(value) else "not finite"
    return ("+" if value > 0 else "") + (f"{value:.3f}".replace("-", MINUS) if abs(value) < 10 else significant(value))


def span(low: float, high: float) -> str:
    """ "2.1 to 2.3", with two digits, or three if the numbers are equal in two."""
    for digits in (2, 3):
        first, last = significant(low, digits), significant(high, digits)
        if first != last:
            return f"{first} to {last}"
    return first


def per_cent(share: float) -> str:
    """A share in whole per cent: "12 %"."""
    return f"{share * 100:,.0f} %"


def probability(p: float) -> str:
    """ "p = 0.013", "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


SMALLEST = 1e-5  # share that an upper bound shows


def within(share: float) -> str:
    """A share as an upper bound in per cent, rounded up: 0.00312 gives "0.32 %"."""
    if share <= SMALLEST:
        return "0.001 %"
    scale = 10 ** (1 - floor(log10(share * 100)))
    return f"{significant(ceil(share * 100 * scale - 1e-9) / scale, 2)} %"


def duration(seconds: float) -> str:
    """A time with a suitable unit: "98.1 ms", "3.21 s"."""
    factor, unit = time_unit([seconds])
    return f"{significant(seconds * factor)} {unit}"


def time_unit(seconds: Iterable[float]) -> tuple[float, str]:
    """The factor and the unit, s, ms or µs, that suit the median of some times; s without times."""
    middle = median(list(seconds) or [1.0])
    if middle >= 1:
        return 1.0, "s"
    return (1e3, "ms") if middle >= 1e-3 else (1e6, "µs")


def squared(unit: str) -> str:
    """The square of a unit: "ppm²", "(m/s)²"; empty for no unit."""
    return f"({unit})²" if set(unit) & set(" /·") else f"{unit}²" if unit else ""


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else "".join(words)


def numbered(numbers: Iterable[int]) -> list[str]:
    """Whole numbers in ascending order, three and more consecutive ones as a range: 1, 2, 3, 7 give "1 to 3", "7"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [text for run in runs for text in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else map(str, run))]


def count(number: int) -> str:
    return COUNTS[number] if number < len(COUNTS) else f"{number:,}"


def plural(number: int, noun: str, several: str = "") -> str:
    """ "1 seed", "3 seeds"; `several` is the plural if it is not the noun with an s."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def steps(number: int, step: str) -> str:
    """A number of steps of a series: "3 days", "3 steps of 15 minutes"."""
    return f"{plural(number, 'step')} of {step}" if step[:1].isdigit() else plural(number, step)


def seeds_in_words(seeds: Collection[int]) -> str:
    """ "seed 1", "seeds 1 to 6"."""
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {listed(numbered(sorted(seeds)))}"


def sentence(words: str) -> str:
    """The words with a full stop, and a capital first letter unless they begin with the name of a file."""
    first = words.split(" ", 1)[0].rstrip(",:;.")
    begin = words[:1] if "." in first or "/" in first else words[:1].upper()
    return begin + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")
