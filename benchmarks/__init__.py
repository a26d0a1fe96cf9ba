"""Benchmarks: definitions (the TOML files), the commands, the runner and the worker that trains and times a model.

Imports point one way: `definition`, `worker`, `runner`, `commands`; each may import those before it. `errors` has the
error for mistakes of the user. This package may import `backends`, `datasets` and `reports`.
"""

import sys
from importlib.util import find_spec

if missing := [name for name in ("numpy", "pydantic", "rich") if find_spec(name) is None]:
    sys.stderr.write(
        f"error: {', '.join(missing)} is not installed in this Python, {sys.executable}; type `make install`, then "
        "`.venv/bin/python -m benchmarks` instead of `python -m benchmarks`\n"
    )
    sys.exit(2)
