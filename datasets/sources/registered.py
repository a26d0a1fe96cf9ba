"""The registered series by name. To add a series, add an entry here and a function to `readers`."""

import difflib
from dataclasses import dataclass

from datasets.series import Series, fill, fill_notes
from datasets.sources import readers
from datasets.sources.origins import Downloaded, Generated, Housing, Origin, Packaged
from datasets.spec import DataError

BOOK = "https://raw.githubusercontent.com/lmoroney/PyTorch-Book-FIles/99de24f749a2e16717dea202fb3ff12b35833665"
BROWNLEE = "https://raw.githubusercontent.com/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f"
ETT = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07"
DISTRICT = ("MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude")


@dataclass(frozen=True)
class SeriesEntry:
    """The description of a series, available without loading it."""

    name: str
    title: str
    unit: str
    step: str  # time between rows: hour, day, week, month, quarter or year; or another noun
    season: int | None  # in steps
    rows: int
    columns: tuple[str, ...]
    licence: str
    source: str
    origin: Origin
    note: str | None = None
    temporal: bool = True  # False: the rows are not a time series

    @property
    def targets(self) -> tuple[str, ...]:
        """The column that is forecast by default: the last."""
        return self.columns[-1:]


_ENTRIES = (
    SeriesEntry(
        name="co2",
        title="Weekly CO2 at Mauna Loa, 1958-2001",
        unit="ppm",
        step="week",
        season=52,
        rows=2284,
        columns=("co2",),
        licence="public domain",
        source="Keeling & Whorf 2004, Scripps Institution of Oceanography, from the package statsmodels",
        origin=Packaged("co2/co2.csv", "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f", readers.co2),
    ),
    SeriesEntry(
        name="sunspots",
        title="Yearly number of sunspots, 1700-2008",
        unit="spots",
        step="year",
        season=11,
        rows=309,
        columns=("sunspots",),
        licence="public domain",
        source="National Geophysical Data Center (NOAA), from the package statsmodels",
        origin=Packaged(
            "sunspots/sunspots.csv",
            "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b",
            readers.sunspots,
        ),
        note="The season of 11 years is the mean length of the solar cycle, which varies from 9 to 14 years.",
    ),
    SeriesEntry(
        name="airline",
        title="Airline passengers, monthly, 1949-1960",
        unit="thousand passengers",
        step="month",
        season=12,
        rows=144,
        columns=("passengers",),
        licence="none stated; published figures",
        source="Box & Jenkins 1976, Time Series Analysis, series G",
        origin=Generated(readers.airline, kind="packaged"),
    ),
    SeriesEntry(
        name="temperatures",
        title="Daily minimum temperature in Melbourne, 1981-1990",
        unit="°C",
        step="day",
        season=365,
        rows=3650,
        columns=("Temp",),
        licence="none stated",
        source="Australian Bureau of Meteorology, from github.com/jbrownlee/Datasets",
        origin=Downloaded(
            "daily-min-temperatures.csv",
            f"{BROWNLEE}/daily-min-temperatures.csv",
            "8b9de63ed6789492bf497625e7f9beb96a63d367b4b0a21754006f749fa5e5da",
            readers.temperatures,
        ),
        note="The source omits 31 December of the leap years 1984 and 1988; the two days are not filled in, "
        "so every year has 365 rows.",
    ),
    SeriesEntry(
        name="seatac",
        title="Monthly temperature at Seattle-Tacoma, 1950-2024",
        unit="°C",
        step="month",
        season=12,
        rows=897,
        columns=("temperature",),
        licence="public domain (US government)",
        source="NASA GISS surface temperature analysis, from github.com/lmoroney/PyTorch-Book-FIles",
        origin=Downloaded(
            "giss-seatac.csv",
            f"{BOOK}/Chapter11/station.csv",
            "e914bf104c13a9f590f0929856f627f9ac679e6d46d48cfe561323127baa3a79",
            readers.seatac,
        ),
    ),
    SeriesEntry(
        name="cet",
        title="Central England temperature, daily mean, 1772-2022",
        unit="°C",
        step="day",
        season=365,
        rows=91502,
        columns=("temperature",),
        licence="Crown copyright, Met Office Hadley Centre",
        source="HadCET, Met Office Hadley Centre, from github.com/lmoroney/PyTorch-Book-FIles",
        origin=Downloaded(
            "cet-daily.txt",
            f"{BOOK}/Chapter11/tdaily_cet.dat.txt",
            "581be63bc3791f4330fe13970def669ffa430bb837eaa16755e87169c4353ea2",
            readers.cet,
        ),
    ),
    SeriesEntry(
        name="etth1",
        title="Electricity transformer, hourly loads and oil temperature, 2016-2018",
        unit="°C",
        step="hour",
        season=24,
        rows=17420,
        columns=("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"),
        licence="CC BY-ND 4.0",
        source="Zhou et al. 2021 (Informer), github.com/zhouhaoyi/ETDataset",
        origin=Downloaded(
            "ETTh1.csv",
            f"{ETT}/ETT-small/ETTh1.csv",
            "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
            readers.etth1,
        ),
    ),
    SeriesEntry(
        name="housing",
        title="California Housing, 20,640 districts of the census of 1990",
        unit="100,000 $",
        step="district",
        season=None,
        rows=20640,
        columns=(*DISTRICT, "MedHouseVal"),
        licence="none stated",
        source="Pace & Barry 1997 (StatLib), from scikit-learn's fetch_california_housing",
        origin=Housing(),
        note="The rows are districts, not points in time; 965 values are capped at 5.00001.",
        temporal=False,
    ),
    SeriesEntry(
        name="sine",
        title="A sine of period 50",
        unit="",
        step="step",
        season=50,
        rows=1000,
        columns=("sine",),
        licence="generated",
        source="sin(2πi / 50), i from 0 to 999",
        origin=Generated(readers.sine),
    ),
    SeriesEntry(
        name="trend-season-noise",
        title="Four generated years of days: trend, season and noise",
        unit="",
        step="day",
        season=365,
        rows=1461,
        columns=("value",),
        licence="generated",
        source="baseline 10, slope 0.09/day, yearly pattern of amplitude 20, noise of standard deviation 5, seed 42",
        origin=Generated(readers.trend_season_noise),
    ),
    SeriesEntry(
        name="counting",
        title="A hundred runs of ten consecutive numbers",
        unit="",
        step="step",
        season=None,
        rows=1000,
        columns=("number",),
        licence="generated",
        source="runs that begin at a random number from 0 to 90, seed 1",
        origin=Generated(readers.counting),
        note="No window spans two runs.",
    ),
    SeriesEntry(
        name="waves",
        title="Two hundred short waves of sixteen values",
        unit="",
        step="step",
        season=None,
        rows=3200,
        columns=("value",),
        licence="generated",
        source="a level, a period from 8 to 24 steps and a phase for each run, noise of standard deviation 0.1, seed 3",
        origin=Generated(readers.waves),
        note="No window spans two runs.",
    ),
)
_REGISTRY = {entry.name: entry for entry in _ENTRIES}


def names() -> tuple[str, ...]:
    """The names of all registered series."""
    return tuple(_REGISTRY)


def describe(name: str) -> SeriesEntry:
    """The entry of a series, without loading it. Raises DataError for an unknown name."""
    if name not in _REGISTRY:
        near = difflib.get_close_matches(name, _REGISTRY, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise DataError(f"there is no series {name!r}; {hint}known: {', '.join(_REGISTRY)}")
    return _REGISTRY[name]


def load(name: str) -> Series:
    """Load a series from its package, the cache folder or the internet, and fill its gaps."""
    entry = describe(name)
    table = entry.origin.table()
    whole = fill(table.values)
    return Series(
        name=entry.name,
        title=entry.title,
        values=whole.values,
        columns=entry.columns,
        targets=entry.targets,
        times=None if table.times is None else table.times[whole.kept],
        unit=entry.unit,
        step=entry.step,
        season=entry.season,
        licence=entry.licence,
        source=entry.source,
        notes=(*((entry.note,) if entry.note else ()), *fill_notes([whole])),
        filled=whole.rows,
        runs=table.runs,
        temporal=entry.temporal,
    )
