"""Records of a run: their schema, upgrades of older versions, and how they are stored.

`benchmarks` writes records and `reports` reads them; nothing else passes between the two packages.
"""

from reports.records.backends import BackendFacts, NullTest
from reports.records.base import SCHEMA, Mode, Number, Record
from reports.records.forecasts import AbsentBaseline, Baseline, Baselines, DataBaselines, Scores
from reports.records.next_rows import Band, NextRows, SeriesForecast
from reports.records.overhead import EpochSeconds, HarnessOverhead, Overhead
from reports.records.questions import Contender, Published, Quantity, Question
from reports.records.schema import (
    Case,
    Certificate,
    Check,
    Configuration,
    Data,
    Environment,
    Limits,
    Manifest,
    Outcome,
    Plan,
    PublishedBest,
    Repetition,
    RollingOrigin,
    Search,
    SearchResult,
    Session,
    Trial,
)
from reports.records.times import GemmPeak, StepTimes, Times

__all__ = [
    "SCHEMA",
    "AbsentBaseline",
    "BackendFacts",
    "Band",
    "Baseline",
    "Baselines",
    "Case",
    "Certificate",
    "Check",
    "Configuration",
    "Contender",
    "Data",
    "DataBaselines",
    "Environment",
    "EpochSeconds",
    "GemmPeak",
    "HarnessOverhead",
    "Limits",
    "Manifest",
    "Mode",
    "NextRows",
    "NullTest",
    "Number",
    "Outcome",
    "Overhead",
    "Plan",
    "Published",
    "PublishedBest",
    "Quantity",
    "Question",
    "Record",
    "Repetition",
    "RollingOrigin",
    "Scores",
    "Search",
    "SearchResult",
    "SeriesForecast",
    "Session",
    "StepTimes",
    "Times",
    "Trial",
]
