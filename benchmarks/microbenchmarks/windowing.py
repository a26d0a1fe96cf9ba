"""Windowing: the time and memory to cut windows, relative to a loop that appends slices to a list.

`python -m benchmarks.microbenchmarks.windowing`. `datasets.cut` also splits, checks, fits the scaler and scales; the
loop makes windows only.
"""

import tracemalloc
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np

import datasets
from benchmarks.microbenchmarks.harness import print_header, print_row, ratios, take_turns
from datasets import DataError, DataSpec, Series, Windows, WindowSpec

LENGTH = 48
TURNS = 7
LARGE = 10_000_000


def append_slices(values: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows and targets as in lessons."""
    inputs, targets = [], []
    for row in range(len(values) - length):
        inputs.append(values[row : row + length])
        targets.append(values[row + length])
    return np.array(inputs), np.array(targets)


def walk(rows: int) -> Series:
    """A random walk with one column."""
    values = np.random.default_rng(0).normal(size=(rows, 1)).cumsum(axis=0)
    return Series("walk", "A random walk", values, ("value",), ("value",))


def cut(series: Series) -> Windows:
    return datasets.cut(series, DataSpec(series=series.name), WindowSpec(length=LENGTH))


def peak_bytes(action: Callable[[], object]) -> int:
    """The largest number of bytes that the action allocated at once."""
    tracemalloc.start()
    result = action()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del result
    return most


def main() -> None:
    print_header(["points", "datasets.cut, ms", "loop, ms", "loop / datasets.cut"])
    for rows in (10_000, 91_502, 300_000):
        series = walk(rows)
        values = series.values.astype(np.float32)
        seconds = take_turns({"cut": partial(cut, series), "loop": partial(append_slices, values, LENGTH)}, TURNS)
        times = [f"{median(seconds[name]) * 1e3:.2f}" for name in ("cut", "loop")]
        print_row([f"{rows:,}", *times, f"{median(ratios(seconds['loop'], seconds['cut'])):.0f}"])
    large = walk(LARGE)
    seconds = take_turns({"cut": partial(cut, large), "with digest": lambda: cut(large).digest}, 3)
    share = (large.values.nbytes + peak_bytes(lambda: cut(large).digest)) / large.values.nbytes
    print(
        f"\n{LARGE:,} points: cut in {median(seconds['cut']):.2f} s, {median(seconds['with digest']):.2f} s with digest"
    )
    print(f"memory of series and windows: {share:.2f} times the bytes of the series")
    try:
        datasets.load("cet")  # downloads outside the measured time
    except DataError as error:
        print(f"cet: {error}")
        return
    spec, window = DataSpec(series="cet"), WindowSpec(length=LENGTH)
    seconds = take_turns({"cet": lambda: datasets.prepare(spec, window)}, TURNS)
    print(f"cet, from file to windows: {median(seconds['cet']) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
