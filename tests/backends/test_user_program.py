"""A user's program in a file: every fault is one sentence with the line, and nothing of it reaches the results."""

import os
import re

import numpy as np
import pytest

from backends import registry, user_program
from backends.contract import BackendError, Objective, Steps
from backends.layers import Dropout
from backends.model import ModelSpec, forecaster
from backends.optimizers import Adam
from backends.reference import training
from backends.seeded import initial_weights
from benchmarks.commands import options

# A program that is right: the reference implementation behind the two functions.
GOOD = '''"""The reference implementation."""

from backends.contract import Steps
from backends.reference import training


def build(problem, weights, x, y):
    backend = training.create("reference", dtype="float64")
    return backend.build(problem.model, problem.objective, problem.adam, weights, x, y, dtype="float64", seed=1)


def train(problem, weights, x, y, order, rates, state):
    model = state or build(problem, weights, x, y)
    losses = model.train(Steps(order, rates))
    return losses, {name: value.astype(problem.dtype) for name, value in model.weights().items()}, model


def predict(problem, weights, x):
    return build(problem, weights, x, x[:, 0]).predict(x)
'''
MODEL = forecaster("gru", units=3, layers=1, horizon=2)
RANDOM = np.random.default_rng(5)
X, Y = RANDOM.normal(size=(24, 5, 1)), RANDOM.normal(size=(24, 2))
WEIGHTS = initial_weights(MODEL, 1, 5, 3)
STEPS = Steps(RANDOM.permutation(24).reshape(6, 4), np.full(6, 0.01))


@pytest.fixture
def build(tmp_path, monkeypatch):
    """A function that executes a text as a program and builds a model with it."""
    monkeypatch.setenv("JAX_ENABLE_X64", os.environ.get("JAX_ENABLE_X64", "0"))

    def make(text, model=MODEL, objective=None):
        backend = user_program.create(str(tmp_path / "mine.py"), text, dtype="float64", threads=1)
        weights = initial_weights(model, 1, 5, 3)
        return backend.build(model, objective or Objective(), Adam(), weights, X, Y, dtype="float64", seed=1)

    return make


def test_a_program_learns_what_its_functions_compute(build):
    """Losses, weights and forecasts pass through the adapter unchanged, over several calls."""
    model = build(GOOD, objective=Objective("huber", 0.1, ("0.kernel",)))
    reference = training.create("reference", dtype="float64").build(
        MODEL, Objective("huber", 0.1, ("0.kernel",)), Adam(), WEIGHTS, X, Y, dtype="float64", seed=1
    )
    for part in (STEPS[:1], STEPS[1:4], STEPS[4:]):
        np.testing.assert_array_equal(model.train(part), reference.train(part))
    for name, value in reference.weights().items():
        np.testing.assert_array_equal(model.weights()[name], value)
    np.testing.assert_array_equal(model.predict(X), reference.predict(X))
    assert model.parameter_count() == reference.parameter_count()


def test_the_best_weights_are_restored_for_forecasts_alone(build):
    """Early stopping goes back to the best epoch; Adam's moments of that epoch are lost, so no step may follow."""
    model = build(GOOD)
    model.train(STEPS[:3])
    best, forecast = model.checkpoint(), model.predict(X)
    model.train(STEPS[3:])
    assert not np.array_equal(model.predict(X), forecast)
    model.restore(best)
    np.testing.assert_array_equal(model.predict(X), forecast)
    with pytest.raises(BackendError, match=r"mine.py, line 12: 'train' keeps Adam's moments to itself"):
        model.train(STEPS[3:])


