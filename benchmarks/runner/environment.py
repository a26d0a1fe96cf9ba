"""The machine and its software, and the environment variables of workers."""

import hashlib
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from backends import REGISTRY
from benchmarks.runner.machine import memory_bytes, shared_cores
from reports.records import Environment

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("tensorflow-cpu", "jaxlib", "numpy", "pandas")  # whose versions are recorded besides those of backends
PRIVATE = (
    *("KERAS_BACKEND", "JAX_ENABLE_X64", "JAX_PLATFORMS", "XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS"),
    *("NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "JAX_DEFAULT_MATMUL_PRECISION"),
)
PUBLIC = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "TF_", "XLA_", "JAX_", "TORCH_", "PYTORCH_", "MALLOC_")
SKLEARN = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK")  # scikit-learn sets these when it is imported, not the user
TERRAFORM = ("TF_CLI_", "TF_VAR_", "TF_DATA_DIR")  # variables of another program that begin like TensorFlow's


def _is_public(name: str) -> bool:
    """Whether the user's value of a variable reaches the workers and the records."""
    return name.startswith(PUBLIC) and name not in (*PRIVATE, *SKLEARN) and not name.startswith(TERRAFORM)


def worker_variables(threads: int) -> dict[str, str]:
    """Return the variables of every worker: the number of threads for each library, and no private settings.

    Variables that the user has set for a framework or its threads are passed on and recorded, because they affect
    times: a wait policy of OpenMP can make PyTorch several times slower.
    """
    pools = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "NPROC")
    return {
        **{name: value for name, value in os.environ.items() if _is_public(name)},
        **{name: str(threads) for name in pools},
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(ROOT),
        "KERAS_HOME": os.devnull,  # the user's keras.json could change floatx or epsilon
    }


def worker_environment(variables: dict[str, str]) -> dict[str, str]:
    """Return this process's environment without the private settings, updated with `variables`."""
    return {name: value for name, value in os.environ.items() if name not in PRIVATE} | variables


def describe(cores: tuple[int, ...], variables: dict[str, str]) -> Environment:
    """Describe this machine and its software, for trials on these cores with these variables."""
    return Environment(
        machine=platform.node(),
        processor=_processor(),
        cores=cores,
        memory_bytes=memory_bytes(),
        shared_cores=shared_cores(cores),
        gpu=_output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"),
        system=platform.platform(),
        python=platform.python_version(),
        packages=_versions(),
        variables={name: value for name, value in variables.items() if name != "PYTHONPATH"},
        commit=_commit(),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return _output("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    versions = {}
    required = {package for entry in REGISTRY.values() for package in entry.packages}
    for package in sorted(required | {*PACKAGES}):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _commit() -> str | None:
    commit = _output("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD")
    changed = _output("git", "-C", str(ROOT), "diff", "HEAD", "--", "backends", "benchmarks", "datasets")
    if not commit or not changed:
        return commit
    return f"{commit}, with uncommitted changes {hashlib.sha256(changed.encode()).hexdigest()[:8]}"


def _output(*command: str) -> str | None:
    """Return what a program prints; None if the program is missing, fails or prints nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def python() -> str:
    """Return the interpreter's path as a user of this checkout types it."""
    return ".venv/bin/python" if Path(sys.prefix) == ROOT / ".venv" else "python"
