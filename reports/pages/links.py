"""What lies around a run's folder and leads on from its page."""

from dataclasses import dataclass
from pathlib import Path

from reports.analysis.run import Run
from reports.render.table import Link


@dataclass(frozen=True)
class Around:
    """Targets relative to the run's folder; `verdict` is on a repetition, and empty where there is none."""

    overviews: tuple[Link, ...] = ()  # the page over all runs, then the benchmark's history
    verdict: str = ""


NOTHING = Around()


def around(run: Run, folder: Path) -> Around:
    """What is there, or is written right after a run's page: see `write_overviews`."""
    verdict = "reproduction.md" if (folder / "reproduction.md").is_file() else ""
    if not among_others(run.manifest.benchmark, folder):
        return Around(verdict=verdict)
    links = (Link("all runs", "../../index.html"), Link("history of this benchmark", "../history.html"))
    return Around(links, verdict)


def among_others(benchmark: str, folder: Path) -> bool:
    """Whether a run lies where runs are kept, results/<benchmark>/<start>, and is no copy elsewhere."""
    return folder.parent.name == benchmark
