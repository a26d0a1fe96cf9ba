"""All that is known of a backend by its name. Importing this module imports no framework."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module, util
from typing import Any, cast

from backends.contract import Backend, BackendError, Device, Dtype


@dataclass(frozen=True)
class Entry:
    """A backend: a framework together with a program, which is how the framework trains a model.

    display_name: the backend's name in tables and messages.
    module, device: modules in the package `backends`; the first has `create`, the second `gemm` and `peak_memory`.
    packages: import names of the required packages, each with its name on PyPI.
    native: whether the framework has layers and defaults of its own.
    environment: variables to set before the module is imported.
    """

    display_name: str
    framework: str
    program: str
    module: str
    device: str
    packages: Mapping[str, str]
    native: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)


REGISTRY: dict[str, Entry] = {
    "pytorch": Entry(
        "PyTorch",
        framework="PyTorch",
        program="eager loop",
        module="pytorch.training",
        device="pytorch.device",
        packages={"torch": "torch"},
    ),
    "keras": Entry(
        "Keras (TensorFlow)",
        framework="Keras",
        program="compiled epoch",
        module="keras.training",
        device="keras.device",
        packages={"keras": "keras", "tensorflow": "tensorflow"},
        environment={"KERAS_BACKEND": "tensorflow"},
    ),
    "flax": Entry(
        "Flax",
        framework="Flax",
        program="compiled epoch",
        module="flax.training",
        device="flax.device",
        packages={"jax": "jax", "flax": "flax", "optax": "optax"},
    ),
    "keras-jax": Entry(
        "Keras (JAX)",
        framework="Keras",
        program="compiled epoch",
        module="keras.training",
        device="flax.device",
        packages={"keras": "keras", "jax": "jax"},
        environment={"KERAS_BACKEND": "jax"},
    ),
    "keras-torch": Entry(
        "Keras (PyTorch)",
        framework="Keras",
        program="eager loop",
        module="keras.training",
        device="pytorch.device",
        packages={"keras": "keras", "torch": "torch"},
        environment={"KERAS_BACKEND": "torch"},
    ),
    "reference": Entry(
        "NumPy reference",
        framework="NumPy",
        program="eager loop",
        module="reference.training",
        device="reference.device",
        packages={},
        native=False,
    ),
}


def missing(name: str) -> tuple[str, ...]:
    """The packages that a backend needs and that are not installed, under their names on PyPI. Imports nothing."""
    return tuple(pypi for module, pypi in REGISTRY[name].packages.items() if util.find_spec(module) is None)


def load(name: str, *, dtype: Dtype, threads: int) -> Backend:
    """Import a framework and configure it for one dtype and a number of threads. Call once a process.

    Raises BackendError, with the command that installs them, if packages are missing.
    """
    if lacking := missing(name):
        install = f"pip install -c constraints.txt {' '.join(lacking)}"
        raise BackendError(f"backend '{name}' needs {' and '.join(lacking)}, not installed here: {install}")
    os.environ.update(REGISTRY[name].environment)
    backend: Backend = _module(REGISTRY[name].module).create(name, dtype=dtype, threads=threads)
    return backend


def device(name: str) -> Device:
    """The device functions of a backend that has been loaded in this process."""
    return cast(Device, _module(REGISTRY[name].device))


def _module(name: str) -> Any:  # noqa: ANN401
    return import_module(f"backends.{name}")
