import pytest

from reports.render.formats import (
    as_written,
    duration,
    listed,
    sentence,
    signed,
    significant,
    span,
    squared,
    time_unit,
    within,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.123456, "0.123"),
        (9.996, "10.0"),
        (1523.4, "1,520"),
        (-2.5, "−2.50"),
        (0, "0"),
        (0.00012345, "0.000123"),
        (4.8e-15, "4.8e-15"),
        (1.5e11, "150,000,000,000"),
        (-1.09e30, "−1.1e30"),
        (float("nan"), "not finite"),
        (float("inf"), "not finite"),
    ],
)
def test_three_significant_digits(value, text):
    assert significant(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(2.13, 2.34, "2.1 to 2.3"), (2.131, 2.149, "2.13 to 2.15"), (2.1311, 2.1312, "2.13"), (0.5, 12, "0.50 to 12")],
)
def test_a_span_has_as_many_digits_as_tell_its_ends_apart(low, high, text):
    assert span(low, high) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.00312, "0.32 %"), (0.003, "0.30 %"), (0.0999, "10 %"), (0.0, "0.001 %"), (3e-6, "0.001 %"), (1.5, "150 %")],
)
def test_a_bound_is_never_rounded_down(share, text):
    assert within(share) == text


def test_skill_carries_its_sign():
    assert [signed(value) for value in (0.25, -0.25, 0.0001, -3153.9)] == ["+0.250", "−0.250", "0", "−3,150"]


def test_times_choose_their_unit():
    assert [duration(value) for value in (3.214, 0.0981, 0.000213)] == ["3.21 s", "98.1 ms", "213 µs"]
    assert time_unit([0.5, 2.0, 3.0]) == (1.0, "s")
    assert time_unit([]) == (1.0, "s")


def test_lists_and_units():
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert [squared(unit) for unit in ("ppm", "m/s", "")] == ["ppm²", "(m/s)²", ""]


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (None, "not set"), ([True, 16], "true; 16"), ([], "none"), (0.001, "0.001"), ("co2", "co2")],
)
def test_a_setting_is_written_as_a_definition_has_it(value, text):
    assert as_written(value) == text


def test_a_sentence_begins_with_a_capital_unless_a_file_is_named_first():
    assert sentence("the loss is not finite") == "The loss is not finite."
    assert sentence("raises.py, line 34: boom") == "raises.py, line 34: boom."
    assert sentence("./gru.py has no predict!") == "./gru.py has no predict!"
