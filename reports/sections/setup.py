"""The tables of the setting: which data, which models, which machine."""

import json

from reports.analysis.run import Run
from reports.records import Case
from reports.render.formats import case_name, listed, plain, sentence, whole
from reports.render.page import Code, Section, table_section
from reports.render.table import NONE, Cell, Column, Table, number, row, text
from reports.sections import certificate, resources, search_tables
from reports.sections.context import Context

SOURCE = "manifest.json"


def data(run: Run) -> Table:
    """What the forecasts were made of."""
    found = run.manifest.data.values()
    columns = (
        *map(text, ("series", "unit", "step")),
        *map(Column, ("rows", "features", "window", "horizon", "train", "validation", "test")),
        text("licence and source"),
    )
    rows = tuple(
        row(
            Cell(d.title, notes=tuple(sentence(note) for note in d.notes)),
            Cell(d.unit),
            Cell(d.step),
            *(number(n, whole) for n in (d.rows, len(d.features), d.window, d.horizon)),
            *(number(n, whole) for n in (d.train_windows, d.validation_windows, d.test_windows)),
            Cell(f"{d.licence}; {d.source}"),
        )
        for d in found
    )
    caption = "Split in order of time; train, validation and test are counted in windows."
    return Table("data", "The data", caption, columns, rows, SOURCE)


def models(run: Run) -> Table:
    """What was trained, and how; with the threads of a trial, where they were recorded."""
    threads = any(case.threads for case in run.manifest.cases)
    columns = (
        *map(text, ("model", "layers")),
        *map(Column, ("window", "horizon", "epochs", "batch", "learning rate")),
        *map(text, ("training", "precision")),
        *((Column("threads"),) if threads else ()),
        Column("parameters"),
    )
    rows = tuple(
        row(
            Cell(case_name(case)),
            Cell(layers(case)),
            *(number(n, whole) for n in (case.window, case.horizon, case.epochs, case.batch)),
            number(case.learning_rate, plain),
            Cell("; ".join(case.training_notes) or "Adam, mean squared error"),
            Cell(case.dtype),
            *((number(case.threads, whole),) if threads else ()),
            number(case.shape_parameters, whole),
        )
        for case in run.manifest.cases
    )
    caption = (
        f"Each layer with its units, in order; trained by Adam with the seeds {listed([str(s) for s in run.seeds])}."
    )
    return Table("models", "The models", caption, columns, rows, SOURCE)


def layers(case: Case) -> str:
    """Every layer in order, "gru 50 → dense 1"; records of older schemas say only the cell and its sizes."""
    return " → ".join(case.architecture) or f"{case.layers} × {case.cell} {case.units}"


def environment(run: Run) -> Table:
    """The machine and the software, as the run found them."""
    found, hosts = run.manifest.environment, run.hosts()
    lines = {
        "processor": f"{found.processor} ({found.machine})",
        "cores used": f"{len(found.cores)} ({', '.join(map(str, found.cores))})",
        "memory": f"{found.memory_bytes / 2**30:.1f} GiB",
        "GPU": found.gpu or "none",
        "system": found.system,
        "hosts": listed(hosts) or NONE,
        "Python": found.python,
        **found.packages,
        **found.variables,
        "commit": found.commit or "unknown",
        "started": run.manifest.started,
    }
    rows = tuple(row(Cell(name), Cell(value)) for name, value in lines.items())
    return Table("environment", "The machine", "As the run found it.", (text("what"), text("value")), rows, SOURCE)


def section(context: Context) -> Section:
    run = context.recorded
    definition = json.dumps(run.manifest.definition, indent=2, ensure_ascii=False, default=str)
    trials = search_tables.configurations(context.search) if context.search else certificate.trials(run)
    return Section(
        "setup",
        "What was asked, of what",
        (
            data(run),
            models(run),
            Section("definition", "The definition", (Code(definition, "json"),), folded=True),
            table_section(environment(run), folded=True),
            table_section(trials, folded=True),
            table_section(resources.split(run), folded=True),
            table_section(resources.use(run), folded=True),
        ),
    )
