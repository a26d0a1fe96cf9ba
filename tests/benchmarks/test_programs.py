"""A run of two programs of one framework, from the definition to the page."""

import pytest

from backends import excerpt
from reports.records.store import read_run
from tests.benchmarks.command_line import SMALL, benchmarks, in_process

PROGRAMS = SMALL.replace('["pytorch", "flax"]', '["pytorch", "pytorch-dataloader"]')


def run(written, home, text):
    home.mkdir()
    done = benchmarks("run", written(text), "--results", home, cwd=home)
    assert done.returncode == 0, done.stderr
    folder = home / "small" / "latest"
    return read_run(folder), (folder / "report.md").read_text()


@pytest.mark.slow
def test_the_page_compares_the_programs_and_shows_what_ran(written, tmp_path):
    """Timing the parts of a step changes no result of the trial."""
    unchecked = PROGRAMS.replace("seeds = [1]", "seeds = [1]\nproven = false")
    (_, _, plain), _ = run(written, tmp_path / "plain", unchecked)
    (manifest, certificate, trials), text = run(
        written, tmp_path / "parts", PROGRAMS.replace("seeds = [1]", "seeds = [1]\nstep_parts = true")
    )
    assert all(check.passed for check in certificate.checks)
    assert [trial.plan for trial in trials] == [trial.plan for trial in plain]
    for trial, other in zip(trials, plain, strict=True):
        assert other.outcome.step_parts is None
        parts = trial.outcome.step_parts
        assert min(*parts.forward, *parts.gradients, *parts.optimizer) > 0
        for name in ("train_losses", "predictions", "final_digest", "trained_digest"):
            source, before = (trial, other) if name == "trained_digest" else (trial.outcome, other.outcome)
            assert getattr(source, name) == getattr(before, name)
        assert manifest.backends[trial.plan.backend].source_text == excerpt(trial.plan.backend)
        assert f"```python\n{excerpt(trial.plan.backend)}\n```" in text
    assert "### How should I write it?" in text
    assert "In PyTorch, " in text  # a disturbed run gives no reliable answer
    assert "### What a training step consists of" in text


def test_the_benchmark_has_every_trained_backend(tmp_path):
    """All of the registry but the reference implementation."""
    from backends import REGISTRY
    from benchmarks.definition import loading

    assert set(loading.read("programs").header.backends) == REGISTRY.keys() - {"reference"}
    assert len(loading.read("programs").cases) == 4
    assert len(loading.read("programs", quick=True).trials()) == 6
    done = in_process("list", cwd=tmp_path)
    assert "programs" in done.stdout
