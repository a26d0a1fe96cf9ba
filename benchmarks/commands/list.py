"""`list`: the benchmarks of this checkout."""

import argparse

from benchmarks.commands import Subparsers, options
from benchmarks.commands.output import emit
from benchmarks.definition import loading
from datasets.spec import counted

NAME = "list"


def add(subparsers: Subparsers) -> None:
    text = "print one JSON object for each benchmark"
    options.command(subparsers, NAME, execute, "print the benchmarks", "list --json", results=False, json=text)


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
