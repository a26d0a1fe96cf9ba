"""The certificate: which backends compute and learn the same as the reference implementation, and how exactly."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from math import inf, isfinite, isnan

from reports.analysis.context import Context
from reports.analysis.run import Run, unique
from reports.records import Certificate, Check
from reports.render.formats import case_name, listed, one_digit, plural, scientific, sentence, whole
from reports.render.page import Section, table_section
from reports.render.table import DASH, Cell, Table, TableColumn, numbers, tabulate, words

DIFFERENCES = ("outputs", "gradients", "losses", "weights")
FEW = 3  # models and backends up to which all checks are shown at once
EXACT = "float64"
SOURCE = "certificate.json"
ROUNDING = (
    "In float64 they are equal, so the training amplifies the rounding of float32; times and ratios in float64 come "
    'with training.dtype = "float64", on the command line --set training.dtype=float64'
)


def section(context: Context) -> Section:
    """All checks; with many models or backends, the summary with all checks folded below it."""
    run = context.run
    cases = {case.label: case_name(case) for case in run.manifest.cases}
    certificate, source = run.certificate or Certificate(checks=()), SOURCE if run.certificate else ""
    reason = (
        "No backend has been compared with the reference implementation yet, so no speed ratio is shown."
        if "matched" in run.modes
        else "Native models differ from the reference implementation, so they have no certificate and no speed ratio."
    )
    checks = checks_table(certificate, cases, run.backend_names, source, reason)
    if earlier := _made_earlier(run):
        checks = replace(checks, caption=f"{checks.caption} {earlier}")
    summary = certificate_summary(certificate, cases, run.backend_names, source)
    if not summary.rows:
        return table_section(checks)
    return table_section(summary, table_section(checks, folded=True))


def _made_earlier(run: Run) -> str:
    """A sentence on the checks that were taken from earlier runs, or an empty string."""
    checks = run.certificate.checks if run.certificate else ()
    started = datetime.fromisoformat(run.manifest.started)
    earlier = [check for check in checks if check.made and datetime.fromisoformat(check.made) < started]
    if not earlier:
        return ""
    days = sorted({check.made[:10] for check in earlier if check.made})
    return (
        f"{len(earlier)} of the {len(checks)} checks were certified on {listed(days)} by earlier runs with the same "
        "inputs: code, package versions, processor, settings and windows."
    )


def checks_table(
    certificate: Certificate, cases: Mapping[str, str], backends: Mapping[str, str], source: str = "", reason: str = ""
) -> Table:
    """A row for each check; a difference beyond its bound is marked.

    cases, backends: names to show for labels. reason: the caption if there are no checks.
    """

    def verdict(check: Check) -> Cell:
        if check.passed:
            return Cell("equal", tone="good")
        text = "not equal" if check.compared else "failed"
        return Cell(text, notes=(_failure(certificate, check, cases, backends),), tone="bad")

    columns: tuple[TableColumn[Check], ...] = (
        words("model", lambda check: cases.get(check.case, check.case)),
        words("backend", lambda check: backends.get(check.backend, check.backend)),
        words("precision", lambda check: check.dtype),
        words("verdict", verdict),
        *(TableColumn(name, _difference_cell(name)) for name in DIFFERENCES),
        numbers("parameters", lambda check: check.parameter_count or None, form=whole),
        words("kernel", lambda check: check.kernel or DASH),
    )
    steps = listed([str(steps) for steps in sorted({check.steps for check in certificate.checks})])
    caption = (
        "Each backend is compared with a reference implementation in NumPy that computes in float64, from equal random "
        "weights. The numbers are the largest relative differences: of the outputs and of the "
        f"gradient of every parameter before training, of the losses of {steps} optimizer steps, and of all weights "
        "after 1, 10, 50 and all of these steps. A program that does not report gradients or the loss of each step is "
        "compared without them. The kernel is the code that computes the recurrent layer; a "
        "framework may use different ones for float32 and float64."
    )
    shown = caption if certificate.checks else reason
    return tabulate("certificate", "Certificate", shown, columns, certificate.checks, source=source)


def certificate_summary(
    certificate: Certificate, cases: Mapping[str, str], backends: Mapping[str, str], source: str = ""
) -> Table:
    """A row for each model and a column for each backend, with the difference that is nearest to its bound.

    cases, backends: names to show for labels. With few models and few backends the table has no rows.
    """
    labels = unique(check.case for check in certificate.checks)
    names = unique(check.backend for check in certificate.checks)
    shown = labels if len(labels) > FEW or len(names) > FEW else ()
    columns: tuple[TableColumn[str], ...] = (
        words("model", lambda label: cases.get(label, label)),
        *(words(backends.get(name, name), _nearest(certificate, name, cases, backends)) for name in names),
    )
    caption = _summary_caption(certificate)
    return tabulate("certificate-summary", "Certificate, summary", caption, columns, shown, source=source)


def _summary_caption(certificate: Certificate) -> str:
    pairs = {(check.backend, check.case) for check in certificate.checks}
    unequal = [pair for pair in pairs if not all(check.passed for check in certificate.of(*pair))]
    equal = "equal the reference implementation"
    verdict = f"All {len(pairs)} pairs of a model and a backend {equal}"
    if unequal:
        verb = "is" if len(unequal) == 1 else "are"
        verdict = f"{len(unequal)} of {len(pairs)} pairs of a model and a backend {verb} not shown to {equal}"
    return (
        f"{verdict}. Each cell shows one of the largest relative differences of outputs, gradients, losses and "
        f"weights in {EXACT}: the one that comes nearest to its bound. If a check failed, the cell shows the "
        "difference that is farthest beyond its bound."
    )


def _nearest(
    certificate: Certificate, backend: str, cases: Mapping[str, str], backends: Mapping[str, str]
) -> Callable[[str], Cell]:
    def cell(case: str) -> Cell:
        checks = certificate.of(backend, case)
        failed = [check for check in checks if not check.passed]
        chosen = max(failed or [check for check in checks if check.dtype == EXACT], key=_nearness, default=None)
        if chosen is None:
            return DASH
        notes = unique(_failure(certificate, check, cases, backends) for check in failed)
        if not chosen.compared:
            return Cell("✗ failed", detail=chosen.dtype, notes=notes, tone="bad")
        name = _largest(chosen)
        text = f"{name} {scientific(getattr(chosen, name))}"
        if not failed:
            return Cell(f"✓ {text}", _nearness(chosen), _bound(chosen, name), tone="good")
        return Cell(f"✗ {text}", _nearness(chosen), f"{_bound(chosen, name)}, {chosen.dtype}", notes, tone="bad")

    return cell


def unequal_backends(run: Run) -> tuple[str, ...]:
    """A sentence for each backend that differs from the reference implementation, or could not be compared with it."""
    failures: dict[str, list[Check]] = {}
    for check in run.certificate.checks if run.certificate else ():
        if check.failure is not None:
            failures.setdefault(check.backend, []).append(check)
    return tuple(_unequal(run, first, len(others)) for first, *others in failures.values())


def _unequal(run: Run, check: Check, others: int) -> str:
    verb = "differs from" if check.compared else "could not be compared with"
    more = f", and in {plural(others, 'more check')}" if others else ""
    remedy = f". {ROUNDING}" if _is_rounding(run, check) else ""
    return sentence(
        f"{run.backend_phrase(check.backend)} {verb} the reference implementation in '{check.case}', "
        f"{check.dtype}{more}: {check.failure or ''}{remedy}"
    )


def _is_rounding(run: Run, check: Check) -> bool:
    """Whether a model differs in float32 and is equal in float64, so that only the rounding differs."""
    alike = run.certificate.of(check.backend, check.case) if run.certificate else ()
    finite = check.compared and isfinite(check.weights) and isfinite(check.outputs)
    return finite and any(other.dtype == EXACT and other.passed for other in alike)


def _failure(certificate: Certificate, check: Check, cases: Mapping[str, str], backends: Mapping[str, str]) -> str:
    """A sentence on a failed check, and on those of the same backend and model that failed for the same reason."""
    backend, case = backends.get(check.backend, check.backend), cases.get(check.case, check.case)
    reason = (check.backend, check.case, check.failure)
    alike = [other for other in certificate.checks if (other.backend, other.case, other.failure) == reason]
    dtypes = listed(unique(other.dtype for other in alike))
    return sentence(f"{backend}, {case}, {dtypes}: {check.failure or ''}")


def _difference_cell(name: str) -> Callable[[Check], Cell]:
    def cell(check: Check) -> Cell:
        value, bound = getattr(check, name), check.bounds.get(name)
        if not check.compared:
            return DASH
        if value is None:
            return Cell("not reported", tone="muted")
        if bound is None:
            return Cell(scientific(value), value)
        return Cell(scientific(value), value, _bound(check, name), tone="" if value <= bound else "bad")

    return cell


def _bound(check: Check, name: str) -> str:
    value, bound = getattr(check, name), check.bounds[name]
    return f"{'≤' if value is None or value <= bound else '>'} {one_digit(bound)}"


def _largest(check: Check) -> str:
    """The name of the difference that is largest relative to its bound."""
    return max(check.bounds, key=lambda name: _relative(check, name))


def _nearness(check: Check) -> float:
    return _relative(check, _largest(check))


def _relative(check: Check, name: str) -> float:
    """A difference divided by its bound; infinite if the difference is not a number."""
    value = float(getattr(check, name))
    return inf if isnan(value) else value / check.bounds[name]
