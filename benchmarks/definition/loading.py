"""Read a benchmark's definition, validate it, and lay out its trials.

The order in which the parts of a definition apply: the TOML file; `[quick]` for `--quick`; the variants; the command
line. `only` in `[quick]` and `--only` keep some values of axes. See benchmarks/README.md for the format of a file.
"""

import hashlib
import json
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import backends
import datasets
from backends.contract import BackendError
from backends.registry import is_file
from benchmarks.definition.axes import (
    MATRIX,
    PROVEN,
    TABLES,
    VARIANT,
    Table,
    case_tables,
    complete_variants,
    configuration,
    lay_out_origins,
    narrow,
    narrow_matrices,
    points,
    table_sets,
)
from benchmarks.definition.search_space import SEARCH, SearchSpace, search_settings, search_space
from benchmarks.definition.settings import (
    REPETITION,
    SETTINGS,
    CaseSettings,
    Header,
    SearchSettings,
    TrialMatrix,
)
from benchmarks.definition.validation import table_hint, validated
from benchmarks.errors import SettingError, UserError, as_toml, name_hint
from reports.records import Contender, Mode, Plan

FOLDER = Path(__file__).parents[1]  # the TOML files of this checkout
DEFAULT = "co2"  # the benchmark whose models and settings are used for a file of the user, if no other is named
HASH_SEEDS = 2**32  # PYTHONHASHSEED is less than this
PADDING = 4096  # bytes, a page of memory
RESERVED = {"latest", "index"}  # names with another meaning in the folder of results


@dataclass(frozen=True)
class Benchmark:
    """A validated definition: its cases, and for each case the backends, modes and seeds of its trials."""

    name: str  # of its folder in results/
    header: Header
    cases: dict[str, CaseSettings]  # by label
    matrices: dict[str, TrialMatrix]  # by label of the case
    definition: Table
    source: Path  # the TOML file, as errors name it
    source_text: str
    quick: bool = False
    narrowed: bool = False  # changed or narrowed by the command line
    search: SearchSettings | None = None  # None: every case is trained
    programs: Mapping[str, str] = field(default_factory=dict)  # texts of the users' programs, by name of the backend

    @property
    def configurations(self) -> dict[str, tuple[str, ...]]:
        """The labels of the cases that differ in the origin only, by the label without it."""
        names = {label: configuration(label, case.data.origin) for label, case in self.cases.items()}
        return {name: tuple(label for label in names if names[label] == name) for name in names.values()}

    def search_space(self) -> SearchSpace:
        """The configurations of the search."""
        return search_space(self.definition, tuple(self.configurations))

    def trials(self) -> tuple[Plan, ...]:
        """All trials in the order of execution: round by round, the backends of a round in random order.

        Order, hash seed and size of the environment affect times without being of interest (Mytkowicz et al. 2009).
        They are drawn from the definition, so that every layout of the same definition is the same.
        """
        return tuple(self._planned(self._rounds(), place=0))

    def round(self, seed: int, place: int) -> tuple[Plan, ...]:
        """The trials of a further round in matched mode, with one seed for all cases. place: of its first trial."""
        cases = (case for case, matrix in self.matrices.items() if matrix.proven and "matched" in matrix.modes)
        return tuple(self._planned((("matched", seed, case) for case in cases), place))

    def _planned(self, rounds: Iterable[tuple[Mode, int, str]], place: int) -> Iterator[Plan]:
        for mode, seed, case in rounds:
            names = list(self._able(mode, self.matrices[case].backends))
            Random(f"{mode} {seed} {case}").shuffle(names)
            for backend in names:
                yield self._plan(case, backend, mode, seed, place)
                place += 1

    def _rounds(self) -> Iterator[tuple[Mode, int, str]]:
        """Mode by mode, seed by seed, so that an interrupted run has trials of every case."""
        matrices = list(self.matrices.values())
        for mode in dict.fromkeys(mode for matrix in matrices for mode in matrix.modes):
            for seed in dict.fromkeys(seed for matrix in matrices for seed in matrix.seeds_of(mode)):
                for case, matrix in self.matrices.items():
                    if mode in matrix.modes and seed in matrix.seeds_of(mode):
                        yield mode, seed, case

    def _able(self, mode: Mode, names: tuple[str, ...]) -> tuple[str, ...]:
        """The backends that have the mode: the reference implementation and users' programs have no native mode."""
        return tuple(n for n in names if mode == "matched" or backends.entry(n, self.programs.get(n)).native)

    def matched(self, backend: str) -> tuple[str, ...]:
        """The cases that need a certificate of this backend: matched mode, and not `proven = false`."""
        return tuple(
            case
            for case, matrix in self.matrices.items()
            if matrix.proven and backend in matrix.backends and "matched" in matrix.modes
        )

    def _plan(self, case: str, backend: str, mode: Mode, seed: int, place: int) -> Plan:
        content = [self.cases[case].model_dump(mode="json"), backend, mode, seed]
        key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
        random = Random(key)
        layout = {"hash_seed": random.randrange(HASH_SEEDS), "padding": random.randrange(PADDING)}
        return Plan(key=key, case=case, backend=backend, mode=mode, seed=seed, place=place, **layout)


