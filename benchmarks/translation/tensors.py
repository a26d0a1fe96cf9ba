"""Assigns the tensors of a PyTorch state dict or a Flax state to the layers of a description.

The tensors of a layer are a group: they share a prefix, and in PyTorch's stacked recurrent layers a number. A group has
roles, such as `weight_ih` or `backward.dense_h.kernel`. Which group belongs to which layer follows from the order of
numbered names and from the shapes; where this leaves a choice, the description must name the prefixes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from backends.layers import Layer, Shape
from backends.recurrent import Recurrent
from benchmarks.errors import UserError
from benchmarks.translation.description import (
    Array,
    Description,
    TrainedModel,
    check_finite,
    walk,
    with_last_step,
)

BACKWARD = "backward."


@dataclass
class Group:
    """The tensors of one layer by role, and the full names for messages. number: of a stacked layer, else 0."""

    prefix: str
    number: int
    tensors: dict[str, Array] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """A layer that needs tensors, and the shape of each role; biases are optional, but only all of them together."""

    position: int
    layer: Layer
    required: Mapping[str, Shape]
    optional: Mapping[str, Shape]
    joined: Callable[[str, int, str], str]


@dataclass(frozen=True)
class Dialect:
    """How a framework names and stores the tensors of a layer. In roles the backward direction is `backward.`.

    split: a full name to prefix, number and role; joined: back.
    shapes: the required and the optional roles of one direction, with their shapes, from the layer and the shapes of
        its canonical parameters.
    canonical: the canonical name of a role, without direction.
    fault: why the framework has no such layer, with a remedy, or None.
    transposed: whether the axes are in the opposite order.
    """

    split: Callable[[str], tuple[str, int, str]]
    joined: Callable[[str, int, str], str]
    shapes: Callable[[Layer, Mapping[str, Shape]], tuple[dict[str, Shape], dict[str, Shape]]]
    canonical: Callable[[Layer, str], str]
    fault: Callable[[Recurrent], str | None]
    transposed: bool


def read(
    arrays: Mapping[str, Array], dialect: Dialect, description: Description, path: Path, described: Path
) -> TrainedModel:
    """The model of the description at `described`, with the tensors from `path`. Raises UserError for a misfit."""
    check_finite(arrays, str(path))
    layers = with_last_step(description.layers(described), description, described)
    wanted = []
    for position, layer, shape in walk(layers, description.features, description.window):
        if isinstance(layer, Recurrent) and (fault := dialect.fault(layer)):
            raise UserError(f"{described}: layer {position}: {fault}")
        if layer.shapes(shape):
            wanted.append(_wanted(position, layer, shape, dialect))
    chosen = assign(wanted, groups(arrays, dialect), description.names, str(path))
    weights = {}
    for need, group in zip(wanted, chosen, strict=True):
        for role, value in group.tensors.items():
            direction = BACKWARD if role.startswith(BACKWARD) else ""
            name = dialect.canonical(need.layer, role.removeprefix(direction))
            weights[f"{need.position}.{direction}{name}"] = value.T if dialect.transposed else value
    model = TrainedModel(layers, description.features, description.window, weights, str(path))
    model.check()
    return model


def _wanted(position: int, layer: Layer, shape: Shape, dialect: Dialect) -> Wanted:
    required: dict[str, Shape] = {}
    optional: dict[str, Shape] = {}
    for direction in layer.directions if isinstance(layer, Recurrent) else ("",):
        for roles, sizes in zip((required, optional), dialect.shapes(layer, layer.shapes(shape)), strict=True):
            for role, size in sizes.items():
                roles[direction + role] = size[::-1] if dialect.transposed else size
    return Wanted(position, layer, required, optional, dialect.joined)


def groups(tensors: Mapping[str, Array], dialect: Dialect) -> list[Group]:
    """The groups in the order of the file."""
    result: dict[tuple[str, int], Group] = {}
    for name, value in tensors.items():
        prefix, number, role = dialect.split(name)
        group = result.setdefault((prefix, number), Group(prefix, number))
        group.tensors[role], group.names[role] = value, name
    return list(result.values())


def assign(wanted: Sequence[Wanted], given: list[Group], names: Sequence[str] | None, source: str) -> list[Group]:
    """The group of each layer. Raises UserError if a tensor does not fit, is missing or surplus, or asks for names."""
    if names is not None:
        given = _named(given, names, source)
    if len(given) == len(wanted):
        if names is not None:
            solutions = [given] if all(map(_fits, wanted, given)) else []
        else:
            solutions = list(islice(_solutions(wanted, given), 2))
        if len(solutions) == 1:
            return solutions[0]
        if solutions:
            prefixes = list(dict.fromkeys(group.prefix for group in given))
            raise UserError(
                f"{source}: more than one assignment of {', '.join(prefixes)} to the layers has fitting shapes; "
                f"write their order in the description, as in names = {prefixes}".replace("'", '"')
            )
    raise UserError(f"{source}: {_misfit(wanted, _ordered(given))}")


def _named(given: list[Group], names: Sequence[str], source: str) -> list[Group]:
    prefixes = {group.prefix for group in given}
    for name in names:
        if name not in prefixes:
            listed = ", ".join(f'"{prefix}"' for prefix in dict.fromkeys(group.prefix for group in _ordered(given)))
            raise UserError(
                f"{source} has no tensors with the prefix {name!r}; its prefixes are {listed}; write them in names, in "
                "the order of the layers"
            )
    for prefix in prefixes - set(names):
        raise UserError(f"{source}: names lacks {prefix!r}, which has tensors; add it, or remove them from the file")
    return [group for name in names for group in _ordered([entry for entry in given if entry.prefix == name])]


def _key(group: Group) -> tuple[list[tuple[int, int, str]], int]:
    """Sorts numbers in a prefix by value, as in 2.weight and 10.weight."""
    parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in group.prefix.split(".")]
    return parts, group.number


def _ordered(given: Sequence[Group]) -> list[Group]:
    """Numbered groups in the order of their numbers, all others in that of the file."""
    return (
        sorted(given, key=_key)
        if all(_precedes(a, b) or _precedes(b, a) for a in given for b in given)
        else list(given)
    )


def _precedes(first: Group, second: Group) -> bool:
    """Whether the names alone say that the first group is applied before the second."""
    if first is second:
        return True
    if first.prefix == second.prefix:
        return first.number < second.number
    a, b = first.prefix.rpartition("."), second.prefix.rpartition(".")
    return a[0] == b[0] and a[2].isdigit() and b[2].isdigit() and int(a[2]) < int(b[2])


def _solutions(wanted: Sequence[Wanted], given: Sequence[Group]) -> Iterator[list[Group]]:
    """Every assignment in which shapes fit and numbered groups keep their order."""
    if not wanted:
        yield []
        return
    for group in given:
        rest = [other for other in given if other is not group]
        if _fits(wanted[0], group) and not any(_precedes(other, group) for other in rest):
            yield from ([group, *others] for others in _solutions(wanted[1:], rest))


def _fits(wanted: Wanted, group: Group) -> bool:
    return _fault(wanted, group) is None


def _fault(wanted: Wanted, group: Group) -> str | None:
    """A clause on the first tensor of the group that does not fit the layer, or None."""
    where = f"layer {wanted.position} of the description ({wanted.layer})"
    both = {**wanted.required, **(wanted.optional if wanted.optional.keys() & group.tensors.keys() else {})}
    for role, shape in both.items():
        if role not in group.tensors:
            name = wanted.joined(group.prefix, group.number, role)
            return f"the tensor {name} is missing; expected {shape} for {where}"
    for role, value in group.tensors.items():
        expected = wanted.required.get(role, wanted.optional.get(role))
        if expected is None:
            return f"the tensor {group.names[role]} {value.shape} is surplus in {where}"
        if value.shape != expected:
            return f"the tensor {group.names[role]} has the shape {value.shape}; expected {expected} for {where}"
    return None


def _misfit(wanted: Sequence[Wanted], given: Sequence[Group]) -> str:
    for need, group in zip(wanted, given, strict=False):
        if fault := _fault(need, group):
            return fault
    if len(given) > len(wanted):
        group = given[len(wanted)]
        role, value = next(iter(group.tensors.items()))
        count = f"the description has {len(wanted)} layers with tensors"
        return f"the tensor {group.names[role]} {value.shape} is surplus; {count}"
    if len(given) < len(wanted):
        need = wanted[len(given)]
        role, shape = next(iter(need.required.items()))
        return (
            f"no tensors are left for layer {need.position} of the description ({need.layer}); expected {role} {shape}"
        )
    return 'no order of its tensors fits the layers of the description; write it there, as in names = ["rnn", "head"]'
