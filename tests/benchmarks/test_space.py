"""The definition of a search: its axes, its configurations, and the errors for invalid settings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.definition import loading
from benchmarks.definition.search_space import SearchSpace
from benchmarks.errors import UserError
from tests.benchmarks.command_line import REFERENCE, benchmarks

SEARCH = (
    REFERENCE.replace('cell = "gru"\nunits = 4', "filters = [[2], [3, 2]]\nwidth = 3\ndense = [[2], []]").replace(
        "batch = 16", "batch = 16\nlearning_rate = [0.01, 0.001]"
    )
    + '\n[search]\nsampler = "grid"\n'
)


def test_lists_of_lists_are_axes_with_readable_labels(written):
    benchmark = loading.read(str(written(SEARCH)))
    assert list(benchmark.cases)[:3] == [
        "cnn, filters 2, dense 2, learning_rate 0.01",
        "cnn, filters 2, dense 2, learning_rate 0.001",
        "cnn, filters 2, dense none, learning_rate 0.01",
    ]
    assert benchmark.search_space().axes == {"model.filters": 2, "model.dense": 2, "training.learning_rate": 2}
    assert benchmark.cases["cnn, filters 3 2, dense none, learning_rate 0.01"].model.filters == (3, 2)


def test_a_convolutional_preset_has_the_layers_of_its_stack(written):
    preset = loading.read(str(written(SEARCH))).cases["cnn, filters 3 2, dense 2, learning_rate 0.01"]
    layers = [str(layer) for layer in preset.architecture(1).layers]
    assert layers == ["convolution 3 × 3 relu", "convolution 2 × 3 relu", "flatten", "dense 2 relu", "dense 1"]


def test_the_search_of_the_document_has_48_configurations():
    benchmark = loading.read("search")
    assert len(benchmark.cases) == 48
    assert benchmark.search.published.case in benchmark.cases
    assert benchmark.search.published.case in loading.read("search", quick=True).cases


def test_an_axis_of_lists_is_narrowed_by_the_text_of_its_labels(written):
    benchmark = loading.read(str(written(SEARCH)), only={"model.filters": ["3 2"], "model.dense": ["none"]})
    assert len(benchmark.cases) == 2
    with pytest.raises(UserError, match="the axis has no such value; known: 2, 3 2"):
        loading.read(str(written(SEARCH)), only={"model.filters": ["5"]})


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_label_and_places_are_inverse(sizes, data):
    places = tuple(data.draw(st.integers(0, size - 1)) for size in sizes)
    count = 1
    for size in sizes:
        count *= size
    space = SearchSpace({f"axis{n}": size for n, size in enumerate(sizes)}, tuple(map(str, range(count))))
    assert space.places(space.label(places)) == places


MISTAKES = {
    "an unknown sampler": ('"grid"', '"gird"', r"""\[search\] sampler = "gird": .*'grid', 'random' or 'tpe'"""),
    "more trials than configurations": ('"grid"', '"grid"\ntrials = 9', "trials = 9, but there are 8 configurations"),
    "no trial": ('"grid"', '"grid"\ntrials = 0', r"\[search\] trials = 0"),
    "an unknown setting": ('"grid"', '"grid"\ntrails = 3', "did you mean 'trials'"),
    "losses that cannot be compared": ("batch = 16", 'batch = 16\nloss = ["mse", "mae"]', "training.loss"),
    "data as an axis": ("difference = true", "difference = [true, false]", "along data.difference"),
    "several backends": (
        '["reference"]',
        '["pytorch", "flax"]',
        "needs a single value of backends, but there are pytorch, flax",
    ),
    "filters beside a cell": (
        "width = 3",
        'width = 3\ncell = "gru"\nunits = 3',
        "remove cell, units, or remove filters",
    ),
    "filters without a width": ("width = 3\n", "", "filters and width"),
    "an empty convolution": ("[[2], [3, 2]]", "[[], [3]]", "it must not be empty"),
}


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES.values(), ids=MISTAKES)
def test_an_invalid_search_is_an_error_of_one_sentence(written, old, new, message):
    assert old in SEARCH
    with pytest.raises(UserError, match=message) as mistake:
        loading.read(str(written(SEARCH.replace(old, new))))
    assert "\n" not in str(mistake.value)


def test_a_search_without_an_axis_is_refused_is_refused(written):
    with pytest.raises(UserError, match=r"\[search\] has no axis to search"):
        loading.read(str(written(f"{REFERENCE}\n[search]\n")))


def test_search_settings_can_be_changed_only_if_there_is_a_search(written):
    with pytest.raises(UserError, match=r"there is no table 'search' for the setting search\.trials"):
        loading.read(str(written(REFERENCE)), changes={"search.trials": 2})
    assert loading.read(str(written(SEARCH)), changes={"search.trials": 2}).search.trials == 2


def test_a_search_needs_a_validation_part(written, tmp_path):
    text = SEARCH.replace("difference = true", "difference = true\nvalidation = 0")
    done = benchmarks("run", written(text), "--results", tmp_path / "results", cwd=tmp_path)
    assert done.returncode == 2
    assert "a search needs a validation part" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
