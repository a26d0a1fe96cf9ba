"""All that is known of a backend by its name. Importing this module imports no framework."""

import ast
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from importlib import import_module, util
from pathlib import Path
from textwrap import dedent
from typing import Any, get_args

from backends import user_program
from backends.contract import Backend, BackendError, Dtype
from backends.model import ModelSpec
from backends.recurrent import Cell, Recurrent, RecurrentActivation


@dataclass(frozen=True)
class NativeLayers:
    """The recurrent layers that a framework has of its own: the activations of each cell.

    dropout: whether they have dropout in them.
    """

    activations: Mapping[str, tuple[str, ...]]
    dropout: bool = False

    def lacking(self, model: ModelSpec) -> Recurrent | None:
        """The first layer of a model that the framework lacks, or None."""
        for layer in model.layers:
            if isinstance(layer, Recurrent):
                known = layer.activation in self.activations.get(layer.cell, ())
                if not known or (not self.dropout and (layer.dropout or layer.recurrent_dropout)):
                    return layer
        return None


@dataclass(frozen=True)
class Entry:
    """A backend: a framework together with a program, which is how the framework trains a model.

    framework: for Keras, its engine follows in brackets.
    program: a noun that a sentence can use: "the eager loop in PyTorch takes twice as long".
    module, device: modules in the package `backends`; the first has `create`, the second `configure`, `gemm` and
        `peak_memory`.
    packages: the required packages, which have the same name on PyPI and when imported.
    native: the framework's own recurrent layers; None if the backend has no native mode.
    environment: variables to set before the module is imported.
    unneeded: packages that the framework imports where it sees them, and that no backend of it needs. They are hidden
        from its import, which otherwise takes up to twice as long because other frameworks are installed beside it.
    base: the backend with the same layers, if this one differs from it in its program alone.
    repeats: the backend whose program this is again, as a second contestant of a null test; "" for all others.
    step_losses: whether `train` returns the loss of each step, or only their mean.
    two_functions: whether it is a user's program that only trains and predicts: it gives no gradients and no moments,
        gets no dropout masks, and is called once an epoch, so its first step is not timed apart from the first epoch.
    code: the functions or classes in `backends` that show the program to a reader, in ten to twenty lines.
    """

    framework: str
    program: str
    module: str
    device: str
    packages: tuple[str, ...] = ()
    native: NativeLayers | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    unneeded: tuple[str, ...] = ()
    base: str = ""
    repeats: str = ""
    step_losses: bool = True
    two_functions: bool = False
    code: tuple[str, ...] = ()

    @property
    def display_name(self) -> str:
        """The name in tables and messages: "PyTorch, eager loop"."""
        return f"{self.framework}, {self.program}"


EVERY = get_args(RecurrentActivation)
PYTORCH = NativeLayers({"lstm": ("tanh",), "gru": ("tanh",), "rnn": ("tanh", "relu")})
KERAS = NativeLayers(dict.fromkeys(("lstm", "gru", "gru-reset-before", "rnn"), EVERY), dropout=True)
FLAX = NativeLayers(dict.fromkeys(("lstm", "gru", "rnn"), EVERY))

REGISTRY: dict[str, Entry] = {
    "pytorch": Entry(
        "PyTorch",
        "eager loop",
        module="pytorch.training",
        device="pytorch.device",
        native=PYTORCH,
        packages=("torch",),
        code=("pytorch.training.PyTorchModel.train",),
    ),
    "keras": Entry(
        "Keras (TensorFlow)",
        "compiled epoch",
        module="keras.training",
        device="keras.device",
        native=KERAS,
        packages=("keras", "tensorflow"),
        environment={"KERAS_BACKEND": "tensorflow"},
        unneeded=("jax", "matplotlib", "sklearn"),
        code=("keras.engines.TensorFlow._loss_and_gradients", "keras.engines.TensorFlow._steps"),
    ),
    "flax": Entry(
        "Flax",
        "compiled epoch",
        module="flax.training",
        device="flax.device",
        native=FLAX,
        packages=("jax", "flax", "optax"),
        code=("flax.training.FlaxModel._step", "flax.training.FlaxModel._epoch"),
    ),
    "keras-jax": Entry(
        "Keras (JAX)",
        "compiled epoch",
        module="keras.training",
        device="flax.device",
        native=KERAS,
        packages=("keras", "jax"),
        environment={"KERAS_BACKEND": "jax"},
        unneeded=("matplotlib", "sklearn"),
        code=("keras.engines.Jax._steps",),
    ),
    "keras-torch": Entry(
        "Keras (PyTorch)",
        "eager loop",
        module="keras.training",
        device="pytorch.device",
        native=KERAS,
        packages=("keras", "torch"),
        environment={"KERAS_BACKEND": "torch"},
        unneeded=("jax", "matplotlib", "sklearn"),
        code=("keras.engines.Torch._loss_and_gradients", "keras.engines.Torch.train"),
    ),
    "reference": Entry(
        "NumPy",
        "eager loop",
        module="reference.training",
        device="reference.device",
        code=("reference.training.ReferenceModel.train",),
    ),
}
FIT = ("keras.fit.FitModel._model", "keras.fit.FitModel.train")