TRAIN = "    losses = model.train(Steps(order, rates))\n"
FAULTS = {
    "a package that is not installed": (
        "from backends.contract import",
        "import no_such_package\nfrom",
        "line 3: it imports 'no_such_package', which is not installed",
    ),
    "an error at import": ("\n\ndef build", "\nprepared = 1 / 0\n\n\ndef build", "line 6: ZeroDivisionError: division"),
    "an error in train": (TRAIN, TRAIN.replace("rates", "rate"), "line 14: NameError: name 'rate' is not defined"),
    "an error in predict": ("x[:, 0]", "x[:, 9]", "line 19: IndexError"),
    "a function that is none": ("def predict", "predict = 3\n\n\ndef forecast", "line 18: 'predict' is not a function"),
    "two values": (", model\n", "\n", "line 12: 'train' must return three values"),
    "losses of another shape": (
        "return losses,",
        "return losses[:2],",
        r"line 12: 'train' returns losses of shape \(2,",
    ),
    "a loss that is not finite": (
        TRAIN,
        TRAIN + "    losses[3] = float('nan')\n",
        "line 12: .* finite, first in step 4 of the training",
    ),
    "losses that are text": (
        TRAIN,
        TRAIN + "    losses = losses.astype(str)\n",
        "line 12: .*losses of the type .*, not numbers",
    ),
    "losses of several shapes": (
        TRAIN,
        TRAIN + "    losses = [losses, losses[:2]]\n",
        "line 12: 'train' returns losses that cannot become an array of numbers: ",
    ),
    "a function of other arguments": (
        "def predict(problem, weights, x)",
        "def predict(problem, weights, x=None, *, y)",
        r"line 18: predict\(\) missing .* 'y'; write def predict\(problem, weights, x\)",
    ),
    "weights of other names": ("{name:", "{name.upper():", "line 12: .*other names; .* 0.BIAS, 0.KERNEL"),
    "weights of other shapes": (
        "value.astype(",
        "value[:1].astype(",
        r"line 12: .*kernel of shape \(1, 9\), not \(3, 9\)",
    ),
    "weights that are no dictionary": (
        "losses, {name: value.astype(problem.dtype)",
        "losses, {0",
        "line 12: .*weights as set, not",
    ),
    "forecasts of another shape": (
        ".predict(x)",
        ".predict(x)[:, :1]",
        r"line 18: .*forecasts of shape \(24, 1\), not",
    ),
    "a forecast that is not finite": (
        ".predict(x)",
        ".predict(x) / 0",
        "line 18: .*forecasts with values that are not finite",
    ),
    "x is changed": (TRAIN, f"    x[0] = 0\n{TRAIN}", "line 14: it changes its inputs, which are read-only"),
    "the order is changed": (TRAIN, f"    order.sort()\n{TRAIN}", "line 14: it changes its inputs"),
    "x is changed by another way": (
        TRAIN,
        f"    import ctypes\n    ctypes.memset(x.ctypes.data, 7, 4)\n{TRAIN}",
        "line 12: 'train' changes x or y",
    ),
    "weights in another precision": ("problem.dtype", "'float32'", "line 12: .* in float32, not in float64"),
    "a print in a function": (TRAIN, f"    print(rates[0])\n{TRAIN}", "line 14: it prints to standard output; remove"),
    "a print at import": ("\n\ndef build", "\nprint('ready')\n\n\ndef build", "line 6: it prints to standard output"),
    "an exit": (TRAIN, f"    raise SystemExit\n{TRAIN}", "line 14: it ends the process; remove exit"),
    "a model that it does not know": (
        TRAIN,
        f"    raise NotImplementedError('only lstm')\n{TRAIN}",
        "line 14: the program does not support this model: only lstm",
    ),
}


def use(build, text):
    model = build(text)
    model.train(STEPS)
    model.predict(X)
    model.weights()


