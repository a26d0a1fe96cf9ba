"""The settings of a backend's process, read from the framework in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOADED = "import backends; backends.load({name!r}, dtype='float32', threads={threads}, tf32={tf32})\n"


def printed(name, code, *, threads=1, tf32=(False,)):
    """What the code prints after the backend is loaded with each setting of `tf32` in turn."""
    code = "".join(LOADED.format(name=name, threads=threads, tf32=setting) + f"{code}\n" for setting in tf32)
    command = [sys.executable, "-W", "error::UserWarning", "-c", code]  # PyTorch warns of settings that it will remove
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


TF32 = {
    "pytorch": "import torch; print(torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32)",
    "flax": "import jax; x = jax.numpy.ones((2, 2)); print(jax.jit(jax.numpy.matmul).lower(x, x).as_text())",
    "keras": "import tensorflow as tf; print(tf.config.experimental.tensor_float_32_execution_enabled())",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "without", "allowed"),
    [
        ("pytorch", "highest False", "high True"),
        ("flax", "precision = [HIGHEST, HIGHEST]", "precision = [HIGH, HIGH]"),
        ("keras", "False", "True"),
    ],
)
def test_tf32_is_set_in_the_framework(name, without, allowed):
    """The defaults differ: PyTorch's cuDNN and TensorFlow use TF32. JAX writes the precision into each program."""
    first, second = printed(name, f"{TF32[name]}; print('next')", tf32=(False, True)).split("next")[:2]
    assert (without in first, allowed in first) == (True, False)
    assert (without in second, allowed in second) == (False, True)


def test_every_thread_of_pytorch_computes_without_denormal_numbers():
    """The setting is one of a thread, and only threads that start after it inherit it."""
    code = "import torch; print(torch.count_nonzero(torch.full((4_000_000,), 2.0**-100) * 2.0**-40).item())"
    assert printed("pytorch", code, threads=2) == "0"
