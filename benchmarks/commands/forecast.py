"""`forecast RUN`: the next rows of the series of a run, from its best model."""

import argparse
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import backends
import datasets
from benchmarks.commands import Subparsers, options
from benchmarks.commands.output import emit, short, table
from benchmarks.commands.session import find_run
from benchmarks.definition.loading import Benchmark
from benchmarks.definition.validation import validated
from benchmarks.errors import UserError, name_hint
from benchmarks.runner import processes, resume, run
from benchmarks.runner.cores import Conditions, reserved
from benchmarks.runner.manifest import backend_facts
from benchmarks.runner.transfer import verified
from benchmarks.worker.jobs import ForecastJob
from datasets import DataSpec
from datasets.series import as_names
from datasets.spec import CSV_ONLY, counted
from reports.records import Certificate, Data, Manifest, NextRows, Plan, Trial
from reports.records.store import write_bytes, write_text

Trials = tuple[Trial, ...]

NAME = "forecast"
SHOWN = 24  # rows that are printed
MOST_STEPS = 10_000
READING = tuple(name for name in CSV_ONLY if name not in ("group", "unit", "scale_per"))  # settings that read a file


@dataclass(frozen=True)
class Chosen:
    """A trained model, the backend that forecasts with it, and a sentence each on the choice and on its error."""

    trial: Trial
    backend: str
    reason: str
    error: str
    rows: int  # of the series that it was trained on
    program: str | None  # the text of the user's program that forecasts


def add(subparsers: Subparsers) -> None:
    summary = "forecast the next rows of a run's series"
    example, text = "forecast co2 --steps 8", "print the forecast as one JSON object"
    groups = options.command(
        subparsers, NAME, execute, summary, example, what="which model and rows", run="latest finished", json=text
    )
    model = "the label of a model, as in the report (default: the lowest validation loss)"
    groups.what.add_argument("--model", metavar="LABEL", help=model)
    backend = "the backend that forecasts; one that trained no model of the run loads the weights of another"
    groups.what.add_argument("--backend", metavar="NAME", help=backend)
    steps = "forecast N rows (default: the horizon of the model)"
    groups.what.add_argument("--steps", metavar="N", type=options.count("--steps", 12, MOST_STEPS), help=steps)
    groups.what.add_argument("--csv", metavar="NEW", help="a file with newer rows of the same columns; - for a pipe")
    groups.what.add_argument("--time", metavar="A,B", help="the column of time stamps of NEW, if another one")
    options.add_data_settings(groups.what, of=" for NEW")
    folder = "the folder to write to (default: forecast, in the folder of the run)"
    groups.where.add_argument("--to", metavar="FOLDER", type=Path, help=folder)


def execute(arguments: argparse.Namespace) -> int:
    folder = find_run(arguments.run, arguments.results)
    benchmark, _ = resume.restore(folder)
    chosen = choose(folder, benchmark, arguments.model, arguments.backend)
    case = benchmark.cases[chosen.trial.plan.case]
    newer = _newer_data(arguments, case.data)
    forecast = _run(folder, benchmark, chosen, arguments.steps or case.window.horizon, newer)
    to = (folder / NAME if arguments.to is None else arguments.to.expanduser()).resolve()
    time = as_names(case.data.time) if newer is None else as_names(newer.time)
    group = as_names(case.data.group)
    in_place = ", in place of an earlier forecast" if (to / f"{NAME}.csv").exists() else ""
    written = _write(to, forecast, chosen, time, group)
    if arguments.json:
        emit("forecast", **_content(forecast, chosen), files=[str(path) for path in written])
    else:
        files = "\n".join(f"written: {short(path)}{in_place}" for path in written)
        print("\n\n".join((*_described(forecast, chosen, time, group), files)))
    return 0


def choose(folder: Path, benchmark: Benchmark, model: str | None, backend: str | None) -> Chosen:
    """The trial with the lowest validation loss among those that the options name; of several origins, the last.

    Raises UserError where the errors of the models cannot be compared and no option names one.
    """
    from reports.analysis.run import Run  # imports SciPy, so only on use

    recorded = Run.read(folder)
    finished = tuple(trial for trial in recorded.trials if trial.outcome)
    if not finished:
        raise UserError(f"{folder} has no finished trial; finish the run with: resume {folder}")
    name = None if backend is None else options.backend_name(backend, "--backend")
    candidates = _of_model(folder, recorded.manifest, finished, model)
    trained = tuple(trial for trial in candidates if trial.plan.backend == name)
    if name is not None and not trained:  # the weights of another backend, which matched models share
        candidates = tuple(trial for trial in candidates if trial.plan.mode == "matched")
        if not candidates:
            raise UserError(f"--backend {backend}: {folder} has only models in native mode, whose weights other "
                            "backends cannot load; name a backend of the run")  # fmt: skip
    candidates, of_all = trained or candidates, len(trained or candidates)
    if name is None:  # a model that failed its certificate is another model than its label says
        candidates = tuple(t for t in candidates if not _unequal(recorded.certificate, t.plan)) or candidates
    losses = _validation_losses(folder, benchmark, candidates)
    best = min(candidates, key=lambda trial: losses.get(trial.plan.key, 0.0))
    limits = [" of this label" if model is not None else "", " of this backend" if trained else ""]
    limits += [" equal to the reference implementation" if len(candidates) < of_all else ""]
    reason = _reason(recorded.manifest, best, losses, len(candidates), " and".join(filter(None, limits)))
    if _unequal(recorded.certificate, best.plan):
        reason += "; it is not shown to equal the reference implementation"
    used, data = name or best.plan.backend, recorded.manifest.data_of(best.plan.case)
    programs = benchmark.programs if used in benchmark.programs else backends.texts([used])
    if used != best.plan.backend:
        reason += f"; {backend_facts(programs, [used])[used].phrase} forecasts with its weights"
    return Chosen(best, used, f"{reason}.", _error(best, data), data.rows, programs.get(used))


