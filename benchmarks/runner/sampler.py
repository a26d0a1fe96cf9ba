"""The sampler's side of a search: Optuna says what to try next, from what was found so far.

It keeps nothing on the disk. Its samplers are seeded and the trials' scores are recorded, so that a search that goes
on asks the same questions again and is told the recorded answers: there is no second store that could disagree.
"""

from contextlib import suppress

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler, GridSampler, RandomSampler, TPESampler
from optuna.trial import TrialState

from benchmarks.definition.search_space import Space
from benchmarks.definition.settings.search import Sampler

STARTUP = 5  # TPE's trials by chance; Optuna's ten are many of a grid's few dozen (tried on made-up scores)
REPEATS = 20  # suggestions in a row that were tried before, after which any other configuration is taken

optuna.logging.set_verbosity(optuna.logging.WARNING)


class SearchSampler:
    """Asks for each configuration at most once: where a sampler repeats itself, it is told what it was told before.

    The same seed and the same answers give the same questions.
    """

    def __init__(self, space: Space, sampler: Sampler, seed: int) -> None:
        self._space = space
        self._distributions = {axis: CategoricalDistribution(tuple(range(size))) for axis, size in space.axes.items()}
        self._study = optuna.create_study(sampler=_sampler(space, sampler, seed))
        self._asked: dict[str, optuna.Trial] = {}
        self._scores: dict[str, float | None] = {}
        self._chance = np.random.default_rng(seed)

    def ask(self, most: int) -> tuple[str, ...]:
        """The cases to try next: `most`, or as many as are left. All that was asked before must have been told."""
        labels: list[str] = []
        repeats = 0
        while len(labels) < most and len(self._asked) < len(self._space.labels):
            trial = self._study.ask(self._distributions)
            label = self._space.label([trial.params[axis] for axis in self._space.axes])
            if label not in self._asked:
                self._asked[label] = trial
                labels.append(label)
                repeats = 0
                continue
            self._answer(trial, self._scores.get(label))
            repeats += 1
            if repeats == REPEATS:
                self._study.enqueue_trial(self._any_other())
                repeats = 0
        return tuple(labels)

    def tell(self, label: str, score: float | None) -> None:
        """The score of a case that was asked for, the lower the better; None where it has none."""
        self._scores[label] = score
        self._answer(self._asked[label], score)

    def _answer(self, trial: optuna.Trial, score: float | None) -> None:
        with suppress(RuntimeError):  # an exhausted grid wants to stop Optuna's own loop, and there is none
            if score is None:
                self._study.tell(trial, state=TrialState.FAIL)
            else:
                self._study.tell(trial, score)

    def _any_other(self) -> dict[str, int]:
        left = [label for label in self._space.labels if label not in self._asked]
        places = self._space.places(left[int(self._chance.integers(len(left)))])
        return dict(zip(self._space.axes, places, strict=True))


def learns(sampler: Sampler) -> bool:
    """Whether what it asks hangs on what it was told."""
    return sampler == "tpe"


def _sampler(space: Space, name: Sampler, seed: int) -> BaseSampler:
    if name == "grid":
        return GridSampler({axis: list(range(size)) for axis, size in space.axes.items()}, seed=seed)
    if name == "random":
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, n_startup_trials=STARTUP)
