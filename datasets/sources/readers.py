"""Readers and generators of the registered series: each function returns a RawTable.

A reader parses the bytes of a file whose SHA-256 has been checked. The values of generated series are rounded, because
the last bits of a sine differ between machines.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DIGITS = 12  # decimal places of generated values
AIRLINE = (  # thousands of passengers per month
    "112 118 132 129 121 135 148 148 136 119 104 118 115 126 141 135 125 149 170 170 158 133 114 140 "
    "145 150 178 163 172 178 199 199 184 162 146 166 171 180 193 181 183 218 230 242 209 191 172 194 "
    "196 196 236 235 229 243 264 272 237 211 180 201 204 188 235 227 234 264 302 293 259 229 203 229 "
    "242 233 267 269 270 315 364 347 312 274 237 278 284 277 317 313 318 374 413 405 355 306 271 306 "
    "315 301 356 348 355 422 465 467 404 347 305 336 340 318 362 348 363 435 491 505 404 359 310 337 "
    "360 342 406 396 420 472 548 559 463 407 362 405 417 391 419 461 472 535 622 606 508 461 390 432"
)


@dataclass(frozen=True, eq=False)
class RawTable:
    """The numbers of a source, before gaps are filled."""

    values: np.ndarray  # (rows, columns), NaN where missing
    times: np.ndarray | None = None  # (rows,) datetime64
    runs: tuple[int, ...] = (0,)  # first row of each run


def _rows(content: bytes) -> list[list[str]]:
    """The cells of a CSV file, without its header."""
    return list(csv.reader(content.decode("utf-8").splitlines()))[1:]


def _numbers(cells: Sequence[str]) -> np.ndarray:
    return np.array([float(cell) if cell else np.nan for cell in cells])[:, None]


def _days(stamps: np.ndarray) -> np.ndarray:
    """Dates from numbers like 19580329."""
    years, months, days = stamps // 10_000, stamps // 100 % 100, stamps % 100
    months_since_1970 = (years - 1970) * 12 + months - 1
    dates: np.ndarray = months_since_1970.astype("datetime64[M]").astype("datetime64[D]") + (days - 1)
    return dates


def _months(first: str, count: int) -> np.ndarray:
    return (np.datetime64(first, "M") + np.arange(count)).astype("datetime64[D]")


def co2(content: bytes) -> RawTable:
    """Columns date and co2: one row per week; an empty cell is missing."""
    rows = _rows(content)
    return RawTable(_numbers([row[1] for row in rows]), _days(np.array([int(row[0]) for row in rows])))


def sunspots(content: bytes) -> RawTable:
    """Columns YEAR and SUNACTIVITY."""
    rows = _rows(content)
    years = np.array([row[0] for row in rows], "datetime64[Y]")
    return RawTable(_numbers([row[1] for row in rows]), years.astype("datetime64[D]"))


def airline() -> RawTable:
    """Thousands of passengers per month from January 1949."""
    values = _numbers(AIRLINE.split())
    return RawTable(values, _months("1949-01", len(values)))


def temperatures(content: bytes) -> RawTable:
    """Columns Date and Temp."""
    rows = _rows(content)
    return RawTable(_numbers([row[1] for row in rows]), np.array([row[0] for row in rows], "datetime64[D]"))


def seatac(content: bytes) -> RawTable:
    """One row per year: the year, twelve months, then means of seasons; 999.90 is missing."""
    rows = _rows(content)
    values = np.array([[float(cell) for cell in row[1:13]] for row in rows]).reshape(-1, 1)
    values[values == 999.9] = np.nan
    return RawTable(values, _months(f"{rows[0][0]}-01", len(values)))


def cet(content: bytes) -> RawTable:
    """Each row: YYYYMMDD and a temperature."""
    cells = np.array(content.split(), np.float64).reshape(-1, 2)
    return RawTable(cells[:, 1:], _days(cells[:, 0].astype(np.int64)))


def etth1(content: bytes) -> RawTable:
    """Column date and seven columns of numbers."""
    rows = _rows(content)
    values = np.array([row[1:] for row in rows], np.float64)
    return RawTable(values, np.array([row[0] for row in rows], "datetime64[s]"))


def sine() -> RawTable:
    """sin(2πi / 50), i from 0 to 999."""
    steps = np.arange(1000)
    return RawTable(np.round(np.sin(2 * np.pi * steps / 50), DIGITS)[:, None])


def trend_season_noise() -> RawTable:
    """Four years of days: a rising baseline, a yearly pattern and noise."""
    days = np.arange(1461)
    year = (days % 365) / 365
    pattern = np.where(year < 0.4, np.cos(2 * np.pi * year), np.exp(-3 * year))
    noise = np.random.RandomState(42).randn(len(days))  # the legacy generator, which published versions of it use
    return RawTable(np.round(10 + 0.09 * days + 20 * pattern + 5 * noise, DIGITS)[:, None])


def counting() -> RawTable:
    """A hundred runs of ten consecutive numbers; each run begins at a random number from 0 to 90."""
    first = np.random.default_rng(1).integers(0, 91, size=100)
    numbers = first[:, None] + np.arange(10)
    return RawTable(numbers.reshape(-1, 1).astype(np.float64), runs=tuple(range(0, numbers.size, 10)))


def waves() -> RawTable:
    """200 runs of 16 values of a wave with noise: each has its own level, period (8 to 24 steps) and phase."""
    random = np.random.default_rng(3)
    level, period, phase = random.normal(0, 2, 200), random.uniform(8, 24, 200), random.uniform(0, 2 * np.pi, 200)
    angles = 2 * np.pi * np.arange(16) / period[:, None] + phase[:, None]
    values = np.round(level[:, None] + np.sin(angles) + random.normal(0, 0.1, angles.shape), 6)
    return RawTable(values.reshape(-1, 1), runs=tuple(range(0, values.size, 16)))
