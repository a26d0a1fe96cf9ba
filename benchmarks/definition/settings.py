"""The settings of a definition: its top, `[training]` and `[search]`; and a case.

`datasets.spec` has the settings of `[data]` and `[window]`, `model_settings` those of `[model]`.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, Field, PlainSerializer, model_validator

import datasets
from backends.contract import Dtype, Loss, Objective
from backends.model import ModelSpec
from backends.optimizers import OPTIMIZERS, Adam, Optimizer
from benchmarks.definition.model_settings import ModelSettings
from benchmarks.errors import as_toml, name_hint
from datasets.spec import Count, Flag, Settings
from reports.records import Limits, Mode, Published, Question, Repetition

Amount = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Share = Annotated[float, Field(gt=0, lt=1, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]
Seeds = Annotated[tuple[Seed, ...], Field(min_length=1)]
Baseline = Literal["exponential smoothing", "theta", "ARIMA", "seasonal autoregression", "gradient boosting"]
Sampler = Literal["grid", "random", "tpe"]
SHARED = {"clip_norm", "weight_decay"}  # settings of every optimizer, which are settings of the training
REPETITION = {"repeat_until", "budget"}  # settings of the top that add trials and change none


class TrialMatrix(Settings):
    """The backends, modes and seeds with which a case is trained: one trial for each combination."""

    backends: Annotated[tuple[str, ...], Field(min_length=1)]
    modes: Annotated[tuple[Mode, ...], Field(min_length=1)] = ("matched",)
    seeds: Seeds = (1,)
    native_seeds: Seeds | None = None  # seeds of native mode; None: the same seeds
    proven: Flag = True  # certify the case against the reference implementation; false: no speed ratio is printed

    def seeds_of(self, mode: Mode) -> tuple[int, ...]:
        """The seeds of a mode."""
        return self.native_seeds or self.seeds if mode == "native" else self.seeds


class Header(TrialMatrix):
    """The top of a definition: its description, and the trials unless a variant has others."""

    title: Annotated[str, Field(min_length=1)]
    description: str = ""
    gradient_flow: Flag = False  # measure gradient norms by lag, before and after training
    harness_overhead: Annotated[int, Field(ge=0)] = 0  # rounds in which hand-written loops are timed after the trials
    step_parts: Flag = False  # time forward pass, backward pass and optimizer of a step apart, after training
    published: tuple[Published, ...] = ()  # published values, to be compared with those of the run
    questions: Annotated[tuple[Question, ...], Field(alias="question")] = ()  # answered in the report
    baselines: tuple[Baseline, ...] = get_args(Baseline)  # fitted beside the naive forecasts; []: none
    repeat_until: Annotated[Amount, Field(lt=1)] | None = None  # half width of a speed ratio's interval, as a share
    budget: Amount = 30  # minutes of trials after which no further round begins, with repeat_until
    time_limit: Amount = 3600  # seconds per trial
    memory_limit: Amount | None = None  # GiB per trial; None: 90 % of the memory of the machine

    def repetition(self) -> Repetition | None:
        """When further rounds end; None if there are none."""
        return None if self.repeat_until is None else Repetition(precision=self.repeat_until, minutes=self.budget)

    def limits(self, memory_bytes: int) -> Limits:
        """The time and memory after which a trial is ended, on a machine with so much memory."""
        available = 0.9 * memory_bytes if self.memory_limit is None else self.memory_limit * 2**30
        return Limits(seconds=self.time_limit, memory_bytes=int(available))


def read_optimizer(value: object) -> Optimizer:
    """An optimizer from its name, or from a table of its name and settings. Raises ValueError with a remedy."""
    if isinstance(value, Optimizer):
        return value
    table: dict[str, Any] = dict(value) if isinstance(value, Mapping) else {"name": value}
    if "name" not in table:
        examples = (optimizer_with(setting, value) for setting, value in table.items())
        example = next(filter(None, examples), as_toml({"name": "sgd"}))
        raise ValueError(f"an optimizer needs a name, as in {example}")
    name = table.pop("name")
    if not isinstance(name, str) or name not in OPTIMIZERS:
        raise ValueError(f"there is no optimizer {as_toml(name)}; {_optimizer_hint(name)}")
    kind = OPTIMIZERS[name]
    known = _settings_of(kind)
    for setting, number in table.items():
        if setting in TrainingSettings.model_fields:
            raise ValueError(f"{setting} is no setting of an optimizer but of the training; move it out of the braces")
        if setting not in known:
            hint = name_hint(known, setting)
            raise ValueError(f"{name} has no setting '{setting}'; remove it, or write another: {hint}")
        if known[setting] is bool and not isinstance(number, bool):
            raise ValueError(f"{setting} = {as_toml(number)}: write true or false")
        least, zero = ("above 0", False) if setting == "epsilon" else ("of at least 0", True)
        if known[setting] is float and not (_is_number(number) and (0 < number < 1 or (zero and number == 0))):
            raise ValueError(f"{setting} = {as_toml(number)}: write a number {least} and below 1")
    if table.get("nesterov") and not table.get("momentum"):
        raise ValueError('nesterov needs momentum, as in { name = "sgd", momentum = 0.9, nesterov = true }')
    return kind(**table)


def _optimizer_hint(name: object) -> str:
    if isinstance(name, str) and "{" in name:
        return 'write names in quotation marks, as in { name = "sgd", momentum = 0.9 }'
    if isinstance(name, str) and "," in name:
        return f"for an axis write a list, as in {as_toml([word.strip() for word in name.split(',')])}"
    return f"use one of {', '.join(OPTIMIZERS)}"


def _is_number(value: object) -> bool:
    return isinstance(value, float | int) and not isinstance(value, bool)


def optimizer_with(setting: str, value: object) -> str | None:
    """An optimizer with a value of one of its settings, as in a TOML file; None if no optimizer has the setting."""
    owner = next((name for name, kind in OPTIMIZERS.items() if setting in _settings_of(kind)), None)
    needed = {"momentum": 0.9} if setting == "nesterov" else {}
    return None if owner is None else as_toml({"name": owner, **needed, setting: value})


def _settings_of(kind: type[Optimizer]) -> dict[str, type]:
    """The settings of a kind of optimizer beyond those that all have, with their types."""
    return {field.name: type(field.default) for field in fields(kind) if field.name not in SHARED}


def as_table(value: Optimizer) -> dict[str, object]:
    """The table from which `read_optimizer` makes this optimizer."""
    name = next(name for name, kind in OPTIMIZERS.items() if kind is type(value))
    return {"name": name} | {setting: getattr(value, setting) for setting in _settings_of(type(value))}


class TrainingSettings(Settings):
    """The table `[training]`: the loss, the optimizer, and the epochs and batches; equal for all backends."""

    epochs: Count
    batch: Count | Literal["full"]  # windows per step
    partial_batch: Literal["drop", "use"] = "drop"  # "use": a last step on the windows that do not fill a batch
    learning_rate: Amount = 1e-3  # required with an optimizer without a usual rate
    schedule: Literal["constant", "step", "cosine"] = "constant"  # of the learning rate
    step_epochs: Count | None = None  # schedule "step": after every so many epochs ...
    step_factor: Annotated[Amount, Field(le=1)] | None = None  # ... the rate is multiplied by this factor
    loss: Loss = "mse"
    # loss "quantile": 0.5 and others; []: none
    quantiles: Annotated[tuple[Share, ...] | None, BeforeValidator(lambda given: None if given == [] else given)] = None
    l2: Amount | None = None  # times the sum of squares of `l2_on`, added to the loss (Keras's regularizers)
    l2_on: tuple[str, ...] = ()  # names of parameters, as in "0.kernel"
    optimizer: Annotated[Optimizer, BeforeValidator(read_optimizer), PlainSerializer(as_table)] = Adam()
    weight_decay: Amount | None = None  # times all parameters, added to their gradients (AdamW: subtracted from them)
    clip_norm: Amount | None = None  # largest norm of the gradient over all parameters
    patience: Count | None = None  # epochs without a better validation loss; then the best weights are restored
    dtype: Dtype = "float32"
    threads: Count | None = None  # None: the number of cores of this process
    tf32: Flag = False  # GPUs may round the factors of float32 products to TensorFloat-32

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        step = (self.step_epochs is None, self.step_factor is None)
        if self.schedule == "step" and any(step):
            raise ValueError('schedule = "step" needs step_epochs and step_factor, as in 10 and 0.5')
        if self.schedule != "step" and not all(step):
            raise ValueError('step_epochs and step_factor belong to schedule = "step"; remove them, or set it')
        if (self.loss == "quantile") != (self.quantiles is not None):
            raise ValueError(
                'loss = "quantile" needs quantiles, as in quantiles = [0.1, 0.5, 0.9]'
                if self.quantiles is None
                else 'quantiles belong to loss = "quantile"; write quantiles = [] for another loss; for several losses '
                "write each into a [[variant]]"
            )
        if self.quantiles is not None and list(self.quantiles) != sorted(set(self.quantiles)):
            ascending = sorted(set(self.quantiles))
            raise ValueError(f"quantiles = {list(self.quantiles)}: they must ascend; write quantiles = {ascending}")
        if self.quantiles is not None and 0.5 not in self.quantiles:
            raise ValueError(
                f"quantiles = {list(self.quantiles)}: 0.5 is missing; add it, because the median is the forecast that "
                "is scored"
            )
        if (self.l2 is None) == bool(self.l2_on):
            raise ValueError('l2 needs l2_on, and l2_on needs l2, as in l2 = 0.01, l2_on = ["0.kernel"]')
        if len(set(self.l2_on)) < len(self.l2_on):
            raise ValueError(f"l2_on = {list(self.l2_on)} names a parameter twice; name each parameter once")
        if "learning_rate" not in self.model_fields_set and self.optimizer.usual_rate is None:
            raise ValueError(
                f"{self.optimizer.title} needs a learning_rate, as in learning_rate = 0.01; its default differs "
                "between frameworks"
            )
        return self

    def batch_of(self, rows: int) -> int:
        """The number of windows per step, if there are `rows` training windows."""
        return rows if self.batch == "full" else self.batch

    def objective(self) -> Objective:
        return Objective(self.loss, self.l2 or 0.0, self.l2_on, self.quantiles or ())

    def complete_optimizer(self) -> Optimizer:
        """The optimizer with clipping and weight decay; without a weight decay it has its own default."""
        decay = {} if self.weight_decay is None else {"weight_decay": self.weight_decay}
        return replace(self.optimizer, clip_norm=self.clip_norm, **decay)

    def notes(self) -> tuple[str, ...]:
        """All differences from plain Adam on the mean squared error, one phrase each.

        Records keep these phrases and run comparisons match cases by them, so a changed phrase is another case.
        """
        decay = f"learning rate times {self.step_factor:g} every {self.step_epochs} epochs" if self.step_factor else ""
        epochs = "epoch" if self.patience == 1 else "epochs"
        phrases = {
            str(self.optimizer): self.optimizer != Adam(),
            f"loss {' '.join([self.loss, *map(str, self.quantiles or ())])}": self.loss != "mse",
            f"L2 {self.l2} on {', '.join(self.l2_on)}": self.l2,
            f"weight decay {self.weight_decay}": self.weight_decay,
            f"gradients clipped to norm {self.clip_norm}": self.clip_norm,
            "learning rate along a cosine": self.schedule == "cosine",
            decay: decay,
            f"stops after {self.patience} {epochs} without a better validation loss": self.patience,
            "full batches": self.batch == "full",
            "each epoch ends with the incomplete batch": self.partial_batch == "use",
            "products in TF32 on GPUs": self.tf32,
        }
        return tuple(phrase for phrase, applies in phrases.items() if applies)


class PublishedSettings(Settings):
    """The table `[search.published]`: the best configuration of another search of the same configurations."""

    case: Annotated[str, Field(min_length=1)]  # a label, as in "CNN, filters 64 32, width 5"
    mae: Amount


class SearchSettings(Settings):
    """The table `[search]`: the lowest validation loss selects a configuration; the test part is not used for it."""

    sampler: Sampler = "grid"
    trials: Count | None = None  # configurations to train; None: all
    sampler_seed: Seed = 1
    at_once: Count = 2  # trials that run at the same time, each on its own cores; their times are not compared
    least_mae: Amount | None = None  # MAE of a perfect forecast, caused by noise; known for generated series
    published: PublishedSettings | None = None


class CaseSettings(Settings):
    """One case: everything that the trials of all backends, modes and seeds have in common."""

    data: datasets.DataSpec
    window: datasets.WindowSpec
    model: ModelSettings
    training: TrainingSettings

    def architecture(self, outputs: int) -> ModelSpec:
        """The layers of the model for `outputs` values per window (horizon times targets), and for each quantile."""
        outputs *= len(self.training.quantiles or (1,))
        model = self.model.architecture(outputs)
        return replace(model, masked=self.window.masked, stateful=self.model.stateful)

    def training_notes(self) -> tuple[str, ...]:
        """Those of the training, and of the model where it determines the order of the windows."""
        carried = ["state passes from each window to the one that continues it"] if self.model.stateful else []
        return (*self.training.notes(), *carried)


SETTINGS: dict[str, type[BaseModel]] = {
    "data": datasets.DataSpec,
    "window": datasets.WindowSpec,
    "model": ModelSettings,
    "training": TrainingSettings,
}
