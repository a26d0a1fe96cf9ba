"""The settings of a benchmark, one model a table of its TOML; `datasets` has those of [data] and [window]."""

from benchmarks.settings.case import CaseSettings
from benchmarks.settings.header import Asked, Header
from benchmarks.settings.model import ModelSettings
from benchmarks.settings.search import SearchSettings
from benchmarks.settings.training import TrainingSettings

__all__ = ["Asked", "CaseSettings", "Header", "ModelSettings", "SearchSettings", "TrainingSettings"]
