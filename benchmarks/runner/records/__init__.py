"""What is written down: the manifest, the certificate and one record a trial, as JSON with a schema version.

The runner writes these and reports read them; nothing else passes between the two. Times in seconds, memory in
bytes, scores in the series' own unit. `storage` puts them on the disk.
"""

from benchmarks.runner.records.base import SCHEMA, Mode, Number, Record
from benchmarks.runner.records.certificate import Certificate, Check
from benchmarks.runner.records.machine import Environment, Session
from benchmarks.runner.records.manifest import Baseline, Case, Data, Limits, Manifest, Plan, Scores
from benchmarks.runner.records.published import Figure, Published
from benchmarks.runner.records.question import Contender, Question
from benchmarks.runner.records.search import Configuration, Found, PublishedBest, Replay, Search
from benchmarks.runner.records.trial import Outcome, Product, Times, Trial

__all__ = [
    "SCHEMA",
    "Baseline",
    "Case",
    "Certificate",
    "Check",
    "Configuration",
    "Contender",
    "Data",
    "Environment",
    "Figure",
    "Found",
    "Limits",
    "Manifest",
    "Mode",
    "Number",
    "Outcome",
    "Plan",
    "Product",
    "Published",
    "PublishedBest",
    "Question",
    "Record",
    "Replay",
    "Scores",
    "Search",
    "Session",
    "Times",
    "Trial",
]
