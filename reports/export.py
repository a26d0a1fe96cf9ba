"""Export of a run's records as tidy tables, for analyses that the report does not contain.

Each row is an observation and each cell a value; a cell is empty if the records lack the value. Numbers of trials are
the metrics of `reports.analysis.metrics`: columns that end in `_seconds`, `_bytes`, `_megahertz`, `_share`,
`_windows_per_second` and `_flops_per_second` are in that unit. Forecasts, RMSE and MAE are in the unit of the series,
which is in the column `unit`, and MSE in its square; losses are in scaled units. Places, epochs, repeats and steps
ahead count from 1.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from reports.analysis.metrics import METRICS
from reports.analysis.run import Observation, Run
from reports.records import Plan, Trial
from reports.records.store import RecordError, write_bytes

Row = dict[str, Any]  # a value per column
Format = Literal["csv", "parquet"]

FORMATS: tuple[Format, ...] = ("csv", "parquet")
LISTING = "export.json"  # the names of exported files with their SHA-256
REMEDY = "name another folder with --to"
DIGESTS = {"windows_digest", "order_digest", "masks_digest", "initial_digest", "final_digest"}


def write(folder: Path, to: Path, kind: Format, names: Sequence[str]) -> tuple[Path, ...]:
    """Write the named tables of the run in `folder` into the folder `to`, and return the paths of the files.

    Raises `RecordError` before anything is written if a file of these names exists that no export wrote, or that was
    changed after an export; also for unusable records and a folder that cannot be written.
    """
    run = Run.read(folder)
    files = {to / f"{name}.{kind}": _content(run, folder, name, kind) for name in names}
    listing = _listing(to)
    for path in files:
        if path.exists() and listing.get(path.name) != _sha256(path.read_bytes()):
            raise RecordError(
                f"{path} was not written by an export, or was changed since, and is kept; move it away, or {REMEDY}"
            )
    listing |= {path.name: _sha256(content) for path, content in files.items()}
    files[to / LISTING] = (json.dumps(listing, indent=1, sort_keys=True) + "\n").encode()
    for path, content in files.items():
        write_bytes(path, content, REMEDY)
    return tuple(files)[:-1]


def table(run: Run, folder: Path, name: str) -> pd.DataFrame:
    """Return a table whose first columns are the benchmark and the run; a table without rows has no other columns."""
    first = {"benchmark": run.manifest.benchmark, "run": folder.resolve().name}
    rows = [first | row for row in TABLES[name](run)]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(first))


def _content(run: Run, folder: Path, name: str, kind: Format) -> bytes:
    frame = table(run, folder, name)
    if kind == "csv":
        return frame.to_csv(index=False, lineterminator="\n").encode()
    stream = io.BytesIO()
    frame.to_parquet(stream, index=False)
    return stream.getvalue()


def _listing(to: Path) -> dict[str, str]:
    """Return the SHA-256 of the files that earlier exports wrote; empty if the listing cannot be read."""
    try:
        content = json.loads((to / LISTING).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in content.items()} if isinstance(content, dict) else {}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def key_columns(plan: Plan) -> Row:
    """Return the first columns of each table about trials."""
    return {"trial": plan.key, "case": plan.case, "backend": plan.backend, "mode": plan.mode, "seed": plan.seed}


def observations(run: Run) -> Iterator[tuple[Row, Observation]]:
    """Yield the key and the observation of each successful trial."""
    for planned in run.planned:
        if observation := planned.observation:
            yield key_columns(planned.plan), observation


def trials(run: Run) -> Iterator[Row]:
    """Yield a row per planned trial, finished or not."""
    for planned in run.planned:
        trial, case, observation = planned.trial, planned.case, planned.observation
        yield key_columns(planned.plan) | {
            "place": planned.plan.place + 1,
            "state": "missing" if trial is None else "finished" if trial.outcome else "failed",
            "failure": trial.failure if trial else None,
            **case.model_dump(exclude={"label", "architecture", "training_notes"}),
            "architecture": " → ".join(case.architecture),
            "training_notes": "; ".join(case.training_notes),
            "series": planned.data.series,
            "unit": planned.data.unit,
            **(_environment(run, trial) if trial else {}),
            **(_numbers(observation) if observation else {}),
            "wall_seconds": trial.seconds if trial else None,  # of failed trials too
        }


def _environment(run: Run, trial: Trial) -> Row:
    environment = run.environment(trial)
    return {
        "host": trial.outcome.host if trial.outcome else environment.machine,
        "processor": environment.processor,
        "gpu": environment.gpu,
        "cores": len(environment.cores),
        "host_memory_bytes": environment.memory_bytes,
        "system": environment.system,
        "python": environment.python,
        "commit": environment.commit,
        **{f"version_{name}": version for name, version in environment.packages.items()},
    }


def _numbers(observation: Observation) -> Row:
    """Return every metric of a trial, its kernel and its digests."""
    metrics = {name: metric.value(observation) for name, metric in METRICS.items() if metric.kind != "check"}
    return metrics | {"kernel": observation.outcome.kernel} | observation.outcome.model_dump(include=DIGESTS)


def epochs(run: Run) -> Iterator[Row]:
    """Yield a row per epoch. The seconds of the first epoch lack the first step, which is in the table of trials."""
    for key, observation in observations(run):
        outcome = observation.outcome
        for number, (seconds, loss) in enumerate(zip(outcome.times.epochs, outcome.train_losses, strict=True)):
            yield key | {
                "epoch": number + 1,
                "seconds": seconds,
                "train_loss": loss,
                "validation_loss": _item(outcome.validation_losses, number),
                "validation_seconds": _item(outcome.times.validation, number),
            }


def _item(values: Sequence[float], place: int) -> float | None:
    return values[place] if place < len(values) else None


def inference(run: Run) -> Iterator[Row]:
    """Yield a row per timed forecast: of one window (kind `one`) and of the whole test part (kind `test`)."""
    for key, observation in observations(run):
        times = observation.outcome.times
        kinds = {"one": (1, times.predict_one), "test": (observation.data.test_windows, times.predict_test)}
        for kind, (windows, repeats) in kinds.items():
            for number, seconds in enumerate(repeats):
                yield key | {"kind": kind, "windows": windows, "repeat": number + 1, "seconds": seconds}


def predictions(run: Run) -> Iterator[Row]:
    """Yield a row per stored test window, step ahead and target. `first_time` is that of the window's first target."""
    for key, observation in observations(run):
        data, targets = observation.data, observation.data.targets
        for window, (truth, forecast) in enumerate(zip(data.test_truth, observation.outcome.predictions, strict=True)):
            for place, (true, predicted) in enumerate(zip(truth, forecast, strict=True)):
                yield key | {
                    "window": window + 1,
                    "first_time": data.test_times[window],
                    "step_ahead": place // targets + 1,
                    "target": place % targets + 1,
                    "truth": true,
                    "prediction": predicted,
                    "unit": data.unit,
                }


def baselines(run: Run) -> Iterator[Row]:
    """Yield a row per case and naive forecast; records have the scores of naive forecasts, not their values."""
    for case in run.manifest.cases:
        data = run.data(case)
        for baseline in data.baselines:
            scores = {name: m.score(data, baseline) for name, m in METRICS.items() if m.score}
            yield {"case": case.label, "baseline": baseline.name, **scores}


def checks(run: Run) -> Iterator[Row]:
    """Yield a row per check of the certificate: the largest relative differences, each with its bound."""
    for check in run.certificate.checks if run.certificate else ():
        row = check.model_dump(exclude={"bounds"})
        yield row | {"passed": check.passed} | {f"{name}_bound": bound for name, bound in check.bounds.items()}


TABLES: dict[str, Callable[[Run], Iterable[Row]]] = {
    "trials": trials,
    "epochs": epochs,
    "inference": inference,
    "predictions": predictions,
    "baselines": baselines,
    "checks": checks,
}
