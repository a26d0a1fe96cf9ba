"""Reading a definition: its trials, its names, and the errors for invalid settings."""

import copy
import os
import re
import textwrap
import tomllib
from pathlib import Path

import pytest

import datasets
from benchmarks.definition import loading
from benchmarks.definition.axes import TABLES, complete_variants
from benchmarks.errors import UserError
from benchmarks.runner import manifest
from reports.records.definitions import setting_differences

README = loading.FOLDER / "README.md"
GOOD = """
title = "A test"
backends = ["pytorch", "keras", "flax"]
modes = ["matched", "native"]
seeds = [1, 2]

[data]
series = "co2"

[window]
length = 20

[model]
cell = ["lstm", "gru"]
units = 50

[training]
epochs = 3
batch = 32
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(textwrap.dedent(text))
        return str(path)

    return write


def written_as(folder, name):
    (folder / name).write_text(GOOD)
    return folder / name


def test_every_round_has_every_backend_once_in_random_order(written):
    """No backend always runs first or after the same other, so that a drift of the machine affects all equally."""
    plans = loading.read(written(GOOD)).trials()
    assert loading.read(written(GOOD)).trials() == plans
    assert len(plans) == 2 * 2 * 2 * 3
    assert [plan.place for plan in plans] == list(range(len(plans)))
    rounds = [plans[start : start + 3] for start in range(0, len(plans), 3)]
    for plans_of_round in rounds:
        assert {plan.backend for plan in plans_of_round} == {"pytorch", "keras", "flax"}
        assert len({(plan.case, plan.mode, plan.seed) for plan in plans_of_round}) == 1
    assert len({plans_of_round[0].backend for plans_of_round in rounds}) == 3
    assert len({plan.hash_seed for plan in plans}) == len(plans)
    assert len({plan.padding for plan in plans}) > len(plans) / 2


def test_a_backend_without_native_mode_trains_in_matched_mode_alone(written):
    """The others keep their native trials, and their places follow each other."""
    plans = loading.read(written(GOOD.replace('"keras"', '"reference"'))).trials()
    assert {plan.backend for plan in plans if plan.mode == "matched"} == {"pytorch", "reference", "flax"}
    assert {plan.backend for plan in plans if plan.mode == "native"} == {"pytorch", "flax"}
    assert [plan.place for plan in plans] == list(range(len(plans)))


def test_keys_depend_on_everything_that_defines_a_trial(written):
    """Keys are unique, equal at every reading, and change with any setting."""
    keys = [plan.key for plan in loading.read(written(GOOD)).trials()]
    assert len(set(keys)) == len(keys)
    assert [plan.key for plan in loading.read(written(GOOD)).trials()] == keys
    other = [plan.key for plan in loading.read(written(GOOD.replace("units = 50", "units = 51"))).trials()]
    assert not set(keys) & set(other)


def test_a_list_is_an_axis(written):
    text = GOOD.replace("length = 20", "length = [10, 20]").replace("units = 50", "units = [8, 16]")
    cases = loading.read(written(text)).cases
    assert len(cases) == 8
    assert cases["gru, length 10, units 16"].window.length == 10
    assert cases["gru, length 10, units 16"].model.units == 16


def test_quick_and_the_command_line_change_single_settings(written):
    path = written(GOOD + "\n[quick]\nseeds = [9]\ntraining.epochs = 1\n")
    assert loading.read(path).header.seeds == (1, 2)
    quick = loading.read(path, quick=True, changes={"backends": ["flax"]})
    assert quick.header.seeds == (9,)
    assert quick.header.backends == ("flax",)
    assert quick.cases["lstm"].training.epochs == 1
    assert quick.cases["lstm"].training.batch == 32


@pytest.mark.parametrize("name", loading.names())
def test_all_benchmarks_of_the_checkout_are_valid(name):
    """Every model fits its windows, and --quick has no more trials than the whole benchmark."""
    whole, small = loading.read(name), loading.read(name, quick=True)
    assert 0 < len(small.trials()) <= len(whole.trials())
    for series in {case.data.series for case in whole.cases.values()}:
        origin = datasets.describe(series).origin
        if origin.kind == "downloaded" and not (os.environ.get("BENCH_DATA") and origin.is_cached()):
            pytest.skip(f"{series} is downloaded: set BENCH_DATA to a folder that holds it")
    assert manifest.prepare(whole).keys() == whole.cases.keys()
    assert manifest.prepare(small).keys() == small.cases.keys()


MISTAKES = {
    "an unknown backend, with the near match": ('"keras"', '"kears"', "did you mean 'keras'"),
    "the reference implementation has no native mode": (
        '"keras", "flax"]\nmodes = ["matched", "native"]',
        '"reference"]\nmodes = ["native"]',
        "'reference' has no native mode",
    ),
    "an unknown cell": ('"gru"', '"gur"', """cell = "gur": .*'rnn', 'lstm', 'gru', .* or 'rmlp'"""),
    "an unknown setting": ("units = 50", "unit = 50", "no setting 'unit'; did you mean 'units'"),
    "an unknown table": ("[training]", "[trainings]", "no setting 'trainings'; did you mean 'training'"),
    "a wrong type": ("units = 50", 'units = "many"', r'\[model\] units = "many".*whole number'),
    "a fraction of units": ("units = 50", "units = 2.5", r"\[model\] units = 2.5.*whole number"),
    "a negative window": ("length = 20", "length = -20", r"\[window\] length = -20"),
    "no epochs": ("epochs = 3", "epochs = 0", r"\[training\] epochs = 0"),
    "a learning rate that is not finite": ("epochs = 3", "epochs = 3\nlearning_rate = inf", "learning_rate = inf"),
    "a missing setting": ("units = 50", "", r"\[model\] a model needs a cell and units"),
    "a missing table": ("[window]\nlength = 20", "", r"\[window\] length is missing; write it, as in length = 20"),
    "an unknown mode": ('"native"', '"nativ"', 'value 2 of modes = "nativ"'),
    "a seed twice": ("[1, 2]", "[1, 1]", r"seeds = \[1, 1\]: a value is named twice"),
    "an axis without values": ("units = 50", "units = []", r"model.units = \[\]"),
    "a value twice on an axis": ("units = 50", "units = [8, 8]", "each value only once"),
    "a learning rate that is a truth value": ("epochs = 3", "epochs = 3\nlearning_rate = true", "learning_rate = true"),
    "a seed that is too large for PyTorch": ("[1, 2]", "[99999999999]", "value 1 of seeds = 99999999999"),
    "a single backend without its list": ('["pytorch", "keras", "flax"]', '"flax"', "it must be a list"),
    "no backend": ('["pytorch", "keras", "flax"]', "[]", "it must not be empty"),
    "broken TOML": ("length = 20", "length = ", "not a readable TOML file"),
}


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES.values(), ids=MISTAKES)
def test_an_invalid_definition_is_an_error_of_one_sentence_with_its_path(written, old, new, message):
    assert old in GOOD
    path = written(GOOD.replace(old, new))
    with pytest.raises(UserError, match=message) as mistake:
        loading.read(path)
    assert str(mistake.value).startswith(path)
    assert "\n" not in str(mistake.value)


def test_the_error_for_an_unknown_benchmark_contains_the_closest_name():
    with pytest.raises(UserError, match=re.escape("there is no benchmark 'co3'; did you mean 'co2'?")):
        loading.read("co3")


def test_a_missing_file_of_the_user():
    with pytest.raises(UserError, match=r"mine\.toml does not exist; .*co2"):
        loading.read("mine.toml")


@pytest.mark.parametrize("table", ["data", "window", "model", "training"])
@pytest.mark.parametrize("value", [3, "lstm", [1]])
def test_a_table_replaced_by_another_value_is_refused(written, table, value):
    with pytest.raises(UserError, match=f"it must be a table, \\[{table}\\]"):
        loading.read(written(GOOD), changes={table: value})


def test_quick_must_not_replace_a_table(written):
    with pytest.raises(UserError, match="it must be a table"):
        loading.read(written(GOOD + "\n[quick]\ntraining = 3\n"), quick=True)


@pytest.mark.parametrize("setting", ["only = 3", "only.variant = []", "only.variant = [1]", "data = []", "model = 3"])
@pytest.mark.parametrize("variants", ["", '[[variant]]\nname = "a"\n'])
def test_invalid_entries_of_quick_are_refused_before_they_apply(written, setting, variants):
    with pytest.raises(UserError, match=r"\[quick\] (only|only\.variant|data|model) is .*; it must be a (table|list)"):
        loading.read(written(f"{GOOD}\n{variants}\n[quick]\n{setting}\n"))


def test_models_of_a_variant_must_be_tables(written):
    with pytest.raises(UserError, match=r"variant 'a': model is \[3\]; it must be a table"):
        loading.read(written(f'{GOOD}\n[[variant]]\nname = "a"\nmodel = [3]\n'))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00b", b"\x00\x01"])
def test_a_file_that_is_not_text_is_refused(tmp_path, content):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"mine\.toml is "):
        loading.read(str(path))


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "mine.toml").mkdir()
    with pytest.raises(UserError, match=r"mine\.toml is not a file"):
        loading.read(str(tmp_path / "mine.toml"))


QUESTION = """
[[question]]
asks = "Is the GRU better?"
better = { case = "gru" }
than = { case = "lstm" }
"""


def test_a_question_is_read_for_the_report(written):
    (question,) = loading.read(written(GOOD + QUESTION)).header.questions
    assert (question.better.case, question.than.case, question.than.figure) == ("gru", "lstm", "mse")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"gru" }', '"gur" }', "question 'Is the GRU better\\?': there is no case 'gur'; did you mean 'gru'"),
        ('" }', '", figure = "loss" }', "there is no figure 'loss'; known: mae, .*mse, .*scaled mae"),
        ('" }', '", figure = "scaled maes" }', "there is no figure 'scaled maes'; did you mean 'scaled mae'"),
        ('"gru" }', '"gru", figure = "mae" }', "better has the figure mae and than has mse"),
        ("asks =", "ask =", "question.0.*ask"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_is_refused(written, old, new, message):
    with pytest.raises(UserError, match=message):
        loading.read(written(GOOD + QUESTION.replace(old, new)))


@pytest.mark.parametrize("name", [*loading.names(), "latest", "index"])
def test_a_users_definition_never_has_the_name_of_a_benchmark(tmp_path, name):
    """Its runs would be in the results folder of the benchmark, and move `latest`."""
    path = tmp_path / f"{name}.toml"
    path.write_text(GOOD)
    assert loading.read(str(path)).name == f"my-{name}"
    (tmp_path / f"{name.upper()}.toml").write_text(GOOD)
    assert loading.read(str(tmp_path / f"{name.upper()}.toml")).name == f"my-{name.upper()}"  # the same folder on macOS


@pytest.mark.parametrize("name", [*loading.names(), "latest", "index"])
@pytest.mark.parametrize("form", ["table", "setting"])
def test_a_users_data_never_has_the_name_of_a_benchmark(tmp_path, name, form):
    """With --csv, and with --set data={csv=...} or --set data.csv=..."""
    path = tmp_path / f"{name}.csv"
    path.write_text("n\n" + "\n".join(map(str, range(200))))
    data = {"csv": str(path), "target": ["n"]}
    changes = {"data": data} if form == "table" else {"data": {"target": "n"}, "data.csv": str(path)}
    assert loading.read("co2", changes=changes).name == f"my-{name}"
    assert loading.read(str(written_as(tmp_path, "sales.toml")), changes=changes).name == f"my-{name}"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("sales.csv", "sales"),
        ("Umsatz 2024 (März).csv", "Umsatz-2024-März"),
        ("my-co2.csv", "my-co2"),
        ("co2.csv.parquet", "co2-csv"),
        (" co2 .csv", "my-co2"),
        ("co2..toml", "my-co2"),
        ("---.csv", "data"),
        (".latest.toml", "my-latest"),
        ("a\nb.csv", "a-b"),
    ],
)
def test_the_name_of_a_users_file_becomes_the_name_of_a_folder(file, name):
    assert loading.results_name(Path("/home/user") / file) == name


@pytest.mark.parametrize("file", ["..toml", "...toml", ".toml"])
def test_a_file_name_of_dots_does_not_leave_the_results_folder(file):
    """The stem of such a name differs between versions of Python."""
    assert loading.results_name(Path("/home/user") / file) in ("data", "toml")


def test_a_benchmark_of_this_checkout_keeps_its_name_however_it_is_given():
    for given in ("co2", str(loading.find("co2")), str(loading.find("co2").parent / ".." / "benchmarks" / "co2.toml")):
        assert loading.read(given).name == "co2"


def test_differences_of_definitions_are_listed_by_dotted_name():
    """Comments and texts for readers are no differences."""
    before = tomllib.loads(GOOD + '\n[[variant]]\nname = "a"\nmodel.units = 3\n')
    after = tomllib.loads(
        "# a comment\n" + GOOD.replace("A test", "Another").replace("epochs = 3\n", "") + '\n[[variant]]\nname = "b"\n'
    )
    assert [*setting_differences(before, after)] == [
        ("training.epochs", 3, None),
        ("variant.a.name", "a", None),
        ("variant.a.model.units", 3, None),
        ("variant.b.name", None, "b"),
    ]


def test_the_definitions_of_the_readme_are_valid():
    """The first is complete; each of the others replaces some of its tables."""
    blocks = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", README.read_text(), re.DOTALL)]
    assert {table for block in blocks for table in block} >= {*TABLES, "quick", "variant", "question", "published"}
    for block in blocks:
        tables = copy.deepcopy(blocks[0] | block)
        if "search" in block:  # has one backend and one mode
            tables |= {"backends": ["flax"], "modes": ["matched"]}
        quick = tables.pop("quick")
        complete_variants(README, tables)
        benchmark = loading.restore(README, tables | {"quick": quick})
        loading._require_known_cases(README, benchmark)
        assert benchmark.trials()
