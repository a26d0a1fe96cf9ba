"""reports/README.md: its metric, column, section and figure work when they are added as it says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
README = (ROOT / "reports" / "README.md").read_text()
METRIC, SCORE, SECTION, FIGURE = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
ENTRIES = re.findall(r"`(_(?:score|of_sample)\(.*?\),)`", README)
COLUMN = re.search(r"`(metric_column\(.*?\),)`", README).group(1)


def add(path, before, text):
    """Insert `text` before the first line that starts with `before`."""
    content = path.read_text()
    assert f"\n{before}" in content
    path.write_text(content.replace(f"\n{before}", f"\n{text}{before}", 1))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The golden run's report, made by a copy of the package with everything that the README adds."""
    home = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "reports", home / "reports")
    run = shutil.copytree(Path(__file__).parent / "golden" / "run", home / "run")
    metrics, page = home / "reports" / "analysis" / "metrics.py", home / "reports" / "pages" / "run_page.py"
    add(metrics, "_ALL = (", f"{METRIC}\n\n")
    for entry in ENTRIES:
        add(metrics, '    _score("scaled_mse"', f"    {entry}\n")
    add(home / "reports" / "analysis" / "forecasts" / "accuracy.py", "def coverage(", f"{SCORE}\n\n")
    add(home / "reports" / "sections" / "results.py", "        records_column(),", f"        {COLUMN}\n")
    trials = home / "reports" / "sections" / "trials.py"
    trials.write_text(f"{trials.read_text()}\n\n{SECTION}")
    (home / "reports" / "figures" / "errors.py").write_text(FIGURE)
    add(page, "from reports.figures", "from reports.figures import errors\n")
    add(page, "        gradient_norms(run),", "        errors.errors(run),\n")
    add(page, "    glossary.section,", "    trials.slowest_section,\n")
    code = "import sys, pathlib, reports; print(reports.write(pathlib.Path(sys.argv[1])).summary)"
    done = subprocess.run([sys.executable, "-c", code, str(run)], cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, (run / "report.md").read_text()


def test_the_metric_is_in_the_table_of_scores(report):
    heads = next(line for line in report[1].splitlines() if line.startswith("| model | backend | mode | test MSE"))
    assert "| relative MAE |" in heads
    assert "| MedAE, ppm |" in heads
    assert re.search(r"\| baseline \| persistence .*\| 1\.000 \|", report[1])


def test_the_column_is_in_the_main_table(report):
    heads = next(line for line in report[1].splitlines() if "| speed ratio |" in line)
    assert "| peak memory, MiB |" in heads


def test_the_section_and_the_figure_are_on_the_page(report):
    assert "## Slowest trial" in report[1]
    assert "the lowest test MSE is 0.0789" in report[1]


def test_the_readme_is_short_and_its_files_exist():
    assert len(README.splitlines()) <= 150
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / "reports" / target).exists(), target
