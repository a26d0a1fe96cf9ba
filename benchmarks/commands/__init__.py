"""The command line, about one module a command: its name, `add(subparsers)`, and the function that executes it.

`options` holds what several commands share on the way in, `session` how a run is executed, `output` what is printed.
"""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = argparse._SubParsersAction
