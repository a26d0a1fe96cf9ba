"""Differences between the definitions of two runs."""

from collections.abc import Iterator, Mapping

TEXTS = ("title", "description", "asks", "why")  # settings that change no number


def setting_differences(
    before: Mapping[str, object], after: Mapping[str, object]
) -> Iterator[tuple[str, object, object]]:
    """Yield the dotted name and both values of each setting that differs, in order of the definition; None: not set.

    Nested tables are compared setting by setting: "training.epochs"; tables of a list by their name or their number
    from 1: "variant.as written.model.units", "question.2.better.case". Texts for readers are left out.
    """
    first, second = dict(_flat(before)), dict(_flat(after))
    for name in dict.fromkeys((*first, *second)):
        if name.rpartition(".")[2] not in TEXTS and first.get(name) != second.get(name):
            yield name, first.get(name), second.get(name)


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and all(isinstance(entry, Mapping) for entry in value):
            for number, entry in enumerate(value, start=1):
                yield from _flat(entry, f"{prefix}{name}.{entry.get('name', number)}.")
        else:
            yield f"{prefix}{name}", value
