"""`translate`: the programs that it writes, the proof, and mistakes in the command."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backends.layers import Dense
from backends.recurrent import Recurrent
from benchmarks.__main__ import main
from benchmarks.errors import UserError
from benchmarks.translation import isolated, translate
from benchmarks.translation.description import read_description
from benchmarks.worker.certification import difference
from tests.benchmarks.trained_models import MODELS, SECOND_BIASES, trained, windows

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


def programs(folder, names=MODELS):
    """Write every model for every framework; return the folder of each."""
    places = {}
    for framework, writer in translate.WRITERS.items():
        for name in names:
            place = places[framework, name] = folder / framework / name.replace(" ", "_")
            place.mkdir(parents=True)
            (place / "model.py").write_text(writer.source(trained(name)))
    return places


def test_written_programs_are_formatted_and_clean(tmp_path):
    """Under ruff's default format and stricter rules than its default, and without any import of this suite."""
    places = programs(tmp_path)
    for command in (["format", "--check"], ["check", "--select", "E4,E7,E9,F,I,UP,B,SIM,ANN,C4,PIE,RET,N,D2,D3,D4"]):
        ignored = (
            ["--ignore", "RET504,D203,D212,D213,D401,D205,D400,D415,D413,D407,D406,D403"]
            if command[0] == "check"
            else []
        )
        done = subprocess.run(
            [BIN / "ruff", *command, *ignored, "--isolated", "--no-cache", tmp_path],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    for place in places.values():
        assert not re.search(r"\b(backends|benchmarks|datasets|reports)\b", (place / "model.py").read_text())


@pytest.mark.slow
def test_written_programs_are_typed(tmp_path):
    """Under mypy's strict rules; the frameworks count as untyped, because mypy reads theirs for minutes."""
    files = [place / "model.py" for place in programs(tmp_path).values()]
    renamed = [shutil.copy(file, tmp_path / f"{'_'.join(file.parts[-3:-1])}.py") for file in files]
    settings = "[mypy]\nstrict = True\ndisallow_subclassing_any = False\ndisallow_untyped_decorators = False\n"
    settings += "[mypy-torch.*,keras.*,flax.*,jax.*]\nfollow_imports = skip\nignore_missing_imports = True\n"
    (tmp_path / "mypy.ini").write_text(settings)
    command = [BIN / "mypy", "--config-file", tmp_path / "mypy.ini", "--cache-dir", tmp_path / "cache", *renamed]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_programs_of_all_frameworks_predict_the_same(tmp_path):
    """Every kind of layer, in float64 and float32, each framework in a process without this suite on its path.

    The weights that were stored are read back with their tensors unchanged.
    """
    forecasts, places = {}, programs(tmp_path)
    for framework, writer in translate.WRITERS.items():
        tasks = []
        for name in MODELS:
            place = places[framework, name]
            isolated.save(str(place / "tensors.npz"), writer.tensors(trained(name)))
            isolated.save(str(place / "windows.npz"), {"x": windows(name)})
            program, weights = str(place / "model.py"), str(place / writer.WEIGHTS)
            facts = {"framework": framework, "program": program, "tensors": str(place / "tensors.npz"), "to": weights}
            tasks.append({"task": "store"} | facts)
            facts = {"program": program, "windows": str(place / "windows.npz"), "to": str(place / "forecasts.npz")}
            tasks.append({"task": "predict"} | facts)
            if framework != "keras":
                key = {"key": None} if framework == "pytorch" else {}
                tasks.append({"task": f"read_{framework}", "path": weights, "to": str(place / "read.npz")} | key)
        translate.run(tasks)
        for name in MODELS:
            place = places[framework, name]
            forecasts[framework, name] = isolated.restore(str(place / "forecasts.npz"))
            if framework != "keras":
                stored = isolated.restore(str(place / "read.npz"))
                written = writer.tensors(trained(name))
                assert stored.keys() == written.keys()
                assert all(np.array_equal(stored[key], written[key]) for key in written)
    for name, dtype in itertools.product(MODELS, translate.BOUNDS):
        outputs = [forecasts[framework, name][f"x {dtype}"] for framework in translate.WRITERS]
        assert all(output.dtype == dtype for output in outputs)
        assert np.ptp(outputs[0]) > 0.05
        for first, second in itertools.combinations(outputs, 2):
            assert difference(first, second) <= translate.BOUNDS[dtype], (name, dtype)


MODEL = 'window = 7\nfeatures = 3\n[model]\ncell = "gru"\nunits = 4\n'


def test_the_example_of_a_description_is_one(tmp_path):
    """Its lines, as the error for a file without layers prints them."""
    with pytest.raises(UserError) as caught:
        read_description(None, Path("m.npz"))
    path = tmp_path / "model.toml"
    path.write_text("\n".join(str(caught.value).split(" with a line for each of: ")[1].split(", ")))
    assert read_description(path, Path("m.npz")).window == 24


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["m.h5", "--to", "flax"], "translate reads .keras, .*; save the whole model in Keras 3: model.save"),
        (["none.pt", "--to", "flax"], "none.pt: there is no such file"),
        (["m.npz", "--to", "jax"], "--to jax: there is no such framework; .*flax, keras, pytorch"),
        (
            ["m.npz", "--to", "flax"],
            "m.npz has tensors but no layers; describe them in a TOML file.*--model model.toml",
        ),
        (["m.npz", "--to", "flax", "--model", "none.toml"], "--model none.toml: there is no such file"),
        (["m.npz", "--to", "flax", "--model", "m.toml"], "m.npz is truncated or no .npz file of weights"),
        (["m.npz", "--to", "flax", "--model", "bad.toml"], "there is no setting 'widow'; did you mean 'window'"),
        (["m.npz", "--to", "flax", "--output", "m.toml"], "m.toml exists; name another folder with --output"),
        (["m.npz", "--to", "flax", "--key", "a"], "--key a: only a .pt file"),
        (["m.npz", "--to", "flax", "--model", "m.h5"], "--model m.h5: it is not text; name a TOML file"),
    ],
)
def test_a_mistake_in_the_command_is_a_sentence(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    for name in ("m.h5", "m.npz"):
        Path(name).write_bytes(b"PK\x03\x04\x80 something else")
    Path("m.toml").write_text(MODEL)
    Path("bad.toml").write_text(MODEL.replace("window", "widow"))
    before = sorted(os.listdir())
    assert main(["translate", *words]) == 2
    assert re.fullmatch(f"error: .*{message}.*\n", capsys.readouterr().err)
    assert sorted(os.listdir()) == before


def npz(folder, name, layers):
    """An .npz file of weights as `export --weights` writes it, and its description."""
    model = trained(name, layers)
    np.savez(folder / "m.npz", **model.weights)
    text = MODEL.replace("gru", layers[0].cell).replace("units = 4", f"units = {layers[0].units}")
    (folder / "m.toml").write_text(text)
    return model


@pytest.mark.slow
def test_the_proof_catches_a_wrong_translation(tmp_path, monkeypatch, capsys):
    """Gates that are not swapped, a second bias that is dropped: exit status 1, the difference, and no file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    writer = translate.WRITERS["pytorch"]
    correct = writer.tensors

    def swapped(model):
        named = correct(model)
        kernel = named["gru.weight_ih_l0"]
        return named | {"gru.weight_ih_l0": np.concatenate([kernel[4:8], kernel[:4], kernel[8:]])}

    def dropped(model):
        return {name: value * 0 if name == "rnn.bias_hh_l0" else value for name, value in correct(model).items()}

    (tmp_path / "m.toml").touch()
    for wrong, name, cell in ((swapped, "m", "gru"), (dropped, "one second bias", "rnn")):
        monkeypatch.setitem(SECOND_BIASES, "one second bias", ("0.",))
        npz(tmp_path, name, (Recurrent(cell, 4), Dense(1)))
        before = sorted(os.listdir())
        monkeypatch.setattr(writer, "tensors", wrong)
        assert main(["translate", "m.npz", "--to", "pytorch", "--model", "m.toml"]) == 1
        printed = capsys.readouterr().out
        assert len(re.findall(r" NO\b", printed)) == 2, printed
        assert printed.endswith("The forecasts differ, so no file was written.\n")
        assert sorted(os.listdir()) == before
        monkeypatch.setattr(writer, "tensors", correct)
    assert main(["translate", "m.npz", "--to", "pytorch", "--model", "m.toml"]) == 0
    assert sorted(os.listdir("m-pytorch")) == ["model.py", "weights.pt"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch, capsys):
    """Not the temporary folder in which the translation is made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    npz(tmp_path, "m", (Recurrent("gru", 4), Dense(1)))
    assert main(["translate", "m.npz", "--to", "flax", "--model", "m.toml", "--output", "/proc/m"]) == 2
    assert re.fullmatch(r"error: /proc/m cannot be written \(.*\); .* with --output\n", capsys.readouterr().err)


@pytest.mark.slow
def test_a_file_of_pytorch_is_never_executed(tmp_path, monkeypatch, capsys):
    """A pickle that would write a file, a truncated file, and a checkpoint with two state dicts."""
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)

    class Harmful:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    (tmp_path / "m.toml").write_text(MODEL)
    torch.save({"a": Harmful()}, "harmful.pt")
    state = {"weight": torch.ones(2, 2)}
    torch.save({"model": state, "average": state}, "two.pt")
    torch.save(state, "one.pt")
    torch.save([torch.ones(2)], "list.pt")
    torch.jit.script(torch.nn.Linear(2, 1)).save("script.pt")
    (tmp_path / "m.safetensors").write_bytes(b"something else")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "two.pt").read_bytes()[:300])
    messages = {
        "harmful.pt": "holds Python objects, which translate never executes",
        "cut.pt": "is truncated or no file of PyTorch tensors",
        "m.safetensors": "is truncated or no file of PyTorch tensors",
        "list.pt": "holds a list, not a state dict; save the tensors alone: torch.save",
        "script.pt": "holds a TorchScript program, which translate never executes; save the tensors alone",
        "two.pt": "holds several state dicts: model, average; choose one with --key model",
    }
    for file, message in messages.items():
        assert main(["translate", file, "--to", "flax", "--model", "m.toml"]) == 2
        assert re.fullmatch(f"error: {file} {message}.*\n", capsys.readouterr().err)
    assert main(["translate", "one.pt", "--to", "flax", "--model", "m.toml", "--key", "a"]) == 2
    assert capsys.readouterr().err == "error: one.pt has no state dict 'a'; remove --key\n"
    assert not (tmp_path / "executed").exists()


