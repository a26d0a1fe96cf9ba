import pytest
import synthetic_run
from synthetic_run import change, fail

from reports.analysis.context import Context
from reports.analysis.run import Run
from reports.analysis.speedup import speedups_of
from reports.figures import speed
from reports.render.formats import case_name
from reports.render.table import Cell, Column, Row, Table
from reports.sections import certificate, results
from reports.sections.trials import all_trials


@pytest.fixture(scope="module")
def records():
    return synthetic_run.records(cells=("gru",), epochs=6, weeks=30)


def run_of(manifest, checked, trials):
    return Run(manifest, checked, tuple(trials))


def certificate_of(run):
    (table,) = certificate.section(Context.of(run)).blocks
    return table


def texts(table, column):
    """A column's cells by backend and mode, as text with detail."""
    labels = [head.label for head in table.columns]
    place, mode = labels.index(column), labels.index("mode") if "mode" in labels else None
    return {
        (row.cells[1].text, row.cells[mode].text if mode else ""): row.cells[place]
        for row in table.rows
        if row.kind == "model"
    }


def test_the_main_table_has_a_row_a_backend_and_a_row_a_baseline(records):
    run = run_of(*records)
    rows = results.main_table(run, speedups_of(run)).rows
    assert [row.cells[1].text for row in rows] == [
        "PyTorch, eager loop",
        "Keras, compiled epoch",
        "Flax, compiled epoch",
        "persistence",
        "seasonal naive",
        "training mean",
        "linear autoregression",
    ]


def test_a_native_model_has_times_but_no_ratio(records):
    run = run_of(*records)
    table = results.times(run, speedups_of(run))
    ratio = texts(table, "speed ratio, steady epoch")["Flax, compiled epoch", "native"]
    assert ratio.text == "another model"
    assert ratio.value is None
    assert texts(table, "steady epoch")["Flax, compiled epoch", "native"].value > 0


def test_an_uncertified_backend_keeps_its_times_and_says_why_there_is_no_ratio(records):
    manifest, checked, trials = records
    checks = tuple(c.model_copy(update={"failure": "gradients differ"}) for c in checked.checks)
    run = run_of(manifest, checked.model_copy(update={"checks": checks}), trials)
    cell = texts(results.times(run, speedups_of(run)), "speed ratio, steady epoch")["Flax, compiled epoch", "matched"]
    assert cell.text == "not comparable"
    assert cell.notes[0] == "The compiled epoch in Flax, GRU, is not comparable: in float64 gradients differ."
    assert texts(results.times(run, speedups_of(run)), "training")["Flax, compiled epoch", "matched"].value > 0


def test_every_row_links_to_the_raw_records_behind_it(records):
    run = run_of(*records)
    keys = {(t.plan.backend, t.plan.mode, t.plan.seed): f"trials/{t.plan.key}.json" for t in run.trials}
    links = texts(results.scores(run)[0], "records")["Keras, compiled epoch", "native"].links
    assert [link.target for link in links] == [keys["keras", "native", seed] for seed in (1, 2, 3)]


def test_three_rounds_are_a_range_and_six_are_an_interval(records):
    run = run_of(*records)
    cell = texts(results.main_table(run, speedups_of(run)), "speed ratio")["Flax, compiled epoch", ""]
    assert cell.notes == ("The limits are the lowest and highest of 3 rounds; a 95 % interval needs 6 rounds.",)
    run = run_of(*synthetic_run.records(cells=("gru",), modes=("matched",), seeds=range(6), epochs=6, weeks=30))
    cell = texts(results.main_table(run, speedups_of(run)), "speed ratio")["Flax, compiled epoch", ""]
    assert cell.notes == ()
    assert "95 % interval" in results.main_table(run, speedups_of(run)).caption


def test_seeds_of_native_mode_do_not_count_for_matched_figures(records):
    manifest, checked, trials = records
    run = run_of(manifest, checked, [t for t in trials if t.plan.mode == "matched" or t.plan.seed == 1])
    assert results.main_table(run, speedups_of(run)).caption.startswith(
        "Matched mode, median of 3 seeds with the range."
    )
    assert "median of 1 to 3 seeds" in results.scores(run)[0].caption


