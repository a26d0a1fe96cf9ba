"""The machine and the software as found, and the conditions that every worker gets."""

import ctypes
import hashlib
import os
import platform
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import psutil

from reports.records import Environment

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("torch", "tensorflow", "tensorflow-cpu", "keras", "jax", "jaxlib", "flax", "optax", "numpy", "pandas")
PR_SET_PDEATHSIG = 1  # of linux/prctl.h
PRIVATE = ("KERAS_BACKEND", "JAX_ENABLE_X64", "JAX_PLATFORMS", "XLA_FLAGS", "TF_XLA_FLAGS", "TF_ENABLE_ONEDNN_OPTS")
TELLING = ("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "TF_", "XLA_", "JAX_", "TORCH_", "PYTORCH_", "MALLOC_")
TERRAFORM = ("TF_CLI_", "TF_VAR_", "TF_DATA_DIR")  # another program's, which begin like TensorFlow's


def _telling(name: str) -> bool:
    return name.startswith(TELLING) and name not in PRIVATE and not name.startswith(TERRAFORM)


def available_cores() -> tuple[int, ...]:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def pin(cores: tuple[int, ...]) -> None:
    """Keep this process on these cores, where the system can (Linux)."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def die_with_parent(parent: int) -> None:
    """Let the system end this process when its parent dies, however that happens (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we could ask
        sys.exit("the process that started this one has ended")


def worker_variables(threads: int) -> dict[str, str]:
    """What every worker gets: the same number of threads whoever asks for it, and no private settings.

    What the user has set besides for a framework or its threads goes along and so into the records: a wait policy of
    OpenMP can make PyTorch several times slower.
    """
    pools = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "NPROC")
    return {
        **{name: value for name, value in os.environ.items() if _telling(name)},
        **{name: str(threads) for name in pools},
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(ROOT),
        "KERAS_HOME": os.devnull,  # a private keras.json could change floatx or epsilon
    }


def worker_environment(variables: dict[str, str]) -> dict[str, str]:
    """This process' environment, less what would make a worker differ from the others, plus `variables`."""
    return {name: value for name, value in os.environ.items() if name not in PRIVATE} | variables


def describe(cores: tuple[int, ...], variables: dict[str, str]) -> Environment:
    return Environment(
        machine=platform.node(),
        processor=_processor(),
        cores=cores,
        memory_bytes=psutil.virtual_memory().total,
        gpu=_gpu(),
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
        return _answer("sysctl", "-n", "machdep.cpu.brand_string") or platform.processor() or platform.machine()


def _gpu() -> str | None:
    return _answer("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    commit = _answer("git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD")
    changed = _answer("git", "-C", str(ROOT), "diff", "HEAD", "--", "backends", "benchmarks", "datasets")
    if not commit or not changed:
        return commit
    return f"{commit}, with uncommitted changes {hashlib.sha256(changed.encode()).hexdigest()[:8]}"


def _answer(*command: str) -> str | None:
    """What a program prints, or None where it is missing, fails or says nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def python() -> str:
    """The interpreter as a user of the checkout would type it."""
    return ".venv/bin/python" if Path(sys.prefix) == ROOT / ".venv" else "python"
