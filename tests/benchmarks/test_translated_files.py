"""`translate`: models read from the tensors of PyTorch and Flax and from files of Keras, and faults in them."""

import io
import itertools
import json
import sys
import zipfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np
import pytest

from backends.layers import Conv1D, Dense, ModelError
from backends.recurrent import Recurrent
from benchmarks.errors import UserError
from benchmarks.translation import read_flax, read_keras, read_pytorch, tensors, translate
from benchmarks.translation.description import Description, LastStep
from tests.benchmarks.trained_models import FEATURES, WINDOW, trained


def described(layers, **settings):
    """The description of a file with these layers."""
    kinds = {Dense: "dense", Conv1D: "conv1d", Recurrent: "recurrent"}
    stack = [
        {"kind": kinds.get(type(layer), type(layer).__name__.lower())} | asdict(layer)
        for layer in layers
        if not isinstance(layer, LastStep)
    ]
    for entry in stack:
        if entry.get("cell", "rmlp") != "rmlp":
            del entry["hidden"], entry["memory"]
    return Description(window=WINDOW, features=FEATURES, model={"name": "m", "stack": stack}, **settings)


DIALECTS = {"pytorch": read_pytorch.DIALECT, "flax": read_flax.DIALECT}


def reread(framework, model, arrays=None, **settings):
    """The model that is read from tensors, by default from those that are written for it."""
    description = described(model.layers, **{"last_step": "each direction"} | settings)
    arrays = translate.WRITERS[framework].tensors(model) if arrays is None else arrays
    return tensors.read(arrays, DIALECTS[framework], description, Path("m.pt"), Path("m.toml"))


@pytest.mark.parametrize("framework", DIALECTS)
def test_reading_inverts_writing(framework):
    """Bit by bit, in any order of the tensors; the second biases of GRUs are kept."""
    layers = (Recurrent("lstm", 4, True, True), Recurrent("gru", 3, True), Recurrent("rnn", 3), Dense(5), Dense(2))
    for model in (trained("m", layers), trained("two bidirectional grus")):
        arrays = translate.WRITERS[framework].tensors(model)
        again = reread(framework, model, dict(sorted(arrays.items())))
        for name, value in again.weights.items():
            assert np.array_equal(value, model.weights.get(name, np.zeros_like(value))), name
        assert model.weights.keys() <= again.weights.keys()


def test_a_file_of_stacked_layers_is_read():
    """`nn.GRU(num_layers=2)` under the name `module.rnn`, and an output layer."""
    model = trained("m", (Recurrent("gru", 3, True), Recurrent("gru", 3), Dense(1)))
    arrays = translate.WRITERS["pytorch"].tensors(model)
    names = {"gru1.": "module.rnn.", "gru2.": "module.rnn.", "dense.": "module.head."}
    renamed = {}
    for name, value in arrays.items():
        prefix = next(prefix for prefix in names if name.startswith(prefix))
        renamed[names[prefix] + name.removeprefix(prefix).replace("l0", "l1" if prefix == "gru2." else "l0")] = value
    again = reread("pytorch", model, renamed)
    assert all(np.array_equal(again.weights[name], value) for name, value in model.weights.items())