def test_planned_seeds_that_have_not_finished_carry_no_interval():
    manifest, checked, trials = synthetic_run.records(
        cells=("gru",), modes=("matched",), seeds=range(6), epochs=6, weeks=30
    )
    run = run_of(manifest, checked, trials[:9])
    assert "median of 3 seeds with the range" in results.main_table(run, speedups_of(run)).caption
    run = run_of(manifest, checked, trials[:16])
    assert (
        "median of 5 to 6 seeds with the 95 % interval, or the range"
        in results.main_table(run, speedups_of(run)).caption
    )


def test_an_unstable_time_is_warned_of_beside_the_number(records):
    manifest, checked, trials = records

    def disturbed(trial):
        times = trial.outcome.times
        return change(trial, times=times.model_copy(update={"epochs": (*times.epochs[:-1], times.epochs[-1] * 2)}))

    run = run_of(manifest, checked, [disturbed(t) if t.plan.backend == "flax" else t for t in trials])
    for column in ("steady epoch", "speed ratio, steady epoch"):
        notes = texts(results.times(run, speedups_of(run)), column)["Flax, compiled epoch", "matched"].notes
        assert any("unstable: the epochs of seeds 1 to 3 vary by" in note for note in notes)
    assert not texts(results.times(run, speedups_of(run)), "steady epoch")["Keras, compiled epoch", "matched"].notes


def test_an_unstable_reference_is_warned_of_beside_every_ratio_and_its_own_times(records):
    """A ratio depends on both sides, so the noise of either makes it unreliable."""
    manifest, checked, trials = records

    def drifting(trial):
        epochs = tuple(value * 1.5**trial.plan.seed for value in trial.outcome.times.epochs)
        return change(trial, times=trial.outcome.times.model_copy(update={"epochs": epochs}))

    run = run_of(manifest, checked, [drifting(t) if t.plan.backend == "pytorch" else t for t in trials])
    table, warning = results.main_table(run, speedups_of(run)), "Unstable times: the steady epochs of the seeds vary by"
    detailed = texts(results.times(run, speedups_of(run)), "steady epoch")["PyTorch, eager loop", "matched"].notes
    assert detailed[0].startswith("PyTorch, eager loop, GRU, matched: unstable: the steady epochs of the seeds vary by")
    for backend, column in [
        ("Flax, compiled epoch", "speed ratio"),
        ("Keras, compiled epoch", "speed ratio"),
        ("PyTorch, eager loop", "steady epoch"),
    ]:
        assert any(note.startswith(warning) for note in texts(table, column)[backend, ""].notes)
    assert any(note.startswith(warning) for note in texts(table, "training")["PyTorch, eager loop", ""].notes)
    assert not texts(table, "steady epoch")["Flax, compiled epoch", ""].notes


def test_unstable_models_share_a_footnote_in_the_main_table(records):
    """The table of times has the numbers of each, in a footnote that says once that its times are unstable."""
    manifest, checked, trials = records

    def drifting(trial):
        epochs = tuple(
            value * 1.5 ** (trial.plan.seed + number) for number, value in enumerate(trial.outcome.times.epochs)
        )
        return change(trial, times=trial.outcome.times.model_copy(update={"epochs": epochs}))

    run = run_of(manifest, checked, [drifting(trial) for trial in trials])
    unstable = [note for note in results.main_table(run, speedups_of(run)).notes if "Unstable" in note]
    detailed = [note for note in results.times(run, speedups_of(run)).notes if "unstable:" in note]
    assert 1 <= len(unstable) <= 3
    assert len(detailed) == len(run.groups)
    assert all(note.count("unstable:") == 1 for note in detailed)


