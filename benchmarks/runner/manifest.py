"""Builds the manifest, which a run writes before its first trial: definition, data, machine and planned trials."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from math import prod
from pathlib import Path

import numpy as np

import backends
import datasets
from backends import user_program
from backends.layers import ModelError
from backends.model import ModelSpec
from backends.recurrent import Recurrent
from benchmarks.definition.loading import Benchmark
from benchmarks.definition.settings import CaseSettings, SearchSettings
from benchmarks.errors import SettingError, UserError, name_hint
from benchmarks.runner.machine import memory_bytes
from benchmarks.worker import baselines, scores
from datasets.spec import counted
from reports.records import BackendFacts, Case, Data, Manifest, PublishedBest, RollingOrigin, Search, Session


@dataclass(frozen=True)
class Prepared:
    """A case's windows, and their key in the manifest's `data`."""

    key: str
    windows: datasets.Windows


def prepare(benchmark: Benchmark) -> dict[str, Prepared]:
    """Return each case's windows, cut once for all cases that share them.

    Raises UserError or DataError where a case's data, model and training settings do not fit together.
    """
    cut: dict[str, Prepared] = {}
    by_case = {}
    for label, case in benchmark.cases.items():
        settings = (case.data, case.window, case.training.dtype)
        if repr(settings) not in cut:
            cut[repr(settings)] = Prepared(f"data-{len(cut) + 1}", datasets.prepare(*settings))
        prepared = by_case[label] = cut[repr(settings)]
        _require_fit(benchmark.source, label, case, prepared.windows)
        _require_programs(benchmark, label, prepared.windows)
        _require_native_layers(benchmark, label, prepared.windows)
        if benchmark.search is not None and not len(prepared.windows.validation):
            raise UserError(f"{benchmark.source}: a search needs a validation part; give data.validation a share")
    return by_case


def _require_fit(source: Path, label: str, case: CaseSettings, windows: datasets.Windows) -> None:
    """Raise UserError where a case's model, training settings and windows do not fit together."""
    train, training = windows.train, case.training
    _, window, features = train.inputs.shape
    batch = training.batch_of(len(train))
    if batch > len(train):
        reason = (
            f"{batch} is more than the {counted(len(train), 'window')} of the training part; reduce window.length, or "
            f"write at most {len(train)}"
        )
        typed = f"on the command line --set training.batch={len(train)}"
        raise SettingError(f"{source}: training.batch = {reason}, {typed}", "training.batch", reason)
    if case.model.stateful and (problem := _cannot_carry(case, windows, batch)):
        reason = f"{problem}, or set model.stateful to false"
        raise SettingError(f"{source}: model.stateful = true for '{label}': {reason}", "model.stateful", reason)
    if training.patience is not None and not len(windows.validation):
        raise UserError(f"{source}: training.patience needs a validation part; give data.validation a share")
    try:
        model = case.architecture(train.y.shape[1])
        shapes, outputs = model.shapes(features, window), model.outputs(features, window)
    except ModelError as problem:
        raise UserError(f"{source}: the model of '{label}': {problem}") from None
    if not shapes:
        raise UserError(f"{source}: the model of '{label}' has no parameters; add a dense layer at its end")
    needed = train.y.shape[1] * len(training.quantiles or (1,))
    if outputs != needed:
        raise UserError(
            f"{source}: the model of '{label}' has {outputs} outputs and its windows need {needed}; "
            "leave out the units of the last layer to give it as many outputs as needed"
        )
    for parameter in training.l2_on:
        if parameter not in shapes:
            known = name_hint(shapes, parameter)
            raise UserError(f"{source}: training.l2_on: '{label}' has no parameter '{parameter}'; {known}")


def _cannot_carry(case: CaseSettings, windows: datasets.Windows, batch: int) -> str | None:
    """A clause on why no state can pass from window to window, with a remedy, or None."""
    window, train = case.window, windows.train
    if window.rollout:
        return "a rollout feeds forecasts back into the window and has no next window; set window.rollout to false"
    if window.shortest < window.length:
        return "padded windows do not follow one another; remove window.min_history"
    if case.training.partial_batch == "use":
        return 'the rows of an incomplete batch continue no others; set training.partial_batch to "drop"'
    if window.length % window.stride:
        return (
            f"with a stride of {window.stride}, no window of {window.length} rows begins where another ends; set "
            f"window.stride to 1 or to {window.length}"
        )
    if len(train) < 2 * batch:
        return (
            f"the {len(train)} training windows make one batch of {batch}, and a state needs a second one; "
            f"write a training.batch of at most {len(train) // 2}"
        )
    if max(map(len, windows.chains(train))) < 2:
        return f"no training window begins where another ends; set window.length to less than {window.length}"
    return None