def _other_program(base: str, program: str, module: str, *code: str, step_losses: bool = True) -> Entry:
    """The entry of `base` with another training loop."""
    return replace(REGISTRY[base], program=program, module=module, base=base, code=code, step_losses=step_losses)


REGISTRY |= {
    "pytorch-compile": _other_program("pytorch", "compiled step", "pytorch.compiled", "pytorch.compiled.CompiledModel"),
    "pytorch-dataloader": _other_program(
        "pytorch", "DataLoader loop", "pytorch.dataloader", "pytorch.dataloader.DataLoaderModel.train"
    ),
    "keras-fit": _other_program("keras", "fit loop", "keras.fit", *FIT, step_losses=False),
    "keras-jax-fit": _other_program("keras-jax", "fit loop", "keras.fit", *FIT, step_losses=False),
    "keras-torch-fit": _other_program("keras-torch", "fit loop", "keras.fit", *FIT, step_losses=False),
    "flax-step": _other_program("flax", "compiled step", "flax.step", "flax.step.StepModel"),
    "flax-unroll": _other_program("flax", "unrolled epoch", "flax.unroll", "flax.unroll.UnrolledModel"),
}


# By the module that a user's program imports: the framework and the device module. The first that is imported counts.
FRAMEWORKS: Mapping[str, tuple[str, str]] = {
    "flax": ("Flax", "flax.device"),
    "backends.flax": ("Flax", "flax.device"),
    "jax": ("JAX", "flax.device"),
    "torch": ("PyTorch", "pytorch.device"),
    "backends.pytorch": ("PyTorch", "pytorch.device"),
    "tensorflow": ("TensorFlow", "keras.device"),
    "keras": ("Keras", "keras.device"),
    "backends.keras": ("Keras", "keras.device"),
    "numpy": ("NumPy", "reference.device"),
    "backends.reference": ("NumPy", "reference.device"),
    "": ("Python", "reference.device"),
}


AGAIN = "#2"  # after a backend's name: the same program as a second contestant, for a null test


def is_file(name: str) -> bool:
    """Whether a backend's name is the path of a user's program."""
    return name.endswith(".py")


def resolved(name: str, folder: str | Path = ".") -> str:
    """The name of a backend as runs record it: a path, such as that of a user's program, is absolute.

    folder: where a relative path starts.
    """
    is_path = is_file(name) or "/" in name
    return str((Path(folder) / Path(name).expanduser()).resolve()) if is_path else name


def texts(names: Iterable[str]) -> dict[str, str]:
    """The text of each user's program among these backends, by name."""
    return {name: user_program.read(name) for name in names if is_file(name)}


def entry(name: str, text: str | None = None) -> Entry:
    """What is known of a backend. A user's program is described without executing it.

    text: that of a user's program; None: read the file. Raises BackendError for an unknown name or a faulty file.
    """
    if name.endswith(AGAIN) and (repeats := name.removesuffix(AGAIN)) in REGISTRY:
        return replace(REGISTRY[repeats], program=f"second {REGISTRY[repeats].program}", repeats=repeats)
    if not is_file(name):
        if name in REGISTRY:
            return REGISTRY[name]
        if is_file(name.removesuffix(AGAIN)):
            raise BackendError(f"{name}: only backends of the registry can take part twice, as in pytorch{AGAIN}")
        if "/" in name or Path(name).exists():
            hint = user_program.near_file(name)
            raise BackendError(f"{name} is not a program: a program is a Python file whose name ends in .py{hint}")
        close = get_close_matches(name.lower(), REGISTRY, n=1)
        hint = f"did you mean '{close[0]}'? " if close else ""
        known = ", ".join(sorted(REGISTRY))
        raise BackendError(f"there is no backend '{name}'; {hint}known: {known}, or the path of a file, ./mine.py")
    facts = user_program.describe(name, user_program.read(name) if text is None else text)
    imported = [key for key in FRAMEWORKS if any(f"{module}.".startswith(f"{key}.") for module in facts.imports)]
    framework, device = FRAMEWORKS[next(iter(imported), "")]
    return Entry(
        framework,
        f"program {Path(name).name}",
        module="user_program",
        device=device,
        packages=tuple(key for key in imported if "." not in key),
        native=NativeLayers(dict.fromkeys(get_args(Cell), EVERY), dropout=True) if facts.is_backend else None,
        two_functions=not facts.is_backend,
    )