def names() -> tuple[str, ...]:
    """The names of the benchmarks of this checkout."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def find(name: str) -> Path:
    """The TOML file of a benchmark, given by its name or by the path of a user's file. Raises UserError if missing."""
    if name in names():
        return FOLDER / f"{name}.toml"
    path = Path(name).expanduser()
    if path.is_file() and path.suffix != ".toml":
        typed = shlex.join(["run", "--csv", name, "--target", "COLUMN"])
        raise UserError(
            f"{name} does not end in .toml; rename it if it is a TOML file, or for a data file type: {typed}"
        )
    if not path.suffix:
        raise UserError(f"there is no benchmark '{name}'; {name_hint(names(), name)}, or give the path of a TOML file")
    if not path.is_file():
        problem = "is not a file" if path.exists() else "does not exist"
        raise UserError(f"{path} {problem}; give the name of a benchmark ({', '.join(names())}) or a TOML file")
    return path


def results_name(path: Path) -> str:
    """The name of the folder in results/ for a definition, or for a data file of the user.

    A benchmark of this checkout has the name of its TOML file. A user's file has its name without the ending, with `-`
    for all characters but letters, digits, `_` and `-`. A user's file with the name of a benchmark of this checkout,
    or with a reserved name, gets the prefix `my-`, so that its runs never mix with those of the benchmark.
    """
    if path.parent.resolve() == FOLDER.resolve() and path.name in {f"{name}.toml" for name in names()}:
        return path.stem
    name = re.sub(r"[^\w-]+", "-", path.stem).strip("-") or "data"
    taken = {other.casefold() for other in (*names(), *RESERVED)}
    return f"my-{name}" if name.casefold() in taken else name


def read(
    name: str,
    *,
    quick: bool = False,
    changes: Table | None = None,
    only: Mapping[str, Sequence[str]] | None = None,
    typed: Mapping[str, str] | None = None,
) -> Benchmark:
    """Read, change and validate a benchmark. Raises UserError with the file, or the option, and the wrong setting.

    changes: settings by dotted name (`"seeds"`, `"training.epochs"`) that replace those of the file, or whole tables.
    only: the values of axes to keep, by dotted name, see `axes.narrow`.
    typed: the options that give the changes, as typed, by the dotted name of the setting.
    """
    changes, only = changes or {}, only or {}
    path = find(name)
    text, tables = _read_tables(path)
    try:
        _apply_changes(path, tables, quick=quick, changes=changes, only=only)
        narrowed = bool(changes.keys() - REPETITION or only)
        benchmark = replace(_validated(path, tables, text), quick=quick, narrowed=narrowed)
    except SettingError as error:
        raise error.blamed(typed or {}) from None
    data = changes.get("data")
    csv = changes.get("data.csv") or (data.get("csv") if isinstance(data, dict) else None)
    if isinstance(csv, str):  # runs on a data file of the command line have the name of this file
        return replace(benchmark, name=results_name(Path(csv)))
    if not (benchmark.quick or benchmark.narrowed):
        _require_known_cases(path, benchmark)
    return benchmark


def restore(path: Path, tables: Table) -> Benchmark:
    """A benchmark from the definition in a run's manifest, whose path is `path`.

    Raises UserError if a user's program is not in its place.
    """
    for name in tables.get("backends", ()):
        if is_file(name) and not Path(name).exists():
            raise UserError(f"{path}: there is no program {name}; put the file back")
    return _validated(path, {name: value for name, value in tables.items() if name != "quick"}, "")


