"""The summary of a run: which backend is fastest, how good the forecasts are, and what the run cannot show."""

import re

import pytest
import synthetic_run
from synthetic_run import change, fail

from reports.analysis.context import Context
from reports.analysis.intervals import Interval, coefficient_of_variation
from reports.analysis.run import Run
from reports.analysis.speedup import speedups_of
from reports.analysis.timing_quality import withhold_unreliable
from reports.records import NullTest
from reports.render.formats import per_cent
from reports.render.page import Bullets, Paragraph, Section
from reports.sections.setup import notices, progress
from reports.sections.summary import around_one, section


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(cells=("gru",), epochs=30, weeks=60)


def summary(manifest, certificate, trials, **options):
    return section(Context.of(Run(manifest, certificate, tuple(trials)), **options))


def case(*records, **options):
    """The paragraphs of the only model: its layers, the main statement and the rest."""
    (model,) = (block for block in summary(*records, **options).blocks if isinstance(block, Section))
    texts = [block.text for block in model.blocks]
    return texts[1], " ".join(texts[2:])


def leads(section):
    return [block.text for block in section.blocks if isinstance(block, Paragraph)]


def limits(section):
    return [item for block in section.blocks if isinstance(block, Bullets) for item in block.items]


def naive(manifest, name):
    return next(b.scores.mse for b in manifest.data["co2"].baselines if b.name == name)


def paced(trials, **factors):
    """The trials with the epochs of some backends slower by a factor."""

    def slowed(trial):
        times, factor = trial.outcome.times, factors.get(trial.plan.backend, 1)
        epochs = tuple(value * factor for value in times.epochs)
        loop = None if times.loop is None else times.loop + sum(epochs) - sum(times.epochs)
        return change(trial, times=times.model_copy(update={"epochs": epochs, "loop": loop}))

    return tuple(map(slowed, trials))


def scored(trials, backends=("pytorch", "keras", "flax"), **skills):
    def rescored(trial):
        return change(trial, scores=trial.outcome.scores.model_copy(update=skills))

    return tuple(rescored(trial) if trial.plan.backend in backends else trial for trial in trials)


def test_the_summary_names_the_fastest_backend_and_the_naive_forecasts_that_are_beaten(records):
    (model,) = (block for block in summary(*records).blocks if isinstance(block, Section))
    assert (model.title, model.blocks[0].text) == ("GRU", "1 × gru 50")
    assert model.blocks[1].text == (
        "In the steady state on this machine the compiled epoch in Flax trains this GRU 2.9 to 3.0 times as fast as "
        "the eager loop in PyTorch; "
        "the compiled epoch in Keras takes 1.09 to 1.12 times as long. "
        "All three forecasts agree within 0.37 % in test MSE and beat persistence and the seasonal naive forecast."
    )


def test_compilation_may_reverse_the_order(records):
    manifest, certificate, trials = records
    lead, more = case(manifest, certificate, paced(trials, pytorch=0.4))
    assert lead.startswith(
        "In the steady state on this machine the compiled epoch in Flax trains this GRU 1.16 to 1.20 times as fast as "
        "the eager loop in PyTorch"
    )
    assert (
        "Over a whole training of 30 epochs, compilation included, the order changes: relative to the eager loop in "
        "PyTorch, the compiled epoch in Flax takes 1.2" in more
    )


def test_the_reference_backend_may_be_the_fastest(records):
    manifest, certificate, trials = records
    lead, _ = case(manifest, certificate, paced(trials, pytorch=0.2))
    assert lead.startswith(
        "In the steady state on this machine the eager loop in PyTorch trains this GRU fastest: the compiled epoch in "
        "Flax takes 1.6"
    )


def test_a_range_that_includes_one_is_no_difference(records):
    manifest, certificate, trials = records
    lead, _ = case(manifest, certificate, paced(trials, pytorch=0.3375, keras=10))
    assert (
        "no backend trains this GRU clearly faster than the eager loop in PyTorch: the compiled epoch in "
        "Flax is neither clearly faster nor" in lead
    )


def test_one_seed_gives_no_range_and_no_ratio_in_the_main_statement():
    shown = synthetic_run.records(cells=("gru",), seeds=(1,), weeks=60)
    lead, more = case(*shown)
    assert lead.startswith("All three forecasts agree")
    assert "times as" not in lead
    assert more.startswith(
        "In the steady state of the single round (one seed) the compiled epoch in Flax trains this GRU "
    )
    assert limits(summary(*shown))[0] == (
        "A 95 % interval of a median needs 6 seeds. This run has 1 seed: no range is shown."
    )


