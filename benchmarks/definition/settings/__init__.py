"""The settings of a benchmark, one model a table of its TOML; `datasets` has those of [data] and [window]."""

from benchmarks.definition.settings.case import CaseSettings
from benchmarks.definition.settings.header import Header, TrialMatrix
from benchmarks.definition.settings.model import ModelSettings
from benchmarks.definition.settings.search import SearchSettings
from benchmarks.definition.settings.training import TrainingSettings

__all__ = ["CaseSettings", "Header", "ModelSettings", "SearchSettings", "TrainingSettings", "TrialMatrix"]
