"""Variants: one benchmark asking its question in several ways, of whom each says."""

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


def read(written, text=TEXT, **asked):
    return loading.read(str(written(text)), **asked)


def test_a_variant_changes_what_it_names_and_nothing_else(written):
    benchmark = read(written)
    assert list(benchmark.cases) == [
        "as written",
        *(f"made equal, {c}, length {n}" for n in (3, 5) for c in ("lstm", "gru")),
    ]
    own, other = benchmark.cases["as written"], benchmark.cases["made equal, gru, length 3"]
    assert (own.data.scale_on, own.training.batch, own.model.units, own.window.length) == ("all", "full", 6, 5)
    assert (other.data.scale_on, other.training.batch, other.model.units, other.window.length) == ("train", 32, 4, 3)
    assert own.data.series == other.data.series == "sunspots"


def test_each_variant_asks_whom_it_says(written):
    plans = [(p.case, p.backend, p.mode, p.seed) for p in read(written).trials()]
    own = [plan for plan in plans if plan[0] == "as written"]
    assert own == [("as written", "pytorch", "native", 40)]
    assert len(plans) - 1 == 4 * 2 * 2 * 2  # cases, backends, modes, seeds
    assert len(set(plans)) == len(plans)


def test_only_what_is_asked_in_matched_mode_is_to_be_proven_equal(written):
    benchmark = read(written)
    assert all("as written" not in benchmark.matched(backend) for backend in ("pytorch", "flax"))
    assert len(benchmark.matched("flax")) == 4


def test_the_small_form_leaves_what_a_variant_says_itself(written):
    cases = read(written, quick=True).cases
    assert cases["as written"].training.epochs == 9
    assert cases["made equal, lstm, length 3"].training.epochs == 1


def test_the_command_line_wins_over_a_variant(written):
    changes = {"training.epochs": 2, "backends": ["flax"], "seeds": [7], "native_seeds": [7]}
    benchmark = read(written, changes=changes)
    assert "as written" not in benchmark.cases  # it asks PyTorch alone
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
def test_narrowing_reaches_into_variants(written, only, left):
    """One without the axis stays as it is; labels and keys stay what they were."""
    narrowed, whole = read(written, only=only), read(written)
    assert list(narrowed.cases) == left
    assert {p.key for p in narrowed.trials()} <= {p.key for p in whole.trials()}


def test_a_stored_definition_is_the_same_benchmark(written, tmp_path):
    benchmark = read(written)
    restored = loading.restore(tmp_path / "manifest.json", benchmark.definition)
    assert restored.trials() == benchmark.trials()
    assert restored.cases == benchmark.cases


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "as written"', "", r"variant 1 needs a name"),
        ('name = "made equal"', 'name = "as written"', r"two variants are called 'as written'"),
        ('backends = ["pytorch"]', 'backends = ["keras"]', r"'as written': backends: 'keras' is not among"),
        ("data.scale_on", "data.scale_onn", r"there is no setting 'scale_onn'; did you mean 'scale_on'"),
        ("data.scale_on", "dta.scale_on", r"variant 'as written': there is no setting 'dta'; did you mean 'data'"),
        ("seeds = [40]", "seeds = [40, 40]", r"'as written': seeds names one of \[40, 40\] twice"),
        ('data.scale_on = "all"', 'data = "all"', r"'as written': data is 'all'; it must be a table"),
    ],
)
def test_a_mistake_names_the_variant(written, old, new, message):
    with pytest.raises(UserError, match=message):
        read(written, TEXT.replace(old, new))


def test_whom_nobody_asks(written):
    with pytest.raises(UserError, match=r"none of its variants asks flax"):
        read(
            written, TEXT[: TEXT.index('[[variant]]\nname = "made equal"')] + "[quick]", changes={"backends": ["flax"]}
        )


def test_a_variant_may_do_without_the_certificate(written):
    """What cannot be proven equal is left out of it; the others are held against the oracle as before."""
    unproven = TEXT.replace("window.length = [3, 5]", "window.length = 3\nproven = false")
    assert read(written, unproven).matched("flax") == ()
    assert len(read(written).matched("flax")) == 4


def test_the_small_form_and_the_command_line_may_leave_out_the_same_variant(written):
    """`--quick --backends flax`: a variant of PyTorch's that the small form names is simply not there."""
    small = 'only.variant = ["as written", "made equal"]\nonly."window.length" = ["3"]\n'
    text = TEXT.replace("training.epochs = 1\n", f"training.epochs = 1\n{small}")
    left = ["made equal, lstm, length 3", "made equal, gru, length 3"]
    assert list(read(written, text, quick=True).cases) == ["as written", *left]
    assert list(read(written, text, quick=True, changes={"backends": ["flax"]}).cases) == left
    assert list(read(written, text, quick=True, only={"variant": ["as written"]}).cases) == ["as written"]
