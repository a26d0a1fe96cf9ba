"""Several programs of one framework: how to write a training, what each program costs, and its source text."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from math import ceil

from reports.analysis.context import Context
from reports.analysis.programs import CasePrograms, Program, StepComposition, advice, programs_of
from reports.analysis.run import Run, unique
from reports.analysis.timing_quality import MAX_IMPRECISION, MAX_VARIATION, timing_quality, timing_warnings
from reports.figures.programs import total_times
from reports.render.formats import case_name, duration, listed, per_cent, sentence, time_unit, whole
from reports.render.page import Block, Bullets, Code, Paragraph, Section, table_section
from reports.render.table import DASH, Cell, Table, TableColumn, numbers, tabulate, words
from reports.sections.columns import measured
from reports.sections.results import withheld_note

HORIZONS: tuple[int | None, ...] = (1, 10, 100, None)  # numbers of epochs to choose a program for; None: very many
Choice = tuple[CasePrograms, str]  # a model and a framework


def section(context: Context) -> Section | None:
    """None unless the run has two programs or more of one framework, with times that can be compared."""
    run = context.run
    cases = programs_of(run, context.speedups)
    if not cases:
        return None
    drawn = total_times(run, cases)
    missing = missing_programs(run)
    blocks: list[Block] = [Paragraph(introduction(cases)), *([Bullets(missing)] if missing else [])]
    blocks += [how_to_write(run, cases), *([drawn] if drawn else [])]
    blocks += [program_table(run, case, number) for number, case in enumerate(cases, 1)]
    composition = composition_table(cases)
    blocks += [table_section(composition)] if composition.rows else []
    blocks += [source] if (source := source_texts(run, cases)) else []
    return Section("programs", "Programs", tuple(blocks))


def introduction(cases: Iterable[CasePrograms]) -> str:
    """What a program is, and which of them do not have the layers of their framework."""
    programs = [program for case in cases for program in case.programs]
    users = unique(program.group.backend_phrase for program in programs if program.user_program)
    exception = "An exception is" if len(users) == 1 else "Exceptions are"
    differing = (
        f" {exception} {listed(users)}: a user's program has layers that are not the framework's, so its times also "
        "depend on how these layers compute."
    )
    return (
        "A program is how a training is written, apart from what it computes. The programs of a framework share its "
        "layers and learn the same, so a difference between their times comes from the way they are written."
        f"{differing if users else ''}"
    )


def missing_programs(run: Run) -> tuple[str, ...]:
    """A sentence for each reason why a program has no finished trial of a model."""
    groups = (group for group in run.groups if group.mode == "matched" and not group.outcomes)
    failures = (
        (group.backend_phrase, trial.failure or "no reason was recorded") for group in groups for trial in group.trials
    )
    return unique(sentence(f"{phrase} did not finish, so it is missing below: {reason}") for phrase, reason in failures)


def how_to_write(run: Run, cases: Sequence[CasePrograms]) -> Section:
    """The best program by the number of epochs: a sentence for each framework with a choice, and a table."""
    several = {
        name for case in cases for name, number in Counter(p.framework for p in case.programs).items() if number > 1
    }
    choices = [(case, framework) for case in cases for framework in case.frameworks if framework in several]
    columns: tuple[TableColumn[Choice], ...] = (
        words("model", lambda choice: case_name(choice[0].case)),
        words("framework", lambda choice: choice[1]),
        *(words(_horizon(epochs), _best_cell(run, epochs)) for epochs in HORIZONS),
    )
    caption = (
        "Each cell: the fastest program and its total time; for very many epochs, that of a steady epoch. The total "
        "time is that of importing the framework, building the model, compiling and training. Programs that take at "
        f"most {per_cent(MAX_VARIATION)} longer than the fastest are named too, because times vary by as much."
    )
    table = tabulate("best-programs", "", caption, columns, choices, stacked=True)
    frameworks = dict.fromkeys(framework for _, framework in choices)
    sentences = (_advice(run, cases, framework) for framework in frameworks)
    return Section("how-to-write", "How should I write it?", (*sentences, table))


def _horizon(epochs: int | None) -> str:
    return "very many epochs" if epochs is None else "1 epoch" if epochs == 1 else f"{epochs} epochs"


def _name(run: Run, program: Program) -> str:
    """The program without its framework: "eager loop"."""
    facts = run.manifest.backends.get(program.backend)
    return facts.program if facts else program.backend


def _best_cell(run: Run, epochs: int | None) -> Callable[[Choice], Cell]:
    def cell(choice: Choice) -> Cell:
        case, framework = choice
        best = case.best_in(framework, epochs)
        seconds = best[0].seconds(epochs)
        detail = f"{duration(seconds)}{' an epoch' if epochs is None else ''}"
        return Cell(" or ".join(_name(run, program) for program in best), seconds, detail)

    return cell


def _advice(run: Run, cases: Sequence[CasePrograms], framework: str) -> Paragraph:
    """Which program to write for how many epochs: a main statement only if the times are reliable."""
    members = [case for case in cases if framework in case.frameworks]
    programs = [program for case in members for program in case.frameworks[framework]]
    names = {program.backend: _name(run, program) for program in programs}
    if len(names) == 1:
        return Paragraph(f"In {framework}, only the {names[programs[0].backend]} can be compared.")
    advised = [(advice(members, framework, epochs), _horizon(epochs)) for epochs in HORIZONS]
    parts = []
    for backend, group in groupby(advised, lambda pair: pair[0].backend):
        horizons = [horizon for _, horizon in group]
        several = listed([*(horizon.split(" epoch")[0] for horizon in horizons[:-1]), horizons[-1]])
        number = "any number of epochs" if len(horizons) == len(HORIZONS) else several
        parts.append(f"the {names[backend]} for {number}")
    advised_text = f"write {listed(parts)}."
    if any(len(case.best_in(framework, epochs)) > 1 for case in members for epochs in HORIZONS):
        advised_text += " Where the table names several programs, their times are too close to choose one."
    if any(choice.models < len(members) for choice, _ in advised):
        advised_text += " Other programs are better for some of the models; see the table."
    for user in unique(names[program.backend] for program in programs if program.user_program):
        advised_text += f" The {user} is a user's program: its layers are not those of {framework}."
    noisy = [program for program in programs if _is_noisy(program)]
    if not noisy:
        return Paragraph(f"In {framework}, {advised_text}", "lead")
    noisy_names = listed(unique(names[program.backend] for program in noisy))
    reason = f"the times of its {noisy_names} are unstable or disturbed"
    if all(program.epoch.is_confidence_interval for program in noisy):
        limit = f"±{per_cent(MAX_IMPRECISION)}"
        reason = (
            f"for at least one model, the 95 % interval of a steady epoch of its {noisy_names} is wider than {limit}"
        )
    return Paragraph(f"In {framework}, this run has no reliable answer: {reason}. By these times, {advised_text}")


def _is_noisy(program: Program) -> bool:
    """Whether a program's times do not suffice for an advice; as for ratios, an interval covers what differs."""
    if program.epoch.is_confidence_interval:
        return program.epoch.precision > MAX_IMPRECISION
    return bool(timing_quality(program.group.outcomes).warnings)


