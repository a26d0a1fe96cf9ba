"""A user's training program in one file: what the file says about itself, and its adapter to the contract.

The file defines `train` and `predict`, or `create`, which returns a whole Backend. README.md states their arguments.
`describe` reads the text of a file and never executes it. `create` executes it; only a worker may call it.
"""

import ast
import io
import linecache
import os
import sys
import traceback
import warnings
import zlib
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from backends.contract import Array, Backend, BackendError, Checkpoint, Dtype, Objective, Steps, Weights
from backends.model import ModelSpec
from backends.optimizers import Adam, Optimizer

SIGNATURES = {
    "train": "train(problem, weights, x, y, order, rates, state)",
    "predict": "predict(problem, weights, x)",
}


@dataclass(frozen=True)
class Problem:
    """What a program trains, the first argument of its functions. Hashable, as a static argument of `jax.jit`.

    model: the layers, see backends/layers.py and backends/recurrent.py; objective: see backends/contract.py; adam: see
    backends/optimizers.py.
    threads: the number that the program may use.
    """

    model: ModelSpec
    objective: Objective
    adam: Adam
    dtype: Dtype
    threads: int


@dataclass(frozen=True)
class Description:
    """What the text of a file says without being executed.

    lines: the line of each function. imports: the dotted names of modules.
    """

    lines: dict[str, int]
    imports: tuple[str, ...]

    @property
    def is_backend(self) -> bool:
        """Whether the file has `create`, which returns a whole Backend."""
        return "create" in self.lines


def read(name: str) -> str:
    """The text of a file, given by its path. Raises BackendError if there is none."""
    try:
        return Path(name).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BackendError(f"there is no program {name}{near_file(name) or '; correct the path'}") from None
    except UnicodeDecodeError:
        raise BackendError(f"{name} is not UTF-8 text; write the path of a Python file") from None
    except OSError as error:
        raise BackendError(f"{name} cannot be read: {error.strerror}") from None


def near_file(path: str) -> str:
    """The end of a sentence about a wrong path: "; did you mean '/home/ann/lstm.py'?", or "" without a similar file.

    Of a folder, its single Python file is similar too.
    """
    wrong = Path(path)
    for folder in (wrong, wrong.parent):
        files = {file.stem: file for file in sorted(folder.glob("*.py"))}
        close = get_close_matches(wrong.stem, files, n=1) or (list(files) if folder == wrong else [])
        if len(close) == 1:
            file = str(files[close[0]])
            return f"; did you mean '{file}'?" if "," not in file else f"; quote a path with commas: '\"{file}\"'"
    return ""