def _unequal(certificate: Certificate | None, plan: Plan) -> bool:
    checks = certificate.of(plan.backend, plan.case) if certificate and plan.mode == "matched" else ()
    return not all(check.passed for check in checks)


def _of_model(folder: Path, manifest: Manifest, finished: Trials, model: str | None) -> Trials:
    """The trials with this label; if None, those of the last origin. Raises UserError for an unknown label."""
    if model is None:
        origins = {trial.plan.key: manifest.data_of(trial.plan.case).origin for trial in finished}
        last = {key for key, origin in origins.items() if origin is None or origin.number == origin.of}
        return tuple(trial for trial in finished if trial.plan.key in last) or finished
    labels = tuple(dict.fromkeys(trial.plan.case for trial in finished))
    named = {label.casefold(): label for label in labels}  # the report writes "GRU" where the label has "gru"
    label = model if model in labels else named.get(model.casefold())
    if label is None:
        raise UserError(f"--model: {folder} has no finished model '{model}'; {name_hint(labels, model)}")
    return tuple(trial for trial in finished if trial.plan.case == label)


def _validation_losses(folder: Path, benchmark: Benchmark, candidates: Trials) -> dict[str, float]:
    """The validation loss of each trial that has one, by its key. Raises UserError where they cannot be compared."""
    losses = {t.plan.key: t.outcome.kept_loss for t in candidates if t.outcome and t.outcome.validation_losses}
    labels = tuple(dict.fromkeys(trial.plan.case for trial in candidates))
    complete = len(losses) == len(candidates)
    if len(labels) > 1 and not (complete and len({_measure(benchmark, label) for label in labels}) == 1):
        why = "differ in data or loss" if complete else "have no validation part"
        raise UserError(
            f"the models of {folder} {why}, so no validation loss tells which is best; name one with --model, as in "
            f"--model {labels[0]!r}; {name_hint(labels, '')}"
        )
    return losses


def _error(trial: Trial, data: Data) -> str:
    """How the errors of a trained model and of the best baseline compare on the test part."""
    assert trial.outcome is not None  # of a chosen trial
    rmse, unit = trial.outcome.scores.rmse, f" {data.unit}".rstrip()
    text = f"On the test part its RMSE is {rmse:.4g}{unit}"
    best = min(data.baselines, key=lambda baseline: baseline.scores.rmse, default=None)
    if best is None:
        return f"{text}."
    shown = f"{best.scores.rmse:.4g}"
    better = best.scores.rmse < rmse and shown != f"{rmse:.4g}"
    end = ": the baseline forecasts better than this model" if better else ""
    return f"{text}, that of the best baseline, {best.name}, {shown}{unit}{end}."


def _measure(benchmark: Benchmark, label: str) -> str:
    """What a validation loss is measured on: models of equal text can be compared."""
    case = benchmark.cases[label]
    window = case.window.model_dump(exclude={"length", "min_history", "padding", "mask"})
    return repr((case.data, window, case.training.loss, case.training.quantiles))


def _reason(manifest: Manifest, trial: Trial, losses: dict[str, float], models: int, limits: str) -> str:
    """The choice in words. limits: what the options restrict the choice to, as in " of this backend"."""
    plan = trial.plan
    text = f"{plan.case}, seed {plan.seed}, {plan.mode} mode, trained by {manifest.backends[plan.backend].phrase}"
    if plan.key in losses:
        error = f"{losses[plan.key]:.4g} in scaled values"
        if models == 1:
            return f"{text}, the only trained model{limits}, with a validation loss of {error}"
        return f"{text}, with the lowest validation loss of {models} trained models{limits}, {error}"
    return text


