"""One point of a benchmark's grid."""

import datasets
from backends.model import ModelSpec
from benchmarks.definition.settings.base import Settings
from benchmarks.definition.settings.model import ModelSettings
from benchmarks.definition.settings.training import TrainingSettings


class CaseSettings(Settings):
    """Everything that a round's backends have in common, but for mode and seed."""

    data: datasets.DataSpec
    window: datasets.WindowSpec
    model: ModelSettings
    training: TrainingSettings

    def architecture(self, outputs: int) -> ModelSpec:
        """The model for `outputs` values a window (horizon times targets)."""
        return self.model.architecture(outputs)
