"""The page of one run: its sections and its figures, in order."""

from collections.abc import Callable
from pathlib import Path

from reports.analysis.context import Context
from reports.analysis.run import Run
from reports.analysis.timing_quality import unreliable_because
from reports.figures.error_by_origin import error_by_origin
from reports.figures.fastest_by_setting import fastest_by_setting
from reports.figures.forecast import error_by_horizon, forecasts
from reports.figures.gradient_norms import gradient_norms
from reports.figures.learning import loss_by_time, loss_curves, lowest_loss_by_trial
from reports.figures.ranking import mean_ranks
from reports.figures.scaling import scaling
from reports.figures.speed import speed_ratios, training_time
from reports.render.page import Code, Figure, Page, Paragraph, Section
from reports.render.table import Link
from reports.sections import (
    certificate,
    forecast_agreement,
    glossary,
    native_vs_matched,
    programs,
    published_values,
    questions,
    resources,
    results,
    series_and_origins,
    setup,
    summary,
    trials,
)
from reports.sections.forecasts import scores as forecast_scores

CHECK = "reproduction.md"  # the reproducibility check, in the folder of the repeated run


def figures(context: Context) -> tuple[Figure, ...]:
    """Every figure that the run has data for, in the order of the page."""
    run, speedups, search = context.run, context.speedups, context.search
    drawn = (
        lowest_loss_by_trial(search) if search else None,
        *(mean_ranks(run, ranking) for ranking in context.rankings),
        error_by_origin(run),
        speed_ratios(run, speedups),
        None if search else training_time(run),
        loss_by_time(run, speedups),
        *scaling(run, speedups),
        fastest_by_setting(run, speedups),
        *forecasts(run),
        error_by_horizon(run),
        *(loss_curves(run, mode) for mode in run.modes),
        gradient_norms(run),
    )
    return tuple(figure for figure in drawn if figure)


def _figures(context: Context) -> Section | None:
    drawn = figures(context)
    withheld = [speedup for case in context.speedups.values() for speedup in case.withheld]
    reason = unreliable_because(context.run, withheld)
    notes = (Paragraph(f"Unreliable speed ratios are not drawn: {reason}."),) if withheld else ()
    return Section("figures", "Figures", (*notes, *drawn)) if drawn else None


def _command(context: Context) -> Section:
    return Section("repeat", "Repeat the run", (Code(context.run.manifest.command, command=True),))


# The sections of the page in order. A section without content is left out.
SECTIONS: tuple[Callable[[Context], Section | None], ...] = (
    summary.section,
    results.section,
    series_and_origins.origins_section,
    resources.null_test_section,
    programs.section,
    questions.section,
    published_values.section,
    _command,
    _figures,
    series_and_origins.section,
    forecast_scores.section,
    forecast_scores.leakage_section,
    certificate.section,
    forecast_agreement.section,
    results.scores_section,
    results.times_section,
    results.variation_section,
    native_vs_matched.section,
    trials.failed_section,
    setup.section,
    trials.section,
    resources.section,
    resources.overhead_section,
    glossary.section,
)


def page(run: Run, links: tuple[Link, ...] = (), *, show_unreliable: bool = False) -> Page:
    """The page of a run; `links` lead to pages about several runs. Unreliable ratios are withheld by default."""
    context = Context.of(run, show_unreliable=show_unreliable)
    manifest = run.manifest
    records = [
        Link("manifest", "manifest.json"),
        *([Link("certificate", "certificate.json")] if run.certificate else []),
    ]
    sections = (build(context) for build in SECTIONS)
    return Page(
        title=manifest.title,
        description=manifest.description,
        facts=(f"{manifest.started[:16].replace('T', ' ')} UTC", setup.environment_line(run), setup.progress(run)),
        eyebrow=links,
        notices=setup.notices(run),
        sections=tuple(section for section in sections if section),
        footer=Paragraph(
            "Written by Like for Like from the records in this folder:",
            links=(*records, Link("this report as Markdown", "report.md")),
        ),
    )


def links_of(run: Run, folder: Path) -> tuple[Link, ...]:
    """Links to the pages about several runs and to the reproducibility check, as far as these exist."""
    links = [Link("reproducibility check", CHECK)] if (folder / CHECK).is_file() else []
    if is_among_results(run.manifest.benchmark, folder):
        links = [Link("all runs", "../../index.html"), Link("history of this benchmark", "../history.html"), *links]
    return tuple(links)


def is_among_results(benchmark: str, folder: Path) -> bool:
    """Whether the folder of a run has the place results/<benchmark>/<start>; a copy elsewhere has not."""
    return folder.parent.name == benchmark