def _require_programs(benchmark: Benchmark, label: str, windows: datasets.Windows) -> None:
    """Raise UserError where a user's program cannot train a case."""
    _, window, features = windows.train.inputs.shape
    case = benchmark.cases[label]
    model, optimizer = case.architecture(windows.train.y.shape[1]), case.training.complete_optimizer()
    reason = user_program.unsupported(model, features, window, optimizer)
    for name in benchmark.matrices[label].backends:
        if reason and backends.entry(name, benchmark.programs.get(name)).two_functions:
            raise UserError(f"{name} cannot train '{label}': {reason}, or leave the model out")


def _require_native_layers(benchmark: Benchmark, label: str, windows: datasets.Windows) -> None:
    """Raise UserError where a framework lacks a layer of a case that runs in native mode."""
    matrix = benchmark.matrices[label]
    if "native" not in matrix.modes:
        return
    model = benchmark.cases[label].architecture(windows.train.y.shape[1])
    entries = {name: backends.entry(name, benchmark.programs.get(name)) for name in matrix.backends}
    lacking = {name: entry.native.lacking(model) for name, entry in entries.items() if entry.native}
    without = {name: layer for name, layer in lacking.items() if layer is not None}
    if not without:
        return
    layer = next(iter(without.values()))
    frameworks = list(dict.fromkeys(entries[name].framework for name in without if without[name] == layer))
    others = [name for name in matrix.backends if name not in without] or [
        name
        for name, entry in backends.REGISTRY.items()
        if entry.native and not entry.base and entry.native.lacking(model) is None
    ]
    keep = f", or take backends that have it: --backends {','.join(others)}" if others else ""
    have = "has no layer of its own" if len(frameworks) == 1 else "have no layers of their own"
    raise UserError(
        f"{benchmark.source}: {' and '.join(frameworks)} {have} for the layer '{layer}' of the model '{label}', which "
        f'native mode needs; write modes = ["matched"], on the command line --set \'modes=["matched"]\'{keep}'
    )


def describe(benchmark: Benchmark, prepared: dict[str, Prepared], session: Session, threads: int) -> Manifest:
    """Return the manifest. threads: the number for trials whose definition does not give one."""
    facts: dict[str, Data] = {}
    for entry in prepared.values():
        if entry.key not in facts:
            facts[entry.key] = _data(entry.windows)
    return Manifest(
        benchmark=benchmark.name,
        title=benchmark.header.title,
        description=benchmark.header.description,
        definition=benchmark.definition,
        command=session.command,
        started=session.started,
        environment=session.environment,
        data=facts,
        cases=tuple(_case(label, case, prepared[label], threads) for label, case in benchmark.cases.items()),
        trials=benchmark.trials(),
        source=str(benchmark.source.resolve()),
        source_text=benchmark.source_text,
        limits=benchmark.header.limits(memory_bytes()),
        published=benchmark.header.published,
        questions=benchmark.header.questions,
        quick=benchmark.quick,
        narrowed=benchmark.narrowed,
        sessions=(session,),
        repetition=benchmark.header.repetition(),
        backends=backend_facts(benchmark.programs, benchmark.header.backends),
        search=None if benchmark.search is None else _search(benchmark.search, len(benchmark.configurations)),
    )


def backend_facts(programs: Mapping[str, str], names: Iterable[str]) -> dict[str, BackendFacts]:
    """Return what reports need to know of each backend of the registry, of second contestants, and of users' programs.

    programs: the texts of users' programs by name. names: the backends of the run.
    """
    return {
        name: BackendFacts(
            display_name=entry.display_name,
            framework=entry.framework,
            program=entry.program,
            repeats=entry.repeats,
            user_program=name in programs,
            source_text=programs[name] if name in programs else backends.excerpt(name),
        )
        for name, entry in backends.entries(programs, names).items()
    }


def _search(settings: SearchSettings, configurations: int) -> Search:
    published = settings.published
    return Search(
        sampler=settings.sampler,
        sampler_seed=settings.sampler_seed,
        trials=settings.trials or configurations,
        configurations=configurations,
        at_once=settings.at_once,
        optuna=metadata.version("optuna"),
        least_mae=settings.least_mae,
        published=None if published is None else PublishedBest(case=published.case, mae=published.mae),
    )


