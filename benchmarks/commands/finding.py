"""A run that the user names."""

from pathlib import Path

from benchmarks.definition import loading
from benchmarks.errors import UserError, one_of


def find_run(name: str, results: Path, *, newest: bool = False) -> Path:
    """A run by its folder, by `benchmark/start`, or by the benchmark's name for the latest.

    newest: by the benchmark's name, the one begun last, although it may not have finished.
    """
    begun = sorted(path.parent for path in (results / name).glob("*/manifest.json") if path.parent.name != "latest")
    chosen = begun[-1:] if newest else [results / name / "latest"]
    for folder in (Path(name), *chosen, results / name):
        if (folder / "manifest.json").is_file():
            return folder.resolve()
    known = sorted({path.parent.parent.name for path in results.glob("*/*/manifest.json")})
    if not known:
        raise UserError(f"there is no run '{name}', and none at all in {results} yet; make bench makes one")
    if begun:
        raise UserError(f"no run of '{name}' in {results} has finished; go on with resume {name}, or give its folder")
    if Path(name).is_dir():
        raise UserError(f"{name} holds no manifest.json, so it is no run; give a run's folder, or: {', '.join(known)}")
    if name in loading.names() and name not in known:
        raise UserError(f"there is no run of '{name}' in {results} yet; make bench-{name} makes one")
    raise UserError(f"there is no run '{name}' in {results}; {one_of(known, name)}")
