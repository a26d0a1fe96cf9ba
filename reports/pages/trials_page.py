"""The page of all trials of a run: tables with a row for each trial."""

from reports.analysis.context import Context
from reports.analysis.run import Run
from reports.render.page import Page, table_section
from reports.render.table import Link
from reports.sections import resources, setup
from reports.sections.columns import TRIALS_PAGE as NAME
from reports.sections.trials import all_trials

__all__ = ["NAME", "page"]

REPORT = Link("report of this run", "report.html")


def page(run: Run) -> Page:
    """All trials, their time by part, and the resources that they used.

    A search has no table of all trials: the test errors of configurations that were not selected must not be seen.
    """
    context = Context.of(run)
    tables = [resources.time_by_part(run, each_trial=True), resources.resource_use(run, each_trial=True)]
    if context.search is None:
        tables.insert(0, all_trials(context.run))
    return Page(
        f"All trials: {run.manifest.title}",
        tuple(table_section(table) for table in tables),
        facts=(f"{run.manifest.started[:16].replace('T', ' ')} UTC", setup.progress(run)),
        eyebrow=(REPORT,),
    )
