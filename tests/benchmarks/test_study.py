"""What samplers ask for: the same again with the same seed, nothing twice, and everything in the end."""

import pytest

from benchmarks.definition.search_space import Space
from benchmarks.runner.sampler import STARTUP, SearchSampler

AXES = {"model.filters": 3, "model.width": 2, "training.learning_rate": 4}
SPACE = Space(AXES, tuple(f"case {number}" for number in range(24)))
SAMPLERS = ("grid", "random", "tpe")


def score(label):
    """Best at one end of two axes, whatever the third."""
    first, second, third = SPACE.places(label)
    return 1.0 + first + 2.0 * third + 0.01 * second


def asked(sampler, seed, most=24, batch=2, told=score):
    study, order = SearchSampler(SPACE, sampler, seed), []
    while len(order) < most and (labels := study.ask(min(batch, most - len(order)))):
        for label in labels:
            study.tell(label, told(label))
        order += labels
    return order


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_same_seed_asks_the_same_and_each_once(sampler):
    order = asked(sampler, seed=5)
    assert asked(sampler, seed=5) == order
    assert sorted(order) == sorted(SPACE.labels)
    assert asked(sampler, seed=5, most=9) == order[:9]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_another_seed_asks_otherwise(sampler):
    assert asked(sampler, seed=1) != asked(sampler, seed=2)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_configurations_that_fail_are_not_asked_for_again(sampler):
    order = asked(sampler, seed=3, told=lambda label: None if score(label) > 4 else score(label))
    assert sorted(order) == sorted(SPACE.labels)


def test_what_tpe_asks_hangs_on_the_answers_and_what_the_others_ask_does_not():
    turned = {sampler: asked(sampler, seed=1, told=lambda label: -score(label)) for sampler in SAMPLERS}
    plain = {sampler: asked(sampler, seed=1) for sampler in SAMPLERS}
    assert turned["random"] == plain["random"]
    assert turned["grid"] == plain["grid"]
    assert turned["tpe"][:STARTUP] == plain["tpe"][:STARTUP]
    assert turned["tpe"] != plain["tpe"]


def test_tpe_looks_where_it_was_good():
    """Of many seeds most find the best with fewer trials than chance."""
    best = min(SPACE.labels, key=score)
    needed = {name: [asked(name, seed).index(best) for seed in range(20)] for name in ("random", "tpe")}
    assert sum(needed["tpe"]) < 0.8 * sum(needed["random"])
