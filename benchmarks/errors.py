"""Mistakes of the user: one sentence saying what is wrong, where, and what would be right."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """The message is for the user as it stands; the command line prints it and ends with status 2."""


def one_of(names: Iterable[str], wrong: str) -> str:
    """The end of a sentence about a wrong name: the near match if there is one, and what is known."""
    known = sorted(names)
    close = get_close_matches(wrong.lower(), known, n=1, cutoff=0.5)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}known: {', '.join(known)}"
