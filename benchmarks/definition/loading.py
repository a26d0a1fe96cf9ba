"""Validates a benchmark's definition and lays out its trials.

A list in [data], [window], [model] or [training] is an axis: the benchmark asks its question once for every
combination, and of every `[[variant]]`. [search], where there is one, has a sampler choose among the combinations.
[quick] holds what `--quick` changes, by dotted name, and as `only` the axes that it narrows.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel

import backends
import datasets
from benchmarks.definition import axes, variants
from benchmarks.definition import search_space as spaces
from benchmarks.definition import toml_tables as definition
from benchmarks.definition.axes import Table
from benchmarks.definition.reference_checks import require
from benchmarks.definition.settings import (
    CaseSettings,
    Header,
    ModelSettings,
    SearchSettings,
    TrainingSettings,
    TrialMatrix,
)
from benchmarks.definition.settings.checked import checked
from benchmarks.definition.toml_tables import TABLES
from benchmarks.errors import UserError, one_of
from reports.records import Mode, Plan

HERE = Path(__file__).parents[1]
SETTINGS: dict[str, type[BaseModel]] = {
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
    asked: dict[str, TrialMatrix]
    definition: Table
    source: Path  # where the definition stands
    source_text: str
    quick: bool = False
    narrowed: bool = False  # by the command line
    search: SearchSettings | None = None  # among the cases, whose validation losses decide

    def space(self) -> spaces.Space:
        """What a search searches."""
        return spaces.space(self.definition, TABLES, tuple(self.cases))

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
    text, tables = definition.read(path)
    definition.shape(path, tables, quick=quick, changes=changes or {}, only=only or {})
    found = replace(_validated(path, tables, text), quick=quick, narrowed=bool(changes or only))
    if not (found.quick or found.narrowed):
        require(path, found.header, found.asked)
    return found


def restore(path: Path, tables: Table) -> Benchmark:
    """A benchmark from the definition that a run's manifest, at `path`, keeps."""
    return _validated(path, {name: value for name, value in tables.items() if name != "quick"}, "")


def _validated(path: Path, tables: Table, text: str) -> Benchmark:
    top = {name: value for name, value in tables.items() if name not in (*TABLES, variants.NAME, spaces.SEARCH)}
    header = checked(Header, top, f"{path}:", others=(*TABLES, variants.NAME, "search"))
    _require_asked(f"{path}:", header)
    search = spaces.settings(path, tables, TABLES, header)
    cases, asked = {}, {}
    for holder in variants.holders(tables):
        who = _asked(path, header, holder) if holder is not tables else header
        points = axes.points(path, definition.of(holder), holder.get("name"))
        for label, point in points.items():
            cases[label], asked[label] = _case(path, point), who
    return Benchmark(path.stem, header, cases, asked, tables, path.resolve(), text, search=search)


def _asked(path: Path, header: Header, variant: Table) -> TrialMatrix:
    """Whom a variant asks: of the benchmark's own backends and modes, with its seeds or with its own."""
    where = f"{path}: variant '{variant['name']}':"
    own = {name: variant[name] for name in (*variants.WHO, variants.PROVEN) if name in variant}
    if "seeds" in own:
        own.setdefault("native_seeds", own["seeds"])
    who = checked(TrialMatrix, header.model_dump(include={*variants.WHO, variants.PROVEN}) | own, where)
    for name in ("backends", "modes"):
        for one in getattr(who, name):
            if one not in getattr(header, name):
                raise UserError(f"{where} {name}: '{one}' is not among the benchmark's; name it at the top too")
    _require_asked(where, who)
    return who


def _require_asked(where: str, who: TrialMatrix) -> None:
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
    tables = {name: checked(SETTINGS[name], settings, f"{path}: [{name}]") for name, settings in point.items()}
    return CaseSettings.model_validate(tables)
