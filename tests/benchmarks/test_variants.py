"""Variants: settings, backends, modes and seeds in which a case differs from its benchmark."""

import pytest

from benchmarks.definition import loading
from benchmarks.errors import UserError

TEXT = """
title = "Two ways"
backends = ["pytorch", "flax"]
modes = ["matched", "native"]
seeds = [1, 2]

[data]
series = "sunspots"

[window]
length = 5

[model]
cell = ["lstm", "gru"]
units = 4

[training]
epochs = 4
batch = 32

[[variant]]
name = "as written"
backends = ["pytorch"]
modes = ["native"]
seeds = [40]
data.scale_on = "all"
training.batch = "full"
training.epochs = 9
model = { cell = "lstm", units = 6 }

[[variant]]
name = "made equal"
window.length = [3, 5]

[quick]
seeds = [1]
training.epochs = 1
"""


def read(written, text=TEXT, **options):
    return loading.read(str(written(text)), **options)


def test_a_variant_changes_only_the_settings_it_names(written):
    benchmark = read(written)
    assert list(benchmark.cases) == [
        "as written",
        *(f"made equal, {c}, length {n}" for n in (3, 5) for c in ("lstm", "gru")),
    ]
    changed, other = benchmark.cases["as written"], benchmark.cases["made equal, gru, length 3"]
    assert (changed.data.scale_on, changed.training.batch, changed.model.units, changed.window.length) == (
        "all",
        "full",
        6,
        5,
    )
    assert (other.data.scale_on, other.training.batch, other.model.units, other.window.length) == ("train", 32, 4, 3)
    assert changed.data.series == other.data.series == "sunspots"


def test_each_variant_has_its_own_trials(written):
    plans = [(p.case, p.backend, p.mode, p.seed) for p in read(written).trials()]
    of_variant = [plan for plan in plans if plan[0] == "as written"]
    assert of_variant == [("as written", "pytorch", "native", 40)]
    assert len(plans) - 1 == 4 * 2 * 2 * 2  # cases, backends, modes, seeds
    assert len(set(plans)) == len(plans)


def test_only_matched_mode_needs_a_certificate(written):
    benchmark = read(written)
    assert all("as written" not in benchmark.matched(backend) for backend in ("pytorch", "flax"))
    assert len(benchmark.matched("flax")) == 4


def test_quick_does_not_change_settings_of_a_variant(written):
    cases = read(written, quick=True).cases
    assert cases["as written"].training.epochs == 9
    assert cases["made equal, lstm, length 3"].training.epochs == 1


def test_the_command_line_replaces_settings_of_a_variant(written):
    changes = {"training.epochs": 2, "backends": ["flax"], "seeds": [7], "native_seeds": [7]}
    benchmark = read(written, changes=changes)
    assert "as written" not in benchmark.cases  # its only backend is PyTorch
    assert {case.training.epochs for case in benchmark.cases.values()} == {2}
    assert {(p.backend, p.seed) for p in benchmark.trials()} == {("flax", 7)}
    assert {p.seed for p in read(written, changes={"seeds": [7]}).trials() if p.case == "as written"} == {7}


@pytest.mark.parametrize(
    ("only", "left"),
    [
        ({"variant": ["as written"]}, ["as written"]),
        ({"window.length": ["3"], "model.cell": ["gru"]}, ["as written", "made equal, gru, length 3"]),
    ],
)
def test_only_narrows_the_axes_of_variants(written, only, left):
    """A variant without the axis stays as it is, and labels and keys do not change."""
    narrowed, whole = read(written, only=only), read(written)
    assert list(narrowed.cases) == left
    assert {p.key for p in narrowed.trials()} <= {p.key for p in whole.trials()}


def test_a_benchmark_restored_from_its_definition_is_equal(written, tmp_path):
    benchmark = read(written)
    restored = loading.restore(tmp_path / "manifest.json", benchmark.definition)
    assert restored.trials() == benchmark.trials()
    assert restored.cases == benchmark.cases


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "as written"', "", r"variant 1 needs a name"),
        ('name = "made equal"', 'name = "as written"', r"two variants have the name 'as written'"),
        ('backends = ["pytorch"]', 'backends = ["keras"]', r"'as written': backends: 'keras' is not among"),
        ("data.scale_on", "data.scale_onn", r"there is no setting 'scale_onn'; did you mean 'scale_on'"),
        ("data.scale_on", "dta.scale_on", r"variant 'as written': there is no setting 'dta'; did you mean 'data'"),
        ("seeds = [40]", "seeds = [40, 40]", r"'as written': seeds = \[40, 40\]: a value is named twice"),
        ('data.scale_on = "all"', 'data = "all"', r"'as written': data is 'all'; it must be a table"),
    ],
)
def test_an_invalid_variant_is_named_in_the_error(written, old, new, message):
    with pytest.raises(UserError, match=message):
        read(written, TEXT.replace(old, new))


def test_a_backend_that_no_variant_has_is_refused(written):
    with pytest.raises(UserError, match=r"no variant has flax"):
        read(
            written, TEXT[: TEXT.index('[[variant]]\nname = "made equal"')] + "[quick]", changes={"backends": ["flax"]}
        )


def test_a_variant_can_be_excluded_from_the_certificate(written):
    """proven = false excludes the cases of one variant only."""
    unproven = TEXT.replace("window.length = [3, 5]", "window.length = 3\nproven = false")
    assert read(written, unproven).matched("flax") == ()
    assert len(read(written).matched("flax")) == 4


def test_quick_and_the_command_line_may_remove_the_same_variant(written):
    """--quick --backends flax removes a variant of PyTorch that [quick] names."""
    small = 'only.variant = ["as written", "made equal"]\nonly."window.length" = ["3"]\n'
    text = TEXT.replace("training.epochs = 1\n", f"training.epochs = 1\n{small}")
    left = ["made equal, lstm, length 3", "made equal, gru, length 3"]
    assert list(read(written, text, quick=True).cases) == ["as written", *left]
    assert list(read(written, text, quick=True, changes={"backends": ["flax"]}).cases) == left
    assert list(read(written, text, quick=True, only={"variant": ["as written"]}).cases) == ["as written"]
