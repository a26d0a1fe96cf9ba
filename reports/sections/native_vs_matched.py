"""Why native mode differs from matched, in the run's own figures and what is known of each framework."""

from collections.abc import Iterator

from reports.analysis.run import Group, Run, over_seeds
from reports.records import Case
from reports.render.formats import MINUS, backend_name, case_name, significant, whole
from reports.render.page import Block, Bullets, Section
from reports.render.table import NONE, Cell, Column, Row, Table, number, row, text
from reports.sections import certificate
from reports.sections.certificate import pairs
from reports.sections.context import Context
from reports.sections.group_cells import links

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
# From the sources of torch 2.13, keras 3.15, flax 0.12 and optax 0.2.
PYTORCH = "draws every weight from U(±1/√units) and keeps two trained biases per gate, so their sum moves twice as far"
PYTORCH_PLAIN = "draws every weight from U(±1/√inputs), biases too"
KERAS = (
    "starts from Glorot uniform kernels, orthogonal recurrent kernels and, in an LSTM, a forget-gate bias of 1; "
    "its GRU has a second row of biases; its Adam uses an epsilon of 1e-7, added before the bias correction"
)
FLAX = (
    "starts from LeCun normal kernels, orthogonal recurrent kernels and zero biases; "
    "Optax's Adam uses an epsilon of 1e-8, as matched mode does"
)
KERAS_PLAIN = (
    "starts from Glorot uniform kernels and zero biases; "
    "its Adam uses an epsilon of 1e-7, added before the bias correction"
)
FLAX_PLAIN = (
    "starts from LeCun normal kernels and zero biases; Optax's Adam uses an epsilon of 1e-8, as matched mode does"
)
DEFAULTS = {"pytorch": PYTORCH, "keras": KERAS, "keras-jax": KERAS, "keras-torch": KERAS, "flax": FLAX}
PLAIN = dict.fromkeys(("keras", "keras-jax", "keras-torch"), KERAS_PLAIN) | {
    "pytorch": PYTORCH_PLAIN,
    "flax": FLAX_PLAIN,
}


def reasons(run: Run) -> tuple[str, ...]:
    """One sentence on each backend's defaults, then one on each pair's figures.

    Of gates only where a model has any, whatever it is called.
    """
    found = pairs(run)
    known = DEFAULTS if any(_gate_biases(group.case) for group, _ in found) else PLAIN
    backends = dict.fromkeys(group.backend for group, _ in found)
    defaults = [f"{backend_name(name)} {known[name]}." for name in backends if name in known]
    return (*defaults, *(words for pair in found for words in _figures(*pair)))


def _figures(matched: Group, other: Group) -> Iterator[str]:
    """What the two really began with: the loss before any update."""
    before, after = (over_seeds(group, lambda o: o.first_loss) for group in (matched, other))
    if before and after:
        mine, theirs = significant(after.estimate), significant(before.estimate)
        compared = f" instead of {theirs}" if mine != theirs else " in both"
        yield f"{backend_name(matched.backend)}, {case_name(matched.case)}: its first loss is {mine}{compared}."


def parameters(run: Run) -> Table:
    """What each framework counts as trained in both modes, and where the difference comes from; empty of one mode."""
    columns = (
        *map(text, ("model", "backend")),
        *map(Column, ("matched", "native", "difference")),
        text("why"),
        text("records"),
    )
    rows = [_counted(case, backend, run) for case in run.manifest.cases for backend in run.backends]
    caption = (
        "Trained parameters, as each framework itself counts them. A native model that differs has other parameters "
        "than the matched one; a dash is a mode that has not run."
    )
    shown = tuple(found for found in rows if found) if len(run.modes) > 1 else ()
    return Table("parameters", "Parameters, matched and native", caption, columns, shown)


def _counted(case: Case, backend: str, run: Run) -> Row | None:
    groups = [g for mode in run.modes for g in run.select(case, mode) if g.backend == backend and g.outcomes]
    counts = {group.mode: next(iter(group.outcomes.values())).parameter_count for group in groups}
    if not counts:
        return None
    matched, native = counts.get("matched"), counts.get("native")
    extra = None if matched is None or native is None else native - matched
    return row(
        Cell(case_name(case)),
        Cell(backend_name(backend)),
        number(matched, whole),
        number(native, whole),
        number(extra, lambda value: f"+{whole(value)}" if value > 0 else whole(value).replace("-", MINUS)),
        Cell(NONE, tone="muted") if extra is None else Cell(_cause(case, backend, extra)),
        Cell("", links=links(*groups)),
    )


def _cause(case: Case, backend: str, extra: int) -> str:
    biases = _gate_biases(case)
    if extra == 0:
        return "the same parameters"
    if extra == biases:
        return "one more bias for each gate of each recurrent unit"
    if backend.startswith("keras") and 0 < extra < biases:
        return "one more bias for each gate of each GRU unit, none in an LSTM"
    return "not explained by biases of gates"


def _gate_biases(case: Case) -> int:
    """Older records do not have it; their cases were nothing but equal layers of one cell."""
    if case.gate_biases is not None:
        return case.gate_biases
    return GATES.get(case.cell, 0) * (case.units or 0) * case.layers


def section(context: Context) -> Section | None:
    table, counts = certificate.native(context.run), parameters(context.run)
    if not table.rows and not counts.rows:
        return None
    why = Section("native-reasons", "Why native differs", (Bullets(reasons(context.run)),), folded=True)
    blocks: tuple[Block, ...] = (table, why) if table.rows else ()
    return Section("native-mode", "Native mode", (*blocks, *((counts,) if counts.rows else ())))
