"""How many trials each sampler would have needed: a search played again, many times, on the scores that it left."""

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.definition.search_space import Space
from benchmarks.definition.settings.search import Sampler
from benchmarks.runner.sampler import SearchSampler, learns
from reports.records import Replay

SEEDS = tuple(range(50))  # of each sampler

Scores = Mapping[str, float]  # of every case


def replays(space: Space, scores: Scores, *, near: float, at_once: int) -> tuple[Replay, ...]:
    """Of the definition's own order, of chance and of TPE; near: the share by which as good may be worse."""
    order = _so_far([scores[label] for label in space.labels])
    found = [_summary("grid", (0,), [order], near)]
    names: tuple[Sampler, ...] = ("random", "tpe")
    for name in names:
        curves = [curve(space, scores, name, seed, at_once) for seed in SEEDS]
        found.append(_summary(name, SEEDS, curves, near))
    return tuple(found)


def curve(space: Space, scores: Scores, sampler: Sampler, seed: int, at_once: int) -> tuple[float, ...]:
    """The lowest score after each trial, of as many trials as there are cases; asked as the search itself asks."""
    study, seen, lowest = SearchSampler(space, sampler, seed), list[float](), min(scores.values())
    while lowest not in seen:  # then nothing changes any more
        asked = study.ask(at_once if learns(sampler) else len(scores))
        for label in asked:
            study.tell(label, scores[label])
            seen.append(scores[label])
    rest = [lowest] * (len(scores) - len(seen))
    return _so_far([*seen, *rest])


def _so_far(scores: Sequence[float]) -> tuple[float, ...]:
    return tuple(np.minimum.accumulate(scores).tolist())


def _summary(sampler: str, seeds: tuple[int, ...], curves: Sequence[Sequence[float]], near: float) -> Replay:
    found = np.array(curves)  # (seeds, trials)
    good = found <= found.min() * (1 + near)
    lower, median, upper = np.quantile(found, (0.25, 0.5, 0.75), axis=0).tolist()
    return Replay(
        sampler=sampler,
        seeds=seeds,
        needed=tuple((good.argmax(axis=1) + 1).tolist()),
        lower=tuple(lower),
        median=tuple(median),
        upper=tuple(upper),
    )
