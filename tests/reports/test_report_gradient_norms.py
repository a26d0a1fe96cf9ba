"""The figure of gradient norms: its lines, panels and caption."""

import pytest
import synthetic_run
from synthetic_run import change

from reports.analysis.run import Run
from reports.figures.gradient_norms import gradient_norms as draw
from reports.pages.run_page import page
from reports.sections.summary import _vanishing

DRAWS = True


def fading(rate, lags=20):
    return tuple(rate**lag for lag in range(lags))


def run_with_norms(layers, factor=lambda plan: 1.0, **options):
    """A run whose norms shrink per lag by a half before training and by a tenth after it; `factor` scales a trial."""
    manifest, certificate, trials = synthetic_run.records(cells=("lstm", "gru"), epochs=4, weeks=30, **options)

    def norms(trial, rate):
        return {layer: tuple(norm * factor(trial.plan) for norm in fading(rate)) for layer in layers}

    measured = (change(t, gradient_norms_before=norms(t, 0.5), gradient_norms_after=norms(t, 0.9)) for t in trials)
    return Run(manifest, certificate, tuple(measured))


def test_a_run_without_norms_has_no_figure():
    assert draw(Run(*synthetic_run.records(cells=("gru",), epochs=4, weeks=30))) is None


def test_caption_and_alt_text_name_the_lag_at_which_the_gradient_has_vanished():
    figure = draw(run_with_norms(["0"]))
    assert "Before training, less than 1 % of the norm at lag 0 is left: LSTM from lag 7 onwards; GRU" in figure.alt
    assert "After training, less than 1 % of the norm at lag 0 is left: LSTM at none of the 20 lags" in figure.caption


def test_backends_that_agree_share_a_line():
    figure = draw(run_with_norms(["0"], lambda plan: {"pytorch": 1.0, "keras": 1.001}.get(plan.backend, 1.0)))
    assert (
        "A line is the median over the eager loop in PyTorch, the compiled epoch in Keras and the compiled "
        "epoch in Flax, which agree within 0.10 % at every lag." in figure.caption
    )
    assert "models with one recurrent layer" in figure.svg
    assert "Keras, compiled epoch" not in figure.svg


@pytest.mark.parametrize("modes", [("matched",), ("native",)])
def test_backends_that_differ_have_a_line_each(modes):
    figure = draw(run_with_norms(["0"], lambda plan: 2.0 if plan.backend == "flax" else 1.0, modes=modes))
    assert (
        "The eager loop in PyTorch, the compiled epoch in Keras and the compiled epoch in Flax differ by up "
        "to 50 % at a lag, so each has its own line." in figure.caption
    )
    assert "Keras, compiled epoch" in figure.svg


def test_a_model_of_several_layers_has_its_own_panel():
    figure = draw(run_with_norms(["0", "0.backward", "1"]))
    assert "layer 1, backward" in figure.svg
    assert "LSTM, layer 2 at none of the 20 lags" in figure.caption


@pytest.mark.parametrize(("value", "words"), [(0.0, "0 at lag 0"), (float("nan"), "not finite")])
def test_norms_that_are_zero_or_not_finite_are_reported_as_unknown(value, words):
    run = run_with_norms(["0"], lambda plan: value if plan.case == "gru" else 1.0)
    assert f"GRU unknown, {words}" in draw(run).caption


def test_a_gradient_that_grows_again_has_not_vanished():
    manifest, certificate, trials = synthetic_run.records(cells=("gru",), epochs=4, weeks=30)
    norms = {"0": (1.0, 0.001, 0.5)}
    measured = tuple(change(t, gradient_norms_before=norms, gradient_norms_after=norms) for t in trials)
    assert "GRU at some lags, but not at the last" in draw(Run(manifest, certificate, measured)).caption


def test_many_models_take_several_panels():
    run = run_with_norms(["0"], units=(8, 16, 32, 64))
    assert draw(run).svg.count("models with one recurrent layer") == 2


def test_the_run_page_has_the_figure():
    assert "gradient-norms" in [figure.name for figure in page(run_with_norms(["0"])).figures]


def test_the_summary_says_how_far_gradients_reach():
    """The number of steps after training, only for models whose gradients were measured."""
    run = Run(*synthetic_run.records(cells=("rnn", "gru"), modes=("matched",), seeds=(1,), epochs=2, weeks=30))
    flows = {"rnn": fading(0.2), "gru": (1.0,) * 20}
    trials = tuple(
        change(
            trial,
            gradient_norms_before={"0": flows[trial.plan.case]},
            gradient_norms_after={"0": flows[trial.plan.case]},
        )
        for trial in run.trials
    )
    assert _vanishing(run) == ()
    assert _vanishing(Run(run.manifest, run.certificate, trials)) == (
        "After training, less than 1 % of the gradient is left from 3 steps back in RNN, and at none of the 20 steps "
        "in GRU.",
    )