def _read_tables(path: Path) -> tuple[str, Table]:
    """The text of a file and its tables. Raises UserError if it is not TOML, or a required table is another value."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        tables = tomllib.loads(text)
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text; write a TOML file like {FOLDER / 'co2.toml'}") from None
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise UserError(f"{path} is not a readable TOML file: {error}") from None
    _require_tables(path, tables, ("quick", *TABLES))
    return text, tables


def _apply_changes(
    path: Path, tables: Table, *, quick: bool, changes: Table, only: Mapping[str, Sequence[str]]
) -> None:
    """Apply `[quick]`, the variants and the command line to the tables, in place."""
    quick_table = tables.pop("quick")
    _require_quick(path, quick_table)
    quick_table = quick_table if quick else {}
    narrowed = {axis: values for axis, values in _dotted(quick_table.pop("only", {})) if axis not in only}
    _set_values(path, tables, [tables], dict(_dotted(quick_table)))
    complete_variants(path, tables)
    narrow(
        tables, narrowed, f"{path}: [quick] only."
    )  # first: the command line may remove a variant that [quick] names
    narrow_matrices(path, tables, changes)
    _set_values(path, tables, table_sets(tables), changes)
    for table_set in table_sets(tables):
        _require_tables(path, table_set, TABLES)
        data = table_set["data"]
        if isinstance(data.get("csv"), str):  # relative to the folder of the TOML file
            data["csv"] = str((path.parent / Path(data["csv"]).expanduser()).resolve())
    _resolve_programs(path.parent, tables)
    lay_out_origins(path, tables)
    narrow(tables, only)


def _resolve_programs(folder: Path, table: Table) -> None:
    """Make the paths of users' programs absolute, in place, wherever a table names backends."""
    for setting, value in table.items():
        if setting == "backend" and isinstance(value, str):
            table[setting] = backends.resolved(value, folder)
        elif setting == "backends" and isinstance(value, list):
            table[setting] = [backends.resolved(name, folder) if isinstance(name, str) else name for name in value]
        else:
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, dict):
                    _resolve_programs(folder, inner)


def _require_quick(path: Path, quick_table: Table) -> None:
    """The entries of `[quick]` for tables are tables; those of `only` are lists of words that are not empty."""
    for name in ("only", *TABLES):
        if not isinstance(entry := quick_table.get(name, {}), dict):
            raise UserError(f"{path}: [quick] {name} is {entry!r}; it must be a table, as in training.epochs = 2")
    for axis, values in _dotted(quick_table.get("only", {})):
        if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
            example = 'only.variant = ["as written"]'
            raise UserError(f"{path}: [quick] only.{axis} is {values!r}; it must be a list of words, as in {example}")


def _set_values(path: Path, tables: Table, sets: list[Table], changes: Table) -> None:
    """Change settings by dotted name, or whole tables: settings of cases in each of the table sets."""
    for dotted, value in changes.items():
        table, _, setting = dotted.rpartition(".")
        known = [*TABLES, *([SEARCH] if SEARCH in tables else [])]
        if table and table not in known:
            reason = f"there is no table '{table}' for the setting {dotted}; {table_hint(known, table, setting, value)}"
            raise SettingError(f"{path}: {reason}", dotted, reason)
        homes = [name for name, kind in SETTINGS.items() if setting in kind.model_fields]
        if not table and homes and setting not in (*Header.model_fields, *known, VARIANT):
            reason = f"there is no setting '{setting}' at the top; did you mean {homes[0]}.{setting}?"
            raise SettingError(f"{path}: {reason}", dotted, reason)
        for table_set in sets if table in TABLES or setting in TABLES else [tables]:
            holder = table_set[table] if table else table_set
            for settings in holder if isinstance(holder, list) else [holder]:  # several models: a list
                settings[setting] = value


def _require_tables(path: Path, tables: Table, required: tuple[str, ...]) -> None:
    for name in (*required, *([SEARCH] if SEARCH in tables else [])):
        table = tables.setdefault(name, {})
        several = name == "model" and isinstance(table, list) and table and all(isinstance(m, dict) for m in table)
        if not isinstance(table, dict) and not several:
            raise UserError(f"{path}: {name} is {as_toml(table)}; it must be a table, [{name}]")


