"""A benchmark's questions: what the run's figures answer, and when they cannot."""

import pytest
import synthetic_run
from pydantic import ValidationError
from synthetic_run import change, fail

import reports
from reports.analysis.run import Run
from reports.records import Contender, Question
from reports.sections import questions

ASKED = Question(asks="Is the GRU better?", better=Contender(case="gru"), than=Contender(case="lstm"))
RECORDS = synthetic_run.records(modes=("matched",), epochs=4, weeks=30)


def asking(question=ASKED, mse=lambda plan: 1.0, seeds=(1, 2, 3)):
    """A run that asks, every trial with the error that `mse` says."""
    manifest, certificate, trials = RECORDS
    manifest = manifest.model_copy(update={"questions": (question,)})
    scored = (change(t, scores=t.outcome.scores.model_copy(update={"mse": mse(t.plan)})) for t in trials)
    return Run(manifest, certificate, tuple(t for t in scored if t.plan.seed in seeds))


def apart(by, scatter=0.01):
    """The LSTM's error grows with the seed; the GRU's is as much lower, give or take the scatter."""
    return lambda plan: float(plan.seed) - (by + scatter * plan.seed if plan.case == "gru" else 0)


@pytest.mark.parametrize(
    ("mse", "seeds", "answer"),
    [
        (apart(0.5), (1, 2, 3), "yes"),  # although the seeds lie farther apart than the models
        (apart(-0.5), (1, 2, 3), "no"),
        (apart(-0.02), (1, 2, 3), "undecided with 3 seeds"),
        (apart(0.5), (1,), "undecided with 1 seed"),
        (apart(0.5), (), "not run"),
    ],
)
def test_an_answer_needs_an_interval_that_leaves_zero_out(mse, seeds, answer):
    (row,) = questions.questions_table(asking(mse=mse, seeds=seeds)).rows
    assert row.cells[1].text == answer


def test_seeds_that_one_of_the_two_lacks_are_left_out():
    run = asking(mse=apart(0.5))
    failed = [fail(t) if (t.plan.case, t.plan.seed) == ("gru", 2) else t for t in run.trials]
    (answer,) = questions.answers(Run(run.manifest, run.certificate, tuple(failed)))
    assert list(answer.better.by_seed) == list(answer.than.by_seed) == [1, 3]


def test_the_figures_stand_beside_the_answer():
    (row,) = questions.questions_table(asking(mse=apart(0.5, scatter=0))).rows
    assert row.cells[2].text == "1.500 ppm²"
    assert row.cells[2].detail == "test MSE, GRU, PyTorch, eager loop, 0.5000 to 2.500"
    assert row.cells[4].text == "\N{MINUS SIGN}0.500"


def test_a_naive_forecast_can_be_asked_about():
    question = ASKED.model_copy(update={"than": Contender(case="gru", backend="persistence")})
    (answer,) = questions.answers(asking(question, mse=lambda plan: 1e-6 * plan.seed))
    assert answer.verdict == "yes"
    assert len(set(answer.than.values)) == 1


def test_what_the_run_does_not_hold_is_not_run():
    question = ASKED.model_copy(update={"better": Contender(case="another")})
    (row,) = questions.questions_table(asking(question)).rows
    assert [cell.text for cell in row.cells[1:]] == ["not run", "–", "–", "–"]


def test_the_page_and_the_markdown_have_them(run_of):
    run = asking(mse=apart(0.5))
    written = reports.write(run_of(run.manifest, run.certificate, run.trials))
    for path in (written.html, written.markdown):
        assert "Is the GRU better?" in path.read_text("utf-8")
    assert questions.questions_table(Run(*RECORDS)).rows == ()


def test_two_figures_cannot_be_compared():
    with pytest.raises(
        ValidationError, match="better has the figure mae and than has mse; both must have the same figure"
    ):
        Question(asks="Better?", better=Contender(case="gru", figure="mae"), than=Contender(case="lstm"))
