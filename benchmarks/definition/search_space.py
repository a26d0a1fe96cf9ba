"""The search space of a search: the axes of the definition, and the case at each combination of their values."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from benchmarks.definition.axes import ORIGIN, VARIANT, axes, case_tables
from benchmarks.definition.settings import Header, SearchSettings
from benchmarks.definition.validation import validated
from benchmarks.errors import UserError

SEARCH = "search"  # name of the table

# Settings that change the meaning of the validation loss, so that losses cannot be compared along these axes.
INCOMPARABLE = {"window.horizon", "window.rollout", "window.stride", "window.min_history", "training.loss"}


@dataclass(frozen=True)
class SearchSpace:
    """The number of values of each axis, by dotted name, and the configurations in the order of the grid."""

    axes: dict[str, int]
    labels: tuple[str, ...]

    def label(self, places: Sequence[int]) -> str:
        """The case at these indices on the axes; the index on the last axis varies fastest."""
        index = 0
        for place, size in zip(places, self.axes.values(), strict=True):
            index = index * size + place
        return self.labels[index]

    def places(self, label: str) -> tuple[int, ...]:
        """The indices of a case on the axes."""
        index, places = self.labels.index(label), []
        for size in reversed(self.axes.values()):
            index, place = divmod(index, size)
            places.append(place)
        return tuple(reversed(places))


def search_space(definition: dict[str, Any], labels: Sequence[str]) -> SearchSpace:
    """The search space of a definition that `search_settings` has validated."""
    sizes = _sizes(definition)
    assert prod(sizes.values()) == len(labels)
    return SearchSpace(sizes, tuple(labels))


def search_settings(path: Path, definition: dict[str, Any], header: Header) -> SearchSettings | None:
    """The table [search]; None if there is none. Raises UserError, with the path, if the search is not possible."""
    if SEARCH not in definition:
        return None
    search = validated(SearchSettings, definition[SEARCH], f"{path}: [{SEARCH}]", table=SEARCH)
    if header.repeat_until is not None:
        raise UserError(f"{path}: repeat_until adds rounds for speed ratios, which a search has not; leave it out")
    if VARIANT in definition:
        raise UserError(f"{path}: [search] cannot be used together with [[variant]]; remove one of them")
    if isinstance(definition["model"], list):
        raise UserError(f"{path}: [search] searches the axes of one [model], but there are several; keep one")
    sizes = _sizes(definition)
    if not sizes:
        raise UserError(
            f"{path}: [search] has no axis to search; write a setting of [model] or [training] as a list, as in "
            "learning_rate = [0.001, 0.0001]"
        )
    for axis in sizes:
        if axis in INCOMPARABLE or axis.startswith("data."):
            raise UserError(f"{path}: [search]: validation losses cannot be compared along {axis}; give it one value")
    for name in ("backends", "modes"):
        values = getattr(header, name)
        if len(values) > 1:
            raise UserError(
                f"{path}: [search] needs a single value of {name}, but there are {', '.join(values)}; keep one"
            )
    most = prod(sizes.values())
    if search.trials is not None and search.trials > most:
        raise UserError(
            f"{path}: [search] trials = {search.trials}, but there are {most} configurations; write at most {most}"
        )
    return search


def _sizes(definition: dict[str, Any]) -> dict[str, int]:
    """The number of values of each axis, by dotted name. Origins are repetitions, like seeds."""
    tables = case_tables(definition)
    places = [place for place in axes(tables) if place != ORIGIN]
    return {f"{table}.{setting}": len(tables[table][setting]) for table, setting in places}
