"""Programs of one framework: totals, compilation, break-even, the best program, and the section that shows them."""

import os
from dataclasses import replace
from pathlib import Path

import markupsafe
import numpy as np
import pytest
import synthetic_run
from synthetic_run import change, fail

import reports
from reports.analysis.context import Context
from reports.analysis.programs import advice, programs_of
from reports.analysis.run import Run
from reports.analysis.speedup import speedups_of
from reports.pages.run_page import page
from reports.records import BackendFacts, StepTimes
from reports.render import markdown
from reports.sections.programs import section

PROGRAMS = {
    "pytorch": ("PyTorch", "eager loop"),
    "pytorch-compile": ("PyTorch", "compiled step"),
    "pytorch-dataloader": ("PyTorch", "DataLoader loop"),
    "flax": ("Flax", "compiled epoch"),
    "flax-step": ("Flax", "compiled step"),
    "keras": ("Keras (TensorFlow)", "compiled epoch"),
}
GOLDEN = Path(__file__).parent / "golden" / "programs.md"
SOURCE = 'def train(steps):\n    return "<b>&amp;</b>" if steps < 2 else `x`\n'


def records(seeds=(1, 2, 3)):
    """The records of a run of these programs, with random times: epochs of a trial vary by 1 %."""
    manifest, certificate, trials = synthetic_run.records(
        backends=tuple(PROGRAMS), modes=("matched",), seeds=seeds, epochs=6, weeks=30
    )
    facts = {
        name: BackendFacts(
            display_name=f"{framework}, {program}", framework=framework, program=program, source_text=SOURCE
        )
        for name, (framework, program) in PROGRAMS.items()
    }
    return manifest.model_copy(update={"backends": facts}), certificate, trials


def timed(trials, seed):
    """The trials with random times, of programs that differ by orders of magnitude."""
    random = np.random.default_rng(seed)
    paces = {}
    changed = []
    for trial in trials:
        key = (trial.plan.case, trial.plan.backend)
        start, first, epoch, *parts = paces.setdefault(key, np.exp(random.normal(0, 1.5, 6)))
        noise = 1 + 0.01 * random.random(6)
        times = trial.outcome.times.model_copy(
            update={
                "import_framework": start,
                "first_step": first + epoch / 20,
                "epochs": tuple((epoch * noise).tolist()),
            }
        )
        forward, backward, optimizer = (tuple((epoch / 100 * part * noise).tolist()) for part in parts)
        composed = StepTimes(
            forward=forward,
            gradients=tuple(np.add(forward, backward).tolist()),
            optimizer=optimizer,
        )
        changed.append(change(trial, times=times, step_parts=composed))
    return changed


def run_of_programs(seed=0, **options):
    manifest, certificate, trials = records(**options)
    return Run(manifest, certificate, tuple(timed(trials, seed)))


def cases_of(run):
    return programs_of(run, speedups_of(run))


@pytest.mark.parametrize("seed", range(20))
def test_break_even_is_where_the_lines_of_total_time_cross(seed):
    """Before it the program that starts first has the shorter total, after it the other; or never."""
    compared = 0
    for case in cases_of(run_of_programs(seed)):
        for framework, programs in case.frameworks.items():
            earliest = case.earliest_in(framework)
            for program in programs:
                if program == earliest:
                    continue
                compared += 1
                epochs = program.break_even(earliest)
                if epochs is None:
                    assert program.epoch.estimate >= earliest.epoch.estimate
                    assert program.total(1e6) >= earliest.total(1e6)
                    continue
                assert epochs > 0
                assert program.total(epochs) == pytest.approx(earliest.total(epochs))
                assert program.total(0.9 * epochs) > earliest.total(0.9 * epochs)
                assert program.total(1.1 * epochs) < earliest.total(1.1 * epochs)
    assert compared == 2 * (2 + 1)


