"""`export RUN`: a run's records as tidy tables, in CSV or Parquet."""

import argparse
from pathlib import Path

from benchmarks.commands import Subparsers, options
from benchmarks.commands.finding import find_run
from benchmarks.commands.json_lines import emit
from benchmarks.errors import UserError, one_of
from benchmarks.runner import transfer
from benchmarks.worker import checkpoints
from reports.records.store import read_run, write_bytes

NAME = "export"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="the records of a run as tidy tables", allow_abbrev=False)
    parser.add_argument("run", metavar="RUN", help="a run's folder, or a benchmark's name for its latest run")
    parser.add_argument("--to", metavar="FOLDER", type=Path, help="where to (default: export, in the run's folder)")
    parser.add_argument("--format", metavar="csv|parquet", default="csv", help="csv (default), or parquet")
    parser.add_argument("--tables", metavar="A,B", help="some of trials, epochs, inference, predictions, ... (all)")
    parser.add_argument("--weights", action="store_true", help="also every trial's trained weights, as .npz")
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")
    options.add_results(parser)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    from reports import export, export_files

    names = list(export.TABLES) if arguments.tables is None else options.words(arguments.tables, "--tables")
    for name in names:
        if name not in export.TABLES:
            raise UserError(f"--tables: there is no table '{name}'; {one_of(export.TABLES, name)}")
    kind = next((kind for kind in export_files.FORMATS if kind == arguments.format), None)
    if kind is None:
        raise UserError(f"there is no format '{arguments.format}'; {one_of(export_files.FORMATS, arguments.format)}")
    folder = find_run(arguments.run, arguments.results)
    to = (folder / "export" if arguments.to is None else arguments.to.expanduser()).resolve()
    written = export_files.write(folder, to, kind, tuple(dict.fromkeys(names)))
    if arguments.weights:
        written += _weights(folder, to)
    if arguments.json:
        emit("result", run=str(folder), files=[str(path) for path in written])
    else:
        print("\n".join(map(str, written)))
    return 0


def _weights(folder: Path, to: Path) -> tuple[Path, ...]:
    """One .npz a finished trial, its arrays under their canonical names."""
    _, _, trials = read_run(folder)
    written = []
    for trial in trials:
        if trial.outcome is None:
            continue
        plan = trial.plan
        name = f"{plan.case}-{plan.backend}-{plan.mode}-seed{plan.seed}.npz".replace(" ", "-").replace(",", "")
        path = to / "weights" / name.replace("/", "-")
        if path in written:  # two models whose names differ in what a file's name may not have
            path = path.with_name(f"{path.stem}-{plan.key}.npz")
        write_bytes(path, checkpoints.weights_to_bytes(transfer.read_weights(folder, trial)))
        written.append(path)
    return tuple(written)