def test_six_seeds_have_no_such_limit():
    """What remains is the smallest difference of a null test, or the command that measures it."""
    manifest, *records = synthetic_run.records(
        cells=("gru",), modes=("matched",), seeds=range(6), weeks=60, forecasts=True
    )
    (limit,) = limits(summary(manifest, *records))
    assert "`make null-test` compares each default program with itself" in limit
    test = NullTest(started="2026-02-01T09:30:00Z", smallest={"flax": 0.064, "keras-jax": 0.5})
    (limit,) = limits(summary(manifest.model_copy(update={"null_test": test}), *records))
    assert limit == (
        "The null test of 2026-02-01 compared each program with itself: differences below 6 % of the compiled epoch in "
        "Flax cannot be seen on this machine."
    )


def test_one_backend_has_no_speed_ratio():
    lead, _ = case(*synthetic_run.records(cells=("gru",), backends=("flax",), weeks=60))
    assert lead.startswith(
        "The compiled epoch in Flax is the only backend, so there is no speed ratio. The forecast beats"
    )


def test_without_a_certificate_there_is_no_statement_about_speed(records):
    manifest, _, trials = records
    lead, more = case(manifest, None, trials)
    assert lead.startswith(
        "There is no speed ratio for the eager loop in PyTorch, the compiled epoch in Keras and the compiled epoch in "
        "Flax: there is no certificate. All three forecasts beat"
    )
    assert "There is no certificate, without which no speed ratio is shown" in notices(Run(manifest, None, trials))[0]
    assert "times as fast" not in lead + more


def test_native_mode_alone_makes_no_statement_about_speed():
    lead, _ = case(*synthetic_run.records(cells=("gru",), modes=("native",), weeks=60))
    assert lead.startswith("Native models differ, so this run has no speed ratio. All three")


def test_forecasts_that_lose_to_persistence_are_not_called_good(records):
    manifest, certificate, trials = records
    lead, _ = case(manifest, certificate, scored(trials, mse=1.02 * naive(manifest, "persistence")))
    assert "and beat the seasonal naive forecast; no forecast beats persistence with every seed" in lead
    assert lead.endswith("(skill against persistence −0.020), so none is good.")
    assert "beat persistence" not in lead


def test_the_only_backend_that_beats_persistence_is_named(records):
    manifest, certificate, trials = records
    losing = scored(trials, ("pytorch", "keras"), mse=1.02 * naive(manifest, "persistence"))
    assert (
        "; only the compiled epoch in Flax beats persistence with every seed." in case(manifest, certificate, losing)[0]
    )


def test_a_naive_forecast_with_a_lower_error_is_named(records):
    manifest, certificate, trials = records
    first = leads(summary(*records))[0]
    assert first.startswith("The baseline linear autoregression forecasts co2 with a lower test MSE than every ")
    assert "than every model in matched mode: " in first
    assert first.endswith(" ppm² of the best, GRU (the difference was not tested).")
    error = naive(manifest, "linear autoregression")
    assert leads(summary(manifest, certificate, scored(trials, mse=error))) == []


def test_a_run_under_way_says_how_many_trials_have_finished(records):
    manifest, certificate, trials = records
    words = notices(Run(manifest, certificate, trials[:7]))
    assert words[0].startswith("7 of 18 trials have finished: the run is under way or was interrupted")


def test_a_run_without_trials_has_a_summary(records):
    manifest, certificate, _ = records
    assert case(manifest, certificate, ())[0] == "No trial has finished yet."


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (1, "1 trial failed, 17 have not run."),
        (17, "17 trials failed, 1 has not run."),
        (18, "18 trials failed."),
    ],
)
def test_trials_that_failed_and_those_that_have_not_run_are_counted_apart(records, failed, words):
    manifest, certificate, trials = records
    assert case(manifest, certificate, [fail(trial) for trial in trials[:failed]])[0] == words


def test_failed_trials_are_counted(records):
    manifest, certificate, trials = records
    assert notices(Run(manifest, certificate, (fail(trials[0]), *trials[1:]))) == (
        "1 of 18 trials failed; the reasons are listed below.",
    )


def test_a_noisy_machine_is_named_as_a_limit(records):
    manifest, certificate, trials = records
    times = trials[0].outcome.times
    noisy = change(trials[0], times=times.model_copy(update={"epochs": (0.1, 0.1, 0.1, 0.3)}))
    said = limits(summary(manifest, certificate, (noisy, *trials[1:])))
    assert any(item.startswith("Footnotes at some times of the eager loop in PyTorch say why") for item in said)


@pytest.mark.parametrize(("epochs", "said"), [(2, True), (3, False)])
def test_a_steady_epoch_that_is_no_median_is_a_limit(records, epochs, said):
    manifest, certificate, trials = records
    short = tuple(change(t, times=t.outcome.times.model_copy(update={"epochs": (0.2,) * epochs})) for t in trials)
    text = "With two epochs the steady epoch is the second one alone, and no median: train more epochs."
    assert (text in limits(summary(manifest, certificate, short))) == said


