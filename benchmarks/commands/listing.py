"""`list`: the benchmarks of this checkout."""

import argparse

from benchmarks import suite
from benchmarks.commands import Subparsers

NAME = "list"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(NAME, help="the benchmarks, a line each", allow_abbrev=False)
    parser.set_defaults(execute=execute)


def execute(arguments: argparse.Namespace) -> int:
    for name in suite.names():
        benchmark = suite.read(name)
        print(f"{name:<12} {benchmark.header.title}: {benchmark.header.description}")
        print(f"{'':<12} {len(benchmark.trials())} trials; make bench-{name}")
    return 0
