"""What was understood of a user's file, as labelled lines for the report and the command `data show`."""

import json
from collections.abc import Sequence

from datasets.files.numbers import DOUBTFUL, Numbers
from datasets.files.rows import Context
from datasets.files.stamps import Stamps
from datasets.files.steps import iso
from datasets.files.table import Table
from datasets.series import Series
from datasets.spec import DAYS, DataSpec, counted

MOST_NAMED = 8  # columns that are not used


def understood(
    series: Series, context: Context, parsed: Stamps | None, columns: Sequence[Numbers], hint: str
) -> tuple[tuple[str, str], ...]:
    """What was understood of the file, as labelled lines: the file and the time first.

    hint: which column to name if no time stamps are used.
    """
    chosen, data = context.chosen, context.data
    lines = [*chosen.facts]
    season = f", season {series.season} steps" if series.season else ""
    if series.times is not None and parsed is not None:
        names = ",".join(chosen.time)
        zone = f", {parsed.zone}" if parsed.zone else ""
        span = f"{series.label(0)} to {series.label(series.rows - 1)}"
        if series.groups:
            span = f"{iso(series.times.min())} to {iso(series.times.max())}"
        lines.append(("time", f"{names} as {parsed.format}{zone}: {span}, 1 row per {series.step}{season}"))
    else:
        lines.append(("time", f"no time stamps: each row is a step{'; ' if hint else ''}{hint}"))
    if series.groups:
        lines.append(("series", f"{len(series.groups):,} by {','.join(chosen.group)}"))
    described = [_column(name, column, series) for name, column in zip(chosen.numbers, columns, strict=True)]
    used = {*chosen.numbers, *chosen.time, *chosen.group}
    lines.append(
        (
            "columns",
            "; ".join(described)
            + _not_used([f"{name} ({kind})" for name, kind in chosen.kinds.items() if name not in used]),
        )
    )
    filled = f"{counted(len(series.filled))}; {len(series.unscored)} of them with a filled target"
    lines.append(("filled", filled if len(series.filled) else "no row"))
    for label, excerpt in (("first rows", chosen.head), ("last rows", chosen.tail)):
        if excerpt:
            lines.append((label, "; ".join(" | ".join(row) for row in excerpt)))
    lines.append(("settings", _settings(chosen, data, parsed, columns)))
    return tuple(lines)


def _not_used(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"; not used: {', '.join(names[:MOST_NAMED])}{more}" if names else ""


def _column(name: str, column: Numbers, series: Series) -> str:
    """A column with its role, its unit and its style."""
    details = ["target" if name in series.targets else "input"]
    details += [f"in {column.unit}"] if column.unit else []
    details += ["decimal comma"] if column.style.decimal == "," else []
    details += [f"{column.style.thousands!r} between thousands"] if column.style.thousands else []
    return f"{name} ({', '.join(details)})"


def _settings(chosen: Table, data: DataSpec, parsed: Stamps | None, columns: Sequence[Numbers]) -> str:
    """The settings of [data] that repeat the reading without deriving anything."""
    settings: dict[str, object] = {**chosen.settings}
    styles = {column.style for column in columns}
    if (
        len(styles) == 1
        and (style := styles.pop())
        and chosen.separator
        and chosen.decimals <= {style.decimal, DOUBTFUL}
    ):
        settings |= {"decimal": style.decimal} | ({"thousands": style.thousands} if style.thousands else {})
    if parsed is not None and (parsed.format.startswith(("%", "epoch", DAYS))):
        settings["time_format"] = parsed.format
    names = [
        name
        for name in DataSpec.model_fields
        if name in data.model_fields_set and name not in ("csv", "target", "features", "time", "group")
    ]
    settings |= {name: getattr(data, name) for name in names if getattr(data, name) is not None}
    return ", ".join(f"{name} = {_toml(value)}" for name, value in settings.items()) or "none needed"


def _toml(value: object) -> str:
    if isinstance(value, bool | int | float):
        return str(value).lower()
    return json.dumps(value if isinstance(value, str) else list(value), ensure_ascii=False)  # type: ignore[call-overload]
