"""Why native mode differs from matched, in the run's own figures and what is known of each framework."""

from benchmarks.runner.records import Case
from reports.evidence import pairs
from reports.run import Group, Run
from reports.tables import over_seeds
from reports.wording import backend_name, case_name, significant, whole

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
# From the sources of torch 2.13, keras 3.15, flax 0.12 and optax 0.2.
PYTORCH = "draws every weight from U(±1/√units) and keeps two trained biases per gate, so their sum moves twice as far"
KERAS = (
    "starts from Glorot uniform kernels, orthogonal recurrent kernels and, in an LSTM, a forget-gate bias of 1; "
    "its GRU has a second row of biases; its Adam uses an epsilon of 1e-7, added before the bias correction"
)
FLAX = (
    "starts from LeCun normal kernels, orthogonal recurrent kernels and zero biases; "
    "Optax's Adam uses an epsilon of 1e-8, as matched mode does"
)
DEFAULTS = {"pytorch": PYTORCH, "keras": KERAS, "keras-jax": KERAS, "keras-torch": KERAS, "flax": FLAX}


def reasons(run: Run) -> tuple[str, ...]:
    """One sentence on each backend's defaults, then one on each pair's figures."""
    found = pairs(run)
    backends = dict.fromkeys(group.backend for group, _ in found)
    defaults = [f"{backend_name(name)} {DEFAULTS[name]}." for name in backends if name in DEFAULTS]
    return (*defaults, *(_figures(matched, other) for matched, other in found))


def _figures(matched: Group, other: Group) -> str:
    """What the two really counted: parameters and the loss before any update."""
    parts = [_parameters(matched, other)]
    before, after = (over_seeds(group, lambda o: o.first_loss) for group in (matched, other))
    if before and after:
        mine, theirs = significant(after.median), significant(before.median)
        parts.append(f"its first loss is {mine}" + (f" instead of {theirs}" if mine != theirs else " in both"))
    return f"{backend_name(matched.backend)}, {case_name(matched.case)}: {'; '.join(parts)}."


def _parameters(matched: Group, other: Group) -> str:
    mine, theirs = (next(iter(group.outcomes.values())).parameter_count for group in (matched, other))
    extra = theirs - mine
    if extra == 0:
        return f"native trains the same {whole(mine)} parameters"
    case = matched.case
    biases = GATES.get(case.cell, 0) * (case.units or 0) * case.layers
    cause = f", one more bias for each of {_gates(case)}" if extra == biases else ""
    return f"native trains {whole(theirs)} parameters, {whole(abs(extra))} {'more' if extra > 0 else 'fewer'}{cause}"


def _gates(case: Case) -> str:
    stacked = f" in {case.layers} layers" if case.layers > 1 else ""
    return f"the {GATES[case.cell]} gates of {case.units} units{stacked}"