def test_background_load_makes_ratios_unreliable(records):
    manifest, certificate, trials = records
    assert "other processes" not in case(*records)[0]
    disturbed = tuple(change(trial, background_load=0.42) for trial in trials)
    reason = f"other processes used up to {per_cent(0.42)} of the cores"
    lead, more = case(manifest, certificate, disturbed)
    assert lead.endswith(f"no speed ratio for the compiled epoch in Flax and the compiled epoch in Keras: {reason}.")
    assert "times as" not in lead + more
    assert "09-30-00Z --show-unreliable` shows them" in limits(summary(manifest, certificate, disturbed))[-2]
    lead, more = case(manifest, certificate, disturbed, show_unreliable=True)
    assert f"{reason}, so the ratios are not reliable" in lead
    assert "times as fast" in lead


@pytest.mark.parametrize("option", ["", "--results 'other place'", "'--results=other place'"])
def test_the_command_for_withheld_ratios_names_the_results_folder_of_the_run(records, option):
    """The command finds the run from where the run was started."""
    manifest, certificate, trials = records
    started = f".venv/bin/python -m benchmarks run co2 {option} --seeds 1".replace("  ", " ")
    manifest = manifest.model_copy(update={"command": started})
    disturbed = tuple(change(trial, background_load=0.42) for trial in trials)
    command = f".venv/bin/python -m benchmarks report {manifest.name} --show-unreliable {option}".strip()
    assert limits(summary(manifest, certificate, disturbed))[-2].endswith(f"`{command}` shows them.")


@pytest.mark.parametrize(
    ("backend", "name"), [("pytorch", "the eager loop in PyTorch"), ("flax", "the compiled epoch in Flax")]
)
def test_times_that_vary_between_seeds_make_ratios_unreliable(records, backend, name):
    manifest, certificate, trials = records
    drifted = tuple(paced([trial], **{backend: 1.5**trial.plan.seed})[0] for trial in trials)
    lead, more = case(manifest, certificate, drifted)
    assert "There is no speed ratio for the compiled epoch in Flax" in lead + more
    vary = f"the steady epochs of {name} vary by more than 10 % between the seeds"
    assert f": {vary}." in lead + more
    assert "trains this GRU" not in lead  # none is named the fastest while a ratio is withheld
    assert lead.startswith("All three forecasts agree")  # the reliable statement comes first
    lead, _ = case(manifest, certificate, drifted, show_unreliable=True)
    assert lead.endswith(f"; but {vary}, so the ratios are not reliable.")


@pytest.fixture(scope="module")
def eight():
    """Records of eight seeds: enough for a 95 % interval of a ratio."""
    return synthetic_run.records(cells=("gru",), seeds=tuple(range(1, 9)))


@pytest.mark.parametrize(("pace", "reason"), [(1.02, ""), (1.5, "the 95 % interval of the steady epoch's ratio is ±")])
def test_with_an_interval_its_width_decides_and_not_the_seeds(eight, pace, reason):
    """One seed that is far off leaves the interval of eight narrow; seeds that drift apart make it wide."""
    manifest, certificate, trials = eight
    changed = tuple(paced([t], flax=pace**t.plan.seed * (3 if t.plan.seed == 8 else 1))[0] for t in trials)
    (speedups,) = withhold_unreliable(run := Run(manifest, certificate, changed), speedups_of(run)).values()
    assert coefficient_of_variation(list(speedups.backends["flax"].epoch_ratios)) > 0.1
    assert speedups.backends["flax"].withheld.startswith(reason)
    assert bool(speedups.backends["flax"].withheld) == bool(reason)


def test_the_main_statement_names_every_backend_without_a_ratio(eight):
    """Each with its reason; a backend that is left out would seem to have a ratio."""
    manifest, certificate, trials = eight
    changed = tuple(paced([t], flax=1.5**t.plan.seed, keras=1.3**t.plan.seed)[0] for t in trials)
    lead, _ = case(manifest, certificate, changed)
    reason = r": the 95 % interval of the steady epoch's ratio is ±[\d,]+ %, wider than ±25 %"
    backends = [f"for the compiled epoch in {name}{reason}" for name in ("Flax", "Keras")]
    assert any(
        re.search(f"There is no speed ratio {'; nor is there one '.join(order)}\\.", lead)
        for order in (backends, backends[::-1])
    )


@pytest.mark.parametrize(("disturbed", "reason"), [(3, ""), (8, "other processes used up to 42 % of the cores")])
def test_with_an_interval_most_rounds_must_be_disturbed(eight, disturbed, reason):
    manifest, certificate, trials = eight
    changed = tuple(change(t, background_load=0.42) if t.plan.seed <= disturbed else t for t in trials)
    (speedups,) = withhold_unreliable(run := Run(manifest, certificate, changed), speedups_of(run)).values()
    assert speedups.backends["flax"].withheld == reason


