"""The command line: `python -m benchmarks COMMAND`.

Exit status 0 where all went well, 1 where a trial or a check failed, 2 for the user's mistakes, 130 when interrupted.
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from backends.contract import BackendError
from backends.layers import ModelError
from benchmarks.commands import all as everything
from benchmarks.commands import certify, compare, data, export, published, report, reproduce, resume, run, transfer
from benchmarks.commands import list as listing
from benchmarks.errors import UserError, one_of
from datasets import DataError
from reports.records.store import RecordError

COMMANDS = (listing, run, resume, certify, report, export, reproduce, compare, transfer, published, everything, data)


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, with the near match for a misspelt command."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")


def parser() -> Parser:
    top = Parser(prog="python -m benchmarks", description=__doc__.splitlines()[0], allow_abbrev=False)
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(subparsers)
    for name, subparser in subparsers.choices.items():
        subparser.set_defaults(options=[o for o in subparser._option_string_actions if o != "-h"] or [name])
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        parsed = _parse(words)
        status: int = parsed.execute(parsed)
    except (UserError, DataError, BackendError, ModelError, RecordError) as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        sys.stderr.close()
        return 0
    except OSError as problem:  # a full disk, say, where no more is known about it
        print(f"error: {problem.filename or 'the system'}: {problem.strerror or problem}", file=sys.stderr)
        return 2
    return status


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Ctrl-C, `kill` and a closed terminal end a run alike, and a second one does not disturb the first."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def _parse(words: list[str]) -> argparse.Namespace:
    """The words understood, or the near match for a misspelt command or option."""
    top = parser()
    names = [command.NAME for command in COMMANDS]
    if words and not words[0].startswith("-") and words[0] not in names:
        raise UserError(f"there is no command '{words[0]}'; {one_of(names, words[0])}")
    parsed, strange = top.parse_known_args(words, argparse.Namespace(words=words))
    if strange:
        raise UserError(f"{words[0]} has no use for '{strange[0]}'; {one_of(parsed.options, strange[0])}")
    return parsed


if __name__ == "__main__":
    sys.exit(main())
