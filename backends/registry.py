"""All that is known of a backend by its name. Importing this module imports no framework."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module, util
from typing import Any

from backends.contract import Backend, BackendError, Dtype


@dataclass(frozen=True)
class Entry:
    """A backend: a framework together with a program, which is how the framework trains a model.

    framework: for Keras, its engine follows in brackets.
    program: a noun that a sentence can use: "the eager loop in PyTorch takes twice as long".
    module, device: modules in the package `backends`; the first has `create`, the second `configure`, `gemm` and
        `peak_memory`.
    packages: the required packages, which have the same name on PyPI and when imported.
    native: whether the framework has layers and defaults of its own.
    environment: variables to set before the module is imported.
    unneeded: packages that the framework imports where it sees them, and that no backend of it needs. They are hidden
        from its import, which otherwise takes up to twice as long because other frameworks are installed beside it.
    base: the backend with the same layers, if this one differs from it in its program alone.
    step_losses: whether `train` returns the loss of each step, or only their mean.
    """

    framework: str
    program: str
    module: str
    device: str
    packages: tuple[str, ...] = ()
    native: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    unneeded: tuple[str, ...] = ()
    base: str = ""
    step_losses: bool = True

    @property
    def display_name(self) -> str:
        """The name in tables and messages: "PyTorch, eager loop"."""
        return f"{self.framework}, {self.program}"


REGISTRY: dict[str, Entry] = {
    "pytorch": Entry("PyTorch", "eager loop", module="pytorch.training", device="pytorch.device", packages=("torch",)),
    "keras": Entry(
        "Keras (TensorFlow)",
        "compiled epoch",
        module="keras.training",
        device="keras.device",
        packages=("keras", "tensorflow"),
        environment={"KERAS_BACKEND": "tensorflow"},
        unneeded=("jax", "matplotlib", "sklearn"),
    ),
    "flax": Entry(
        "Flax",
        "compiled epoch",
        module="flax.training",
        device="flax.device",
        packages=("jax", "flax", "optax"),
    ),
    "keras-jax": Entry(
        "Keras (JAX)",
        "compiled epoch",
        module="keras.training",
        device="flax.device",
        packages=("keras", "jax"),
        environment={"KERAS_BACKEND": "jax"},
        unneeded=("matplotlib", "sklearn"),
    ),
    "keras-torch": Entry(
        "Keras (PyTorch)",
        "eager loop",
        module="keras.training",
        device="pytorch.device",
        packages=("keras", "torch"),
        environment={"KERAS_BACKEND": "torch"},
        unneeded=("jax", "matplotlib", "sklearn"),
    ),
    "reference": Entry("NumPy", "eager loop", module="reference.training", device="reference.device", native=False),
    "pytorch-compile": Entry(
        "PyTorch",
        "compiled step",
        module="pytorch.compiled",
        device="pytorch.device",
        packages=("torch",),
        base="pytorch",
    ),
    "pytorch-dataloader": Entry(
        "PyTorch",
        "DataLoader loop",
        module="pytorch.dataloader",
        device="pytorch.device",
        packages=("torch",),
        base="pytorch",
    ),
    "keras-fit": Entry(
        "Keras (TensorFlow)",
        "fit loop",
        module="keras.fit",
        device="keras.device",
        packages=("keras", "tensorflow"),
        environment={"KERAS_BACKEND": "tensorflow"},
        unneeded=("jax", "matplotlib", "sklearn"),
        base="keras",
        step_losses=False,
    ),
    "keras-jax-fit": Entry(
        "Keras (JAX)",
        "fit loop",
        module="keras.fit",
        device="flax.device",
        packages=("keras", "jax"),
        environment={"KERAS_BACKEND": "jax"},
        unneeded=("matplotlib", "sklearn"),
        base="keras-jax",
        step_losses=False,
    ),
    "keras-torch-fit": Entry(
        "Keras (PyTorch)",
        "fit loop",
        module="keras.fit",
        device="pytorch.device",
        packages=("keras", "torch"),
        environment={"KERAS_BACKEND": "torch"},
        unneeded=("jax", "matplotlib", "sklearn"),
        base="keras-torch",
        step_losses=False,
    ),
    "flax-step": Entry(
        "Flax",
        "compiled step",
        module="flax.step",
        device="flax.device",
        packages=("jax", "flax", "optax"),
        base="flax",
    ),
    "flax-unroll": Entry(
        "Flax",
        "unrolled epoch",
        module="flax.unroll",
        device="flax.device",
        packages=("jax", "flax", "optax"),
        base="flax",
    ),
}


def missing(name: str) -> tuple[str, ...]:
    """The packages that a backend needs and that are not installed. Imports nothing."""
    return tuple(package for package in REGISTRY[name].packages if util.find_spec(package) is None)


def load(name: str, *, dtype: Dtype, threads: int, tf32: bool = False) -> Backend:
    """Import a framework and configure it for one dtype and a number of threads. Call once a process.

    tf32: whether GPUs may round the factors of float32 products to TensorFloat-32, which has 10 bits of mantissa.

    Raises BackendError, with the command that installs them, if packages are missing.
    """
    if lacking := missing(name):
        install = f"pip install -c constraints.txt {' '.join(lacking)}"
        raise BackendError(f"backend '{name}' needs {' and '.join(lacking)}, not installed here: {install}")
    os.environ.update(REGISTRY[name].environment)
    with _hidden(REGISTRY[name].unneeded):
        device(name).configure(dtype=dtype, threads=threads, tf32=tf32)
        backend: Backend = _module(REGISTRY[name].module).create(name, dtype=dtype)
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


def device(name: str) -> Any:  # noqa: ANN401
    """The module with `configure`, `gemm(size, dtype)` and `peak_memory()` of a backend."""
    return _module(REGISTRY[name].device)


def _module(name: str) -> Any:  # noqa: ANN401
    return import_module(f"backends.{name}")