def test_a_single_epoch_has_no_steady_epoch():
    lead, _ = case(*synthetic_run.records(cells=("gru",), epochs=1, weeks=60))
    assert lead.startswith("Only one epoch was trained, so there is no steady epoch to compare.")


MANY = {"units": (16, 32, 64), "modes": ("matched",), "seeds": (1, 2), "epochs": 6, "weeks": 60}


def test_many_models_have_few_sentences_and_a_table():
    manifest, certificate, trials = synthetic_run.records(**MANY)
    shown = summary(manifest, certificate, trials)
    assert not [block for block in shown.blocks if isinstance(block, Section)]
    assert len(leads(shown)) <= 5
    assert leads(shown)[0].startswith(
        "Fastest by the steady epoch, of 6 models compared: the compiled epoch in Flax for 6 (1.2 to 3."
    )
    assert leads(shown)[1] == "18 of 18 forecasts beat persistence with every seed."
    table = next(block for block in shown.blocks if block.kind == "table")
    assert [column.label for column in table.columns] == [
        "model",
        "fastest backend",
        "its speed ratio",
        "test MSE",
        "skill",
        "best baseline",
        "its error",
    ]
    assert [row.cells[1].text for row in table.rows] == ["Flax, compiled epoch"] * 6
    slowed = leads(summary(manifest, certificate, paced(trials, flax=1.5, keras=2)))
    assert slowed[0].startswith(
        "Fastest by the steady epoch, of 6 models compared: the eager loop in PyTorch for 3 and the compiled "
        "epoch in Flax for 3"
    )
    assert leads(summary(manifest, None, trials)) == leads(shown)[1:]


def test_ratios_of_a_single_round_are_in_the_table_only():
    shown = summary(*synthetic_run.records(**{**MANY, "seeds": (1,)}))
    assert leads(shown) == ["18 of 18 forecasts beat persistence with every seed."]
    table = next(block for block in shown.blocks if block.kind == "table")
    assert {row.cells[1].detail for row in table.rows} == {"in the single round"}


def test_unreliable_ratios_come_second_and_are_marked_in_the_table():
    manifest, certificate, trials = synthetic_run.records(**MANY)
    shown = summary(manifest, certificate, [change(trial, background_load=0.42) for trial in trials])
    assert leads(shown)[0] == "18 of 18 forecasts beat persistence with every seed."
    assert leads(shown)[1] == "No fastest backend is named for 6 models: other processes used up to 42 % of the cores."
    table = next(block for block in shown.blocks if block.kind == "table")
    assert {(row.cells[1].text, row.cells[2].text) for row in table.rows} == {("unreliable", "\N{EN DASH}")}


def test_the_layers_of_a_model_are_listed(records):
    manifest, certificate, trials = records
    cases = tuple(case.model_copy(update={"architecture": ("gru 50", "dense 1")}) for case in manifest.cases)
    shown = summary(manifest.model_copy(update={"cases": cases}), certificate, trials)
    (model,) = (block for block in shown.blocks if isinstance(block, Section))
    assert model.blocks[0].text == "gru 50 → dense 1"


def test_a_single_trial_is_one_trial():
    manifest, certificate, trials = synthetic_run.records(
        cells=("gru",), epochs=4, weeks=30, seeds=(1,), modes=("matched",), backends=("flax",)
    )
    assert progress(Run(manifest, certificate, trials)) == "The only trial finished, 1 seed."
    assert progress(Run(manifest, certificate, ())) == "0 of 1 trial finished, 1 seed."
    assert notices(Run(manifest, certificate, ()))[0].startswith("0 of 1 trial has finished: ")


def test_backends_that_differ_are_named_also_with_many_models():
    manifest, certificate, trials = synthetic_run.records(**MANY)
    checks = tuple(
        check.model_copy(update={"failure": "weights differ"}) if check.backend == "keras" else check
        for check in certificate.checks
    )
    shown = limits(summary(manifest, certificate.model_copy(update={"checks": checks}), trials))
    assert any(
        item.startswith("The compiled epoch in Keras differs from the reference implementation in 'lstm, units 16'")
        for item in shown
    )


@pytest.mark.parametrize(
    ("low", "high", "shown"), [(0.811, 1.03, "0.811 to 1.03"), (0.98, 1.2, "0.98 to 1.2"), (0.5, 2.04, "0.50 to 2.0")]
)
def test_an_interval_around_1_never_ends_at_1_by_rounding(low, high, shown):
    """Otherwise the sentence that no difference is clear would contradict its own numbers."""
    assert around_one(Interval((low * high) ** 0.5, low, high, 6)) == shown
