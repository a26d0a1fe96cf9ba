"""The stored runs under a results folder, as far as their records can be read."""

from dataclasses import dataclass
from pathlib import Path

from reports.analysis.run import Run
from reports.analysis.speedup import null_pairs, speedups_of
from reports.records import Environment, NullTest
from reports.records.store import RecordError, run_folders

NULL_TEST = "null-test"  # the name of the benchmark, and of the folder of its runs


@dataclass(frozen=True)
class StoredRun:
    """A run in its folder, results/<benchmark>/<start>."""

    folder: Path
    run: Run

    @property
    def benchmark(self) -> str:
        return self.folder.parent.name

    @property
    def started(self) -> str:
        return minute(self.run.manifest.started)


def minute(started: str) -> str:
    """Return a start time without its seconds: "2026-03-01 09:30"."""
    return started[:16].replace("T", " ")


@dataclass(frozen=True)
class StoredRuns:
    """The readable runs, the newest first, and the error of each other run by its benchmark/start."""

    runs: tuple[StoredRun, ...]
    errors: dict[str, str]


def read_runs(results: Path, benchmark: str | None = None) -> StoredRuns:
    """Read all runs under `results`, or those of one benchmark."""
    runs, errors = [], {}
    for folder in run_folders(results, benchmark):
        try:
            runs.append(StoredRun(folder, Run.read(folder)))
        except RecordError as error:
            errors[f"{folder.parent.name}/{folder.name}"] = str(error)
    runs.sort(key=lambda stored: (stored.run.manifest.started, stored.folder.name), reverse=True)
    return StoredRuns(tuple(runs), errors)


def versions(environment: Environment) -> str:
    """Return the recorded packages with their versions."""
    return ", ".join(f"{name} {version}" for name, version in environment.packages.items())


def newest_null_test(results: Path, machine: Environment) -> NullTest | None:
    """Return the newest whole null test under `results` on this processor and as many cores; None if there is none."""
    for stored in read_runs(results, NULL_TEST).runs:
        manifest = stored.run.manifest
        before = manifest.environment
        if manifest.quick or manifest.narrowed:
            continue
        if (before.processor, len(before.cores)) != (machine.processor, len(machine.cores)):
            continue
        smallest: dict[str, float] = {}
        for pair in null_pairs(stored.run, speedups_of(stored.run)):
            if pair.smallest is not None:
                smallest[pair.backend] = max(smallest.get(pair.backend, 0.0), pair.smallest)
        if smallest:
            return NullTest(started=manifest.started, smallest=smallest)
    return None
