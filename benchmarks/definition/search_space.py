"""What a search searches: the grid's axes, and the case that each combination of their values is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from benchmarks.definition import axes as grid
from benchmarks.definition import variants
from benchmarks.definition.settings import Header, SearchSettings
from benchmarks.definition.settings.checked import checked
from benchmarks.errors import UserError

SEARCH = "search"  # a table that few benchmarks have

# Along these the validation loss itself would mean something else.
INCOMPARABLE = {"window.horizon", "window.rollout", "window.stride", "window.min_history", "training.loss"}


@dataclass(frozen=True)
class Space:
    """The axes, by dotted name, with the number of values on each, and the cases in the grid's order."""

    axes: dict[str, int]
    labels: tuple[str, ...]

    def label(self, places: Sequence[int]) -> str:
        """The case at these places on the axes: the last axis runs fastest."""
        index = 0
        for place, size in zip(places, self.axes.values(), strict=True):
            index = index * size + place
        return self.labels[index]

    def places(self, label: str) -> tuple[int, ...]:
        """Where a case lies on the axes."""
        index, found = self.labels.index(label), []
        for size in reversed(self.axes.values()):
            index, place = divmod(index, size)
            found.append(place)
        return tuple(reversed(found))


def space(definition: Mapping[str, Any], tables: Sequence[str], labels: Sequence[str]) -> Space:
    """Of a definition that `settings` has found fit."""
    found = {name: definition[name] for name in tables}
    axes = {f"{table}.{setting}": len(found[table][setting]) for table, setting in grid.axes(found)}
    assert prod(axes.values()) == len(labels)
    return Space(axes, tuple(labels))


def settings(path: Path, definition: Mapping[str, Any], tables: Sequence[str], header: Header) -> SearchSettings | None:
    """A definition's [search]; None where it has none. Raises UserError, with the path, for what makes no sense."""
    if SEARCH not in definition:
        return None
    search = checked(SearchSettings, definition[SEARCH], f"{path}: [{SEARCH}]")
    if variants.NAME in definition:
        raise UserError(f"{path}: [search] searches one question, and [[variant]] asks several; keep one")
    _require(path, definition, tables, header, search)
    return search


def _require(
    path: Path, definition: Mapping[str, Any], tables: Sequence[str], header: Header, search: SearchSettings
) -> None:
    """There must be something to choose from, and the scores must be comparable."""
    found = {name: definition[name] for name in tables}
    if isinstance(found["model"], list):
        raise UserError(f"{path}: [search] searches along the axes of one [model], and there are several; keep one")
    axes = [f"{table}.{setting}" for table, setting in grid.axes(found)]
    if not axes:
        raise UserError(
            f"{path}: [search] has nothing to choose from; write a setting of [model] or [training] as a list, as in "
            "learning_rate = [0.001, 0.0001]"
        )
    for axis in axes:
        if axis in INCOMPARABLE or axis.startswith("data."):
            raise UserError(f"{path}: [search]: validation losses cannot be compared along {axis}; give it one value")
    for name in ("backends", "modes"):
        values = getattr(header, name)
        if len(values) > 1:
            raise UserError(f"{path}: [search] trains one of {name}, and there are {', '.join(values)}; keep one")
    most = prod(len(found[table][setting]) for table, setting in grid.axes(found))
    if search.trials is not None and search.trials > most:
        raise UserError(
            f"{path}: [search] trials = {search.trials}, but there are {most} configurations; write at most {most}"
        )
