"""What the index says about each run, kept in a file, so that a run is read again only after a change.

The entry of a run is used again while the files of its records have the same names, sizes and times, and the code of
this package is the same. A file of entries that is missing, damaged or of other code costs time and nothing else.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ValidationError

from reports.analysis.metrics import beats
from reports.analysis.run import Origins, Run
from reports.analysis.run_store import versions
from reports.analysis.search_results import search_ranking
from reports.analysis.speedup import Fastest, Speedups, speedups_of
from reports.analysis.timing_quality import withhold_unreliable
from reports.pages.stored_runs import state_cell
from reports.records.store import RecordError, run_folders, write_text
from reports.render.formats import case_name, four_digits, listed, plural, significant
from reports.render.table import Tone
from reports.sections.forecasts.quality import best_baseline
from reports.sections.setup import environment_line

NAME = ".index.json"


class IndexEntry(BaseModel):
    """The line of a run. `error` states why its records cannot be read; the other fields are then empty."""

    signature: str  # of the files that the entry was made from
    error: str = ""
    started: str = ""  # as in the manifest
    title: str = ""
    description: str = ""
    state: tuple[str, str, Tone] = ("", "", "")  # text, detail and tone of the cell
    headline: str = ""
    machine: str = ""
    commit: str = ""
    versions: str = ""


class IndexEntries(BaseModel):
    """The entries of all runs by the folder of the run, relative to the folder of all runs."""

    code: str
    entries: dict[str, IndexEntry]


def read_entries(results: Path) -> IndexEntries:
    """Return the entry of each run under `results`, from the stored file or from the records."""
    code = _code()
    try:
        stored = IndexEntries.model_validate_json((results / NAME).read_bytes())
    except (OSError, ValidationError):
        stored = IndexEntries(code="", entries={})
    known = stored.entries if stored.code == code else {}
    entries = {}
    for folder in run_folders(results):
        name, signature = folder.relative_to(results).as_posix(), _signature(folder)
        entry = known.get(name)
        entries[name] = entry if entry and entry.signature == signature else _entry(folder, signature)
    return IndexEntries(code=code, entries=entries)


def store_entries(results: Path, entries: IndexEntries) -> None:
    write_text(results / NAME, entries.model_dump_json(indent=1))


def _code() -> str:
    """Return a hash of the code that makes entries from records."""
    content = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        content.update(path.read_bytes())
    return content.hexdigest()


def _signature(folder: Path) -> str:
    """Return a hash of the name, size and time of each file with records of a run."""
    facts = sorted(_facts(folder)) + sorted(_facts(folder / "trials"))
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _facts(folder: Path) -> Iterator[tuple[str, int, int]]:
    for path in folder.glob("*.json"):
        status = path.stat()
        yield path.name, status.st_size, status.st_mtime_ns


def _entry(folder: Path, signature: str) -> IndexEntry:
    try:
        run = Run.read(folder)
    except RecordError as error:
        return IndexEntry(signature=signature, error=str(error))
    state, environment = state_cell(run), run.manifest.environment
    hosts = f" ({listed(run.hosts())})" if run.hosts() else ""
    return IndexEntry(
        signature=signature,
        started=run.manifest.started,
        title=run.manifest.title,
        description=run.manifest.description,
        state=(state.text, state.detail, state.tone),
        headline=headline(run),
        machine=f"{environment_line(run)}{hosts}",
        commit=(environment.commit or "unknown")[:8],
        versions=versions(environment),
    )


def headline(run: Run) -> str:
    """The result of a run in at most about 80 characters."""
    if run.manifest.reproduces is not None:
        return f"repeats trials of {Path(run.manifest.reproduces).name}"
    if not run.trials:
        return "no trial has finished"
    if search := search_ranking(run):
        if search.selected is None:
            return f"nothing selected yet, {plural(len(search.ranking), 'configuration')} trained"
        return (
            f"selected: {case_name(search.selected.group.case)}, validation loss {four_digits(search.selected.score)}"
        )
    speedups = withhold_unreliable(run, speedups_of(run))
    noisy = any(case.withheld for case in speedups.values())
    speed = "; ".join(filter(None, (_fastest(run, speedups), "unreliable speed ratios are withheld" if noisy else "")))
    beating, models = sum(beats(run, groups[0], "persistence") for groups in run.models), len(run.models)
    forecasts = f"{beating} of {plural(models, 'forecast')} beat persistence" if models else "every trial failed"
    if beating:
        best = sum(_beats_the_best(run, groups) for groups in run.models)
        forecasts += f", {best} the best baseline" if best else ", and none beats the best baseline"
    parts = (forecasts, speed) if noisy else (speed, forecasts)  # unreliable timings come second
    return "; ".join(part for part in parts if part.strip())


def _beats_the_best(run: Run, groups: Origins) -> bool:
    best = best_baseline(run, *(group.case for group in groups))
    return best is not None and beats(run, groups[0], best[0])


def _fastest(run: Run, speedups: Speedups) -> str:
    """The fastest backend by the steady epoch, or in how many models each backend is the fastest."""
    compared = [best for case in speedups.values() if (best := case.fastest)]
    if not compared:
        return ""
    if len(compared) == 1:
        return _single(run, compared[0])
    clear = Counter(best.backend for best in compared if best.clear and not best.lead.single)
    if not clear:
        return f"no backend is shown to be the fastest for any of {len(compared)} models"
    counts = listed([f"{run.backend_phrase(backend)} for {count}" for backend, count in clear.most_common()])
    return f"fastest: {counts} of {len(compared)} models"


def _single(run: Run, best: Fastest) -> str:
    first, second = run.backend_phrase(best.backend), run.backend_phrase(best.second)
    if not best.clear or best.lead.single:
        return f"{first} and {second} are not shown to differ in speed"
    return f"{first} is {significant(best.lead.estimate)} times as fast as {second}"
