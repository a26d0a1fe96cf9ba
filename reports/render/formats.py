"""Numbers and names as text: significant digits, units, lists. Every part of a report words them alike."""

from collections.abc import Iterable, Sequence
from math import ceil, floor, isfinite, log10

from reports.records import Case

COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
MINUS = "\N{MINUS SIGN}"


def case_name(case: Case) -> str:
    """The case's label with the cell spelt as it is spoken of: "GRU, units 64"."""
    if case.units is None or case.label.split(",")[0] != case.cell:  # a model with a name of its own
        return case.label
    return case.cell.upper() + case.label[len(case.cell) :]


def names_apart(cases: Iterable[Case]) -> dict[str, str]:
    """By label, what tells each case from the others: "units 16" and "units 64" of "LSTM, units 16" and the other."""
    parts = {case.label: case_name(case).split(", ") for case in cases}
    common = set.intersection(*map(set, parts.values())) if len(parts) > 1 else set()
    own = {label: [part for part in found if part not in common] for label, found in parts.items()}
    return {label: ", ".join(own[label] or parts[label]) for label in parts}


def significant(value: float, digits: int = 3) -> str:
    """`value` rounded to significant digits, never in scientific notation above 1e-4."""
    if not isfinite(value):
        return "not finite"
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return scientific(value)
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - floor(log10(abs(rounded))))
    return f"{rounded:,.{decimals}f}".replace("-", MINUS)


def four_digits(value: float) -> str:
    """Scores of equal models agree in two or three digits: a fourth shows by how much they do not."""
    return significant(value, 4)


def plain(value: float) -> str:
    """As it was typed: a setting is not a measurement."""
    return f"{value:g}"


def as_written(value: object) -> str:
    """A setting as its definition has it: "true", "16; 64", and "not set" where it has none."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "; ".join(map(as_written, value)) or "none"
    return "not set" if value is None else str(value)


def whole(value: float) -> str:
    return f"{value:,.0f}"


def scientific(value: float) -> str:
    """Two significant digits, "4.8e-15"; an exact zero stays "0"."""
    return f"{value:.1e}".replace("e-0", "e-") if value and isfinite(value) else significant(value)


def signed(value: float) -> str:
    """With its sign, to three decimals where those tell something: how skill is written."""
    if not isfinite(value) or abs(value) < 5e-4:
        return "0" if isfinite(value) else "not finite"
    return ("+" if value > 0 else "") + (f"{value:.3f}".replace("-", MINUS) if abs(value) < 10 else significant(value))


def span(low: float, high: float) -> str:
    """ "2.1 to 2.3", with as many digits as it takes to tell the two apart, but at most three."""
    for digits in (2, 3):
        first, last = significant(low, digits), significant(high, digits)
        if first != last:
            return f"{first} to {last}"
    return first


def per_cent(share: float) -> str:
    """A rough share: "12 %"."""
    return f"{share * 100:,.0f} %"


def probability(p: float) -> str:
    """ "p = 0.013", "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def within(share: float) -> str:
    """A share as a bound in per cent, so it is rounded up: 0.00312 is "within 0.32 %"."""
    if share <= 1e-5:
        return "0.001 %"
    scale = 10 ** (1 - floor(log10(share * 100)))
    return f"{significant(ceil(share * 100 * scale - 1e-9) / scale, 2)} %"


def duration(seconds: float) -> str:
    """With the unit that suits it: "98.1 ms", "3.21 s"."""
    factor, unit = time_unit([seconds])
    return f"{significant(seconds * factor)} {unit}"


def time_unit(seconds: Iterable[float]) -> tuple[float, str]:
    """The factor and the unit in which the middle one of some times reads best."""
    ordered: Sequence[float] = sorted(seconds)
    middle = ordered[len(ordered) // 2] if ordered else 1.0
    if middle >= 1:
        return 1.0, "s"
    return (1e3, "ms") if middle >= 1e-3 else (1e6, "µs")


def squared(unit: str) -> str:
    """ "ppm²", "(m/s)²"; nothing of nothing."""
    return f"({unit})²" if set(unit) & set(" /·") else f"{unit}²" if unit else ""


def listed(words: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else "".join(words)


def count(number: int) -> str:
    return COUNTS[number] if number < len(COUNTS) else f"{number:,}"


def plural(number: int, noun: str, several: str = "") -> str:
    """ "1 seed", "3 seeds"; `several` is for a noun that takes more than an s."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def sentence(words: str) -> str:
    """With a capital first letter and a full stop."""
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")
