"""Comparison of two runs: which cases match, what differs between the runs, and which metrics changed beyond noise."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from reports.analysis.intervals import PairedEffect, difference_effect, ratio_effect, tost_p
from reports.analysis.metrics import Metric, compared_metrics, values
from reports.analysis.run import Group, Run, unique
from reports.analysis.speedup import EQUIVALENCE_MARGIN, certificate_problems, timing_problems
from reports.records import Case, Mode
from reports.records.definitions import setting_differences
from reports.render.formats import as_written, case_name, listed

# Settings that make models or trainings incomparable, in scores and in times.
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
MISSING_IN_VERSION_1 = ("architecture", "training_notes")


@dataclass(frozen=True)
class CaseMatch:
    """A case of the first run and the matching case of the second; None: there is none."""

    first: Case | None
    second: Case | None

    @property
    def case(self) -> Case:
        case = self.first or self.second
        assert case is not None
        return case

    @property
    def renamed(self) -> bool:
        return bool(self.first and self.second and self.first.label != self.second.label)

    @property
    def threads(self) -> str:
        """A clause if the numbers of threads are known and differ."""
        if not self.first or not self.second or self.first.threads == self.second.threads:
            return ""
        if self.first.threads is None or self.second.threads is None:
            return ""
        return f"{self.first.threads} threads in the first and {self.second.threads} in the second"

    @property
    def different_settings(self) -> tuple[str, ...]:
        """One clause per setting that makes the cases incomparable: "different epochs, 30 and 60"."""
        if not self.first or not self.second:
            return ()
        old = not (self.first.architecture and self.second.architecture)
        names = [name for name in SETTINGS if not (old and name in MISSING_IN_VERSION_1)]
        pairs = [(name, getattr(self.first, name), getattr(self.second, name)) for name in names]
        return tuple(
            f"different {name}, {as_written(first)} and {as_written(second)}"
            for name, first, second in pairs
            if first != second
        )


def match_cases(first: Run, second: Run) -> tuple[CaseMatch, ...]:
    """Match cases by all settings and threads, then without threads, then by label and series."""

    def settings(run: Run, case: Case) -> tuple[object, ...]:
        data = run.data(case)
        return (
            data.series,
            data.features,
            data.origin,
            *(getattr(case, name) for name in (*SETTINGS, "learning_rate")),
        )

    rules: tuple[Callable[[Case, Case], bool], ...] = (
        lambda a, b: settings(first, a) == settings(second, b) and a.threads == b.threads,
        lambda a, b: settings(first, a) == settings(second, b),
        lambda a, b: a.label == b.label and first.data(a).series == second.data(b).series,
    )
    free = {case.label: case for case in second.manifest.cases}
    partners: dict[str, Case] = {}
    for rule in rules:
        for case in first.manifest.cases:
            partner = next((other for other in free.values() if rule(case, other)), None)
            if case.label not in partners and partner is not None:
                partners[case.label] = free.pop(partner.label)
    return (
        *(CaseMatch(case, partners.get(case.label)) for case in first.manifest.cases),
        *(CaseMatch(None, case) for case in free.values()),
    )


def run_differences(first: Run, second: Run, matches: tuple[CaseMatch, ...]) -> tuple[str, ...]:
    """Return one clause per difference: machine, versions, settings by dotted name, threads, labels of cases."""
    settings = setting_differences(first.manifest.definition, second.manifest.definition)
    return (
        *_environment_differences(first, second),
        *(
            f"{name}: {as_written(before)} in the first, {as_written(after)} in the second"
            for name, before, after in settings
        ),
        *(f"{case_name(match.case)}: {match.threads}" for match in matches if match.threads),
        *(
            f"'{match.first.label}' of the first is matched with '{match.second.label}' of the second"
            for match in matches
            if match.renamed and match.first and match.second
        ),
    )


def _environment_differences(first: Run, second: Run) -> Iterator[str]:
    """Yield each difference once, of the environments of the runs and of each pair of trials."""
    hosts = [listed(sorted(run.hosts())) for run in (first, second)]
    if hosts[0] != hosts[1] and all(hosts):
        yield f"the first ran on {hosts[0]}, the second on {hosts[1]}"
    environments = [(first.manifest.environment, second.manifest.environment)]
    partners = {(t.plan.case, t.plan.backend, t.plan.mode, t.plan.seed): t for t in second.trials}
    for trial in first.trials:
        plan = trial.plan
        if partner := partners.get((plan.case, plan.backend, plan.mode, plan.seed)):
            environments.append((first.environment(trial), second.environment(partner)))
    yield from unique(clause for before, after in environments for clause in before.differences(after))


def machine_difference(first: Run, second: Run) -> Literal["", "cores", "machine", "machine and versions"]:
    """Return what differs between the machines of two runs, which a ratio of times then includes."""
    environments = first.manifest.environment, second.manifest.environment
    hardware = [(env.processor, env.gpu, env.system) for env in environments]
    if set(first.hosts()) == set(second.hosts()) and hardware[0] == hardware[1]:
        return "" if len(environments[0].cores) == len(environments[1].cores) else "cores"
    versions = [(env.packages, env.python) for env in environments]
    return "machine" if versions[0] == versions[1] else "machine and versions"


@dataclass(frozen=True)
class MetricComparison:
    """A metric in both runs over the common seeds.

    effect: the difference of an error, or the ratio of a time or memory; None: `reason` states why.
    equal: the errors are shown to be equal within `EQUIVALENCE_MARGIN`.
    """

    metric: Metric
    first: tuple[float, ...]
    second: tuple[float, ...]
    effect: PairedEffect | None
    reason: str
    equal: bool = False


@dataclass(frozen=True)
class GroupComparison:
    """One backend in one mode on one case, in both runs."""

    match: CaseMatch
    backend: str
    mode: Mode
    seeds: tuple[int, ...]  # finished in both runs
    metrics: dict[str, MetricComparison]  # by the name of the metric

    @property
    def case(self) -> Case:
        return self.match.case


@dataclass(frozen=True)
class RunComparison:
    first: Run
    second: Run
    metrics: tuple[Metric, ...]
    matches: tuple[CaseMatch, ...]
    pairs: tuple[GroupComparison, ...]

    @property
    def common(self) -> bool:
        """Whether the runs have a finished trial in common."""
        return any(pair.seeds for pair in self.pairs)


def compare_runs(first: Run, second: Run) -> RunComparison:
    metrics, matches, pairs = compared_metrics(first, second), match_cases(first, second), []
    for match in matches:
        groups = _groups(first, match.first), _groups(second, match.second)
        for mode, backend in dict.fromkeys((*groups[0], *groups[1])):
            sides = tuple(side.get((mode, backend)) for side in groups)
            pairs.append(_compare_groups(first, second, metrics, match, mode, backend, *sides))
    return RunComparison(first, second, metrics, matches, tuple(pairs))


def _groups(run: Run, case: Case | None) -> dict[tuple[Mode, str], Group]:
    return {(group.mode, group.backend): group for group in run.groups if case and group.case == case}


def _compare_groups(
    first: Run,
    second: Run,
    metrics: tuple[Metric, ...],
    match: CaseMatch,
    mode: Mode,
    backend: str,
    before: Group | None,
    after: Group | None,
) -> GroupComparison:
    seeds = tuple(sorted(before.outcomes.keys() & after.outcomes.keys())) if before and after else ()
    scores = times = _incomparable(match, before, after, seeds)
    if before and after and not scores:
        scores = _incomparable_scores(before, after, seeds)
        times = _incomparable_times(first, second, before, after)
    comparisons = {}
    for metric in metrics:
        reason = scores if metric.kind in ("error", "skill", "loss") else times
        sides = [values(group, metric) if group else {} for group in (before, after)]
        common = [seed for seed in seeds if seed in sides[0] and seed in sides[1]]
        # Without common seeds, the values of both runs are shown but not compared.
        numbers = [tuple(side[seed] for seed in common) if seeds else tuple(side.values()) for side in sides]
        comparisons[metric.name] = _compare_values(metric, numbers[0], numbers[1], reason)
    return GroupComparison(match, backend, mode, seeds, comparisons)


def _compare_values(
    metric: Metric, first: tuple[float, ...], second: tuple[float, ...], reason: str
) -> MetricComparison:
    if reason or not first or not second:
        single = "a single epoch was trained, so there is no steady epoch"
        missing = single if metric.name == "steady_epoch_seconds" else "it was not recorded"
        return MetricComparison(metric, first, second, None, reason or missing)
    if metric.kind not in ("error", "skill", "loss"):
        return MetricComparison(metric, first, second, ratio_effect(first, second), "")
    relative = [after / before - 1 for before, after in zip(first, second, strict=True) if before > 0]
    p = tost_p(relative, EQUIVALENCE_MARGIN) if len(relative) == len(first) and metric.kind == "error" else None
    effect = difference_effect(first, second)
    return MetricComparison(metric, first, second, effect, "", equal=p is not None and p < 0.05)


def _incomparable(match: CaseMatch, before: Group | None, after: Group | None, seeds: tuple[int, ...]) -> str:
    """Return why neither scores nor times can be compared; empty if they can."""
    for name, group in (("first", before), ("second", after)):
        if group is None:
            return f"missing in the {name}"
        if not group.outcomes:
            return f"no trial has finished in the {name}"
    if match.different_settings:
        return listed(match.different_settings)
    if not seeds:
        return "no seed has finished in both"
    counts = [sorted({o.parameter_count for o in group.outcomes.values()}) for group in (before, after) if group]
    if counts[0] != counts[1]:
        numbers = [listed([f"{count:,}" for count in side]) for side in counts]
        return f"another model, of {numbers[0]} parameters and of {numbers[1]}"
    return ""


def _incomparable_scores(before: Group, after: Group, seeds: tuple[int, ...]) -> str:
    """Return why errors cannot be compared, although times may be; empty if they can."""
    if before.case.learning_rate != after.case.learning_rate:
        return f"different learning rates, {before.case.learning_rate:g} and {after.case.learning_rate:g}"
    digests = [(before.outcomes[seed].windows_digest, after.outcomes[seed].windows_digest) for seed in seeds]
    if before.data.digest != after.data.digest or any(first != second for first, second in digests):
        return "different windows: the data, their split or their scaling changed"
    return ""


def _incomparable_times(first: Run, second: Run, before: Group, after: Group) -> str:
    """Return why times cannot be compared, although errors may be; empty if they can."""
    windows = before.data.train_windows, after.data.train_windows
    if windows[0] != windows[1]:
        return f"different amounts of work, {windows[0]:,} and {windows[1]:,} windows to train on"
    for name, run in (("first", first), ("second", second)):
        if problems := timing_problems(run):
            return f"no comparable times in the {name}: {problems[0]}"
    if before.mode == "native":  # the certificate is about matched models; here a model is compared with itself
        return ""
    for name, run, group in (("first", first, before), ("second", second, after)):
        if run.manifest.reproduces is not None and run.certificate is None:
            return f"no proof of equality in the {name}: it repeats the trials of another run, without a certificate"
        if problems := certificate_problems(run.certificate, group):
            return f"no proof of equality in the {name}: {problems[0].rstrip('.')}"
    return ""