def program_table(run: Run, case: CasePrograms, number: int) -> Table:
    """A row for each program of a model: its start, its first epoch, its steady epoch, and how these compare."""
    factor, unit = time_unit(program.epoch.estimate for program in case.programs)
    columns: tuple[TableColumn[Program], ...] = (
        words("program", lambda program: _program_cell(run, program)),
        numbers("first epoch", lambda program: program.first_epoch, "s"),
        TableColumn(
            "steady epoch",
            lambda program: measured(program.epoch, factor=factor, notes=timing_warnings(program.group)),
            unit,
        ),
        TableColumn("epoch / framework's fastest", lambda program: _relative(case, program, program.framework)),
        TableColumn("epoch / fastest of all", lambda program: _relative(case, program, "")),
        numbers("compilation", lambda program: program.compilation, "s"),
        TableColumn("break-even", lambda program: _break_even(case, program), "epochs"),
        numbers("start", lambda program: program.start, "s"),
    )
    caption = (
        "First epoch is compilation and a steady epoch. Compilation is the first step less a steady step; of a program "
        "of your own with two functions, the first epoch less a steady epoch. Start is importing the framework and "
        "building a model: the median over all trials of the framework, because its programs import the same packages "
        "and differences between single imports are noise. The ratios are those of the steady epoch to that of the "
        "framework's fastest program and of the fastest of all. The program of a framework that finishes its "
        "first epoch before the others is marked 'earliest'. Break-even is the number of epochs after which another "
        "program of the framework takes less time in total, because its shorter epochs made up for its compilation."
    )
    return tabulate(f"programs-{number}", f"Programs: {case_name(case.case)}", caption, columns, case.programs)


