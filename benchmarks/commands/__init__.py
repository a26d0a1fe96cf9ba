"""The command line, one module a command: `NAME`, `add(subparsers)`, and the function that executes the command.

`options` holds what several commands share on the way in, `session` how a run is executed, `output` what is printed.
"""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = argparse._SubParsersAction
