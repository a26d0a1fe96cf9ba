"""`export RUN`: write the records of a run as tidy tables, in CSV or Parquet."""

import argparse
from pathlib import Path

from benchmarks.commands import Subparsers, options
from benchmarks.commands.output import emit
from benchmarks.commands.session import find_run
from benchmarks.errors import UserError, name_hint
from benchmarks.runner import transfer
from benchmarks.worker import checkpoints
from reports.records.store import read_run, write_bytes

NAME = "export"


def add(subparsers: Subparsers) -> None:
    summary, example = "write the records of a run as tidy tables", "export co2 --format parquet"
    text = "print the paths of the files as one JSON object"
    groups = options.command(
        subparsers, NAME, execute, summary, example, what="which run and tables", run="latest finished", json=text
    )
    tables = "only these tables: trials, epochs, inference, predictions, baselines, checks"
    groups.what.add_argument("--tables", metavar="A,B", help=tables)
    groups.what.add_argument("--weights", action="store_true", help="also the trained weights of each trial, as .npz")
    folder = "the folder to write to (default: export, in the folder of the run)"
    groups.where.add_argument("--to", metavar="FOLDER", type=Path, help=folder)
    groups.output.add_argument("--format", metavar="csv|parquet", default="csv", help="csv (default) or parquet")


def execute(arguments: argparse.Namespace) -> int:
    from reports import export

    names = list(export.TABLES) if arguments.tables is None else options.words(arguments.tables, "--tables")
    for name in names:
        if name not in export.TABLES:
            raise UserError(f"--tables: there is no table '{name}'; {name_hint(export.TABLES, name)}")
    kind = next((kind for kind in export.FORMATS if kind == arguments.format), None)
    if kind is None:
        known = name_hint(export.FORMATS, arguments.format)
        raise UserError(f"--format: there is no format '{arguments.format}'; {known}")
    folder = find_run(arguments.run, arguments.results)
    to = (folder / "export" if arguments.to is None else arguments.to.expanduser()).resolve()
    written = export.write(folder, to, kind, tuple(dict.fromkeys(names)))
    if arguments.weights:
        written += _write_weights(folder, to)
    if arguments.json:
        emit("result", run=str(folder), files=[str(path) for path in written])
    else:
        print("\n".join(map(str, written)))
    return 0


def _write_weights(folder: Path, to: Path) -> tuple[Path, ...]:
    """Write one .npz file for each finished trial, with its arrays under their canonical names."""
    _, _, trials = read_run(folder)
    written = []
    for trial in trials:
        if trial.outcome is None:
            continue
        plan = trial.plan
        name = f"{plan.case}-{Path(plan.backend).name}-{plan.mode}-seed{plan.seed}.npz".replace(" ", "-").replace(
            ",", ""
        )
        path = to / "weights" / name.replace("/", "-")
        if path in written:  # two models whose names differ only in characters that are replaced above
            path = path.with_name(f"{path.stem}-{plan.key}.npz")
        write_bytes(path, checkpoints.weights_to_bytes(transfer.read_weights(folder, trial)))
        written.append(path)
    return tuple(written)
