"""Trials that failed."""

from reports.render.formats import backend_name, case_name, sentence
from reports.render.page import Code, Paragraph, Section
from reports.render.table import Link
from reports.sections.context import Context


def failures(context: Context) -> Section | None:
    """The reason and the end of the log of each failed trial."""
    run = context.recorded
    cases = {case.label: case_name(case) for case in run.manifest.cases}
    failed = tuple(
        Section(
            "",
            f"{backend_name(plan.backend)}, {cases[plan.case]}, {plan.mode}, seed {plan.seed}",
            (
                Paragraph(
                    sentence(trial.failure or "no reason was recorded"),
                    links=(Link("record", f"trials/{plan.key}.json"),),
                ),
                *(
                    [Section("", "The end of its log", (Code(log),), folded=True)]
                    if (log := trial.log.strip("\n"))
                    else []
                ),
            ),
        )
        for trial in run.failed
        for plan in [trial.plan]
    )
    return Section("failures", "Failed trials", failed) if failed else None
