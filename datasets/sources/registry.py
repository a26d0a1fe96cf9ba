"""The registry: every series by name. Adding a series is adding an entry, and a reader if its file needs one."""

import difflib
from dataclasses import dataclass

from datasets.series import Series, fill
from datasets.sources import readers, synthetic
from datasets.sources.download import Remote
from datasets.sources.housing import Housing
from datasets.sources.origins import Downloaded, Generated, Origin, Packaged
from datasets.spec import DataError

BOOK = "https://raw.githubusercontent.com/lmoroney/PyTorch-Book-FIles/99de24f749a2e16717dea202fb3ff12b35833665"
BROWNLEE = "https://raw.githubusercontent.com/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f"
ETT = "https://raw.githubusercontent.com/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07"
ROOMS = ("MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude")


@dataclass(frozen=True)
class Entry:
    """What is known of a series without loading it."""

    name: str
    title: str
    unit: str
    step: str
    season: int | None  # in steps
    rows: int
    columns: tuple[str, ...]
    licence: str
    source: str
    origin: Origin
    note: str | None = None
    temporal: bool = True

    @property
    def targets(self) -> tuple[str, ...]:
        """What is forecast: of several columns the last."""
        return self.columns[-1:]


_ENTRIES = (
    Entry(
        name="co2",
        title="Weekly CO2 at Mauna Loa, 1958-2001",
        unit="ppm",
        step="week",
        season=52,
        rows=2284,
        columns=("co2",),
        licence="public domain",
        source="Keeling & Whorf 2004, Scripps Institution of Oceanography, as packaged by statsmodels",
        origin=Packaged("co2/co2.csv", "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f", readers.co2),
    ),
    Entry(
        name="sunspots",
        title="Yearly number of sunspots, 1700-2008",
        unit="spots",
        step="year",
        season=11,
        rows=309,
        columns=("sunspots",),
        licence="public domain",
        source="National Geophysical Data Center (NOAA), as packaged by statsmodels",
        origin=Packaged(
            "sunspots/sunspots.csv",
            "f67889b1d9002cd5227f0e0ef54e35b419cdd85a31279adef6f73fb41e5c0a9b",
            readers.sunspots,
        ),
        note="The season of 11 years is the mean length of the solar cycle, which varies from 9 to 14 years.",
    ),
    Entry(
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
    Entry(
        name="temperatures",
        title="Daily minimum temperature in Melbourne, 1981-1990",
        unit="°C",
        step="day",
        season=365,
        rows=3650,
        columns=("Temp",),
        licence="none stated",
        source="Australian Bureau of Meteorology, as kept in github.com/jbrownlee/Datasets",
        origin=Downloaded(
            Remote(
                "daily-min-temperatures.csv",
                f"{BROWNLEE}/daily-min-temperatures.csv",
                "8b9de63ed6789492bf497625e7f9beb96a63d367b4b0a21754006f749fa5e5da",
            ),
            readers.temperatures,
        ),
        note="The source leaves out 31 December of the leap years 1984 and 1988; nothing is put in their place, "
        "so that every year has 365 rows.",
    ),
    Entry(
        name="seatac",
        title="Monthly temperature at Seattle-Tacoma, 1950-2024",
        unit="°C",
        step="month",
        season=12,
        rows=897,
        columns=("temperature",),
        licence="public domain (US government)",
        source="NASA GISS surface temperature analysis, as kept in github.com/lmoroney/PyTorch-Book-FIles",
        origin=Downloaded(
            Remote(
                "giss-seatac.csv",
                f"{BOOK}/Chapter11/station.csv",
                "e914bf104c13a9f590f0929856f627f9ac679e6d46d48cfe561323127baa3a79",
            ),
            readers.seatac,
        ),
    ),
    Entry(
        name="cet",
        title="Central England temperature, daily mean, 1772-2022",
        unit="°C",
        step="day",
        season=365,
        rows=91502,
        columns=("temperature",),
        licence="Crown copyright, Met Office Hadley Centre",
        source="HadCET, Met Office Hadley Centre, as kept in github.com/lmoroney/PyTorch-Book-FIles",
        origin=Downloaded(
            Remote(
                "cet-daily.txt",
                f"{BOOK}/Chapter11/tdaily_cet.dat.txt",
                "581be63bc3791f4330fe13970def669ffa430bb837eaa16755e87169c4353ea2",
            ),
            readers.cet,
        ),
    ),
    Entry(
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
            Remote(
                "ETTh1.csv",
                f"{ETT}/ETT-small/ETTh1.csv",
                "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
            ),
            readers.etth1,
        ),
    ),
    Entry(
        name="housing",
        title="California Housing, 20,640 districts of the census of 1990",
        unit="100,000 $",
        step="district",
        season=None,
        rows=20640,
        columns=(*ROOMS, "MedHouseVal"),
        licence="none stated",
        source="Pace & Barry 1997 (StatLib), through scikit-learn's fetch_california_housing",
        origin=Housing(),
        note="The rows are districts, no moments in time; 965 values are capped at 5.00001.",
        temporal=False,
    ),
    Entry(
        name="sine",
        title="A sine of period 50",
        unit="",
        step="step",
        season=50,
        rows=1000,
        columns=("sine",),
        licence="generated",
        source="sin(2πi / 50), i from 0 to 999",
        origin=Generated(synthetic.sine),
    ),
    Entry(
        name="trend-season-noise",
        title="Four generated years of days: trend, season and noise",
        unit="",
        step="day",
        season=365,
        rows=1461,
        columns=("value",),
        licence="generated",
        source="baseline 10, slope 0.09 a day, yearly pattern of amplitude 20, noise of standard deviation 5, seed 42",
        origin=Generated(synthetic.trend_season_noise),
    ),
    Entry(
        name="counting",
        title="A hundred runs of ten consecutive numbers",
        unit="",
        step="step",
        season=None,
        rows=1000,
        columns=("number",),
        licence="generated",
        source="runs that begin at a random number from 0 to 90, seed 1",
        origin=Generated(synthetic.counting),
        note="No window reaches from one run into another.",
    ),
)
_REGISTRY = {entry.name: entry for entry in _ENTRIES}


def names() -> tuple[str, ...]:
    """Every registered series."""
    return tuple(_REGISTRY)


def describe(name: str) -> Entry:
    """What is known of a series without loading it."""
    if name not in _REGISTRY:
        near = difflib.get_close_matches(name, _REGISTRY, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise DataError(f"there is no series {name!r}; {hint}known: {', '.join(_REGISTRY)}")
    return _REGISTRY[name]


def load(name: str) -> Series:
    """The series, read from the package, the cache or the net, its gaps filled."""
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
        notes=(*((entry.note,) if entry.note else ()), *whole.notes),
        filled=whole.rows,
        runs=table.runs,
        temporal=entry.temporal,
    )
