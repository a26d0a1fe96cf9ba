"""What stands between a report and a complete one."""

from collections.abc import Iterator

from reports.analysis.run import Run
from reports.records import Check
from reports.render.formats import backend_name, plural
from reports.sections.provenance import history


def state(run: Run) -> tuple[str, ...]:
    """What stands between this report and a complete one."""
    planned, finished = run.manifest.expected_trials, len(run.trials)
    told = [*history(run)]
    if run.manifest.quick:
        told.append("This is the small form: it shows that everything works, and its figures say little about models.")
    if finished < planned:
        done = f"{finished} of {plural(planned, 'trial')} {'has' if planned == 1 else 'have'} finished"
        told.append(f"{done}: the run is under way or was interrupted, and this page shows what there is.")
    if run.failed:
        told.append(f"{len(run.failed)} of {plural(planned, 'trial')} failed; their reasons are listed below.")
    if run.certificate is None and run.manifest.reproduces is None:
        told.append("There is no certificate yet: no speed ratio is printed before the models are proven equal.")
    return tuple(told)


def unequal(run: Run) -> Iterator[str]:
    """A sentence on each backend that is not the oracle's equal."""
    found: dict[str, list[Check]] = {}
    for check in run.certificate.checks if run.certificate else ():
        if check.failure is not None:
            found.setdefault(check.backend, []).append(check)
    for backend, checks in found.items():
        first = checks[0]
        where = f"'{first.case}' in {first.dtype}" + (f" and {len(checks) - 1} more" if len(checks) > 1 else "")
        yield f"{backend_name(backend)} is not equal to the oracle, {where}: {first.failure}."
