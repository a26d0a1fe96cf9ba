"""How fast windows are cut, and what memory they take: `python -m benchmarks.microbenchmarks.windowing`.

Beside ours runs the windowing of a lesson, a loop that appends slices to a list: in turn, so that drift hits both
alike. Ours also splits, checks, fits the scaler and scales; the loop only makes windows.
"""

import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

import datasets
from datasets import DataError, DataSpec, Series, Windows, WindowSpec

LENGTH = 48
ROUNDS = 7
LARGE = 10_000_000


def by_appending(values: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """As lessons do it."""
    inputs, targets = [], []
    for row in range(len(values) - length):
        inputs.append(values[row : row + length])
        targets.append(values[row + length])
    return np.array(inputs), np.array(targets)


def walk(rows: int) -> Series:
    """A random walk of one column."""
    values = np.random.default_rng(0).normal(size=(rows, 1)).cumsum(axis=0)
    return Series("walk", "A random walk", values, ("value",), ("value",))


def ours(series: Series) -> Windows:
    return datasets.cut(series, DataSpec(series=series.name), WindowSpec(length=LENGTH))


def timed(action: Callable[[], object]) -> float:
    """Seconds; what the action made is freed outside them."""
    begin = time.perf_counter()
    made = action()
    seconds = time.perf_counter() - begin
    del made
    return seconds


def in_turn(rows: int) -> tuple[float, float, float]:
    """Median seconds of ours and of the loop, and the median of the ratios of each round."""
    series = walk(rows)
    values = series.values.astype(np.float32)
    pairs = [(timed(lambda: ours(series)), timed(lambda: by_appending(values, LENGTH))) for _ in range(ROUNDS)]
    mine, theirs = zip(*pairs, strict=True)
    ratios = [loop / view for view, loop in pairs]
    return statistics.median(mine), statistics.median(theirs), statistics.median(ratios)


def peak(action: Callable[[], object]) -> int:
    """The most bytes that the action held at once, beside what was there before."""
    tracemalloc.start()
    made = action()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del made
    return most


def main() -> None:
    say = sys.stdout.write
    say(f"window {LENGTH}, float32, {ROUNDS} rounds in turn      ours        loop   loop / ours\n")
    for rows in (10_000, 91_502, 300_000):
        mine, theirs, ratio = in_turn(rows)
        say(f"{rows:>10,} points                 {mine * 1e3:>9.2f} ms {theirs * 1e3:>8.1f} ms {ratio:>12.0f}\n")
    large = walk(LARGE)
    seconds = statistics.median(timed(lambda: ours(large)) for _ in range(3))
    most = peak(lambda: ours(large).digest)
    share = (large.values.nbytes + most) / large.values.nbytes
    say(f"{LARGE:>10,} points, cut                {seconds:.2f} s\n")
    say(f"           with their digest           {timed(lambda: ours(large).digest):.2f} s\n")
    say(f"           memory, series and windows  {share:.2f} times the series' bytes\n")
    try:
        datasets.load("cet")  # so that a download is not timed
    except DataError as error:
        say(f"cet: {error}\n")
        return
    spec, window = DataSpec(series="cet"), WindowSpec(length=LENGTH)
    seconds = statistics.median(timed(lambda: datasets.prepare(spec, window)) for _ in range(ROUNDS))
    say(f"cet, from file to windows              {seconds * 1e3:.0f} ms\n")


if __name__ == "__main__":
    main()