def describe(name: str, text: str) -> Description:
    """Raises BackendError, with the line, if the text is not Python or lacks a function."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, name, "exec", dont_inherit=True)
            tree = ast.parse(text)
    except SyntaxError as error:
        raise BackendError(f"{_place(name, error.lineno)}: {error.msg}") from None
    lines = {bound: node.lineno for node in tree.body for bound in _bound(node)}
    if "create" not in lines:
        for function, signature in SIGNATURES.items():
            if function not in lines:
                raise BackendError(
                    f"{name} has no function '{function}'; write {signature}, see 'Your own program' in "
                    "backends/README.md"
                )
    return Description(lines, tuple(_imports(tree)))


def _bound(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a file binds."""
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    targets = node.targets if isinstance(node, ast.Assign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _imports(tree: ast.Module) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _place(name: str, line: int | None) -> str:
    return f"{Path(name).name}, line {line}" if line else Path(name).name


def unsupported(model: ModelSpec, features: int, window: int, optimizer: Optimizer) -> str | None:
    """A clause on what `train` and `predict` cannot do for a model and an optimizer, with a remedy, or None."""
    if model.masks(features, window):
        return "it has dropout, but the function 'train' gets no masks; set dropout to 0"
    if model.stateful:
        return "its state passes from batch to batch, but 'train' does not learn where; set model.stateful to false"
    if model.masked:
        return "its windows have a mask of padded rows, which the functions do not get; set window.mask to false"
    if type(optimizer) is not Adam:
        return f"the optimizer is {optimizer.title}, but the function 'train' gets the settings of Adam alone; use Adam"
    return None


def create(name: str, text: str, *, dtype: Dtype, threads: int) -> Backend:
    """Execute the text of the file `name`, for which `device.configure` has prepared this process.

    Raises BackendError, with the line, if that fails.
    """
    os.environ["JAX_ENABLE_X64"] = str(dtype == "float64")  # where a package that the file imports uses JAX
    warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # of torch.from_numpy, for each input
    program = Program(name, text)
    if program.description.is_backend:
        backend = program.call("create", name, dtype=dtype)
        if not isinstance(backend, Backend):
            raise BackendError(f"{program.place('create')}: create returns {type(backend).__name__}, not a Backend")
        return backend
    network = partial(Network, program)
    return Backend(name, network, Network.load, _settings, partial(ProgramModel, program, threads))


def _settings(network: "Network", spec: Optimizer, *, native: bool) -> Optimizer:
    """The settings that `train` gets. Raises BackendError if the functions do not suffice for model or optimizer."""
    if reason := unsupported(network.model, network.features, network.window, spec):
        raise BackendError(f"{network.file} cannot train this model: {reason}, or write a whole backend with 'create'")
    return spec


class Program:
    """The executed file. Every call of it ends in a result or in a BackendError of one sentence with a line."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.description, self._process = name, describe(name, text), os.getpid()
        self._module = ModuleType("user_program")
        self._module.__file__ = name
        sys.modules[self._module.__name__] = self._module  # as for any module; dataclasses and pickle look it up
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)  # for inspect.getsource
        self._call(partial(exec, compile(text, name, "exec", dont_inherit=True), self._module.__dict__))

    def place(self, function: str) -> str:
        """The file and the line of a function, for a sentence."""
        return _place(self.name, self.description.lines[function])

    def call(self, function: str, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        called = getattr(self._module, function, None)
        if not callable(called):
            raise BackendError(f"{self.place(function)}: '{function}' is not a function")
        return self._call(partial(called, *arguments, **named), function)

    def _call(self, work: partial[Any], function: str = "") -> Any:  # noqa: ANN401
        try:
            with redirect_stdout(NoOutput(self.name)):
                return work()
        except BackendError:
            raise
        except (Exception, SystemExit) as error:
            raise BackendError(self._sentence(error, function)) from error
        finally:
            if os.getpid() != self._process:  # the program has forked; its copy must not give a second answer
                os._exit(1)

    def _sentence(self, error: BaseException, function: str) -> str:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == self.name), None)
        message = (str(error).strip().splitlines() or ["no message"])[0][:300]
        where = _place(self.name, line)
        if isinstance(error, TypeError) and function and line is None:  # the call did not reach the function
            wanted = SIGNATURES.get(function, "create(name, *, dtype)")
            return f"{self.place(function)}: {message}; write def {wanted}"
        if isinstance(error, NotImplementedError):
            return f"{where}: the program does not support this model: {message}"
        if isinstance(error, SystemExit):
            return f"{where}: it ends the process; remove exit(), or raise an error"
        if isinstance(error, ModuleNotFoundError):
            return f"{where}: it imports {error.name!r}, which is not installed; a program cannot import other files"
        if isinstance(error, ValueError) and "read-only" in message:
            return f"{where}: it changes its inputs, which are read-only; change a copy"
        return f"{where}: {type(error).__name__}: {message}"


class NoOutput(io.TextIOBase):
    """Standard output while a program runs. Raises BackendError with the line that prints: printing costs time."""

    def __init__(self, name: str) -> None:
        self._name = name

    def write(self, text: str) -> int:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename != self._name:
            frame = frame.f_back
        raise BackendError(
            f"{_place(self._name, frame.f_lineno)}: it prints to standard output; remove that, or print to sys.stderr"
        )


class Network:
    """The model of a program: its layers and canonical weights."""

    def __init__(
        self, program: Program, model: ModelSpec, features: int, window: int, dtype: Dtype, seed: int, *, native: bool
    ) -> None:
        self.file, self.features, self.window = Path(program.name).name, features, window
        if native:
            raise BackendError(f"{self.file} has no native mode; use matched mode")
        self.model, self.dtype, self.shapes = model, dtype, model.shapes(features, window)
        self.outputs = model.outputs(features, window)
        self.weights: Mapping[str, Any] = {}

    def load(self, weights: Weights) -> None:
        """Set the weights to read-only copies in the network's dtype."""
        self.weights = {name: read_only(np.array(value, self.dtype)) for name, value in weights.items()}


class ProgramModel:
    """Implements backends.contract.Model with the functions `train` and `predict` of a program.

    The program alone knows Adam's moments, so a checkpoint has none, and a restored model can forecast but not train.
    """

    def __init__(
        self, program: Program, threads: int, network: Network, objective: Objective, adam: Adam, x: Array, y: Array
    ) -> None:
        self._program, self._network, self._dtype = program, network, network.dtype
        self._problem = Problem(network.model, objective, adam, network.dtype, threads)
        self._x, self._y = (read_only(np.asarray(rows, network.dtype)) for rows in (x, y))
        self._checksum = self._inputs()
        self._state: Any = None
        self._steps = 0
        self._restored = False

    def _inputs(self) -> list[int]:
        return [zlib.crc32(np.ascontiguousarray(rows).data) for rows in (self._x, self._y)]

    def _refuse(self, function: str, reason: str) -> BackendError:
        return BackendError(f"{self._program.place(function)}: '{function}' {reason}")

    def train(self, steps: Steps) -> Array:
        if self._restored:
            raise self._refuse("train", "keeps Adam's moments to itself, so a stored training cannot continue")
        order, rates = read_only(steps.order), read_only(steps.rates)
        inputs = (self._problem, self._network.weights, self._x, self._y, order, rates, self._state)
        returned = self._program.call("train", *inputs)
        if not isinstance(returned, tuple) or len(returned) != 3:
            raise self._refuse("train", "must return three values, (losses, weights, state)")
        losses, weights, self._state = self._array("train", "losses", returned[0]), returned[1], returned[2]
        self._check_weights(weights)
        self._check("train", "losses", losses, (len(steps),), of_steps=True)
        self._network.weights = weights
        self._steps += len(steps)
        return losses.astype(self._dtype, copy=False)

    def _array(self, function: str, what: str, values: object) -> Array:
        try:
            return as_array(values)
        except Exception as error:  # of any framework
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            raise self._refuse(function, f"returns {what} that cannot become an array of numbers: {reason}") from error

    def _check_weights(self, weights: object) -> None:
        """Names and shapes only, which needs no copy from the device."""
        shapes = self._network.shapes
        if not isinstance(weights, Mapping):
            raise self._refuse("train", f"returns weights as {type(weights).__name__}, not as a dictionary")
        if weights.keys() != shapes.keys():
            names = sorted(map(str, weights.keys() ^ shapes.keys()))
            raise self._refuse("train", f"returns weights of other names; missing or unknown: {', '.join(names)}")
        for name, shape in shapes.items():
            if (actual := tuple(np.shape(weights[name]))) != shape:
                raise self._refuse("train", f"returns {name} of shape {actual}, not {shape}")

    def _check(
        self, function: str, what: str, values: Array, shape: tuple[int, ...], *, of_steps: bool = False
    ) -> None:
        if values.shape != shape:
            raise self._refuse(function, f"returns {what} of shape {values.shape}, not {shape}")
        try:
            finite = np.isfinite(values)
        except TypeError:
            raise self._refuse(function, f"returns {what} of the type {values.dtype}, not numbers") from None
        if not finite.all():
            place = [int(index) for index in np.argwhere(~finite)[0]]
            where = f"in step {self._steps + place[0] + 1} of the training" if of_steps else f"at {place}"
            raise self._refuse(function, f"returns {what} with values that are not finite, first {where}")

    def predict(self, x: Array, resets: Array | None = None) -> Array:
        """A program has no stateful models, so `resets` is None."""
        weights = self._network.weights
        inputs = read_only(np.asarray(x, self._dtype))
        forecasts = self._array("predict", "forecasts", self._program.call("predict", self._problem, weights, inputs))
        self._check("predict", "forecasts", forecasts, (len(x), self._network.outputs))
        return forecasts.astype(self._dtype, copy=False)

    def weights(self) -> dict[str, Array]:
        """Copies. Raises BackendError if they are not in the model's dtype, or if the program changed x or y."""
        if self._inputs() != self._checksum:
            raise self._refuse("train", "changes x or y, which must stay as they are; change a copy")
        weights = {name: self._array("train", name, value) for name, value in self._network.weights.items()}
        for name, value in weights.items():
            if value.dtype != self._dtype:
                raise self._refuse("train", f"returns {name} in {value.dtype}, not in {self._dtype}")
            self._check("train", name, value, self._network.shapes[name])
        return {name: value.copy() for name, value in weights.items()}

    def gradients(self, rows: Array, masks: Weights | None = None) -> None:
        """None: a program gives no gradients."""

    def step_parts(self, step: Steps) -> None:
        """None: a program does not give the parts of a step."""

    def gradient_norms(self, rows: Array) -> dict[str, Array]:
        raise self._refuse("train", "returns no gradients, so gradient_flow is impossible; remove that setting")

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(self.weights(), {}, self._steps)

    def restore(self, checkpoint: Checkpoint) -> None:
        self._network.load(checkpoint.weights)
        self._state, self._steps, self._restored = None, checkpoint.steps, checkpoint.steps > 0

    def parameter_count(self) -> int:
        return sum(value.size for value in self.weights().values())

    def kernel(self) -> str:
        return Path(self._program.name).name


def read_only(values: Array) -> Array:
    """A view that refuses changes."""
    view = values.view()
    view.flags.writeable = False
    return view


def as_array(values: Any) -> Array:  # noqa: ANN401
    """An array of NumPy, from an array of any framework on any device, or from a list of them."""
    if isinstance(values, list | tuple):
        return np.asarray([as_array(value) for value in values])
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