@pytest.mark.parametrize("seed", range(5))
def test_parts_of_the_total_are_those_of_the_records(seed):
    """Of one trial: import, build, first step, and all further steps at the pace of the steady epoch."""
    run = run_of_programs(seed, seeds=(1,))
    starts = {}
    for trial in run.trials:
        times = trial.outcome.times
        starts.setdefault(PROGRAMS[trial.plan.backend][0], []).append(times.import_framework + times.build)
    for case in cases_of(run):
        for program in case.programs:
            (outcome,) = program.group.outcomes.values()
            times, steps = outcome.times, program.group.data.train_windows // case.case.batch
            step = np.median(times.epochs[1:]) / steps
            assert program.start == np.median(starts[program.framework])
            assert program.compilation == pytest.approx(times.first_step - step)
            rest = (3 * steps - 1) * step
            assert program.total(3) == pytest.approx(program.start + times.first_step + rest)


def test_the_compilation_of_a_whole_first_epoch_is_that_beyond_a_steady_epoch():
    """A program that is called once an epoch has no time of a single first step: its first epoch leaves nothing."""
    manifest, certificate, trials = records(seeds=(1,))
    changed = [
        change(
            t, times=t.outcome.times.model_copy(update={"first_step": 9.0, "epochs": (0.0, 2.0, 2.0, 2.0, 2.0, 2.0)})
        )
        for t in trials
    ]
    for case in cases_of(Run(manifest, certificate, tuple(changed))):
        for program in case.programs:
            assert program.compilation == pytest.approx(7.0)


@pytest.fixture
def with_a_users_program():
    """A user's program whose first epoch takes 0.324 s, and an eager loop whose first step takes 0.0537 s."""
    manifest, certificate, trials = records()
    facts = manifest.backends["pytorch-dataloader"].model_copy(update={"program": "program lstm.py"})
    facts = facts.model_copy(update={"display_name": "PyTorch, program lstm.py", "user_program": True})
    seconds = {"pytorch": (0.0537, (0.245, *[0.25] * 5)), "pytorch-dataloader": (0.324, (0.0, *[0.3] * 5))}

    def timed_as(trial):
        first_step, epochs = seconds.get(trial.plan.backend, (5.0, (0.2,) * 6))
        times = trial.outcome.times.model_copy(update={"first_step": first_step, "epochs": epochs})
        return change(trial, times=times, background_load=0.0)

    backends = manifest.backends | {"pytorch-dataloader": facts}
    return Run(manifest.model_copy(update={"backends": backends}), certificate, tuple(map(timed_as, trials)))


def test_first_epochs_are_compared_with_first_epochs(with_a_users_program):
    """The first step of a program that is called once an epoch is an epoch, so first steps cannot be compared."""
    for number, case in enumerate(cases_of(with_a_users_program), 1):
        eager, _, users = case.frameworks["PyTorch"]
        assert users.compilation == pytest.approx(0.024)
        assert users.first_epoch == pytest.approx(0.324)
        assert eager.compilation < 0.0537
        assert case.earliest_in("PyTorch") == eager
        table = page(with_a_users_program).table(f"programs-{number}")
        place = [column.label for column in table.columns].index("break-even")
        shown = {row.cells[0].text: row.cells[place].text for row in table.rows}
        assert shown["PyTorch, eager loop"] == "earliest"
        assert shown["PyTorch, program lstm.py"] == "never"
        assert float(shown["PyTorch, compiled step"]) > 1


def test_a_users_program_is_no_way_of_writing_the_layers_of_the_framework(with_a_users_program):
    text = markdown.render(page(with_a_users_program))
    exception = "An exception is the program lstm.py in PyTorch: a user's program has layers that are not the "
    assert text.count(exception) == 1
    (advised,) = (line for line in text.splitlines() if line.startswith("**In PyTorch, write "))
    assert "The program lstm.py is a user's program: its layers are not those of PyTorch." in advised
    (advised,) = (line for line in text.splitlines() if line.startswith("**In Flax, write "))
    assert "user's program" not in advised
    assert "An exception is" not in markdown.render(page(run_of_programs()))


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_of_a_step_add_up(seed):
    for case in cases_of(run_of_programs(seed)):
        for program in case.programs:
            parts = program.composition
            assert parts.step == pytest.approx(program.step)
            assert parts.forward + parts.backward + parts.optimizer + parts.loop == pytest.approx(program.step)
            assert min(parts.forward, parts.backward, parts.optimizer) > 0


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("epochs", [1, 10, 100, None])
def test_the_best_programs_are_within_ten_per_cent_and_the_others_are_not(seed, epochs):
    cases = cases_of(run_of_programs(seed))
    for case in cases:
        for framework, programs in case.frameworks.items():
            best = case.best_in(framework, epochs)
            least = min(program.seconds(epochs) for program in programs)
            assert best[0].seconds(epochs) == least
            for program in programs:
                assert (program in best) == (program.seconds(epochs) <= 1.1 * least)
    chosen = advice(cases, "PyTorch", epochs)
    counts = {
        name: sum(name in [p.backend for p in case.best_in("PyTorch", epochs)] for case in cases) for name in PROGRAMS
    }
    assert counts[chosen.backend] == max(counts.values()) == chosen.models


