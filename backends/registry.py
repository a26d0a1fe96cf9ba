"""The frameworks, by name. Importing this module imports none of them."""

from dataclasses import dataclass
from importlib import import_module, util

from backends.contract import Backend, BackendError, Dtype


@dataclass(frozen=True)
class Entry:
    """Where a backend lives and what must be installed for it."""

    module: str
    framework: str  # as it is called in a report
    imports: tuple[str, ...]
    packages: tuple[str, ...]  # as pip knows them
    native: bool = True  # whether it has layers and defaults of its own


REGISTRY: dict[str, Entry] = {
    "pytorch": Entry("pytorch.network", "PyTorch", ("torch",), ("torch",)),
    "keras": Entry("keras.network", "Keras (TensorFlow)", ("keras", "tensorflow"), ("keras", "tensorflow")),
    "flax": Entry("flax.network", "Flax", ("jax", "flax", "optax"), ("jax", "flax", "optax")),
    "keras-jax": Entry("keras.network", "Keras (JAX)", ("keras", "jax"), ("keras", "jax")),
    "keras-torch": Entry("keras.network", "Keras (PyTorch)", ("keras", "torch"), ("keras", "torch")),
    "reference": Entry("reference.network", "NumPy oracle", (), (), native=False),
}


def missing(name: str) -> tuple[str, ...]:
    """The packages that a backend needs and this Python lacks, as pip names them. Imports nothing."""
    entry = REGISTRY[name]
    pairs = zip(entry.imports, entry.packages, strict=True)
    return tuple(package for module, package in pairs if util.find_spec(module) is None)


def load(name: str, *, dtype: Dtype, threads: int) -> Backend:
    """Import a framework and configure it, for one dtype and so many threads; once a process.

    A `BackendError` says which package is missing and how to install it.
    """
    if lacking := missing(name):
        install = f"pip install -c constraints.txt {' '.join(lacking)}"
        raise BackendError(f"backend '{name}' needs {' and '.join(lacking)}, not installed here: {install}")
    backend: Backend = import_module(f"backends.{REGISTRY[name].module}").create(name, dtype=dtype, threads=threads)
    return backend