def test_two_readings_are_asked_for():
    """Two layers of equal shapes whose names have no order, and the last output of a bidirectional layer."""
    model = trained("m", (Recurrent("rnn", 4), Dense(4), Dense(4)))
    arrays = translate.WRITERS["pytorch"].tensors(model)
    arrays = {name.replace("dense1", "hidden").replace("dense2", "head"): value for name, value in arrays.items()}
    with pytest.raises(
        UserError, match=r'write their order in the description, as in names = \["rnn", "hidden", "head"\]'
    ):
        reread("pytorch", model, arrays)
    again = reread("pytorch", model, arrays, names=["rnn", "hidden", "head"])
    assert np.array_equal(again.weights["2.kernel"], model.weights["2.kernel"])
    swapped = reread("pytorch", model, arrays, names=["rnn", "head", "hidden"])
    assert np.array_equal(swapped.weights["1.kernel"], model.weights["2.kernel"])
    model = trained("two bidirectional grus")
    with pytest.raises(UserError, match="last_step"):
        reread("pytorch", model, last_step=None)
    assert isinstance(reread("pytorch", model, last_step="window").layers[3], LastStep)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("gru.weight_hh_l0"), r"the tensor gru.weight_hh_l0 is missing; expected \(9, 3\) for layer 0"),
        (lambda a: a.pop("gru.bias_hh_l0"), r"the tensor gru.bias_hh_l0 is missing; expected \(9,\)"),
        (lambda a: a.pop("dense.weight") is a.pop("dense.bias"), r"no tensors are left for layer 1 .* weight \(1, 3\)"),
        (lambda a: a.update({"norm.weight": np.ones(3)}), r"the tensor norm.weight \(3,\) is surplus"),
        (lambda a: a.update({"gru.weight_hr_l0": np.ones(3)}), r"weight_hr_l0 \(3,\) is surplus"),
        (
            lambda a: a.update({"dense.weight": np.ones((2, 3))}),
            r"dense.weight has the shape \(2, 3\); expected \(1, 3\)",
        ),
        (lambda a: a["dense.bias"].fill(np.nan), r"the tensor dense.bias \(1,\) holds nan at \[0\]"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(change, message):
    model = trained("m", (Recurrent("gru", 3), Dense(1)))
    arrays = {name: value.copy() for name, value in translate.WRITERS["pytorch"].tensors(model).items()}
    change(arrays)
    with pytest.raises(UserError, match=message):
        reread("pytorch", model, arrays)


def test_the_prefixes_that_names_may_have_are_given_in_the_order_of_the_file():
    """Not sorted: the order is that of the layers as a rule, so the list can be typed as it is."""
    model = trained("m", (Recurrent("gru", 3), Dense(1)))
    arrays = translate.WRITERS["pytorch"].tensors(model)
    renamed = {name.replace("gru.", "rnn.").replace("dense.", "head."): value for name, value in arrays.items()}
    with pytest.raises(UserError, match='no tensors with the prefix \'memory\'; its prefixes are "rnn", "head"; write'):
        reread("pytorch", model, renamed, names=("memory", "head"))
    assert reread("pytorch", model, renamed, names=("rnn", "head")).weights.keys() >= model.weights.keys()


def keras_file(path, *, layers=None, arrays=None, version="3.15.1", kind="Sequential", module="keras.layers"):
    """A .keras file as Keras writes it, of a GRU and an output layer."""
    common = {"use_bias": True, "dtype": "float32"}
    gru = {"return_sequences": False, "dropout": 0.0, "recurrent_dropout": 0.0, "reset_after": True, "stateful": False}
    gru |= {"units": 2, "activation": "tanh", "recurrent_activation": "sigmoid", "name": "memory"}
    entries = [("GRU", gru | common), ("Dense", {"units": 1, "activation": "linear", "name": "head"} | common)]
    entries = layers(dict(entries)) if layers else dict(entries)
    random = np.random.default_rng(0)
    shapes = {"gru/cell/vars/0": (1, 6), "gru/cell/vars/1": (2, 6), "gru/cell/vars/2": (2, 6)}
    shapes |= {"dense/vars/0": (2, 1), "dense/vars/1": (1,)}
    values = {name: random.normal(size=size) for name, size in shapes.items()}
    values = arrays(values) or values if arrays else values
    inputs = {"class_name": "InputLayer", "config": {"batch_shape": [None, 5, 1]}}
    listed = [inputs] + [{"module": module, "class_name": name, "config": c} for name, c in entries.items()]
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for name, value in values.items():
            file[f"layers/{name}"] = value
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps({"class_name": kind, "config": {"layers": listed}}))
        archive.writestr("model.weights.h5", stream.getvalue())
    return path, values


def changed(name, **settings):
    return lambda entries: entries | {name: entries[name] | settings}


