"""What was run: the data, the models, the machine, and how the run was started and resumed."""

import json

from reports.analysis.context import Context
from reports.analysis.run import Run
from reports.records import Case, Data, Session
from reports.render.formats import case_name, listed, per_cent, plain, plural, seeds_in_words, sentence, whole
from reports.render.page import Code, Section, table_section
from reports.render.table import NONE, Cell, Table, TableColumn, numbers, tabulate, words
from reports.sections import search

SOURCE = "manifest.json"


def section(context: Context) -> Section:
    run = context.recorded
    definition = json.dumps(run.manifest.definition, indent=2, ensure_ascii=False, default=str)
    configurations = [search.all_configurations(context.search)] if context.search else []
    return Section(
        "setup",
        "Setup",
        (
            data(run),
            *(table_section(understood(entry)) for entry in _files(run)),
            models(run),
            Section("definition", "Definition of the benchmark", (Code(definition, "json"),), folded=True),
            table_section(environment(run), folded=True),
            *(table_section(table, folded=True) for table in configurations),
        ),
    )


def data(run: Run) -> Table:
    columns: tuple[TableColumn[Data], ...] = (
        words("series", lambda data: Cell(data.title, notes=tuple(map(sentence, data.notes)))),
        words("unit", lambda data: data.unit),
        words("step", lambda data: data.step),
        numbers("rows", lambda data: data.rows, form=whole),
        numbers("features", lambda data: len(data.features), form=whole),
        numbers("window", lambda data: data.window, form=whole),
        numbers("horizon", lambda data: data.horizon, form=whole),
        numbers("training", lambda data: data.train_windows, form=whole),
        numbers("validation", lambda data: data.validation_windows, form=whole),
        numbers("test", lambda data: data.test_windows, form=whole),
        words("licence and source", lambda data: f"{data.licence}; {data.source}"),
    )
    caption = (
        "The series are split in order of time. Window is the number of past steps that a forecast is made from, "
        "horizon the number of steps that are forecast. Training, validation and test are numbers of windows."
    )
    return tabulate("data", "Data", caption, columns, run.manifest.data.values(), source=SOURCE)


def _files(run: Run) -> list[Data]:
    """The first of all windowings of each file of the user."""
    return list(
        {entry.understood: entry for entry in reversed(run.manifest.data.values()) if entry.understood}.values()
    )


def understood(data: Data) -> Table:
    """How a file of the user was read."""
    columns: tuple[TableColumn[tuple[str, str]], ...] = (
        words("property", lambda line: line[0]),
        words("value", lambda line: line[1]),
    )
    caption = "How the file was read. The settings repeat this reading."
    return tabulate("file", f"The file {data.series}", caption, columns, data.understood, source=SOURCE)


def models(run: Run) -> Table:
    def left_out(case: Case) -> int:
        return 0 if case.partial_batch else run.data(case).train_windows % case.batch

    columns: tuple[TableColumn[Case], ...] = (
        words("model", case_name),
        words("layers", layers),
        numbers("window", lambda case: case.window, form=whole),
        numbers("horizon", lambda case: case.horizon, form=whole),
        numbers("epochs", lambda case: case.epochs, form=whole),
        numbers("batch", lambda case: case.batch, form=whole),
        numbers("left out of an epoch", left_out, "windows", whole),
        numbers("learning rate", lambda case: case.learning_rate, form=plain),
        words("training", lambda case: "; ".join(case.training_notes) or "Adam, mean squared error"),
        words("precision", lambda case: case.dtype),
        numbers("threads", lambda case: case.threads, form=whole, optional=True),
        numbers("parameters", lambda case: case.shape_parameters, form=whole),
    )
    caption = (
        f"Layers are listed from input to output with their units. All models are trained with {_seeds(run)}, with "
        'Adam and the mean squared error unless the column "training" names others. Parameters are those of the '
        "matched model."
    )
    if any(note.startswith("loss quantile") for case in run.manifest.cases for note in case.training_notes):
        caption += " Of a model with several quantiles, the median is the forecast that is scored."
    if (rule := run.manifest.repetition) is not None:
        minutes = f"{rule.minutes:g} minute{'s' * (rule.minutes != 1)}"
        caption += (
            f" Rounds were added until every speed ratio was known within ±{per_cent(rule.precision)}, or until the "
            f"trials had taken {minutes}. Stopping at such a moment makes intervals slightly too narrow."
        )
    if any(map(left_out, run.manifest.cases)):
        caption += (
            " An epoch leaves out the windows that do not fill its last batch; the order is drawn anew for each "
            'epoch, so these are other windows each time. With training.partial_batch = "use", a last step takes them.'
        )
    if any(note.startswith("state passes") for case in run.manifest.cases for note in case.training_notes):
        caption += (
            " A model whose state passes on takes the windows in the same order in each epoch and leaves out the same. "
            "Validation and test windows are forecast from the state after those before them in their part."
        )
    if all(case.tf32 is False for case in run.manifest.cases):
        caption += " TensorFloat-32, which rounds the factors of float32 products on GPUs, is off in all frameworks."
    return tabulate("models", "Models", caption, columns, run.manifest.cases, source=SOURCE)


