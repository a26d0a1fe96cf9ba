"""A whole report before it is written: every sentence, table and figure, once, for all the forms it takes."""

from dataclasses import dataclass

from reports.analysis.ranking import rankings
from reports.analysis.run import Run
from reports.analysis.search_results import SearchRanking, search_ranking, selected_only
from reports.analysis.speedup import Speedups, speedups_of
from reports.figures.fastest_by_setting import fastest_by_setting
from reports.figures.forecast import error_by_horizon, forecasts
from reports.figures.gradient_norms import gradient_norms
from reports.figures.learning import loss_by_time, loss_curves, lowest_loss_by_trial
from reports.figures.ranking import mean_ranks
from reports.figures.scaling import scaling
from reports.figures.speed import speed_ratios, training_time
from reports.figures.style import Figure
from reports.pages.links import NOTHING, Around
from reports.render.formats import backend_name, case_name, plural, sentence
from reports.render.table import Table
from reports.sections import certificate as evidence
from reports.sections import certificate_summary as glance
from reports.sections import forecast_agreement, questions, resources, results, search_summary, search_tables, setup
from reports.sections import native_vs_matched as native
from reports.sections import published_values as audit
from reports.sections.ranking_over_series import table
from reports.sections.summary import Answer, answer


@dataclass(frozen=True)
class Failure:
    """A trial that did not end well."""

    name: str
    reason: str
    log: str
    record: str  # relative to the run's folder


@dataclass(frozen=True)
class Story:
    run: Run
    around: Around
    answer: Answer
    progress: str
    result: Table
    questions: Table | None
    audit: Table | None
    rankings: tuple[Table, ...]  # over several series
    figures: tuple[Figure, ...]
    glance: Table | None
    certificate: Table
    agreement: Table | None
    scores: Table
    times: Table
    native: Table | None
    native_reasons: tuple[str, ...]
    parameters: Table | None
    failures: tuple[Failure, ...]
    trials: Table  # of a search, its configurations
    split: Table
    use: Table
    work: Table | None
    data: Table
    models: Table
    environment: Table

    @property
    def details(self) -> tuple[Table, ...]:
        """Every table but the first, in the order of the page."""
        found = (
            self.questions,
            self.audit,
            *self.rankings,
            self.glance,
            self.certificate,
            self.agreement,
            self.scores,
            self.times,
            self.native,
            self.parameters,
            self.work,
            self.data,
            self.models,
            self.environment,
            self.trials,
            self.split,
            self.use,
        )
        return tuple(table for table in found if table)


def tell(run: Run, around: Around = NOTHING) -> Story:
    """Of a search, scores and forecasts of the selected configuration alone: the others' belong to no answer."""
    found, whole = search_ranking(run), run
    run = selected_only(whole)
    comparisons = speedups_of(run)
    agreement, beside, work = forecast_agreement.agreement(run, comparisons), evidence.native(run), resources.work(run)
    counted, equal = native.parameters(run), glance.glance(run)
    return Story(
        run=whole,
        around=around,
        answer=search_summary.answer(found) if found else answer(run, comparisons),
        progress=_progress(whole),
        result=search_tables.result(found) if found else results.main(run, comparisons),
        questions=questions.table(whole),
        audit=audit.table(whole),
        rankings=() if found else tuple(map(table, rankings(run, comparisons))),
        figures=figures(run, comparisons, found),
        glance=_filled(equal),
        certificate=evidence.certificate(run),
        agreement=_filled(agreement),
        scores=results.scores(run),
        times=results.times(run, comparisons),
        native=_filled(beside),
        native_reasons=native.reasons(run),
        parameters=_filled(counted),
        failures=_failures(whole),
        trials=search_tables.configurations(found) if found else evidence.trials(run),
        split=resources.split(whole),
        use=resources.use(whole),
        work=None if found else _filled(work),
        data=setup.data(whole),
        models=setup.models(whole),
        environment=setup.environment(whole),
    )


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


def _filled(table: Table) -> Table | None:
    return table if table.rows else None


def _progress(run: Run) -> str:
    """How much of the plan is done, in a few words."""
    planned = run.manifest.expected_trials
    done = f"{len(run.trials)} of {plural(planned, 'trial')}"
    if len(run.trials) == planned:
        done = "the only trial" if planned == 1 else f"all {planned} trials"
    return sentence(f"{done} finished, {plural(len(run.seeds), 'seed')}")


def _failures(run: Run) -> tuple[Failure, ...]:
    cases = {case.label: case_name(case) for case in run.manifest.cases}
    return tuple(
        Failure(
            name=f"{backend_name(plan.backend)}, {cases[plan.case]}, {plan.mode}, seed {plan.seed}",
            reason=sentence(trial.failure or "no reason was recorded"),
            log=trial.log.strip("\n"),
            record=f"trials/{plan.key}.json",
        )
        for trial in run.failed
        for plan in [trial.plan]
    )