def test_a_program_without_a_certificate_is_shown_but_not_compared():
    run = run_of_programs()
    failing = tuple(
        check.model_copy(update={"failure": "weights differ"}) if check.backend == "pytorch-compile" else check
        for check in run.certificate.checks
    )
    run = Run(run.manifest, run.certificate.model_copy(update={"checks": failing}), run.trials)
    for number, case in enumerate(cases_of(run), 1):
        assert "pytorch-compile" in [program.backend for program in case.programs]
        assert "pytorch-compile" not in [program.backend for program in case.frameworks["PyTorch"]]
        table = page(run).table(f"programs-{number}")
        (row,) = (row for row in table.rows if row.cells[0].text == "PyTorch, compiled step")
        dashes = {column.label for column, cell in zip(table.columns, row.cells, strict=True) if cell.text == "–"}
        assert dashes == {"epoch / framework's fastest", "epoch / fastest of all", "break-even"}
        assert any("weights differ" in note for note in row.cells[0].notes)


def test_a_program_that_cannot_run_is_named_with_the_reason():
    """As torch.compile without a C++ compiler: the section is about the others."""
    manifest, certificate, trials = records()
    reason = "backend 'pytorch-compile' needs a C++ compiler, and none is installed"
    ended = tuple(fail(t, reason, "") if t.plan.backend == "pytorch-compile" else t for t in trials)
    shown = page(Run(manifest, certificate, ended))
    text = markdown.render(replace(shown, sections=(shown.section("programs"),)))
    assert text.count(f"The compiled step in PyTorch did not finish, so it is missing below: {reason}.") == 1
    assert "PyTorch, compiled step |" not in text
    assert "PyTorch, DataLoader loop |" in text


def test_the_section_needs_two_programs_of_a_framework():
    manifest, certificate, trials = records()
    assert page(Run(manifest, certificate, trials)).section("programs")
    kept = ("pytorch", "flax", "keras")
    few = manifest.model_copy(update={"trials": tuple(plan for plan in manifest.trials if plan.backend in kept)})
    run = Run(few, certificate, tuple(trial for trial in trials if trial.plan.backend in kept))
    assert cases_of(run) == ()
    assert page(run).section("programs") is None
    assert page(Run(manifest, certificate, ())).section("programs") is None


def test_ratios_are_those_of_the_steady_epochs():
    """Over the rounds that both programs have: 1 for the fastest, above 1 for all others."""
    for case in cases_of(run_of_programs(3)):
        for program in case.programs:
            for fastest in (case.fastest, case.fastest_in(program.framework)):
                rounds = [
                    np.median(program.group.outcomes[seed].times.epochs[1:])
                    / np.median(fastest.group.outcomes[seed].times.epochs[1:])
                    for seed in (1, 2, 3)
                ]
                assert program.times_as_long(fastest).estimate == pytest.approx(np.median(rounds))


