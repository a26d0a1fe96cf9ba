"""The section on the setup: float32 precision on GPUs, and the environment variables of the trials."""

import synthetic_run

from reports.analysis.run import Run
from reports.sections import setup


def altered(cases=(), **environment):
    """A run of two cells with changed cases, and with an environment for the trials of each cell."""
    plan, certificate, trials = synthetic_run.records(cells=("lstm", "gru"), epochs=4, weeks=30)
    changed = [case.model_copy(update=update) for case, update in zip(plan.cases, cases or [{}, {}], strict=True)]
    trials = tuple(
        trial.model_copy(
            update={"environment": plan.environment.model_copy(update={"variables": environment[trial.plan.case]})}
        )
        for trial in (trials if environment else ())
    )
    return Run(plan.model_copy(update={"cases": tuple(changed)}), certificate, trials)


def test_tf32_is_said_to_be_off_only_where_it_was_recorded_and_off_everywhere():
    text = "TensorFloat-32, which rounds the factors of float32 products on GPUs, is off in all frameworks."
    assert text in setup.models(altered()).caption
    for cases in ([{"tf32": True}, {}], [{"tf32": None}, {"tf32": None}]):
        assert "TensorFloat-32" not in setup.models(altered(cases)).caption


def test_variables_that_differ_between_trials_show_every_value():
    """With an axis of threads, the variables at the start of the run are those of the most threads."""
    run = altered(lstm={"OMP_NUM_THREADS": "1", "NPROC": "2"}, gru={"OMP_NUM_THREADS": "2", "NPROC": "2"})
    values = setup.variables(run)
    assert (values["OMP_NUM_THREADS"], values["NPROC"]) == (["1", "2"], ["2"])


def test_the_hash_seed_is_no_variable_of_the_run_where_each_trial_has_its_own():
    """The variables at the start of a run have 0, with which no trial runs."""
    run = altered(lstm={"PYTHONHASHSEED": "0"}, gru={"PYTHONHASHSEED": "0"})
    assert setup.variables(run)["PYTHONHASHSEED"] == ["0"]  # a record of before hash seeds were drawn
    trials = tuple(t.model_copy(update={"plan": t.plan.model_copy(update={"hash_seed": 7})}) for t in run.trials)
    assert "PYTHONHASHSEED" not in setup.variables(Run(run.manifest, run.certificate, trials))


def test_windows_that_an_epoch_leaves_out_are_counted():
    """The last batch of an epoch would not be full: 1,578 windows are 49 batches of 32 and 10 more."""
    table = setup.models(altered([{}, {"batch": 1578}]))
    place = [column.heading for column in table.columns].index("left out of an epoch, windows")
    assert [row.cells[place].text for row in table.rows] == ["10", "0"]


def test_the_seeds_are_named_by_mode_where_the_modes_have_different_ones():
    """The seeds of all modes together would be those of no native model."""
    manifest, certificate, trials = synthetic_run.records(epochs=4, weeks=30)
    assert (
        "All models are trained with seeds 1 to 3, with Adam"
        in setup.models(Run(manifest, certificate, trials)).caption
    )
    fewer = tuple(plan for plan in manifest.trials if plan.mode == "matched" or plan.seed == 2)
    text = setup.models(Run(manifest.model_copy(update={"trials": fewer}), certificate, trials)).caption
    assert "All models are trained with seeds 1 to 3 in matched mode and seed 2 in native mode, with Adam" in text
