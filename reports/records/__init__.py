"""What is written down: the manifest, the certificate and one record a trial, as JSON with a schema version.

The runner writes these and reports read them; nothing else passes between the two. Times in seconds, memory in
bytes, scores in the series' own unit. `storage` puts them on the disk.
"""

from reports.records.base import SCHEMA, Mode, Number, Record
from reports.records.certificate import Certificate, Check
from reports.records.machine import Environment, Session
from reports.records.manifest import Baseline, Case, Data, Limits, Manifest, Plan, Scores
from reports.records.published import Figure, Published
from reports.records.question import Contender, Question
from reports.records.search import Configuration, Found, PublishedBest, Replay, Search
from reports.records.trial import Outcome, Product, Times, Trial

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