def entries(programs: Mapping[str, str], names: Iterable[str] = ()) -> dict[str, Entry]:
    """All backends of the registry, the second contestants among `names`, then these programs, texts by name.

    Files with the same name show their folders.
    """
    described = {name: entry(name, text) for name, text in programs.items()}
    shown = {name: _shortest(name, programs) for name in programs}
    second = {name: entry(name) for name in names if name.endswith(AGAIN)}
    files = {name: replace(facts, program=f"program {shown[name]}") for name, facts in described.items()}
    return REGISTRY | second | files


def _shortest(path: str, others: Iterable[str]) -> str:
    """The end of a path that no other path has."""
    parts = Path(path).parts
    ends = (str(Path(*parts[-length:])) for length in range(1, len(parts) + 1))
    return next(end for end in ends if sum(other.endswith(f"/{end}") for other in others) <= 1)


def excerpt(name: str) -> str:
    """The source text of a program: that of `Entry.code`, without indentation. Imports nothing."""
    return "\n\n".join(map(_source, entry(name).code))


def _source(dotted: str) -> str:
    """The text of a function or class, decorators included, by its place in the package: "flax.step.StepModel"."""
    path, names = Path(__file__).parent, dotted.split(".")
    while path.suffix != ".py":
        path = path / names.pop(0)
        path = path if path.is_dir() else path.with_suffix(".py")
    text = path.read_text(encoding="utf-8")
    node: Any = ast.parse(text)
    for name in names:
        node = next(inner for inner in ast.iter_child_nodes(node) if getattr(inner, "name", None) == name)
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return dedent("\n".join(text.splitlines()[first - 1 : node.end_lineno]))


def missing(name: str, text: str | None = None) -> tuple[str, ...]:
    """The packages that a backend needs and that are not installed. Imports nothing."""
    return tuple(package for package in entry(name, text).packages if util.find_spec(package) is None)


def load(name: str, *, dtype: Dtype, threads: int, tf32: bool = False, text: str | None = None) -> Backend:
    """Import a framework and configure it for one dtype and a number of threads. Call once a process.

    tf32: whether GPUs may round the factors of float32 products to TensorFloat-32, which has 10 bits of mantissa.
    text: that of a user's program, which is executed; None: read the file.

    Raises BackendError, with the command that installs them, if packages are missing, and if a user's program fails.
    """
    facts = entry(name, text)
    if lacking := missing(name, text):
        install = f"pip install -c constraints.txt {' '.join(lacking)}"
        raise BackendError(f"backend '{name}' needs {' and '.join(lacking)}; install it with: {install}")
    os.environ.update(facts.environment)
    with _hidden(facts.unneeded):
        _module(facts.device).configure(dtype=dtype, threads=threads, tf32=tf32)
        if is_file(name):
            text = user_program.read(name) if text is None else text
            return user_program.create(name, text, dtype=dtype, threads=threads)
        backend: Backend = _module(facts.module).create(name, dtype=dtype)
    return backend


@contextmanager
def _hidden(packages: tuple[str, ...]) -> Iterator[None]:
    """Let imports of these packages fail, as if they were not installed, unless they have been imported before."""
    hidden = [package for package in packages if package not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None makes `import` raise ImportError
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]


def device(name: str, text: str | None = None) -> Any:  # noqa: ANN401
    """The module with `configure`, `gemm(size, dtype)` and `peak_memory()` of a backend.

    text: that of a user's program; None: read the file.
    """
    return _module(entry(name, text).device)


def _module(name: str) -> Any:  # noqa: ANN401
    return import_module(f"backends.{name}")
