"""The cells of a user's column: numbers, markers of missing values, and what is neither.

Empty cells, `?`, `NA` and their like are missing. So is a number like 999.9 or -9999 where it lies further from the
column's other values than these lie from one another; `missing` replaces that guess by the markers it lists.
Rows are counted from 1 below the header.
"""

import re

import numpy as np
import pandas as pd

from datasets.spec import LARGEST, DataError, counted, to_set

TEXTS = ("?", "-", "--", "na", "Na", "none", "missing", "***", "NaN ")  # beside pandas' own
NUMBERS = tuple(sign * size for size in (999.0, 999.9, 999.99, 9999.0, 9999.9, 99999.0) for sign in (1, -1))


def listed(missing: str | None) -> tuple[str, ...]:
    """The markers in `missing`."""
    return tuple(part.strip() for part in (missing or "").split(",") if part.strip())


def numbers(raw: "pd.Series[float]", where: str, missing: str | None) -> tuple[np.ndarray, str | None]:
    """(rows,) float64 with NaN where missing, and a sentence if a number was taken for a missing value."""
    truth = _is_truth(raw)
    text = not (pd.api.types.is_numeric_dtype(raw) or pd.api.types.is_bool_dtype(raw))
    values = pd.to_numeric(raw, errors="coerce").to_numpy(np.float64, na_value=np.nan).copy()
    if text:
        _refuse_text(raw, values, where)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise DataError(f"{where}, row {infinite[0] + 1} holds {values[infinite[0]]}: leave the cell empty instead.")
    note = _drop_markers(values, where, missing)
    if np.isnan(values).all():
        raise DataError(f"{where} has no value in any of its {counted(len(values))}: name another column.")
    _refuse_beyond_squares(values, where)
    return values, f"{where}: false and true were read as 0 and 1." if truth else note


def _is_truth(raw: "pd.Series[float]") -> bool:
    """Truth values; where some are missing, pandas keeps the others as objects."""
    if not pd.api.types.is_object_dtype(raw):
        return pd.api.types.is_bool_dtype(raw)
    return any(isinstance(cell, bool) for cell in raw)


def _refuse_text(raw: "pd.Series[float]", values: np.ndarray, where: str) -> None:
    odd = np.flatnonzero(np.isnan(values) & raw.notna().to_numpy())
    if not len(odd):
        return
    cell = str(raw.iloc[odd[0]])
    listable = len(cell) <= 40 and "," not in cell  # a comma would make it two markers
    hint = f"correct it, or if it means a missing value, {to_set(missing=cell)}" if listable else "correct it"
    if re.fullmatch(r"\s*-?\d+,\d+\s*", cell):
        hint = f"if that is a decimal comma, {to_set(decimal=',')}"
    raise DataError(f"{where}, row {odd[0] + 1} holds {cell[:40]!r}, which is no number: {hint}.")


def _refuse_beyond_squares(values: np.ndarray, where: str) -> None:
    """Scores and scalers square the values and their differences: neither may overflow, nor vanish."""
    huge = np.flatnonzero(np.abs(values) > LARGEST)
    if len(huge):
        raise DataError(
            f"{where}, row {huge[0] + 1} holds {values[huge[0]]:g}, whose square is beyond double precision: "
            "rescale the column, or correct the cell."
        )
    span = np.nanmax(values) - np.nanmin(values)
    if 0 < span < 1 / LARGEST:
        row = int(np.flatnonzero(values != values[~np.isnan(values)][0])[-1])
        raise DataError(
            f"{where}, row {row + 1} holds {values[row]:g}, and no two values lie further apart than {span:g}, "
            "whose square is 0 in double precision: rescale the column."
        )


def _drop_markers(values: np.ndarray, where: str, missing: str | None) -> str | None:
    if missing is not None:
        for marker in listed(missing):
            try:
                values[values == float(marker)] = np.nan
            except ValueError:
                continue  # a text, which is NaN already
        return None
    suspects = np.isin(values, NUMBERS)
    others = values[~suspects & ~np.isnan(values)]
    if not suspects.any() or not len(others):
        return None
    low, high = others.min(), others.max()
    far = suspects & ((values > high + (high - low)) | (values < low - (high - low)))
    if not far.any():
        return None
    markers = ", ".join(f"{marker:g}" for marker in np.unique(values[far]))
    values[far] = np.nan
    return f"{where}: {markers}, far from all other values, was read as missing in {counted(int(far.sum()))}."
