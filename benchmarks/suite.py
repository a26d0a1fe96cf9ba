"""Reads and validates a benchmark's TOML and lays out its trials.

A list in [data], [window], [model] or [training] is an axis: the benchmark asks its question once for every
combination. [search], where there is one, has a sampler choose among the combinations. [quick] holds what `--quick`
changes, by dotted name.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

import backends
import datasets
from benchmarks import grid
from benchmarks import space as spaces
from benchmarks.errors import UserError, one_of
from benchmarks.grid import Table
from benchmarks.runner.records import Mode, Plan
from benchmarks.settings import CaseSettings, Header, ModelSettings, SearchSettings, TrainingSettings
from benchmarks.settings.model import AnyLayer

HERE = Path(__file__).parent
TABLES: dict[str, type[BaseModel]] = {
    "data": datasets.DataSpec,
    "window": datasets.WindowSpec,
    "model": ModelSettings,
    "training": TrainingSettings,
}
SEARCH = "search"  # a table that few benchmarks have
Checked = TypeVar("Checked", bound=BaseModel)


@dataclass(frozen=True)
class Benchmark:
    """A validated definition: who is asked (`header`) and what (`cases`, by label)."""

    name: str
    header: Header
    cases: dict[str, CaseSettings]
    definition: Table
    source: Path  # where the definition stands
    source_text: str
    search: SearchSettings | None = None  # among the cases, whose validation losses decide

    def space(self) -> spaces.Space:
        """What a search searches."""
        return spaces.space(self.definition, tuple(TABLES), tuple(self.cases))

    def trials(self) -> tuple[Plan, ...]:
        """In the order of execution: round by round, each starting with the next backend."""
        plans: list[Plan] = []
        names = self.header.backends
        rounds = [(m, s, c) for m in self.header.modes for s in self.header.seeds_of(m) for c in self.cases]
        for number, (mode, seed, case) in enumerate(rounds):
            first = number % len(names)
            for backend in names[first:] + names[:first]:
                plans.append(self._plan(case, backend, mode, seed, place=len(plans)))
        return tuple(plans)

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
    quicker = dict(_dotted(definition.pop("quick")))
    for dotted, value in ((quicker if quick else {}) | (changes or {})).items():
        table, _, setting = dotted.rpartition(".")
        known = [*TABLES, *([SEARCH] if SEARCH in definition else [])]
        if table and table not in known:
            raise UserError(f"{path}: there is no table '{table}' to change {dotted} in; {one_of(known, table)}")
        for settings in _settings_of(definition, table):
            settings[setting] = value
    _require_tables(path, definition, tuple(TABLES))
    _anchor(definition, path.parent)
    grid.narrow({name: definition[name] for name in TABLES}, only or {})
    return _validated(path, definition, text)


def restore(path: Path, definition: Table) -> Benchmark:
    """A benchmark from the definition that a run's manifest, at `path`, keeps."""
    return _validated(path, {name: value for name, value in definition.items() if name != "quick"}, "")


def _settings_of(definition: Table, table: str) -> list[Table]:
    """The table of this name, or of several models each; the top of the file has none."""
    found = definition[table] if table else definition
    return found if isinstance(found, list) else [found]


def _require_tables(path: Path, definition: Table, tables: tuple[str, ...]) -> None:
    for table in (*tables, *([SEARCH] if SEARCH in definition else [])):
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
    top = {name: value for name, value in definition.items() if name not in (*TABLES, SEARCH)}
    header = _check(Header, top, f"{path}:", others=TABLES)
    for backend in header.backends:
        if backend not in backends.REGISTRY:
            raise UserError(f"{path}: backends: there is no backend '{backend}'; {one_of(backends.REGISTRY, backend)}")
        if "native" in header.modes and not backends.REGISTRY[backend].native:
            raise UserError(f"{path}: backend '{backend}' has no native mode; leave native out of modes, or it out")
    for name in ("backends", "modes", "seeds", "native_seeds"):
        values = getattr(header, name) or ()
        if len(set(values)) < len(values):
            raise UserError(f"{path}: {name} names one of {list(values)} twice; each may stand once")
    search = _check(SearchSettings, definition[SEARCH], f"{path}: [{SEARCH}]") if SEARCH in definition else None
    if search is not None:
        spaces.require(path, definition, tuple(TABLES), header, search)
    points = grid.points(path, {name: definition[name] for name in TABLES})
    cases = {label: _case(path, point) for label, point in points.items()}
    return Benchmark(path.stem, header, cases, definition, path.resolve(), text, search)


def _case(path: Path, point: dict[str, Table]) -> CaseSettings:
    checked = {name: _check(TABLES[name], settings, f"{path}: [{name}]") for name, settings in point.items()}
    return CaseSettings.model_validate(checked)


def _check(kind: type[Checked], settings: Table, where: str, others: dict[str, Any] | None = None) -> Checked:
    """Validate, or say in one sentence what is wrong with the first wrong setting."""
    try:
        return kind.model_validate(settings)
    except ValidationError as problem:
        # a misspelt setting is also a missing one: its near match is the better sentence
        error = min(problem.errors(), key=lambda error: error["type"] != "extra_forbidden")
        raise UserError(f"{where} {_sentence(error, [*kind.model_fields, *(others or {})])}") from None


def _sentence(error: ErrorDetails, known: list[str]) -> str:
    """A validation error in our words; a validator's own message is a clause already."""
    setting = ".".join(str(part) for part in error["loc"] if part not in ("int", "float", "str", "constrained-int"))
    if error["type"] == "missing":
        return f"{setting} is missing; {', '.join(known)} can stand here"
    if error["type"] in ("union_tag_invalid", "union_tag_not_found"):
        kinds = get_args(get_args(AnyLayer)[0])
        tags = [str(get_args(kind.model_fields["kind"].annotation)[0]) for kind in kinds]
        return f"{setting} = {_shown(error['input'])}: it needs a kind; {one_of(tags, str(error['input'].get('kind')))}"
    if error["type"] == "extra_forbidden" and len(error["loc"]) > 1:
        return f"there is no setting '{setting}'; a layer of that kind has none of this name"
    if error["type"] == "extra_forbidden":
        return f"there is no setting '{setting}'; {one_of(known, setting)}"
    given = f"{setting} = {_shown(error['input'])}: " if setting else ""
    if error["type"] == "value_error":
        return given + error["msg"].removeprefix("Value error, ")
    if error["type"] in ("too_short", "string_too_short"):
        return f"{given}it may not be empty"
    if error["type"] == "tuple_type":
        return f"{given}it must be a list, as in {setting} = [{_shown(error['input'])}]"
    return f"{given}it {error['msg'].removeprefix('Input ')}"


def _shown(value: object) -> str:
    """A value as TOML has it."""
    return repr(value) if isinstance(value, float) else json.dumps(value, default=str, ensure_ascii=False)
