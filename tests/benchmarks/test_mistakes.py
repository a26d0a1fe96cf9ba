"""Mistakes on the command line: one sentence, status 2, no files, and advice that works when typed."""

import re
import shlex
from difflib import get_close_matches
from pathlib import Path
from types import SimpleNamespace

import pytest

import reports
from benchmarks import __main__ as command_line
from benchmarks import commands
from benchmarks.commands import options, session
from benchmarks.runner import certify, resume, run
from tests.benchmarks.command_line import REFERENCE, SMALL

SALES = "day,units\n" + "".join(f"2026-01-{day:02},{day * day % 7}\n" for day in range(1, 29))

# Words that are wrong, what the message must say, and what a user who follows the message types.
# None: the message itself has the command, "did you mean" in place of the wrong word, or names to choose from.
MISTAKES = {
    "no command": ("", "name a command: list, run, ", "--help"),
    "a misspelt command": ("rnu co2", "there is no command 'rnu'; did you mean 'run'", None),
    "a misspelt option": ("run co2 --sedes 1", "run does not accept '--sedes'; did you mean '--seeds'", None),
    "a setting as an option": (
        "run co2 --epochs 3",
        "run does not accept '--epochs'; write --set training.epochs=VALUE",
        "run co2 --set training.epochs=3",
    ),
    "a batch that is too large": (
        "run co2 --set training.batch=99999",
        "--set training.batch=99999: 99999 is more than the 1,577 windows of the training part; reduce window",
        "run co2 --set training.batch=1577",
    ),
    "an option of another command": ("list --seeds 1", "list does not accept '--seeds'; known: --json", "list --json"),
    "a misspelt option of a verb": ("data show co2 --foldr x", "did you mean '--folder'", None),
    "a misspelt verb": ("data shwo co2", "data has no verb 'shwo'; did you mean 'show'", None),
    "a setting of a file as an option": (
        "data show sales.csv --decimal ,",
        "data does not accept '--decimal'; write --set data.decimal=VALUE",
        "data show sales.csv --set data.decimal=.",
    ),
    "a column twice in an option": (
        "data show sales.csv --target units,units",
        "data.target (--target) names 'units' twice: name it once",
        "data show sales.csv --target units",
    ),
    "a date after the end of a file": (
        "run --csv sales.csv --target units --time day --set data.train=2030-01-01",
        "train = '2030-01-01' is after the last row of sales.csv, 2026-01-28, and later parts need rows too",
        "run --csv sales.csv --target units --time day --set data.train=2026-01-20 --window 3 --set training.batch=8",
    ),
    "an option without its value": ("run co2 --seeds", "--seeds needs a value; see", "run --help"),
    "no run": ("report", "RUN is missing", "report --help"),
    "no benchmark": ("run", "name a benchmark (", "run co2"),
    "an unknown benchmark": ("run co3", "there is no benchmark 'co3'; did you mean 'co2'", None),
    "a benchmark to certify": ("certify co3", "there is no benchmark 'co3'; did you mean 'co2'", None),
    "a missing definition": ("run mine.toml", "mine.toml does not exist", "run co2"),
    "a cell without a native layer": (
        'run architectures --only model.cell=gru1 --backends flax --set modes=["native"]',
        "Flax has no layer of its own for the layer 'gru1 8' of the model 'gru1'",
        """run architectures --only model.cell=gru1 --backends flax --set 'modes=["matched"]'""",
    ),
    "a cell without a native layer in some frameworks": (
        'run co2 --backends pytorch,flax,keras --set modes=["native"] --set model.recurrent_dropout=0.1',
        "PyTorch and Flax have no layers of their own for the layer",
        "run co2 --backends keras --set 'modes=[\"native\"]' --set model.recurrent_dropout=0.1",
    ),
    "a setting in the wrong table": (
        "run co2 --set training.stateful=true",
        "on the command line --set model.stateful=true",
        "run co2 --set model.stateful=true",
    ),
    "a list of a list of optimizers": (
        'run co2 --set training.optimizer=[["adam"]]',
        'there is no optimizer ["adam"]; use one of adam',
        "run co2 --set training.optimizer=adam",
    ),
    "several optimizers without brackets": (
        "run co2 --set training.optimizer=adam,adamw",
        'for an axis write a list, as in ["adam", "adamw"]',
        """run co2 --set 'training.optimizer=["adam", "adamw"]'""",
    ),
    "a setting of an optimizer in its own place": (
        "run co2 --set training.optimizer.nesterov=true --set training.learning_rate=0.1",
        "write the optimizer as a whole: --set",
        """run co2 --set 'training.optimizer={ name = "sgd", momentum = 0.9, nesterov = true }' """
        "--set training.learning_rate=0.1",
    ),
    "the name of an optimizer in its own place": (
        "run co2 --set optimizer.name=adamw",
        """--set 'training.optimizer={ name = "adamw" }'""",
        """run co2 --set 'training.optimizer={ name = "adamw" }'""",
    ),
    "a list without brackets": (
        "run co2 --set training.loss=quantile --set training.quantiles=0.1,0.5,0.9",
        "on the command line --set 'training.quantiles=[0.1, 0.5, 0.9]'",
        "run co2 --set training.loss=quantile --set 'training.quantiles=[0.1, 0.5, 0.9]'",
    ),
    "quantiles for another loss": (
        "run co2 --set training.quantiles=[0.5]",
        "error: --set 'training.quantiles=[0.5]': quantiles belong to",
        "run co2 --set training.quantiles=[]",
    ),
    "a setting that needs another": (
        "run co2 --set window.mask=true",
        "error: --set window.mask=true: mask belongs to padded windows",
        "run co2 --set window.mask=true --set window.min_history=2",
    ),
    "no value to keep": ("run co2 --only model.cell=", "--only model.cell=A,B", "run co2 --only model.cell=lstm,gru"),
    "an unknown backend": ("run co2 --backends pytorhc", "did you mean 'pytorch'", None),
    "an unknown backend for all": ("all --backends flx", "--backends: there is no backend 'flx'; did you mean", None),
    "an empty backend": ("run co2 --backends flax,", "--backends flax", None),
    "a seed that is no number": ("run co2 --seeds one", "write whole numbers", None),
    "a negative seed": ("run co2 --seeds=-1", "value 1 of seeds = -1", "run co2 --seeds 1"),
    "a window that is no number": ("run co2 --window 12,x", "--window 12,x: write whole numbers", None),
    "a setting without a value": ("run co2 --set training.epochs", "--set 'training.epochs'", None),
    "a data file for a benchmark": (
        "run sales.csv",
        "does not end in .toml; rename it if it is a TOML file, or for a data file type: run --csv sales.csv",
        "run --csv sales.csv --target units",
    ),
    "a missing data file for a benchmark": ("run sale.csv", "sale.csv does not exist; give the name of", "run co2"),
    "a setting without its table": (
        "run co2 --set epochs=3",
        "did you mean training.epochs",
        "run co2 --set training.epochs=3",
    ),
    "a backend without native mode": (
        'run co2 --backends reference --set modes=["native"]',
        """--set 'modes=["matched"]'""",
        """run co2 --backends reference --set 'modes=["matched"]'""",
    ),
    "an unknown setting": ("run co2 --set training.epoch=3", "did you mean 'epochs'", None),
    "a setting with text for a number": (
        "run co2 --set training.epochs=many",
        "epochs",
        "run co2 --set training.epochs=9",
    ),
    "a word for a truth value": (
        "run co2 --set training.tf32=maybe",
        "error: --set training.tf32=maybe: write true or false",
        "run co2 --set training.tf32=true",
    ),
    "a length that is too small": (
        "run co2 --window 0",
        "error: --window 0: it must be at least 1",
        "run co2 --window 1",
    ),
    "a value of an axis twice": (
        "run co2 --window 4,4",
        "error: --window 4,4: write at least one value, and each value only once",
        "run co2 --window 4,5",
    ),
    "a backend twice": (
        "certify co2 --backends flax,flax",
        "error: --backends flax,flax: a value is named twice; name each value once",
        "certify co2 --backends flax",
    ),
    "a backend of a setting": (
        'run co2 --set backends=["flx"]',
        """error: --set 'backends=["flx"]': there is no backend 'flx'; did you mean 'flax'?""",
        """run co2 --set 'backends=["flax"]'""",
    ),
    "an axis without a value": ("run co2 --only model.cell", "as in --only model.cell=lstm,gru", None),
    "an axis value that is unknown": ("run co2 --only model.cell=lsmt", "did you mean 'lstm'", None),
    "an unknown executor": ("run co2 --executor rya", "did you mean 'ray'", "run co2 --executor local"),
    "a cluster without Ray": ("run co2 --cluster a:1", "belongs to --executor ray", "run co2"),
    "a column without a file": ("run co2 --target units", "--csv sales.csv --target units", None),
    "a file without a column": (
        "run --csv sales.csv",
        "data show --csv sales.csv prints a command with it",
        "data show --csv sales.csv --folder .",
    ),
    "a missing file": ("run --csv sale.csv --target units", "sale.csv", "run --csv sales.csv --target units"),
    "a missing column": ("run --csv sales.csv --target unit", "did you mean 'units'", None),
    "an unknown run": ("report nothing", "there is no run 'nothing'", None),
    "a benchmark without a run": ("resume co2", "there is no run 'co2'", None),
    "a run to compare": ("compare nothing co2", "there is no run 'nothing'", None),
    "no published values yet": ("published", "there are no runs in", None),
    "an unknown table": ("export co2 --tables epoch", "did you mean 'epochs'", None),
    "an unknown format": ("export co2 --format parquett", "did you mean 'parquet'", None),
    "too small a sample": ("reproduce co2 --sample 0", "as in --sample 4", None),
    "no epochs": ("transfer co2 --to flax --epochs 0", "as in --epochs 2", None),
    "no backend to transfer to": ("transfer co2", "--to is missing", "transfer --help"),
    "an unknown backend to transfer to": ("transfer co2 --to flux", "did you mean 'flax'", None),
    "an unknown series": ("data show co3", "co2", "data show co2"),
}
HAVE_RESULTS = ("run", "report", "resume", "compare", "published", "export", "reproduce", "transfer", "all")