def _newer_data(arguments: argparse.Namespace, data: DataSpec) -> DataSpec | None:
    """The settings that read the file of newer rows: those of the run's file, with the changes of the options."""
    if arguments.csv is None:
        for option, value in (("--time", arguments.time), ("--set", arguments.settings)):
            if value:
                raise UserError(f"{option} says how a file of newer rows is read; add --csv NEW, or leave {option} out")
        return None
    columns = argparse.Namespace(**dict.fromkeys(options.COLUMNS))
    file = options.file_data(columns, arguments.csv, arguments.results)["csv"]
    changes = {"csv": file, "series": None} | options.data_settings(arguments.settings, "forecast", READING)
    settings = data.model_dump(exclude_defaults=True) | {"strict": False} | changes
    if data.csv is None:  # a registered series: the file names its columns as the series does
        settings["target"] = data.target or datasets.describe(str(data.series)).targets
        if "time" not in settings and arguments.time is None:
            named = validated(DataSpec, {**settings, "calendar": ()}, "forecast:")
            settings["time"] = datasets.suggested_columns(named)["time"] or None
    if arguments.time is not None:
        settings["time"] = options.words(arguments.time, "--time")
    return validated(DataSpec, settings, "forecast:")


def _run(folder: Path, benchmark: Benchmark, chosen: Chosen, steps: int, newer: DataSpec | None) -> NextRows:
    """The forecast of a worker process of the backend. Raises UserError where it cannot forecast."""
    plan, outcome = chosen.trial.plan, chosen.trial.outcome
    assert outcome is not None  # of a chosen trial
    run.require([chosen.backend])
    case = benchmark.cases[plan.case]
    with reserved(Conditions.of().cores, alone=False):
        conditions = Conditions.of(case.training.threads)
        job = ForecastJob(
            plan=plan.model_copy(update={"backend": chosen.backend}),
            case=case,
            cores=conditions.cores,
            program=chosen.program,
            checkpoint=str(verified(folder, chosen.trial)),
            steps=steps,
            rows=chosen.rows,
            digest=outcome.windows_digest,
            newer=newer,
        )
        answer = processes.run_job(job, conditions.variables).answer
    if answer.next_rows is None:
        raise UserError(answer.reason)
    return answer.next_rows


def _write(to: Path, forecast: NextRows, chosen: Chosen, time: Sequence[str], group: Sequence[str]) -> tuple[Path, ...]:
    """Write the forecast as CSV, as JSON and as a picture, each file as a whole."""
    from reports.figures.next_rows import next_rows

    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(_rows(forecast, time, group))
    content = json.dumps(_content(forecast, chosen), indent=1, ensure_ascii=False, allow_nan=False)
    paths = tuple(to / f"{NAME}.{ending}" for ending in ("csv", "json", "svg"))
    remedy = "name another folder with --to"
    write_bytes(paths[0], stream.getvalue().encode(), remedy)
    write_bytes(paths[1], f"{content}\n".encode(), remedy)
    write_text(paths[2], next_rows(forecast, chosen.reason).standalone)
    return paths


def _rows(forecast: NextRows, time: Sequence[str], group: Sequence[str]) -> list[list[str]]:
    """The header, then a row for each series and time stamp; an empty cell where the band has no limit."""
    band = ("", " lower", " upper") if forecast.band else ("",)
    several = len(forecast.series) > 1 or forecast.series[0].name != ""
    heads = [
        " ".join(time) or ("time" if forecast.stamped else "row"),
        *([", ".join(group) or "series"] if several else []),
        "step",
    ]
    heads += [f"{target}{ending}" for target in forecast.targets for ending in band]
    rows = [heads]
    for series in forecast.series:
        for step, label in enumerate(series.labels):
            parts = (series.values, series.lower, series.upper)[: len(band)]
            cells = [_cell(part[step][place]) for place in range(len(forecast.targets)) for part in parts if part]
            rows.append([label, *([series.name] if several else []), str(step + 1), *cells])
    return rows


def _cell(value: float) -> str:
    return "" if isnan(value) else repr(float(f"{value:.10g}"))


def _content(forecast: NextRows, chosen: Chosen) -> dict[str, object]:
    """What the JSON file holds; None where the band has no limit."""

    def known(value: object) -> object:
        if isinstance(value, float) and isnan(value):
            return None
        if isinstance(value, dict):
            return {name: known(entry) for name, entry in value.items()}
        return [known(entry) for entry in value] if isinstance(value, list | tuple) else value

    content = known(forecast.model_dump())
    assert isinstance(content, dict)
    model = chosen.trial.plan.model_dump(include={"key", "case", "mode", "seed"})
    trained = {
        "trained_by": chosen.trial.plan.backend,
        "backend": chosen.backend,
        "choice": chosen.reason,
        "error": chosen.error,
    }
    return {"model": model | trained, **content}


def _described(forecast: NextRows, chosen: Chosen, time: Sequence[str], group: Sequence[str]) -> list[str]:
    from reports.figures.next_rows import band_sentences

    heads, *rows = _rows(forecast, time, group)
    shown = [[*row[:2], *(f"{float(cell):.6g}" if cell else "" for cell in row[2:])] for row in rows[:SHOWN]]
    text = table(heads, shown, numbers=heads[heads.index("step") :])
    more = (
        [f"{counted(len(rows) - SHOWN, 'more row')} of the forecast in the files named below."]
        if len(rows) > SHOWN
        else []
    )
    return [f"Model: {chosen.reason} {chosen.error}", text, " ".join((*band_sentences(forecast), *more))]
