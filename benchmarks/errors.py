"""The error for mistakes of the user, and what messages show: hints for names, values as in TOML, exceptions."""

import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches


class UserError(ValueError):
    """A mistake of the user. The command line prints the message and ends with status 2.

    The message is one sentence: what is wrong, where (file, table, option), and what to write.
    """


class SettingError(UserError):
    """A mistake in the value of a setting.

    setting: the dotted name, "training." if several settings of a table contradict each other; reason: the message
    without the place and the value.
    """

    def __init__(self, message: str, setting: str, reason: str) -> None:
        super().__init__(message)
        self.setting, self.reason = setting, reason

    def blamed(self, options: Mapping[str, str]) -> UserError:
        """The error that names the option which gave the value, or this error if the value is from the file.

        options: as typed, by the dotted name of the setting that each changes.
        """
        option = options.get(self.setting)
        if self.setting.endswith("."):  # settings of a table that contradict each other: a typed one that is named
            named = (name for name in options if name.startswith(self.setting))
            words = re.findall(r"\w+", self.reason)
            option = next((options[name] for name in named if name.removeprefix(self.setting) in words), None)
        return UserError(f"{option}: {self.reason}") if option else self


def error_line(mistake: Exception, where: str = "") -> str:
    """What a command prints of a mistake. Without a full stop, so that a command at its end can be copied."""
    text = re.sub(r"(?<=[^\s.])\.$", "", str(mistake))  # not the dot of a command that ends in `--results .`
    return f"error: {where}{': ' if where else ''}{text}"


def error_clause(error: BaseException) -> str:
    """Return the type of an exception and the first line of its message, at most 300 characters."""
    first_line = (str(error).strip().splitlines() or ["no message"])[0]
    return f"{type(error).__name__}: {first_line[:300]}"


def name_hint(names: Iterable[str], wrong: str) -> str:
    """The end of a sentence about a wrong name: "did you mean 'co2'? known: architectures, cet, ..."."""
    known = sorted(names)
    close = get_close_matches(wrong.lower(), known, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}known: {('; ' if any(', ' in name for name in known) else ', ').join(known)}"


def as_toml(value: object) -> str:
    """A value as in a TOML file. A value that TOML does not have, such as None, is written as in JSON."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{name} = {as_toml(entry)}' for name, entry in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml, value))}]"
    return repr(value) if isinstance(value, float) else json.dumps(value, default=str, ensure_ascii=False)