def test_failed_and_missing_trials_are_noted_at_the_backend(records):
    manifest, checked, trials = records
    gone = [trial for trial in trials if (trial.plan.backend, trial.plan.seed) != ("keras", 3)]
    broken = [fail(t) if (t.plan.backend, t.plan.seed, t.plan.mode) == ("flax", 1, "matched") else t for t in gone]
    run = run_of(manifest, checked, broken)
    backend = texts(results.main_table(run, speedups_of(run)), "backend")
    assert (backend["Keras, compiled epoch", ""].detail, backend["Keras, compiled epoch", ""].notes) == (
        "2 of 3 seeds",
        (),
    )
    assert backend["Flax, compiled epoch", ""].detail == "2 of 3 seeds"
    assert backend["Flax, compiled epoch", ""].notes == (
        "Flax, compiled epoch, GRU, matched: 1 trial failed: the loss was not finite in epoch 3.",
    )
    assert backend["PyTorch, eager loop", ""].detail == ""
    states = [row.cells[5].text for row in all_trials(run).rows]
    assert (states.count("finished"), states.count("failed"), states.count("missing")) == (15, 1, 2)


def test_a_series_without_a_season_has_no_seasonal_skill(records):
    manifest, checked, trials = records
    data = manifest.data["co2"]
    unseasoned = data.model_copy(update={"baselines": tuple(b for b in data.baselines if b.name != "seasonal naive")})
    run = run_of(manifest.model_copy(update={"data": {"co2": unseasoned}}), checked, trials)
    assert texts(results.scores(run)[0], "skill against seasonal naive")["Flax, compiled epoch", "matched"].text == "–"


def test_the_certificate_shows_every_check_with_its_bounds(records):
    manifest, checked, _ = records
    missed = checked.checks[0].model_copy(update={"weights": 3e-2, "failure": "weights differ by 3.0e-02"})
    run = run_of(manifest, checked.model_copy(update={"checks": (missed, *checked.checks[1:])}), ())
    table = certificate_of(run)
    assert len(table.rows) == 6
    verdict, *figures = table.rows[0].cells[3:8]
    assert (verdict.text, verdict.notes) == (
        "not equal",
        ("PyTorch, eager loop, GRU, float64: weights differ by 3.0e-02.",),
    )
    assert [cell.tone for cell in figures] == ["", "", "", "bad"]
    assert [cell.detail for cell in figures] == ["≤ 1e-12", "≤ 1e-10", "≤ 1e-10", "> 1e-10"]
    assert figures[3].text == "3.0e-2"


def test_without_a_certificate_the_table_says_so(records):
    manifest, _, trials = records
    table = certificate_of(run_of(manifest, None, trials))
    assert table.rows == ()
    assert "has been compared" in table.caption


def test_notes_are_numbered_once_each(records):
    run = run_of(*records)
    table = results.times(run, speedups_of(run))
    marked = {table.marks(cell) for row in table.rows for cell in row.cells if cell.notes}
    assert marked == {(1,), (2,)}
    assert len(table.notes) == 2


def scaled(records, *scales):
    """The run's data once a scale, as variants have it, with scaled errors beside the others."""
    manifest, checked, trials = records
    (key, data), *_ = manifest.data.items()
    named = {}
    for number, scale in enumerate(scales):
        naive = [
            baseline.model_copy(
                update={"scores": baseline.scores.model_copy(update={"scaled_mse": baseline.scores.mse / scale**2})}
            )
            for baseline in data.baselines
        ]
        named[f"{key}{number or ''}"] = data.model_copy(update={"scale": (scale,), "baselines": tuple(naive)})
    scores = tuple(
        change(t, scores=t.outcome.scores.model_copy(update={"scaled_mse": t.outcome.scores.mse / scales[0] ** 2}))
        for t in trials
        if t.outcome
    )
    return Run(manifest.model_copy(update={"data": named}), checked, scores)


def test_scaled_errors_stand_beside_those_in_the_unit(records):
    run = scaled(records, 5.0)
    labels = [column.label for column in results.scores(run)[0].columns]
    error, of_scaled = labels.index("test MSE"), labels.index("scaled MSE")
    assert of_scaled < labels.index("skill against persistence")
    baselines = [row for row in results.scores(run)[0].rows if row.kind == "baseline"]
    for row in results.scores(run)[0].rows:
        if row.cells[error].value is not None:
            assert row.cells[of_scaled].value == pytest.approx(row.cells[error].value / 25)
    assert len(baselines) == len({row.cells[1].text for row in baselines})
    assert "scaled MSE" not in [column.label for column in results.scores(Run(*records))[0].columns]