@pytest.mark.slow
def test_a_model_of_keras_becomes_a_program_in_pytorch(tmp_path):
    """From a file that Keras wrote, with windows of a table. The program runs without this suite, in any folder."""
    code = (
        "import keras, numpy as np; from keras import layers as l; r = np.random.default_rng(0);"
        "g = lambda **s: l.Bidirectional(l.GRU(4, **s));"
        "m = keras.Sequential([keras.Input((6, 1)), g(return_sequences=True), l.Dropout(0.2), g(), l.Dense(1)]);"
        "[x.set_weights([r.normal(size=w.shape) for w in x.get_weights()]) for x in m.layers]; m.save('m.keras');"
        "x = r.normal(size=(9, 6, 1)); np.save('x.npy', x); np.save('y.npy', np.asarray(m(x.astype('float32'))))"
    )
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=quiet, check=True, capture_output=True)
    (tmp_path / "t.csv").write_text("units\n" + "\n".join(f"{np.sin(step):.3f}" for step in range(40)) + "\n")
    command = [sys.executable, "-m", "benchmarks", "translate", "m.keras", "--to", "pytorch", "--json"]
    command += ["--csv", "t.csv", "--target", "units", "--windows", "x.npy"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    counts = {entry["windows"]: entry["count"] for entry in result["comparisons"]}
    assert counts == {"random": 64, "x.npy": 9, "t.csv": 35}
    assert all(entry["equal"] and entry["difference"] <= entry["bound"] for entry in result["comparisons"])
    command = [sys.executable, "-I", "m-pytorch/model.py", "x.npy", "forecasts.npy"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert difference(np.load(tmp_path / "forecasts.npy"), np.load(tmp_path / "y.npy")) < 1e-5
    assert sorted(os.listdir(tmp_path)) == ["forecasts.npy", "m-pytorch", "m.keras", "t.csv", "x.npy", "y.npy"]
