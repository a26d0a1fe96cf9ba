"""The page of one run: its sections in order."""

from collections.abc import Callable

from reports.analysis.ranking import rankings
from reports.analysis.run import Run
from reports.analysis.search_results import SearchRanking
from reports.analysis.speedup import Speedups
from reports.figures.fastest_by_setting import fastest_by_setting
from reports.figures.forecast import error_by_horizon, forecasts
from reports.figures.gradient_norms import gradient_norms
from reports.figures.learning import loss_by_time, loss_curves, lowest_loss_by_trial
from reports.figures.ranking import mean_ranks
from reports.figures.scaling import scaling
from reports.figures.speed import speed_ratios, training_time
from reports.pages.links import NOTHING, Around
from reports.render.formats import plural, sentence
from reports.render.page import Code, Figure, Page, Paragraph, Section
from reports.render.table import Link
from reports.sections import certificate as evidence
from reports.sections import forecast_agreement, glossary, questions, resources, results, setup, summary
from reports.sections import native_vs_matched as native
from reports.sections import published_values as audit
from reports.sections import ranking_over_series as ranking
from reports.sections.completeness import state
from reports.sections.context import Context
from reports.sections.trials import failures

Build = Callable[[Context], Section | None]


def _figures(context: Context) -> Section | None:
    drawn = figures(context.run, context.speedups, context.search)
    return Section("figures", "Figures", drawn) if drawn else None


def _repeat(context: Context) -> Section:
    return Section("repeat", "Repeat the run", (Code(context.run.manifest.command, command=True),))


# The sections of the page in order. A section without anything to show is left out.
SECTIONS: tuple[Build, ...] = (
    summary.section,
    results.section,
    questions.section,
    audit.section,
    _repeat,
    _figures,
    ranking.section,
    evidence.section,
    forecast_agreement.section,
    results.scores_section,
    results.times_section,
    native.section,
    resources.work_section,
    failures,
    setup.section,
    glossary.section,
)


def page(run: Run, around: Around = NOTHING) -> Page:
    """The page of a run. `around` has the links to the pages about several runs."""
    context = Context.of(run)
    manifest = run.manifest
    links = [Link("manifest", "manifest.json"), Link("certificate", "certificate.json"), Link("Markdown", "report.md")]
    sections = (build(context) for build in SECTIONS)
    return Page(
        title=manifest.title,
        description=manifest.description,
        facts=(
            f"{manifest.started[:16].replace('T', ' ')} UTC",
            summary.environment_line(run),
            progress(run),
        ),
        eyebrow=(*around.overviews, *((Link("the reproducibility check", around.verdict),) if around.verdict else ())),
        notices=state(run),
        sections=tuple(section for section in sections if section),
        footer=Paragraph(
            "Written by Like for Like from the records in this folder:",
            links=tuple(link for link in links if run.certificate or link.target != "certificate.json"),
        ),
    )


def progress(run: Run) -> str:
    """How many of the planned trials have finished, and the number of seeds."""
    planned = run.manifest.expected_trials
    done = f"{len(run.trials)} of {plural(planned, 'trial')}"
    if len(run.trials) == planned:
        done = "the only trial" if planned == 1 else f"all {planned} trials"
    return sentence(f"{done} finished, {plural(len(run.seeds), 'seed')}")


def figures(run: Run, comparisons: Speedups, search: SearchRanking | None = None) -> tuple[Figure, ...]:
    """Every figure that the run has data for, in the order of the page; `search` if the run is a search."""
    drawn = (
        lowest_loss_by_trial(search) if search else None,
        *(mean_ranks(run, ranking) for ranking in rankings(run, comparisons)),
        speed_ratios(run, comparisons),
        None if search else training_time(run),
        loss_by_time(run, comparisons),
        *scaling(run, comparisons),
        fastest_by_setting(run, comparisons),
        *forecasts(run),
        error_by_horizon(run),
        *(loss_curves(run, mode) for mode in run.modes),
        gradient_norms(run),
    )
    return tuple(figure for figure in drawn if figure)
