"""The order of windows for a stateful model, whose states pass from a window to the one that continues it.

A chain is an array of windows that continue one another, see `datasets.Windows.chains`. A stream is a row of the batch
through all steps: it takes chains one after the other, and its state is zero at the start of each.
"""

from collections.abc import Sequence

import numpy as np

from backends.contract import Model

Array = np.ndarray


def training_streams(chains: Sequence[Array], batch: int) -> tuple[Array, Array]:
    """The order of an epoch and its resets, (steps, batch) each, for `Steps`.

    The chains, one after the other, are cut into streams of equal length; windows that do not fill a step are left out.
    """
    windows, starts = np.concatenate(chains), np.concatenate([np.arange(len(chain)) == 0 for chain in chains])
    steps = len(windows) // batch
    order, resets = (values[: steps * batch].reshape(batch, steps).T.copy() for values in (windows, starts))
    resets[:1] = True
    return order, resets


def predict_chains(model: Model, x: Array, chains: Sequence[Array], most: int) -> Array:
    """Forecasts (N, H) of windows (N, T, F), each from the states after the windows before it in its chain.

    No chain is cut. All calls have the same size, about `most` windows and at least the longest chain.
    """
    streams: list[list[Array]] = []
    length = max(map(len, chains))
    free = 0
    for chain in chains:
        if len(chain) > free:
            streams.append([])
            free = length
        streams[-1].append(chain)
        free -= len(chain)
    blocks = -(-len(streams) * length // most)
    width = -(-len(streams) // blocks)
    order, resets = np.full((length, blocks * width), -1), np.ones((length, blocks * width), bool)
    for stream, parts in enumerate(streams):
        windows = np.concatenate(parts)
        order[: len(windows), stream] = windows
        resets[: len(windows), stream] = np.concatenate([np.arange(len(part)) == 0 for part in parts])
    result = None
    for first in range(0, blocks * width, width):
        block = slice(first, first + width)
        rows = order[:, block].ravel()
        forecasts = model.predict(x[rows], resets[:, block])
        result = np.empty((len(x), forecasts.shape[1]), forecasts.dtype) if result is None else result
        result[rows[rows >= 0]] = forecasts[rows >= 0]
    assert result is not None
    return result
