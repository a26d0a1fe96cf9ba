"""A run's records as tidy tables, for whoever wants to ask them something that the report does not.

One observation a row, one value a cell; a cell is empty where the records hold nothing. Columns that end in
`_seconds`, `_bytes`, `_megahertz`, `_share`, `_windows_per_second` and `_operations_per_second` are in that unit.
Forecasts, RMSE and MAE are in the series' own unit, which stands in `unit`, MSE in its square; losses are in scaled
units. Places, epochs, repeats and steps ahead count from 1.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd

from reports.analysis.intervals import steady_epoch
from reports.analysis.run import Run
from reports.records import Case, Outcome, Plan, Trial

Row = dict[str, Any]  # one value a column


@dataclass(frozen=True)
class Entry:
    """A planned trial with what is known of it."""

    plan: Plan
    case: Case
    trial: Trial | None  # None: not finished yet

    @property
    def outcome(self) -> Outcome | None:
        return self.trial.outcome if self.trial else None

    @property
    def key(self) -> Row:
        """What every table with trials in it begins with."""
        plan = self.plan
        return {"trial": plan.key, "case": plan.case, "backend": plan.backend, "mode": plan.mode, "seed": plan.seed}


def table(run: Run, folder: Path, name: str) -> pd.DataFrame:
    """One table; every row begins with the benchmark and the run. without rows, a table has no other columns."""
    first = {"benchmark": run.manifest.benchmark, "run": folder.resolve().name}
    rows = [first | row for row in TABLES[name](run)]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(first))


def entries(run: Run) -> Iterator[Entry]:
    """Every planned trial, in the order of execution."""
    cases = {case.label: case for case in run.manifest.cases}
    finished = {trial.plan.key: trial for trial in run.trials}
    for plan in sorted(run.manifest.trials, key=lambda plan: plan.place):
        yield Entry(plan, cases[plan.case], finished.get(plan.key))


def trials(run: Run) -> Iterator[Row]:
    """A row a planned trial, finished or not."""
    for entry in entries(run):
        trial, case = entry.trial, entry.case
        yield entry.key | {
            "place": entry.plan.place + 1,
            "state": "missing" if trial is None else "failed" if trial.outcome is None else "finished",
            "failure": trial.failure if trial else None,
            "wall_seconds": trial.seconds if trial else None,
            **case.model_dump(exclude={"label", "architecture", "training_notes"}),
            "architecture": " → ".join(case.architecture),
            "training_notes": "; ".join(case.training_notes),
            "series": run.data(case).series,
            "unit": run.data(case).unit,
            **_place(run, trial),
            **(_figures(run, case, trial.outcome) if trial and trial.outcome else {}),
        }


def _place(run: Run, trial: Trial | None) -> Row:
    """Where it ran; a record without a place of its own ran where the run began."""
    if trial is None:
        return {}
    found = trial.environment or run.manifest.environment
    return {
        "host": trial.outcome.host if trial.outcome else found.machine,
        "processor": found.processor,
        "gpu": found.gpu,
        "cores": len(found.cores),
        "host_memory_bytes": found.memory_bytes,
        "system": found.system,
        "python": found.python,
        "commit": found.commit,
        **{f"version_{name}": version for name, version in found.packages.items()},
    }


def _figures(run: Run, case: Case, outcome: Outcome) -> Row:
    times, data = outcome.times, run.data(case)
    epoch, test = steady_epoch(times.epochs), median(times.predict_test)
    lowest, highest = outcome.frequency or (None, None)
    return {
        "parameters": outcome.parameter_count,
        "kernel": outcome.kernel,
        **outcome.scores.model_dump(),
        "first_loss": outcome.first_loss,
        "epochs_trained": len(outcome.train_losses),
        "best_epoch": outcome.best_epoch,
        "import_seconds": times.import_framework,
        "build_seconds": times.build,
        "first_step_seconds": times.first_step,
        "training_seconds": times.training,
        "loop_seconds": times.loop,
        "steady_epoch_seconds": epoch,
        "training_windows_per_second": data.train_windows // case.batch * case.batch / epoch if epoch else None,
        "one_window_seconds": median(times.predict_one),
        "test_seconds": test,
        "inference_windows_per_second": data.test_windows / test,
        "cpu_seconds": times.cpu,
        "peak_memory_bytes": outcome.peak_memory_bytes,
        "device_memory_bytes": outcome.device_memory_bytes,
        "background_load_share": outcome.background_load,
        "steal_share": outcome.steal,
        "lowest_megahertz": lowest,
        "highest_megahertz": highest,
        "gemm_peak_flops_per_second": outcome.gemm_peak.flops_per_second if outcome.gemm_peak else None,
        **outcome.model_dump(
            include={"windows_digest", "order_digest", "masks_digest", "initial_digest", "final_digest"}
        ),
    }


def epochs(run: Run) -> Iterator[Row]:
    """A row an epoch. The first one's seconds lack the first step, which `trials` has."""
    for entry in entries(run):
        if (outcome := entry.outcome) is None:
            continue
        times = outcome.times
        for number, (seconds, loss) in enumerate(zip(times.epochs, outcome.train_losses, strict=True)):
            yield entry.key | {
                "epoch": number + 1,
                "seconds": seconds,
                "train_loss": loss,
                "validation_loss": _at(outcome.validation_losses, number),
                "validation_seconds": _at(times.validation, number),
            }


def inference(run: Run) -> Iterator[Row]:
    """A row a repeat: of one window's forecast, kind `one`, and of the whole test part's, kind `test`."""
    for entry in entries(run):
        if (outcome := entry.outcome) is None:
            continue
        times = outcome.times
        kinds = {"one": (1, times.predict_one), "test": (run.data(entry.case).test_windows, times.predict_test)}
        for kind, (windows, repeats) in kinds.items():
            for number, seconds in enumerate(repeats):
                yield entry.key | {"kind": kind, "windows": windows, "repeat": number + 1, "seconds": seconds}


def predictions(run: Run) -> Iterator[Row]:
    """A row a test window, step ahead and target. `first_time` is that of the window's first target."""
    for entry in entries(run):
        if (outcome := entry.outcome) is None:
            continue
        data, width = run.data(entry.case), run.targets(entry.case)
        for window, (truth, forecast) in enumerate(zip(data.test_truth, outcome.predictions, strict=True)):
            for place, (true, predicted) in enumerate(zip(truth, forecast, strict=True)):
                yield entry.key | {
                    "window": window + 1,
                    "first_time": data.test_times[window],
                    "step_ahead": place // width + 1,
                    "target": place % width + 1,
                    "truth": true,
                    "prediction": predicted,
                    "unit": data.unit,
                }


def baselines(run: Run) -> Iterator[Row]:
    """A row a case and naive forecast: the records have its scores, not its values."""
    for case in run.manifest.cases:
        for baseline in run.data(case).baselines:
            yield {"case": case.label, "baseline": baseline.name, **baseline.scores.model_dump()}


def checks(run: Run) -> Iterator[Row]:
    """A row a check of the certificate: largest relative differences, each with its bound."""
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


def _at(values: Sequence[float], place: int) -> float | None:
    """None where a record has no such value for any epoch."""
    return values[place] if place < len(values) else None