def test_a_keras_file_is_read_without_keras(tmp_path):
    """The GRU's gates change from z r h to r z n, and the second row of its bias is kept."""
    path, values = keras_file(tmp_path / "m.keras")
    model = read_keras.read(path)
    z, r, n = np.split(values["gru/cell/vars/2"][1], 3)
    assert np.array_equal(model.weights["0.recurrent_bias"], np.concatenate([r, z, n]))
    assert model.layers == (Recurrent("gru", 2), Dense(1))
    assert "keras" not in sys.modules


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": "4.0.0"}, "was written by Keras 4.0.0"),
        ({"module": "malice"}, r"layer memory \(GRU\): translate has no such layer"),
        ({"kind": "Functional"}, "holds a Functional model; translate reads keras.Sequential"),
        (
            {"layers": lambda e: {"BatchNormalization": {"name": "norm"}}},
            r"layer norm \(BatchNormalization\): translate has",
        ),
        (
            {"layers": changed("GRU", activation="gelu")},
            r"layer memory \(GRU\): translate has no activation 'gelu' here",
        ),
        ({"layers": changed("GRU", activation={"class_name": "function", "config": "mine"})}, "no activation 'mine'"),
        ({"layers": changed("GRU", recurrent_activation="hard_sigmoid")}, "recurrent_activation is 'hard_sigmoid'"),
        ({"layers": changed("GRU", stateful=True)}, "stateful is True"),
        ({"layers": changed("Dense", lora_rank=4)}, "lora_rank is 4"),
        ({"layers": changed("Dense", dtype="mixed_float16")}, "it computes in mixed_float16"),
        ({"layers": changed("GRU", reset_after=False)}, r"tensor bias has the shape \(2, 6\); expected \(6,\)"),
        (
            {"arrays": lambda a: a.pop("dense/vars/1") is None},
            r"the tensor bias \(vars/1\) is missing; expected \(1,\)",
        ),
        ({"arrays": lambda a: a | {"lstm/vars/0": np.ones(3)}}, r"layers/lstm/vars/0 \(3,\) is surplus"),
        ({"arrays": lambda a: a | {"dense/vars/2": np.ones(3)}}, r"layers/dense/vars/2 \(3,\) is surplus"),
        (
            {"arrays": lambda a: a | {"dense/vars/0": np.ones((3, 1))}},
            r"kernel has the shape \(3, 1\); expected \(2, 1\)",
        ),
        ({"arrays": lambda a: a | {"dense/vars/1": np.array([np.nan])}}, r"the tensor 1.bias \(1,\) holds nan"),
    ],
)
def test_a_keras_file_that_cannot_be_translated_is_refused(change, message, tmp_path):
    path, _ = keras_file(tmp_path / "m.keras", **change)
    with pytest.raises(UserError, match=message):
        read_keras.read(path)


def test_any_truncated_keras_file_is_refused(tmp_path):
    """One sentence, wherever the file ends."""
    path, _ = keras_file(tmp_path / "m.keras")
    content = path.read_bytes()
    for end in range(0, len(content), len(content) // 20):
        path.write_bytes(content[:end])
        with pytest.raises(UserError, match=r"truncated or no \.keras file"):
            read_keras.read(path)


def test_any_setting_of_another_type_is_a_sentence(tmp_path):
    """A damaged or malicious config.json gives no traceback, and no text of the file reaches the program."""
    path, _ = keras_file(tmp_path / "m.keras")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    accepted = 0
    for entry, value in itertools.product((0, 1, 2), ("x", -1, [], {}, 1.5, None)):
        for key in json.loads(parts["config.json"])["config"]["layers"][entry]["config"]:
            config = json.loads(parts["config.json"])
            config["config"]["layers"][entry]["config"][key] = value
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in (parts | {"config.json": json.dumps(config).encode()}).items():
                    archive.writestr(name, content)
            with suppress(UserError, ModelError):
                read_keras.read(path)
                accepted += 1
    assert accepted < 40