def _dotted(table: Table, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _validated(path: Path, tables: Table, text: str) -> Benchmark:
    top = {name: value for name, value in tables.items() if name not in (*TABLES, VARIANT, SEARCH)}
    header = validated(Header, top, f"{path}:", others=(*TABLES, VARIANT, SEARCH))
    _require_matrix(f"{path}:", header)
    programs = backends.texts(header.backends)
    for name, program in programs.items():
        if header.gradient_flow and backends.entry(name, program).two_functions:
            raise UserError(
                f"{path}: gradient_flow needs gradients, which {name} does not return; write gradient_flow = false, on "
                "the command line --set gradient_flow=false"
            )
    search = search_settings(path, tables, header)
    cases: dict[str, CaseSettings] = {}
    matrices: dict[str, TrialMatrix] = {}
    for table_set in table_sets(tables):
        matrix = _variant_matrix(path, header, table_set) if table_set is not tables else header
        for label, point in points(path, case_tables(table_set), table_set.get("name")).items():
            of_variant = f" variant '{table_set['name']}'," if table_set is not tables else ""
            settings = {
                table: validated(SETTINGS[table], point[table], f"{path}:{of_variant} [{table}]", table=table)
                for table in TABLES
            }
            cases[label], matrices[label] = CaseSettings.model_validate(settings), matrix
    return Benchmark(results_name(path), header, cases, matrices, tables, path, text, search=search, programs=programs)


def _variant_matrix(path: Path, header: Header, variant: Table) -> TrialMatrix:
    """The trials of a variant: some of the backends and modes of the benchmark, and its seeds or other seeds."""
    where = f"{path}: variant '{variant['name']}':"
    changed = {name: variant[name] for name in (*MATRIX, PROVEN) if name in variant}
    if "seeds" in changed:
        changed.setdefault("native_seeds", changed["seeds"])
    matrix = validated(TrialMatrix, header.model_dump(include={*MATRIX, PROVEN}) | changed, where)
    for setting in ("backends", "modes"):
        for name in getattr(matrix, setting):
            if name not in getattr(header, setting):
                raise UserError(f"{where} {setting}: '{name}' is not among {setting} of the benchmark; add it there")
    _require_matrix(where, matrix)
    return matrix


def _require_matrix(where: str, matrix: TrialMatrix) -> None:
    for backend in matrix.backends:
        try:
            entry = backends.entry(backend)
        except BackendError as problem:
            raise SettingError(f"{where} backends: {problem}", "backends", str(problem)) from None
        if matrix.modes == ("native",) and not entry.native:
            raise UserError(
                f"{where} backend '{backend}' has no native mode; write modes = [\"matched\"], on the command line "
                "--set 'modes=[\"matched\"]', or remove the backend"
            )
    for name in MATRIX:
        values = getattr(matrix, name) or ()
        if len(set(values)) < len(values):
            reason = "a value is named twice; name each value once"
            raise SettingError(f"{where} {name} = {list(values)}: {reason}", name, reason)


def _require_known_cases(path: Path, benchmark: Benchmark) -> None:
    """Published values and questions must refer to metrics, and to cases, backends and modes of the definition."""
    header = benchmark.header
    quantities = [
        *((f"published '{entry.what}'", quantity) for entry in header.published for quantity in (entry, entry.right)),
        *(
            (f"question '{entry.asks}'", quantity)
            for entry in header.questions
            for quantity in (entry.better, entry.than)
        ),
    ]
    if not quantities:
        return
    from reports.analysis.metrics import quantity_names  # imports SciPy, so only on use

    for name, quantity in quantities:
        if quantity is None:
            continue
        where = f"{path}: {name}:"
        figures = quantity_names(errors=isinstance(quantity, Contender))
        if quantity.figure not in figures:
            raise UserError(f"{where} there is no figure '{quantity.figure}'; {name_hint(figures, quantity.figure)}")
        if quantity.case not in benchmark.cases:
            raise UserError(f"{where} there is no case '{quantity.case}'; {name_hint(benchmark.cases, quantity.case)}")
        matrix = benchmark.matrices[quantity.case]
        known = (*matrix.backends, *datasets.BASELINES)
        if quantity.backend is not None and quantity.backend not in known:
            hint = name_hint(known, quantity.backend)
            raise UserError(f"{where} '{quantity.case}' has no trials with backend '{quantity.backend}'; {hint}")
        if quantity.backend not in datasets.BASELINES and quantity.mode not in matrix.modes:
            modes = ", ".join(matrix.modes)
            raise UserError(f"{where} '{quantity.case}' has no trials in mode '{quantity.mode}'; its modes: {modes}")