def test_a_naive_forecast_stands_once_unless_its_scaled_error_differs(records):
    """Its error in the unit does not depend on the scaler, so two rows would be the same."""
    run = scaled(records, 5.0, 8.0)
    plain = [row.cells[1].text for row in results.main_table(run, speedups_of(run)).rows if row.kind == "baseline"]
    assert len(plain) == len(set(plain))
    labels = [(row.cells[0].text, row.cells[1].text) for row in results.scores(run)[0].rows if row.kind == "baseline"]
    assert len(labels) == len(set(labels)) == 2 * len(plain)
    assert {label for label, _ in labels} == {"baseline, scale 5.00", "baseline, scale 8.00"}


def test_a_naive_forecast_s_label_says_no_more_than_tells_it_apart(records):
    """Longer horizons leave fewer windows of every part: the horizon alone says it."""
    manifest, checked, trials = records
    (data,) = manifest.data.values()
    longer = data.model_copy(update={"horizon": 4, "test_windows": data.test_windows - 3})
    run = run_of(manifest.model_copy(update={"data": {"co2": data, "more": longer}}), checked, trials)
    labels = {row.cells[0].text for row in results.main_table(run, speedups_of(run)).rows if row.kind == "baseline"}
    assert labels == {"baseline, horizon 1", "baseline, horizon 4"}


def test_naive_forecasts_on_windows_with_another_padding_have_the_name_of_a_model(records):
    """Sizes are equal, so only the errors differ."""
    manifest, checked, trials = records
    ((key, data),) = manifest.data.items()
    worse = tuple(
        naive.model_copy(update={"scores": naive.scores.model_copy(update={"mse": 2 * naive.scores.mse})})
        for naive in data.baselines
    )
    named = {key: data, "padded": data.model_copy(update={"baselines": worse})}
    first, *others = manifest.cases
    padded = first.model_copy(update={"label": "padded", "cell": "padded", "data": "padded"})
    run = run_of(manifest.model_copy(update={"data": named, "cases": (first, padded, *others)}), checked, trials)
    table = results.main_table(run, speedups_of(run))
    labels = {row.cells[0].text for row in table.rows if row.kind == "baseline"}
    assert labels == {f"baseline, windows of {case_name(case)}" for case in (first, padded)}
    assert "share the rows that name the first of these models" in table.caption
    assert "share the rows" not in results.main_table(run_of(*records), speedups_of(run_of(*records))).caption


def test_a_program_that_trains_an_epoch_in_one_call_has_no_first_step_of_its_own(records):
    """Its first step is the whole first epoch, and the table and the figure say so."""
    manifest, checked, trials = records

    def in_one_call(trial):
        times = trial.outcome.times
        first, *later = times.epochs
        changed = {"first_step": times.first_step + first, "epochs": (0.0, *later)}
        return change(trial, times=times.model_copy(update=changed)) if trial.plan.backend == "flax" else trial

    run, usual = run_of(manifest, checked, map(in_one_call, trials)), run_of(*records)
    said = {name: cell.notes for name, cell in texts(results.times(run, speedups_of(run)), "first step").items()}
    assert {name for name, notes in said.items() if notes} == {("Flax, compiled epoch", mode) for mode in run.modes}
    assert "this is the time of the whole first epoch" in said["Flax, compiled epoch", "matched"][0]
    assert "it is the whole first epoch" in speed.training_time(run).caption
    assert "it is the whole first epoch" not in speed.training_time(usual).caption


def test_the_footnotes_of_a_cell_have_ascending_numbers():
    """They are numbered in order of appearance in the table, which a later cell may name in another order."""
    rows = (Row((Cell("a", notes=("first",)), Cell("b", notes=("second", "first")))),)
    table = Table("name", "title", "", (Column("x"), Column("y")), rows)
    assert [table.marks(cell) for cell in rows[0].cells] == [(1,), (1, 2)]
