"""Parameter counts, drawn."""

import synthetic_run

from reports.analysis.run import Run
from reports.figures.parameters import parameters


def test_equal_models_share_a_bar_and_native_ones_that_differ_have_their_own():
    """In native mode PyTorch's LSTM has one more bias a gate, so its bar stands beside the others'."""
    run = Run(*synthetic_run.records(cells=("lstm",), epochs=2, weeks=30))
    drawn = parameters(run)
    assert drawn.alt == (
        "Trained parameters: LSTM, matched, 10,451; LSTM, native, PyTorch, 10,651; LSTM, native, Keras, 10,451; "
        "LSTM, native, Flax, 10,451."
    )


def test_one_size_is_no_figure():
    run = Run(*synthetic_run.records(cells=("gru",), modes=("matched",), epochs=2, weeks=30))
    assert parameters(run) is None


def test_many_bars_are_cut_and_said_to_be():
    widths = tuple(range(8, 8 + 30))
    run = Run(*synthetic_run.records(cells=("gru",), units=widths, modes=("matched",), seeds=(1,), epochs=2, weeks=30))
    drawn = parameters(run)
    assert "Of 30 bars, the first 24 are drawn." in drawn.caption
    assert drawn.alt.count(";") == 23
