"""The command `differences`: measure the known differences between the frameworks, one by one, and write their page."""

import argparse
from datetime import UTC, datetime
from functools import partial

from benchmarks.commands import Subparsers, options
from benchmarks.commands.output import emit, short
from benchmarks.differences import rows, run
from benchmarks.errors import UserError
from benchmarks.runner.run import new_folder
from reports.records.store import write_json

NAME = "differences"


def add(subparsers: Subparsers) -> None:
    summary = "measure why equal models differ between the frameworks"
    example = "differences --quick --only adam-epsilon,forget-bias"
    text = "print each difference as JSON, one object a line"
    groups = options.command(subparsers, NAME, execute, summary, example, json=text)
    groups.what.add_argument("--quick", action="store_true", help="a small form: two seeds and 200 steps")
    groups.what.add_argument("--only", metavar="A,B", help="measure these differences alone; --list prints their names")
    groups.what.add_argument("--seeds", metavar="1,2", help="use these seeds for the trainings")
    groups.what.add_argument("--list", action="store_true", help="print the names of the differences, and run nothing")


def execute(arguments: argparse.Namespace) -> int:
    """Return 0 if every claim held and the frameworks agreed with the lines, else 1."""
    import reports

    chosen = rows.read()
    if arguments.only is not None:
        chosen = rows.select(chosen, options.words(arguments.only, "--only"))
    if arguments.list:
        for row in chosen:
            emit("difference", name=row.name, title=row.title) if arguments.json else print(
                f"{row.name:<20} {row.title}"
            )
        return 0
    seeds: tuple[int, ...] = run.QUICK_SEEDS if arguments.quick else run.SEEDS
    if arguments.seeds is not None:
        seeds = tuple(options.numbers(arguments.seeds, "--seeds"))
        if len({*seeds}) < len(seeds) or min(seeds) < 0:
            raise UserError(f"--seeds {arguments.seeds}: write different numbers that are not negative: --seeds 1,2,3")
    _print(arguments, f"Differences between the frameworks: {len(chosen)}, with seeds {', '.join(map(str, seeds))}")
    started = datetime.now(UTC)
    folder = new_folder(arguments.results / NAME, started)  # before the run, which takes minutes
    try:
        progress = partial(_print, arguments)
        record = run.run(chosen, started=started, quick=arguments.quick, seeds=seeds, progress=progress)
    except BaseException:
        folder.rmdir()
        raise
    write_json(folder / "differences.json", record)
    page, summary = reports.write_differences(folder)
    problems = {each.name: each.problems for each in record.differences if each.problems}
    if arguments.json:
        for each in record.differences:
            facts = each.model_dump(mode="json", include={"title", "default_gap", "equal_gap", "effect"})
            emit("difference", name=each.name, problems=list(each.problems), **facts)
        emit("page", path=short(page))
    _print(arguments, f"\n{summary}\n\npage: {short(page)}")
    return 1 if problems else 0


def _print(arguments: argparse.Namespace, text: str) -> None:
    if not arguments.json:
        print(text, flush=True)
