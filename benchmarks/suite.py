"""Reads and validates a benchmark's TOML and lays out its trials.

A list in [data], [window], [model] or [training] is an axis: the benchmark asks its question once for every
combination, and of every `[[variant]]`. [search], where there is one, has a sampler choose among the combinations.
[quick] holds what `--quick` changes, by dotted name, and as `only` the axes that it narrows.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import backends
import datasets
from benchmarks import grid, variants
from benchmarks import space as spaces
from benchmarks.claims import require
from benchmarks.errors import UserError, one_of
from benchmarks.grid import Table
from benchmarks.runner.records import Mode, Plan
from benchmarks.settings import Asked, CaseSettings, Header, ModelSettings, SearchSettings, TrainingSettings
from benchmarks.settings.checked import checked

HERE = Path(__file__).parent
TABLES: dict[str, type[BaseModel]] = {
    "data": datasets.DataSpec,
    "window": datasets.WindowSpec,
    "model": ModelSettings,
    "training": TrainingSettings,
}


@dataclass(frozen=True)
class Benchmark:
    """A validated definition: what is asked (`cases`, by label) and of whom (`asked`, likewise)."""

    name: str
    header: Header
    cases: dict[str, CaseSettings]
    asked: dict[str, Asked]
    definition: Table
    source: Path  # where the definition stands
    source_text: str
    quick: bool = False
    narrowed: bool = False  # by the command line
    search: SearchSettings | None = None  # among the cases, whose validation losses decide

    def space(self) -> spaces.Space:
        """What a search searches."""
        return spaces.space(self.definition, tuple(TABLES), tuple(self.cases))

    def trials(self) -> tuple[Plan, ...]:
        """In the order of execution: round by round, each starting with the next backend."""
        plans: list[Plan] = []
        for number, (mode, seed, case) in enumerate(self._rounds()):
            names = self.asked[case].backends
            first = number % len(names)
            for backend in names[first:] + names[:first]:
                plans.append(self._plan(case, backend, mode, seed, place=len(plans)))
        return tuple(plans)

    def _rounds(self) -> Iterator[tuple[Mode, int, str]]:
        """Mode by mode, seed by seed, so that a run cut short has something of every case."""
        every = list(self.asked.values())
        for mode in dict.fromkeys(mode for asked in every for mode in asked.modes):
            for seed in dict.fromkeys(seed for asked in every for seed in asked.seeds_of(mode)):
                for case, asked in self.asked.items():
                    if mode in asked.modes and seed in asked.seeds_of(mode):
                        yield mode, seed, case

    def matched(self, backend: str) -> tuple[str, ...]:
        """The cases that a backend is asked in matched mode: those it must be proven equal in."""
        every = ((case, asked) for case, asked in self.asked.items() if asked.proven and backend in asked.backends)
        return tuple(case for case, asked in every if "matched" in asked.modes)

    def _plan(self, case: str, backend: str, mode: Mode, seed: int, place: int) -> Plan:
        defines = [self.cases[case].model_dump(mode="json"), backend, mode, seed]
        key = hashlib.sha256(json.dumps(defines, sort_keys=True).encode()).hexdigest()[:16]
        return Plan(key=key, case=case, backend=backend, mode=mode, seed=seed, place=place)


def names() -> tuple[str, ...]:
    """The benchmarks of this checkout."""
    return tuple(sorted(path.stem for path in HERE.glob("*.toml")))


def find(name: str) -> Path:
    """The file of a benchmark given by name, or by the path of a TOML of the user's own."""
    if name in names():
        return HERE / f"{name}.toml"
    if not name.endswith(".toml"):
        raise UserError(f"there is no benchmark '{name}'; {one_of(names(), name)}, or a TOML file of your own")
    path = Path(name).expanduser()
    if not path.is_file():
        what = "is no file" if path.exists() else "does not exist"
        raise UserError(f"{path} {what}; give a benchmark's name ({', '.join(names())}) or a TOML file")
    return path


def read(
    name: str,
    *,
    quick: bool = False,
    changes: Table | None = None,
    only: Mapping[str, Sequence[str]] | None = None,
) -> Benchmark:
    """Read, change and validate a benchmark. A `UserError` says which setting of which file is wrong.

    changes: settings by dotted name (`"seeds"`, `"training.epochs"`) that the command line overrides, or whole tables.
    only: axes by dotted name, each narrowed to these of its values, as `grid.narrow` has it.
    """
    path = find(name)
    try:
        text = path.read_text(encoding="utf-8-sig")
        definition = tomllib.loads(text)
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text in UTF-8; a benchmark is a TOML file like {HERE / 'co2.toml'}") from None
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise UserError(f"{path} is not a readable TOML file: {error}") from None
    _require_tables(path, definition, ("quick", *TABLES))
    narrowed = bool(changes or only)
    quicker = definition.pop("quick")
    quicker = quicker if quick else {}
    asked = dict(only or {})
    smaller = {axis: values for axis, values in quicker.pop("only", {}).items() if axis not in asked}
    _change(path, definition, [definition], dict(_dotted(quicker)))
    variants.settle(path, definition, TABLES)
    _narrow(definition, smaller)  # before the command line leaves out variants that it names
    variants.narrow_who(path, definition, changes or {})
    _change(path, definition, variants.holders(definition), changes or {})
    for holder in variants.holders(definition):
        _require_tables(path, holder, tuple(TABLES))
        _anchor(holder, path.parent)
    _narrow(definition, asked)
    found = replace(_validated(path, definition, text), quick=quick, narrowed=narrowed)
    if not (quick or narrowed):
        require(path, found.header, found.asked)
    return found


