"""Reading a file as the command line does, and typing the advice of its errors."""

import argparse
import re
import shlex
from pathlib import Path

import pytest

from benchmarks.commands import options, run
from datasets import DataError, DataSpec, Series, read


def spec(words: list[str]) -> DataSpec:
    """The table [data] that the options of `run` make."""
    parser = argparse.ArgumentParser()
    run.add(parser.add_subparsers())
    changed = options.changes(parser.parse_args(["run", *words]))
    settings = {name.removeprefix("data."): value for name, value in changed.items() if name.startswith("data.")}
    return DataSpec(**changed["data"] | settings)


def advice(message: str) -> list[list[str]]:
    """The alternatives that an error offers, each as words for the command line."""
    return [shlex.split(words) for words in re.findall(r"\(on the command line: (.*?)\)(?=[.;:,]|$)", message)]


def outcomes(words: list[str], most: int = 3) -> list[Series]:
    """The series that are read after typing each alternative of each error, at most so many in a row.

    Fails if an error offers no alternative, or an alternative leads back to an error.
    """
    try:
        return [read(spec(words))]
    except DataError as error:
        message = str(error)
    assert "\n" not in message
    alternatives = advice(message)
    assert alternatives, f"no advice: {message}"
    assert most, f"still refused after {words}: {message}"
    return [series for more in alternatives for series in outcomes([*words, *more], most - 1)]


def refusal(words: list[str]) -> str:
    """The error of a file, which must be one sentence."""
    with pytest.raises(DataError) as caught:
        read(spec(words))
    message = str(caught.value)
    assert "\n" not in message
    assert message[-1] in ".?"
    return message


CASES = Path(__file__).parent / "cases"
