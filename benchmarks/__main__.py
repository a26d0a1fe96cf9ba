"""The command line: `python -m benchmarks COMMAND`.

Exit status: 0 for success, 1 if a trial or a check failed, 2 for a mistake of the user, 130 after an interrupt.
"""

import argparse
import re
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from backends.contract import BackendError
from backends.layers import ModelError
from benchmarks.commands import all as all_
from benchmarks.commands import certify, compare, data, export, forecast, report, reproduce, resume, run, transfer
from benchmarks.commands import list as list_
from benchmarks.commands import options as typed_options
from benchmarks.commands.output import command_line
from benchmarks.definition.settings import SETTINGS
from benchmarks.differences import command as differences
from benchmarks.errors import UserError, error_line, name_hint
from benchmarks.translation import command as translate
from datasets import DataError
from reports.records.store import RecordError

MODULES = (
    *(list_, run, resume, certify, report, forecast, export, reproduce, compare, transfer),
    *(translate, differences, all_, data),
)
COMMANDS = {module.NAME: module.add for module in MODULES} | {report.PUBLISHED: report.add_published}


class _Store(argparse._StoreAction):
    """Stores the value of an option. Of two, the second one counts, and a note says so, as for settings."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        if option is not None and (first := getattr(namespace, self.dest)) is not self.default:
            print(f"note: {option} is given twice, as {first} and as {values}; the second one counts", file=sys.stderr)
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """Raises UserError with one sentence instead of printing the usage."""

    def __init__(self, *arguments: object, **settings: object) -> None:
        super().__init__(*arguments, **settings)  # type: ignore[arg-type]
        self.register("action", None, _Store)

    def error(self, message: str) -> NoReturn:
        if wrong := re.match(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", message):
            names = wrong[3].replace("'", "").split(", ")
            raise UserError(
                f"{self.prog.split()[-1]} has no {wrong[1].lower()} '{wrong[2]}'; {name_hint(names, wrong[2])}"
            )
        message = re.sub(r"^one of the arguments (\S+) (\S+) is required$", r"\1 or \2 is missing", message)
        required = message.removeprefix("the following arguments are required: ")
        problem = message.removeprefix("argument ") if required == message else f"{required} is missing"
        problem = problem.replace(": expected one argument", " needs a value")
        raise UserError(f"{problem}; see {self.prog} --help")


def parser() -> Parser:
    top = Parser(
        prog=command_line(),
        usage=f"{command_line()} COMMAND ...",
        description="Train recurrent forecasters in several frameworks, and compare those that are proven equal.",
        epilog=f"example: {command_line('run', 'co2', '--quick')}",
        allow_abbrev=False,
    )
    subparsers = top.add_subparsers(prog=command_line(), title="commands", metavar="COMMAND ...", required=True)
    for add in COMMANDS.values():
        add(subparsers)
    _finish(top)
    return top


def _finish(parser: argparse.ArgumentParser) -> None:
    """Give each subparser a short usage line, and the options or verbs that it knows, for messages about others."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, subparser in action.choices.items():
                options = [option for option in subparser._option_string_actions if option not in ("-h", "--help")]
                subparser.set_defaults(known=options or [name])
                needed = [entry for entry in subparser._actions if entry.required or not entry.option_strings]
                words = [" ".join([*entry.option_strings, str(entry.metavar)]) for entry in needed]
                words = [word if entry.required else f"[{word}]" for word, entry in zip(words, needed, strict=True)]
                subparser.usage = " ".join([subparser.prog, *words, "[options]"])
                _finish(subparser)


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        parsed = parse(words)
        for sentence in typed_options.replaced(parsed):
            print(f"note: {sentence}", file=sys.stderr)
        status: int = parsed.execute(parsed)
    except (UserError, DataError, BackendError, ModelError, RecordError) as mistake:
        print(error_line(mistake), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the program that reads the output, such as `head`, has closed it
        sys.stderr.close()
        return 0
    except OSError as problem:  # such as a full disk
        print(f"error: {problem.filename or 'the system'}: {problem.strerror or problem}", file=sys.stderr)
        return 2
    return status


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Ctrl-C, `kill` and a closed terminal end a run in the same way. Further signals do not disturb the clean-up."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def parse(words: list[str]) -> argparse.Namespace:
    """The parsed arguments. Raises UserError with the nearest name for a misspelt command or option."""
    names = list(COMMANDS)
    if not words:
        raise UserError(f"name a command: {', '.join(names)}; or see {command_line()} --help")
    if not words[0].startswith("-") and words[0] not in names:
        raise UserError(f"there is no command '{words[0]}'; {name_hint(names, words[0])}")
    parsed, unknown = parser().parse_known_args(words, argparse.Namespace(words=words))
    if unknown:
        setting = unknown[0].partition("=")[0].removeprefix("--").replace("-", "_")
        table = next((name for name, kind in SETTINGS.items() if setting in kind.model_fields), None)
        if table and ("--only" in parsed.known or (table == "data" and "--set" in parsed.known)):
            raise UserError(f"{words[0]} does not accept '{unknown[0]}'; write --set {table}.{setting}=VALUE")
        raise UserError(f"{words[0]} does not accept '{unknown[0]}'; {name_hint(parsed.known, unknown[0])}")
    return parsed


if __name__ == "__main__":
    sys.exit(main())
