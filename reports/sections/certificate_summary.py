"""The certificate at a glance: a row a model, a column a backend, in each cell what came nearest to its bound."""

from collections.abc import Mapping
from math import inf, isnan

from reports.analysis.run import Run, unique
from reports.records import Certificate, Check
from reports.render.formats import backend_name, case_name, listed, plural, scientific, sentence
from reports.render.table import NONE, Cell, Table, row, text

FEW = 3  # models and backends up to which every check is quickly read in its own row
EXACT = "float64"


def glance(run: Run) -> Table:
    """Of a run; without rows where the run has few models and few backends."""
    names = {case.label: case_name(case) for case in run.manifest.cases}
    return matrix(run.certificate or Certificate(checks=()), names, "certificate.json")


def matrix(certificate: Certificate, names: Mapping[str, str], source: str = "") -> Table:
    """`names` has what a case is called, where that is not its label."""
    checks = certificate.checks
    cases, backends = unique(check.case for check in checks), unique(check.backend for check in checks)
    shown = cases if len(cases) > FEW or len(backends) > FEW else ()
    rows = tuple(
        row(Cell(names.get(case, case)), *(_cell(certificate, backend, case) for backend in backends)) for case in shown
    )
    columns = (text("model"), *(text(backend_name(backend)) for backend in backends))
    return Table("glance", "The certificate at a glance", _caption(certificate, len(cases)), columns, rows, source)


def _caption(certificate: Certificate, cases: int) -> str:
    checked = {(check.backend, check.case) for check in certificate.checks}
    backends = unique(check.backend for check in certificate.checks)
    unequal = [(backend, case) for backend, case in sorted(checked) if certificate.failures(backend, case)]
    verdict = (
        f"All {plural(cases, 'model')} are equal in {listed([backend_name(name) for name in backends])}"
        if not unequal
        else f"{len(unequal)} of {len(checked)} pairs of a model and a backend are not equal to the oracle"
    )
    return (
        f"{verdict}. In each cell the figure that came nearest to its bound in {EXACT}, of outputs, gradients, losses "
        "and weights, each a largest relative difference from the oracle; where a check failed, the figure that "
        "lies farthest beyond it."
    )


def _cell(certificate: Certificate, backend: str, case: str) -> Cell:
    mine = [check for check in certificate.checks if (check.backend, check.case) == (backend, case)]
    failed = [check for check in mine if not check.passed]
    chosen = max(failed or [check for check in mine if check.dtype == EXACT], key=_nearness, default=None)
    if chosen is None:
        return Cell(NONE, tone="muted")
    name, nearness = _worst(chosen), _nearness(chosen)
    figure = f"{name} {scientific(getattr(chosen, name))}"
    limit = f"≤ {chosen.bounds[name]:.0e}".replace("e-0", "e-")
    notes = tuple(sentence(f"{backend_name(backend)}, {case}, {check.dtype}: {check.failure}") for check in failed)
    if failed:
        return Cell(f"✗ {figure}", nearness, f"{limit}, {chosen.dtype}", notes, tone="bad")
    return Cell(f"✓ {figure}", nearness, limit, tone="good")


def _worst(check: Check) -> str:
    return max(check.bounds, key=lambda name: _ratio(check, name))


def _nearness(check: Check) -> float:
    return _ratio(check, _worst(check))


def _ratio(check: Check, name: str) -> float:
    """To its bound; what is not a number is beyond any."""
    value = float(getattr(check, name))
    return inf if isnan(value) else value / check.bounds[name]