class Accepted(Exception):  # noqa: N818
    """The command has passed every check of what the user typed."""


def accept(*_, **__):
    raise Accepted


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    """Types words in a folder that holds only sales.csv; returns the exit status and the text on standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command_line.signal, "signal", lambda *_: None)
    (tmp_path / "sales.csv").write_text(SALES)

    def run_command(*words):
        results = words and words[0] in HAVE_RESULTS and not {"--results", "--help"} & set(words)
        try:
            status = command_line.main([*words, *(["--results", "results"] if results else [])])
        except SystemExit as end:  # after --help
            status = end.code
        return status, capsys.readouterr().err.strip()

    return run_command


@pytest.fixture
def stop_once_accepted(monkeypatch):
    """Call this to end each command where its work would begin."""

    def stop():
        for owner, name in (
            (run, "begin"),
            (certify, "certify"),
            (session, "find_run"),
            (commands.export, "find_run"),
            (commands.transfer, "find_run"),
            (commands.all, "_run"),
            (commands.data, "split"),
        ):
            monkeypatch.setattr(owner, name, accept)

    return stop


def advice(words, error):
    """The words that the message of a mistake advises to type instead."""
    if command := re.search(r"-m benchmarks ([^;]+)$", error):
        return shlex.split(command[1])
    if near := re.search(r"did you mean '([^']+)'", error):
        parts = [part for word in words for part in re.split("[=,.]", word)]
        wrong = get_close_matches(near[1], parts, n=1)[0]
        return [word.replace(wrong, near[1]) for word in words]
    advised = shlex.split(re.findall(r"(?:as in|:) (--(?:(?! as in )[^;:])+)", error)[-1])
    while advised[0] in words:
        place = words.index(advised[0])
        words = words[:place] + words[place + 2 :]
    return [*words, *advised]


@pytest.mark.parametrize(("line", "message", "instead"), MISTAKES.values(), ids=MISTAKES)
def test_the_advice_for_a_mistake_works_when_typed(line, message, instead, typed, stop_once_accepted, tmp_path):
    words = line.split()
    status, error = typed(*words)
    assert status == 2
    assert message in error
    assert len(error.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["sales.csv"]
    stop_once_accepted()
    try:
        status, error = typed(*(advice(words, error) if instead is None else shlex.split(instead)))
    except Accepted:
        return
    assert status == 0, error


@pytest.mark.parametrize(
    ("line", "both"),
    [
        (
            "run co2 --set training.epochs=3 --set training.epochs=4",
            "--set training.epochs=3 and --set training.epochs=4",
        ),
        ("certify co2 --window 12 --set window.length=13", "--window 12 and --set window.length=13"),
        ("data show sales.csv --time days --set data.time=day", "--time days and --set data.time=day"),
    ],
)
def test_the_second_of_two_values_for_a_setting_counts_and_is_named(line, both, typed, stop_once_accepted, capsys):
    """The advice of an error can be added to the command, and a value is not replaced without a word."""
    *_, setting = line.split()
    assert options.typed(command_line.parse(line.split()))[setting.partition("=")[0]] == f"--set {setting}"
    stop_once_accepted()
    with pytest.raises(Accepted):
        typed(*line.split())
    assert f"note: {both} both set" in capsys.readouterr().err


def test_the_second_of_two_equal_options_counts_and_is_named(capsys):
    assert command_line.parse(["run", "co2", "--window", "12", "--seeds", "1", "--window", "13"]).window == "13"
    assert capsys.readouterr().err == "note: --window is given twice, as 12 and as 13; the second one counts\n"


RUNS = {
    "a misspelt run": ("report co3", "there is no run 'co3' in results; did you mean 'co2'", None),
    "a start time that is misspelt": (
        "report co2/2026-01-01T00-00",
        "there is no run 'co2/2026-01-01T00-00' in results; did you mean 'co2/2026-01-01T00-00-00Z'",
        "report co2/2026-01-01T00-00-00Z",
    ),
    "an unknown start time": (
        "report co2/2020",
        "known: co2/2026-01-01T00-00-00Z, co2/2026-01-02T00-00-00Z",
        "report co2/2026-01-02T00-00-00Z",
    ),
    "a folder without a run": (
        "report empty",
        "empty is not the folder of a run: it has no manifest.json",
        "report co2",
    ),
    "a benchmark without a run": ("report sine", "there is no run 'sine' in results; make one with", None),
    "a run that has not finished": ("report cet", "no run of 'cet' in results has finished", None),
    "a run compared with itself": ("compare co2 co2", "both names mean the run", None),
    "the only run compared with itself": (
        "compare etth1 etth1",
        "has no other run with one of its models",
        "compare etth1 co2",
    ),
}


@pytest.mark.parametrize(("line", "message", "instead"), RUNS.values(), ids=RUNS)
def test_the_advice_for_a_wrong_run_works_when_typed(line, message, instead, typed, monkeypatch, tmp_path):
    """There are two finished runs of co2, one of etth1, and an interrupted run of cet."""
    for name in (
        "co2/2026-01-01T00-00-00Z",
        "co2/2026-01-02T00-00-00Z",
        "etth1/2026-01-01T00-00-00Z",
        "cet/2026-01-01",
    ):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "manifest.json").touch()
    for name in ("co2/2026-01-02T00-00-00Z", "etth1/2026-01-01T00-00-00Z"):
        (tmp_path / "results" / name).with_name("latest").symlink_to(Path(name).name)
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(reports, "compare", lambda *_: SimpleNamespace(common=True))  # the manifests are empty
    status, error = typed(*line.split())
    assert status == 2
    assert message in error
    assert len(error.splitlines()) == 1
    for owner, name in ((reports, "write"), (reports, "compare"), (resume, "resume"), (run, "begin")):
        monkeypatch.setattr(owner, name, accept)
    with pytest.raises(Accepted):
        typed(*(advice(line.split(), error) if instead is None else shlex.split(instead)))


DEFINITIONS = {
    "a window longer than the series": ("length = 6", "length = 600", "airline"),
    "a horizon longer than the series": ("length = 6", "length = 6\nhorizon = 500", "horizon = 500"),
    "a batch larger than the training part": ("batch = 16", "batch = 1600", "batch = 1600 is more than the"),
    "more threads than cores": ("batch = 16", "batch = 16\nthreads = 4000", "threads = 4000"),
    "an unknown series": ('"airline"', '"airlin"', "airline"),
    "a split that leaves no test part": (
        "difference = true",
        "train = 0.9\nvalidation = 0.1",
        "left for the test part",
    ),
}


@pytest.mark.parametrize(("old", "new", "message"), DEFINITIONS.values(), ids=DEFINITIONS)
def test_a_definition_that_cannot_be_run_leaves_no_files(old, new, message, typed, tmp_path, written):
    status, error = typed("run", str(written(SMALL.replace(old, new))))
    assert status == 2
    assert message in error
    assert len(error.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["sales.csv"]


def test_a_results_folder_that_cannot_be_made(written, typed):
    status, error = typed("run", str(written()), "--results", "sales.csv")
    assert status == 2
    assert "cannot be created for the results" in error


def test_every_command_has_help_with_an_example_that_works(typed, stop_once_accepted, capsys):
    """The example is the last line, and its words are accepted."""
    for name in command_line.COMMANDS:
        capsys.readouterr()
        with pytest.raises(SystemExit):
            command_line.main([name, "--help"])
        *_, last = capsys.readouterr().out.strip().splitlines()
        assert last.startswith("example: ")
        words = shlex.split(last)[last.split().index("benchmarks") + 1 :]
        assert command_line.parse(words).execute


@pytest.mark.parametrize("option", [("--csv", "co2.csv", "--target", "units"), ("./co2.toml",)], ids=["CSV", "TOML"])
def test_a_file_that_is_called_like_a_benchmark_gets_a_folder_of_its_own(option, typed, monkeypatch, tmp_path):
    """Its runs would otherwise be the latest of that benchmark."""
    (tmp_path / "co2.csv").write_text(SALES)
    (tmp_path / "co2.toml").write_text(REFERENCE)
    names = []
    monkeypatch.setattr(run, "begin", lambda benchmark, *_, **__: names.append(benchmark.name) or accept())
    with pytest.raises(Accepted):
        typed("run", *option)
    with pytest.raises(Accepted):
        typed("run", "co2")
    assert names == ["my-co2", "co2"]