def _seeds(run: Run) -> str:
    """The seeds of the trials, by mode if the modes have different ones."""
    by_mode: dict[str, set[int]] = {}
    for plan in run.manifest.trials:
        by_mode.setdefault(plan.mode, set()).add(plan.seed)
    if all(seeds == set(run.seeds) for seeds in by_mode.values()):
        return seeds_in_words(run.seeds)
    return listed([f"{seeds_in_words(seeds)} in {mode} mode" for mode, seeds in by_mode.items()])


def layers(case: Case) -> str:
    """All layers in order: "gru 50 → dense 1". Records of version 1 contain only the cell and its sizes."""
    return " → ".join(case.architecture) or f"{case.layers} × {case.cell} {case.units}"


def environment(run: Run) -> Table:
    """Machine and software at the start of the run."""
    facts = run.manifest.environment
    lines = {
        "processor": f"{facts.processor} ({facts.machine})",
        "cores used": f"{len(facts.cores)} ({', '.join(map(str, facts.cores))})",
        "cores that share a physical core": listed([listed(list(map(str, group))) for group in facts.shared_cores])
        or "none known",
        "memory": f"{facts.memory_bytes / 2**30:.1f} GiB",
        "GPU": facts.gpu or "none",
        "system": facts.system,
        "hosts": listed(run.hosts()) or NONE,
        "Python": facts.python,
        **facts.packages,
        **{name: listed(values) for name, values in variables(run).items()},
        "commit": facts.commit or "unknown",
        "started": run.manifest.started,
    }
    columns: tuple[TableColumn[tuple[str, str]], ...] = (
        words("property", lambda line: line[0]),
        words("value", lambda line: line[1]),
    )
    caption = "At the start of the run, with the versions of the packages and the environment variables of every trial."
    return tabulate("environment", "Machine and software", caption, columns, lines.items(), source=SOURCE)


def variables(run: Run) -> dict[str, list[str]]:
    """The values of each environment variable of the trials; several where the trials differ, as in their threads."""
    environments = [run.manifest.environment, *(trial.environment for trial in run.trials if trial.environment)]
    names = dict.fromkeys(name for environment in environments for name in environment.variables)
    trials = environments[1:] or environments
    if any(trial.plan.hash_seed for trial in run.trials):  # each trial has another one, which its plan records
        names.pop("PYTHONHASHSEED", None)
    return {name: sorted({each.variables.get(name, NONE) for each in trials}) for name in names}


def environment_line(run: Run) -> str:
    """The machine in a few words."""
    facts = run.manifest.environment
    return f"{facts.processor}, {plural(len(facts.cores), 'core')}" + (f", {facts.gpu}" if facts.gpu else "")


def notices(run: Run) -> tuple[str, ...]:
    """Warnings about the whole page: what is missing in the run, and how the run was started and resumed."""
    manifest, ended = run.manifest, len(run.trials)
    planned = manifest.expected_trials
    notes = []
    if manifest.reproduces is not None:
        notes.append(
            f"This run repeats trials of {manifest.reproduces}; reproduction.md has the result of the check. A "
            "repeated run has no certificate, so no speed ratio is shown."
        )
    notes += map(_resumed, manifest.sessions[1:])
    if manifest.quick:
        notes.append(
            "This is the quick form of the benchmark, which checks that everything works. "
            "With so few epochs and seeds, its numbers do not describe the models."
        )
    if ended < planned:
        done = f"{ended} of {plural(planned, 'trial')} {'has' if planned == 1 else 'have'} finished"
        failed = f" ({len(run.failed)} of them failed)" if run.failed else ""
        notes.append(f"{done}{failed}: the run is under way or was interrupted. The page shows the finished trials.")
    if run.failed:
        notes.append(f"{len(run.failed)} of {plural(planned, 'trial')} failed; the reasons are listed below.")
    if run.certificate is None and manifest.reproduces is None:
        resume = manifest.command_on("resume", manifest.name)
        notes.append(
            "There is no certificate, without which no speed ratio is shown: the run has not come so far, or its file "
            f"certificate.json is gone. To finish the run, type `{resume}`."
        )
    return tuple(notes)


def _resumed(session: Session) -> str:
    if not session.differences:
        return f"The run was resumed {session.started} with the same machine and versions."
    return sentence(f"The run was resumed {session.started} although {listed(session.differences)}")


def progress(run: Run) -> str:
    """How many of the planned trials have finished, and the number of seeds."""
    planned = run.manifest.expected_trials
    done = f"{len(run.trials)} of {plural(planned, 'trial')}"
    if len(run.trials) == planned:
        done = "the only trial" if planned == 1 else f"all {planned} trials"
    failed = sum(trial.outcome is None for trial in run.trials)
    ended = f"ended, {failed} of them failed" if failed else "finished"
    return sentence(f"{done} {ended}, {plural(len(run.seeds), 'seed')}")
