"""A whole report before it is written: every sentence, table and figure, once, for all the forms it takes."""

from dataclasses import dataclass

from reports import audit, costs, evidence, glance, native, questions, setting, tables
from reports.answer import Answer, answer
from reports.comparison import compare
from reports.figures import Figure, draw
from reports.grid import Table
from reports.run import Run
from reports.wording import backend_name, case_name, plural, sentence


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
    answer: Answer
    progress: str
    result: Table
    questions: Table | None
    audit: Table | None
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
    trials: Table
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


def tell(run: Run) -> Story:
    comparisons = compare(run)
    agreement, beside, work = evidence.agreement(run, comparisons), evidence.native(run), costs.work(run)
    counted, equal = native.parameters(run), glance.glance(run)
    return Story(
        run=run,
        answer=answer(run, comparisons),
        progress=_progress(run),
        result=tables.main(run, comparisons),
        questions=questions.table(run),
        audit=audit.table(run),
        figures=draw(run, comparisons),
        glance=equal if equal.rows else None,
        certificate=evidence.certificate(run),
        agreement=agreement if agreement.rows else None,
        scores=tables.scores(run),
        times=tables.times(run, comparisons),
        native=beside if beside.rows else None,
        native_reasons=native.reasons(run),
        parameters=counted if counted.rows else None,
        failures=_failures(run),
        trials=evidence.trials(run),
        split=costs.split(run),
        use=costs.use(run),
        work=work if work.rows else None,
        data=setting.data(run),
        models=setting.models(run),
        environment=setting.environment(run),
    )


def _progress(run: Run) -> str:
    """How much of the plan is done, in a few words."""
    planned = len(run.manifest.trials)
    done = f"all {planned}" if len(run.trials) == planned else f"{len(run.trials)} of {planned}"
    return sentence(f"{done} trials finished, {plural(len(run.seeds), 'seed')}")


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