def _case(label: str, case: CaseSettings, prepared: Prepared, threads: int) -> Case:
    train, training = prepared.windows.train, case.training
    _, window, features = train.inputs.shape
    model, batch = case.architecture(train.y.shape[1]), training.batch_of(len(train))
    return Case(
        label=label,
        cell=case.model.cell or case.model.label,
        units=case.model.units,
        layers=case.model.layers,
        architecture=tuple(map(str, model.layers)),
        gate_biases=gate_biases(model, features, window),
        training_notes=case.training_notes(),
        data=prepared.key,
        window=case.window.length,
        horizon=case.window.horizon,
        epochs=training.epochs,
        batch=batch,
        learning_rate=training.learning_rate,
        dtype=training.dtype,
        shape_parameters=sum(int(np.prod(shape)) for shape in model.shapes(features, window).values()),
        threads=training.threads or threads,
        tf32=training.tf32,
        step_flops=step_flops(model, features=features, window=window, batch=batch),
        partial_batch=training.partial_batch == "use",
    )


def step_flops(model: ModelSpec, *, features: int, window: int, batch: int) -> int:
    """Return the floating-point operations in the matrix products of one optimizer step.

    The step takes `batch` windows of `window` rows. A multiply-add counts as two operations. The backward pass computes
    each product twice, for the gradients of the inputs and of the weights, but needs no gradient of the windows: the
    first layer's input product therefore has a single one. Activations and the optimizer are not counted, so that the
    number, and any rate computed from it, is a lower bound.
    """
    return 2 * batch * (3 * model.multiply_adds(features, window) - model.input_multiply_adds(features, window))


def gate_biases(model: ModelSpec, features: int, window: int) -> int:
    """Return the number of biases of all gates of the recurrent layers."""
    return sum(
        prod(size)
        for _, layer, shape in model.walk(features, window)
        if isinstance(layer, Recurrent)
        for name, size in layer.shapes(shape).items()
        if name.endswith("bias")
    )


def _data(windows: datasets.Windows) -> Data:
    series, test = windows.series, windows.test
    truth = windows.truth(test)
    stride = scores.stored_stride(*truth.shape)
    targets = windows.targets
    sampled = f"The records keep the forecast of one test window in {stride}; the scores cover all test windows."
    spec = windows.data
    origin = None
    if spec.origin is not None and spec.origins is not None:
        origin = RollingOrigin(number=spec.origin, of=spec.origins, training=spec.origin_training)
    return Data(
        series=series.name,
        title=series.title,
        unit=series.unit,
        step=series.step,
        licence=series.licence,
        source=series.source,
        season=windows.season,
        notes=(*windows.notes, *([sampled] if stride > 1 else [])),
        rows=series.rows,
        features=series.columns,
        target_names=series.targets,
        window=windows.window.length,
        horizon=windows.window.horizon,
        train_windows=len(windows.train),
        validation_windows=len(windows.validation),
        test_windows=len(test),
        digest=windows.digest,
        baselines=tuple(
            baselines.record(windows, forecast, stored=False) for forecast in datasets.baselines(windows, test)
        ),
        test_times=tuple(_label(time) for time in test.times[::stride]),
        test_truth=tuple(tuple(row) for row in truth[::stride].tolist()),
        test_stride=stride,
        offset=tuple(windows.scaler.offset[targets].tolist()) if windows.scaler.offset.ndim == 1 else (),
        scale=tuple(windows.scaler.scale[targets].tolist()) if windows.scaler.scale.ndim == 1 else (),
        differenced=windows.data.difference,
        understood=series.understood,
        groups=scores.groups(windows),
        origin=origin,
        training_errors=tuple(map(tuple, scored_errors(windows).tolist())),
        leaks=datasets.leaks(windows),
    )


def scored_errors(windows: datasets.Windows) -> np.ndarray:
    """Return the divisors of scaled errors, (1, targets), or (series, targets) of the series with test windows."""
    errors = datasets.training_errors(windows)
    return errors[np.unique(windows.runs(windows.test))] if windows.series.groups else errors


def _label(time: np.generic) -> str:
    """Format a time as ISO 8601, to the second or, at midnight, as a date. A row number stays a number."""
    if not isinstance(time, np.datetime64):
        return str(time)
    return str(time.astype("datetime64[s]")).removesuffix("T00:00:00")