@pytest.mark.parametrize(("old", "new", "message"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_a_sentence_with_its_line(old, new, message, build, capfd):
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if "no_such" in new:
        text = GOOD.replace("from backends.contract import Steps\n", "import no_such_package\n")
    x = X.copy()
    try:
        with pytest.raises(BackendError, match=f"^mine.py, {message}") as fault, np.errstate(all="ignore"):
            use(build, text)
    finally:
        X[:] = x
    assert "\n" not in str(fault.value)
    assert capfd.readouterr().out == ""


def test_losses_may_be_a_list_of_arrays_of_the_framework():
    """As in a loop that appends the loss of each step, with its gradient."""
    torch = pytest.importorskip("torch")
    losses = [torch.tensor(value, requires_grad=True) for value in (0.5, 0.25)]
    np.testing.assert_array_equal(user_program.as_array(losses), [0.5, 0.25])


def test_a_step_is_counted_from_the_start_of_the_training(build):
    """A training is passed in several calls, of which the user knows nothing."""
    model = build(GOOD.replace(TRAIN, f"{TRAIN}    losses[order[:, 0] == {STEPS.order[4, 0]}] = float('nan')\n"))
    model.train(STEPS[:1])
    model.train(STEPS[1:3])
    with pytest.raises(BackendError, match="finite, first in step 5 of the training"):
        model.train(STEPS[3:])


UNREADABLE = {
    "not Python": ("def train(:\n", "^mine.py, line 1: invalid syntax"),
    "a return outside a function": ("\nreturn 3\n", "^mine.py, line 2: 'return' outside function"),
    "no train": (GOOD.replace("def train", "def fit"), r"mine.py has no function 'train'; write train\(problem, weig"),
    "no predict": (GOOD.replace("def predict", "def apply"), r"mine.py has no function 'predict'; write predict\(prob"),
}


@pytest.mark.parametrize(("text", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_is_refused_without_being_executed(text, message):
    """By `entry`, which the command line calls before anything starts."""
    with pytest.raises(BackendError, match=message):
        registry.entry("mine.py", text)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("none.py", None, "there is no program .*none.py"), ("a.py", b"\xff\xfe", "a.py is not UTF-8 text")],
)
def test_a_file_that_cannot_be_read(name, content, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(BackendError, match=message):
        registry.entry(str(tmp_path / name))


NEAR = {
    "a misspelt file": ("lstn.py", "there is no program .*/lstn.py; did you mean '(.*/lstm.py)'"),
    "no similar file": ("other.py", "there is no program .*/other.py; correct the path$"),
    "no ending": (
        "lstm",
        "lstm is not a program: a program is a Python file whose name ends in .py; did you mean '(.*)'",
    ),
    "another ending": ("lstm.txt", "whose name ends in .py; did you mean '(.*/lstm.py)'"),
    "a folder with one file": ("models", "whose name ends in .py; did you mean '(.*/models/gru.py)'"),
    "a path with a comma": ("grv,1.py", "there is no program .*; quote a path with commas: '\"(.*/gru,1.py)\"'"),
    "a program twice": ("lstm.py#2", "lstm.py#2: only backends of the registry can take part twice, as in pytorch#2$"),
}


@pytest.mark.parametrize(("name", "message"), NEAR.values(), ids=NEAR)
def test_a_wrong_path_names_a_similar_file(name, message, tmp_path):
    """In place of the list of backends; the suggested path is accepted."""
    (tmp_path / "models").mkdir()
    for file in ("lstm.py", "models/gru.py", "gru,1.py"):
        (tmp_path / file).write_text(GOOD)
    (tmp_path / "lstm.txt").touch()
    with pytest.raises(BackendError, match=message) as mistake:
        registry.entry(registry.resolved(f"./{name}", tmp_path))
    if near := re.search("(?:did you mean|with commas:) '(.*)'", str(mistake.value)):
        (typed,) = options.backend_names(near[1])
        assert registry.entry(typed).two_functions


def test_dropout_is_refused(build):
    """A program gets no masks; the alternative is a whole backend."""
    with pytest.raises(BackendError, match=r"mine.py cannot train this model: it has dropout.*'create'"):
        build(GOOD, ModelSpec((*MODEL.layers[:1], Dropout(0.5), *MODEL.layers[1:])))


IMPORTS = {
    "import torch\n": ("PyTorch", "pytorch.device", ("torch",)),
    "import jax.numpy as jnp\n": ("JAX", "flax.device", ("jax",)),
    "import jax\nfrom flax import nnx\n": ("Flax", "flax.device", ("flax", "jax")),
    "import jax\nimport keras\n": ("JAX", "flax.device", ("jax", "keras")),
    "from backends.pytorch import training\n": ("PyTorch", "pytorch.device", ()),
    "import numpy\n": ("NumPy", "reference.device", ("numpy",)),
    "import numpy\nimport torch\n": ("PyTorch", "pytorch.device", ("torch", "numpy")),
    "import no_such_package\n": ("Python", "reference.device", ()),
}


@pytest.mark.parametrize("line", IMPORTS)
def test_the_framework_is_that_of_the_imports(line):
    """It decides which settings the process gets, and whose matrix product is the peak rate."""
    entry = registry.entry("/home/ann/mine.py", line + "def train(): 0\ndef predict(): 0\n")
    assert (entry.framework, entry.device, entry.packages) == IMPORTS[line]
    assert entry.display_name == f"{entry.framework}, program mine.py"


def test_files_of_one_name_have_different_names_to_show():
    texts = dict.fromkeys(("/a/v1/mine.py", "/b/v1/mine.py", "/a/other.py"), GOOD)
    shown = [entry.program for name, entry in registry.entries(texts).items() if name in texts]
    assert shown == ["program a/v1/mine.py", "program b/v1/mine.py", "program other.py"]


def test_a_whole_backend_in_a_file(build):
    """`create` returns a Backend, which has native mode and all else of the contract."""
    text = "from backends.reference import training\n"
    text += "def create(name, *, dtype):\n    return training.create(name, dtype=dtype)\n"
    assert build(text).gradients(STEPS.order[0]).keys() == WEIGHTS.keys()
    assert not registry.entry("mine.py", text).two_functions
    with pytest.raises(BackendError, match=r"mine.py, line 2: create returns NoneType, not a Backend"):
        build(text.replace("return ", ""))
