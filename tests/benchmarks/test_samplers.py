"""Samplers: the same configurations with the same seed and scores, none twice, and all of them in the end."""

import pytest

from benchmarks.definition.search_space import SearchSpace
from benchmarks.runner import search

AXES = {"model.filters": 3, "model.width": 2, "training.learning_rate": 4}
SPACE = SearchSpace(AXES, tuple(f"case {number}" for number in range(24)))
SAMPLERS = ("grid", "random", "tpe")


def score(label):
    """Lowest at one end of two axes, and nearly independent of the third."""
    first, second, third = SPACE.places(label)
    return 1.0 + first + 2.0 * third + 0.01 * second


def proposed(name, seed, most=24, batch=2, score=score):
    sampler, order = search.sampler(SPACE, name, seed), []
    while len(order) < most and (labels := sampler.ask(min(batch, most - len(order)))):
        for label in labels:
            sampler.tell(label, score(label))
        order += labels
    return order


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_same_seed_proposes_the_same_and_each_once(name):
    order = proposed(name, seed=5)
    assert proposed(name, seed=5) == order
    assert sorted(order) == sorted(SPACE.labels)
    assert proposed(name, seed=5, most=9) == order[:9]


def test_another_seed_changes_the_order_of_all_but_the_grid():
    assert proposed("grid", seed=1) == proposed("grid", seed=2) == list(SPACE.labels)
    for name in ("random", "tpe"):
        assert proposed(name, seed=1) != proposed(name, seed=2)


@pytest.mark.parametrize("name", SAMPLERS)
def test_failed_configurations_are_not_proposed_again(name):
    order = proposed(name, seed=3, score=lambda label: None if score(label) > 4 else score(label))
    assert sorted(order) == sorted(SPACE.labels)


def test_only_tpe_depends_on_the_scores():
    plain = {name: proposed(name, seed=1) for name in SAMPLERS}
    negated = {name: proposed(name, seed=1, score=lambda label: -score(label)) for name in SAMPLERS}
    assert {name: plain[name] != negated[name] for name in SAMPLERS} == {name: search.learns(name) for name in SAMPLERS}
    assert negated["tpe"][: search.STARTUP] == plain["tpe"][: search.STARTUP]


def test_tpe_finds_the_best_with_fewer_trials_than_random_search():
    """Over many seeds."""
    best = min(SPACE.labels, key=score)
    needed = {name: [proposed(name, seed).index(best) for seed in range(20)] for name in ("random", "tpe")}
    assert sum(needed["tpe"]) < 0.8 * sum(needed["random"])
