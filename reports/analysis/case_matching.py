"""Which models of two runs are the same question, whatever the runs call them, and what differs between the runs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from reports.analysis.run import Run, unique
from reports.records import Case
from reports.records.definitions import setting_differences
from reports.render.formats import as_written, case_name, listed

# What makes a model and its training another one, so that neither scores nor times can be compared.
SETTINGS = (
    "cell",
    "units",
    "layers",
    "window",
    "horizon",
    "epochs",
    "batch",
    "dtype",
    "architecture",
    "training_notes",
)
LATER = ("architecture", "training_notes")  # which older records lack


@dataclass(frozen=True)
class CaseMatch:
    """A model of the first run and its counterpart in the second; None: it has none there."""

    first: Case | None
    second: Case | None

    @property
    def case(self) -> Case:
        found = self.first or self.second
        assert found is not None  # one of the two there is
        return found

    @property
    def renamed(self) -> bool:
        return bool(self.first and self.second and self.first.label != self.second.label)

    @property
    def threads(self) -> str:
        """A clause, where the numbers of threads are known and differ."""
        if not self.first or not self.second or self.first.threads == self.second.threads:
            return ""
        if self.first.threads is None or self.second.threads is None:
            return ""
        return f"{self.first.threads} threads in the first and {self.second.threads} in the second"

    def apart(self) -> Iterator[str]:
        """The settings that make them two questions, a clause each: "other epochs, 30 and 60"."""
        if self.first and self.second:
            older = not (self.first.architecture and self.second.architecture)
            for name in SETTINGS:
                one, other = getattr(self.first, name), getattr(self.second, name)
                if one != other and not (older and name in LATER):
                    yield f"other {name}, {as_written(one)} and {as_written(other)}"


def match_cases(first: Run, second: Run) -> tuple[CaseMatch, ...]:
    """By all settings but the threads, preferring the same threads; what is left over, by its label on one series."""

    def settings(run: Run, case: Case) -> tuple[object, ...]:
        data = run.data(case)
        fields = (*SETTINGS, "learning_rate")
        return (data.series, data.features, *(getattr(case, name) for name in fields))

    rules: tuple[Callable[[Case, Case], bool], ...] = (
        lambda a, b: settings(first, a) == settings(second, b) and a.threads == b.threads,
        lambda a, b: settings(first, a) == settings(second, b),
        lambda a, b: a.label == b.label and first.data(a).series == second.data(b).series,
    )
    free = {case.label: case for case in second.manifest.cases}
    partner: dict[str, Case] = {}
    for rule in rules:
        for case in first.manifest.cases:
            found = next((other for other in free.values() if rule(case, other)), None)
            if case.label not in partner and found is not None:
                partner[case.label] = free.pop(found.label)
    return (
        *(CaseMatch(case, partner.get(case.label)) for case in first.manifest.cases),
        *(CaseMatch(None, case) for case in free.values()),
    )


def run_differences(first: Run, second: Run, matches: tuple[CaseMatch, ...]) -> tuple[str, ...]:
    """Between the runs, a sentence each: machine and versions, settings by dotted name, threads, names."""
    told = [*_environments(first, second)]
    told += [
        f"{name}: {as_written(before)} in the first, {as_written(after)} in the second"
        for name, before, after in setting_differences(first.manifest.definition, second.manifest.definition)
    ]
    told += [f"{case_name(found.case)}: {found.threads}" for found in matches if found.threads]
    told += [
        f"'{found.first.label}' of the first is matched with '{found.second.label}' of the second"
        for found in matches
        if found.renamed and found.first and found.second
    ]
    return tuple(told)


def machine_difference(first: Run, second: Run) -> str:
    """What a ratio of times is a ratio of, where the machine is another; empty where it is not."""
    one, other = first.manifest.environment, second.manifest.environment
    hosts = set(first.hosts()) != set(second.hosts())
    fields = ("processor", "gpu", "system")
    hardware = any(getattr(one, name) != getattr(other, name) for name in fields)
    if not hosts and not hardware:
        if len(one.cores) == len(other.cores):
            return ""
        return "The two used other numbers of cores: a ratio of times is of that, and of whatever else differs."
    if (one.packages, one.python) != (other.packages, other.python):
        return (
            "The two ran on other machines and under other versions: a ratio of times is of machine and framework "
            "together, and does not tell which of the two it comes from."
        )
    return "The two ran on other machines under the same versions: a ratio of times is the machines', no framework's."


def _environments(first: Run, second: Run) -> Iterator[str]:
    """Each change once, of the runs as they began and of every two trials that are held against each other."""
    hosts = [listed(sorted(run.hosts())) for run in (first, second)]
    if hosts[0] != hosts[1] and all(hosts):
        yield f"the first ran on {hosts[0]}, the second on {hosts[1]}"
    places = [(first.manifest.environment, second.manifest.environment)]
    there = {(t.plan.case, t.plan.backend, t.plan.mode, t.plan.seed): t for t in second.trials}
    for trial in first.trials:
        plan = trial.plan
        if other := there.get((plan.case, plan.backend, plan.mode, plan.seed)):
            places.append((first.environment(trial), second.environment(other)))
    yield from unique(clause for one, other in places for clause in one.differences(other))
