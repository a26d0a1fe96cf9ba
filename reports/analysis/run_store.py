"""The runs that are kept under results/, as far as their records can be read."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from reports.analysis.run import Run
from reports.records import Environment
from reports.records.store import RecordError
from reports.render.formats import plural, sentence
from reports.render.table import Cell, Link

FRAMEWORKS = ("torch", "tensorflow", "tensorflow-cpu", "keras", "jax", "flax")


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
        return self.run.manifest.started[:16].replace("T", " ")

    @property
    def state(self) -> Cell:
        """How much of what was planned is there."""
        planned, failed = self.run.manifest.expected_trials, len(self.run.failed)
        if self.run.missing:
            told = f"unfinished, {len(self.run.trials)} of {plural(planned, 'trial')}"
            return Cell(told, detail=f"{failed} failed" if failed else "", tone="bad")
        if failed:
            return Cell(f"{failed} of {plural(planned, 'trial')} failed", tone="bad")
        small = "small form" if self.run.manifest.quick else ""
        return Cell(f"finished, {plural(planned, 'trial')}", detail=small)

    def link(self, within: Path) -> Cell:
        """The start, leading to the report, or to the manifest where no report has been written yet."""
        report = (self.folder / "report.html").exists()
        target = quote((self.folder / ("report.html" if report else "manifest.json")).relative_to(within).as_posix())
        meaning = f"{'report' if report else 'manifest'} of {self.benchmark}, {self.started}"
        return Cell("", links=(Link(self.started, target, meaning),), detail="" if report else "no report yet")


@dataclass(frozen=True)
class StoredRuns:
    """`damaged` has a sentence on each run that cannot be read."""

    runs: tuple[StoredRun, ...]  # the newest first
    damaged: tuple[str, ...]


def read_runs(results: Path, benchmark: str = "*") -> StoredRuns:
    """All runs under `results`, or those of one benchmark."""
    runs, damaged = [], []
    for manifest in sorted(results.glob(f"{benchmark}/*/manifest.json")):
        folder = manifest.parent
        if folder.is_symlink():  # `latest`
            continue
        try:
            runs.append(StoredRun(folder, Run.read(folder)))
        except RecordError as error:
            damaged.append(sentence(f"the run {folder.parent.name}/{folder.name} cannot be shown: {error}"))
    runs.sort(key=lambda past: (past.run.manifest.started, past.folder.name), reverse=True)
    return StoredRuns(tuple(runs), tuple(damaged))


def versions(environment: Environment) -> str:
    """Of the frameworks alone."""
    found = environment.packages
    return ", ".join(f"{name} {found[name]}" for name in FRAMEWORKS if name in found)
