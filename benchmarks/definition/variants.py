"""Variants: one benchmark asking the same question in several ways, `[[variant]]` each.

A variant has a name and says what is other than in the benchmark's own tables: settings of [data], [window] and
[training] one by one, [model] as a whole. It may ask fewer backends, fewer modes, and seeds of its own. [quick]
changes the benchmark's own tables, so what a variant says itself is the same in the small form; the command line
wins over both.
"""

import copy
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from benchmarks.errors import UserError, one_of

Table = dict[str, Any]

NAME = "variant"  # of the tables; and of the axis for `--only`
PROVEN = "proven"  # whether the certificate is asked for
WHO = ("backends", "modes", "seeds", "native_seeds")


def settle(path: Path, definition: Table, tables: Collection[str]) -> None:
    """Fill each variant up with the benchmark's own tables, which it then replaces. Nothing where there are none.

    Raises UserError, with the definition's path, for what no variant can be.
    """
    if NAME not in definition:
        return
    _require_variants(path, definition[NAME], tables)
    own = {table: definition.pop(table) for table in tables}
    for variant in definition[NAME]:
        for table, settings in own.items():
            said = variant.get(table, {})
            if table == "model":
                variant[table] = said or copy.deepcopy(settings)
            else:
                variant[table] = settings | said


def _require_variants(path: Path, variants: object, tables: Collection[str]) -> None:
    if not isinstance(variants, list) or not variants or not all(isinstance(one, dict) for one in variants):
        raise UserError(f"{path}: variant is {variants!r}; write tables, [[variant]], each with a name")
    for number, variant in enumerate(variants, start=1):
        name = variant.get("name")
        if not isinstance(name, str) or not name.isprintable() or not name.strip() or "," in name:
            example = 'name = "as written"'
            raise UserError(f"{path}: variant {number} needs a name in words without a comma, as in {example}")
        if [other.get("name") for other in variants].count(name) > 1:
            raise UserError(f"{path}: two variants are called '{name}'; give each a name of its own")
        for setting, value in variant.items():
            if setting not in ("name", PROVEN, *WHO, *tables):
                where = f"{path}: variant '{name}'"
                raise UserError(f"{where}: there is no setting '{setting}'; {one_of((PROVEN, *WHO, *tables), setting)}")
            several = setting == "model" and isinstance(value, list) and all(isinstance(one, dict) for one in value)
            if setting in tables and not isinstance(value, dict) and not several:
                raise UserError(f"{path}: variant '{name}': {setting} is {value!r}; it must be a table")


def holders(definition: Table) -> list[Table]:
    """What holds the tables of cases: each variant, or the definition itself."""
    found: list[Table] = definition.get(NAME) or [definition]
    return found


def narrow_who(path: Path, definition: Table, changes: Mapping[str, Any]) -> None:
    """What the command line asks of whom: seeds replace a variant's own, backends and modes leave those of it."""
    for variant in definition.get(NAME, []):
        for setting in WHO:
            if setting not in variant or setting not in changes:
                continue
            if setting in ("backends", "modes"):
                variant[setting] = [one for one in variant[setting] if one in changes[setting]]
            else:
                variant[setting] = changes[setting]
    if NAME in definition:
        left = [one for one in definition[NAME] if one.get("backends") != [] and one.get("modes") != []]
        if not left:
            asked = ", ".join(map(str, changes.get("backends", changes.get("modes", ()))))
            raise UserError(f"{path}: none of its variants asks {asked}; see its [[variant]] tables")
        definition[NAME] = left