def _program_cell(run: Run, program: Program) -> Cell:
    """The name, with the reason where the program is not compared."""
    reasons = program.speedup.reasons
    notes = (sentence(f"{program.group.backend_phrase} is not compared: {reasons[0]}"),) if reasons else ()
    return Cell(run.backend_name(program.backend), notes=notes)


def _relative(case: CasePrograms, program: Program, framework: str) -> Cell:
    """How many times as long an epoch takes as in the fastest program of a framework, or of all."""
    if not program.comparable:
        return DASH
    fastest = case.fastest_in(framework) if framework else case.fastest
    if fastest is None or fastest == program:
        return Cell("1", 1.0, "fastest")
    if withheld := _withheld(program, fastest):
        return withheld
    return measured(program.times_as_long(fastest))


def _withheld(*programs: Program) -> Cell | None:
    """What stands in the place of a ratio of programs one of which has unreliable times."""
    notes = tuple(withheld_note(p.group, p.speedup.withheld) for p in programs if p.speedup.withheld)
    return Cell("unreliable", notes=notes, tone="bad") if notes else None


def _break_even(case: CasePrograms, program: Program) -> Cell:
    if not program.comparable:
        return DASH
    earliest = case.earliest_in(program.framework)
    if earliest == program:
        return Cell("earliest", tone="muted")
    if earliest and (withheld := _withheld(program, earliest)):
        return withheld
    epochs = program.break_even(earliest)
    return Cell("never", tone="muted") if epochs is None else Cell(whole(ceil(epochs)), epochs)


def composition_table(cases: Iterable[CasePrograms]) -> Table:
    """A row for each program whose parts of a step were timed."""
    composed = [(program, program.composition) for case in cases for program in case.programs if program.composition]
    rows = [(program, parts) for program, parts in composed if parts]
    factor, unit = time_unit(parts.step for _, parts in rows)
    columns: tuple[TableColumn[tuple[Program, StepComposition]], ...] = (
        words("model", lambda row: case_name(row[0].group.case)),
        words("program", lambda row: row[0].group.backend_name),
        numbers("steady step", lambda row: row[1].step, unit, factor=factor),
        numbers("forward", lambda row: row[1].forward, unit, factor=factor),
        numbers("backward", lambda row: row[1].backward, unit, factor=factor),
        numbers("optimizer", lambda row: row[1].optimizer, unit, factor=factor),
        numbers("loop", lambda row: row[1].loop, unit, factor=factor),
    )
    caption = (
        "Each part was timed alone after the training, compiled where the program compiles; medians. Backward is the "
        "time of both passes less that of the forward pass. Loop is the rest of a steady step: taking batches, setting "
        "the learning rate, calls from Python. It is below 0 where a compiled program is faster than its parts one by "
        "one, each of which is called from Python. A program that cannot be divided, such as a fit loop, is "
        "represented by the parts of a step with the same layers and the same optimizer. A user's program does not "
        "give its parts, so it has no row."
    )
    return tabulate("composition", "What a training step consists of", caption, columns, rows)


def source_texts(run: Run, cases: Iterable[CasePrograms]) -> Section | None:
    """The recorded source text of each program, folded."""
    backends = dict.fromkeys(program.backend for case in cases for program in case.programs)
    recorded = {name: facts.source_text for name, facts in run.manifest.backends.items() if facts.source_text}
    programs = tuple(
        Section("", run.backend_name(backend), (Code(recorded[backend], "python"),), folded=True)
        for backend in backends
        if backend in recorded
    )
    explanation = Paragraph(
        "The lines of the files that ran; of a user's program, the whole file. The folder backends of the checkout has "
        "the rest."
    )
    return Section("program-texts", "How each program is written", (explanation, *programs)) if programs else None