def test_the_advice_names_the_program_and_says_where_times_are_not_reliable():
    """The compiled step starts 4 s later than the eager loop, and takes a tenth of the time for each epoch."""
    manifest, certificate, trials = records()
    first = {"pytorch": 1.0, "pytorch-compile": 5.0, "pytorch-dataloader": 1.0}
    pace = {"pytorch": 1.0, "pytorch-compile": 0.1, "pytorch-dataloader": 3.0}

    def with_times(trial, factor=1.0):
        name = trial.plan.backend
        epochs = (pace.get(name, 1.0) * factor,) * 6
        changes = {"import_framework": 1.0, "build": 0.0, "first_step": first.get(name, 1.0), "epochs": epochs}
        return change(trial, times=trial.outcome.times.model_copy(update=changes), background_load=0.0)

    steady = Run(manifest, certificate, tuple(map(with_times, trials)))
    text = markdown.render(page(steady))
    advised = "In PyTorch, write the eager loop for 1 epoch and the compiled step for 10, 100 and very many epochs."
    assert f"\n**{advised}**\n" in text
    assert "**In Flax, write " in text
    close = "Where the table names several programs, their times are too close to choose one."
    assert close in next(line for line in text.splitlines() if line.startswith("**In Flax"))  # of the same pace
    assert "**In Keras" not in text  # a single program leaves no choice
    noisy = Run(manifest, certificate, tuple(with_times(t, 1.0 + (t.plan.seed == 2)) for t in trials))
    reason = "the times of its eager loop, compiled step and DataLoader loop are unstable or disturbed"
    assert f"\nIn PyTorch, this run has no reliable answer: {reason}. By these times, write " in markdown.render(
        page(noisy)
    )


def test_a_ratio_of_programs_is_withheld_where_the_speed_ratio_is():
    """The same times give no ratio in one table and one in another; with `--show-unreliable` both have theirs."""
    manifest, certificate, trials = records()
    load = tuple(change(t, background_load=0.42 * (t.plan.backend == "pytorch-compile")) for t in trials)
    for shown in (False, True):
        context = Context.of(Run(manifest, certificate, load), show_unreliable=shown)
        table = next(b for b in section(context).blocks if getattr(b, "name", "") == "programs-1")
        places = [place for place, column in enumerate(table.columns) if "epoch /" in column.label]
        row = next(row for row in table.rows if row.cells[0].text == "PyTorch, compiled step")
        assert any("fastest" not in row.cells[place].detail for place in places)
        for place in places:
            assert (row.cells[place].text == "unreliable") != shown or row.cells[place].detail == "fastest"


@pytest.mark.parametrize(("off", "reliable"), [((2,), True), ((2, 3, 4, 5), False)])
def test_with_an_interval_its_width_decides_whether_an_advice_is_reliable(off, reliable):
    """One process of eight that is three times as slow leaves the interval of the epoch narrow."""
    manifest, certificate, trials = records(seeds=tuple(range(1, 9)))
    steady = {"epochs": (1.0,) * 6}
    slow = {"epochs": (3.0,) * 6}
    changed = tuple(
        change(
            trial,
            times=trial.outcome.times.model_copy(update=slow if trial.plan.seed in off else steady),
            background_load=0.0,
        )
        for trial in trials
    )
    text = markdown.render(page(Run(manifest, certificate, changed)))
    assert ("this run has no reliable answer" not in text) == reliable
    assert ("the 95 % interval of a steady epoch of its eager loop, " in text) == (not reliable)
    assert "are unstable or disturbed" not in text  # the reason of a run that is too short for an interval


def test_the_page_shows_the_recorded_source_text(run_of):
    """Escaped in HTML, and in a fenced block that its backticks cannot end in Markdown."""
    report = reports.write(run_of(*records()))
    page_text, text = report.html.read_text("utf-8"), report.markdown.read_text("utf-8")
    assert page_text.count(str(markupsafe.escape(SOURCE))) == len(PROGRAMS)
    assert text.count(f"```python\n{SOURCE}\n```") == len(PROGRAMS)


def test_the_section_is_exactly_the_expected_text():
    """RENEW_GOLDEN=1 renews it after an intended change."""
    shown = page(run_of_programs())
    text = markdown.render(replace(shown, sections=(shown.section("programs"),)))
    if os.environ.get("RENEW_GOLDEN"):
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")


def test_a_run_without_times_of_parts_has_no_table_of_them():
    manifest, certificate, trials = records()
    without = Run(manifest, certificate, trials)
    assert page(without).table("composition") is None
    assert page(run_of_programs()).section("composition")
