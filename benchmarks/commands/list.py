"""`list`: the benchmarks of this checkout."""

import argparse

from benchmarks.commands import Subparsers
from benchmarks.commands.json_lines import emit
from benchmarks.definition import loading
from datasets.spec import counted

NAME = "list"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="the benchmarks, a line each", allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="one JSON object a benchmark")
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    for name in loading.names():
        benchmark = loading.read(name)
        if arguments.json:
            header = benchmark.header.model_dump(mode="json")
            emit("benchmark", name=name, **header, cases=list(benchmark.cases), trials=len(benchmark.trials()))
            continue
        print(f"{name:<12} {benchmark.header.title}: {benchmark.header.description}")
        print(f"{'':<12} {counted(len(benchmark.trials()), 'trial')}; make bench-{name}")
    return 0