def _change(path: Path, definition: Table, holders: list[Table], changes: Table) -> None:
    """Change settings by dotted name, or whole tables: those of cases in each of `holders`."""
    for dotted, value in changes.items():
        table, _, setting = dotted.rpartition(".")
        known = [*TABLES, *([spaces.SEARCH] if spaces.SEARCH in definition else [])]
        if table and table not in known:
            raise UserError(f"{path}: there is no table '{table}' to change {dotted} in; {one_of(known, table)}")
        for holder in holders if table in TABLES or setting in TABLES else [definition]:
            for settings in _settings_of(holder, table):
                settings[setting] = value


def _narrow(definition: Table, only: dict[str, Sequence[str]]) -> None:
    """Leave of the variants and of the axes what is asked for."""
    if variants.NAME in definition and variants.NAME in only:
        words, every = only.pop(variants.NAME), definition[variants.NAME]
        kept = grid.chosen(variants.NAME, words, [variant["name"] for variant in every])
        definition[variants.NAME] = [variant for variant in every if variant["name"] in kept]
    grid.narrow([_tables(holder) for holder in variants.holders(definition)], only)
    if variants.NAME in definition:
        definition[variants.NAME] = [one for one in definition[variants.NAME] if not grid.is_empty(_tables(one))]


def restore(path: Path, definition: Table) -> Benchmark:
    """A benchmark from the definition that a run's manifest, at `path`, keeps."""
    return _validated(path, {name: value for name, value in definition.items() if name != "quick"}, "")


def _settings_of(definition: Table, table: str) -> list[Table]:
    """The table of this name, or of several models each; the top of the file has none."""
    found = definition[table] if table else definition
    return found if isinstance(found, list) else [found]


def _require_tables(path: Path, definition: Table, tables: tuple[str, ...]) -> None:
    for table in (*tables, *([spaces.SEARCH] if spaces.SEARCH in definition else [])):
        found = definition.setdefault(table, {})
        several = table == "model" and isinstance(found, list) and found and all(isinstance(m, dict) for m in found)
        if not isinstance(found, dict) and not several:
            raise UserError(f"{path}: {table} is {found!r}; it must be a table, [{table}]")


def _anchor(definition: Table, folder: Path) -> None:
    """A user's file is named from where the TOML lies, wherever the run is started or repeated."""
    data = definition["data"]
    if isinstance(data.get("csv"), str):
        data["csv"] = str((folder / Path(data["csv"]).expanduser()).resolve())


def _dotted(table: Table, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _validated(path: Path, definition: Table, text: str) -> Benchmark:
    top = {name: value for name, value in definition.items() if name not in (*TABLES, variants.NAME, spaces.SEARCH)}
    header = checked(Header, top, f"{path}:", others=(*TABLES, variants.NAME, "search"))
    _require_asked(f"{path}:", header)
    search = spaces.settings(path, definition, tuple(TABLES), header)
    cases, asked = {}, {}
    for holder in variants.holders(definition):
        who = _asked(path, header, holder) if holder is not definition else header
        points = grid.points(path, _tables(holder), holder.get("name"))
        for label, point in points.items():
            cases[label], asked[label] = _case(path, point), who
    return Benchmark(path.stem, header, cases, asked, definition, path.resolve(), text, search=search)


def _tables(holder: Table) -> dict[str, Any]:
    return {name: holder[name] for name in TABLES}


def _asked(path: Path, header: Header, variant: Table) -> Asked:
    """Whom a variant asks: of the benchmark's own backends and modes, with its seeds or with its own."""
    where = f"{path}: variant '{variant['name']}':"
    own = {name: variant[name] for name in (*variants.WHO, variants.PROVEN) if name in variant}
    if "seeds" in own:
        own.setdefault("native_seeds", own["seeds"])
    who = checked(Asked, header.model_dump(include={*variants.WHO, variants.PROVEN}) | own, where)
    for name in ("backends", "modes"):
        for one in getattr(who, name):
            if one not in getattr(header, name):
                raise UserError(f"{where} {name}: '{one}' is not among the benchmark's; name it at the top too")
    _require_asked(where, who)
    return who


def _require_asked(where: str, who: Asked) -> None:
    for backend in who.backends:
        if backend not in backends.REGISTRY:
            raise UserError(f"{where} backends: there is no backend '{backend}'; {one_of(backends.REGISTRY, backend)}")
        if "native" in who.modes and not backends.REGISTRY[backend].native:
            raise UserError(f"{where} backend '{backend}' has no native mode; leave native out of modes, or it out")
    for name in variants.WHO:
        values = getattr(who, name) or ()
        if len(set(values)) < len(values):
            raise UserError(f"{where} {name} names one of {list(values)} twice; each may stand once")


def _case(path: Path, point: dict[str, Table]) -> CaseSettings:
    tables = {name: checked(TABLES[name], settings, f"{path}: [{name}]") for name, settings in point.items()}
    return CaseSettings.model_validate(tables)
