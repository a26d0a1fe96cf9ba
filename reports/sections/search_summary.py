"""The answer of a search in words: what was selected, what it is worth, what was published."""

from collections.abc import Iterator

from reports.analysis.run import over_seeds, score_unit
from reports.analysis.search_results import RankedCase, SearchRanking
from reports.render.formats import case_name, four_digits, per_cent, plural, sentence
from reports.sections import published_values
from reports.sections.baselines import does
from reports.sections.completeness import state, unequal
from reports.sections.summary import Answer


def answer(found: SearchRanking) -> Answer:
    told = tuple(map(sentence, (*_selected(found), *_published(found))))
    return Answer(
        published_values.told(found.run),
        told,
        (),
        (*state(found.run), *unequal(found.run)),
        tuple(map(sentence, _limits(found))),
    )


def _selected(found: SearchRanking) -> Iterator[str]:
    best = found.selected
    if best is None:
        yield f"nothing has been selected: {plural(len(found.ranking), 'configuration')} ended well so far"
        return
    many = plural(len(found.ranking), "configuration")
    loss = f"the lowest validation loss of {many}, {four_digits(best.score)}, is that of {case_name(best.group.case)}"
    yield f"{loss}; on the test part, which chose nothing, its MAE is {_mae(found, best)}"
    naive = sorted((b.scores.mae, b.name) for d in found.run.manifest.data.values() for b in d.baselines)
    if naive:
        mae, name = naive[0]
        own = over_seeds(best.group, lambda outcome: outcome.scores.mae)
        if own:
            yield f"{name}, which needs no network, {does(mae, own.estimate)}: its MAE is {four_digits(mae)}"
    if found.search.least_mae is not None:
        yield f"the noise alone leaves an MAE of {found.search.least_mae:g} there"


def _published(found: SearchRanking) -> Iterator[str]:
    told = found.search.published
    if told is None or found.selected is None:
        return
    name = f"the published best, {told.case} (MAE {told.mae:g})"
    if (theirs := found.published) is None:
        yield f"{name}, was not tried here"
        return
    rank = f"ranks {found.rank(theirs)} of {len(found.ranking)} here"
    share = theirs.score / found.ranking[0].score - 1
    worse = f", its validation loss {per_cent(share)} above the lowest" if share > 0 else ""
    yield f"{name}, {rank}{worse}; its test MAE is {_mae(found, theirs)}"


def _mae(found: SearchRanking, one: RankedCase) -> str:
    mae = over_seeds(one.group, lambda outcome: outcome.scores.mae)
    return f"{four_digits(mae.estimate)} {score_unit(found.run)}".rstrip() if mae else "unknown"


def _limits(found: SearchRanking) -> Iterator[str]:
    run, search = found.run, found.search
    if run.concurrent:
        yield (
            f"up to {plural(search.at_once, 'trial')} ran side by side, each on cores of its own: their times are "
            "compared with nothing, and no speed ratio is printed"
        )
    also = " and the published one's" if found.published else ""
    yield f"only the selected configuration is held against the oracle, and only its{also} test scores are told"
    if len(run.seeds) == 1:
        yield "each configuration had one seed, so a rank is luck as well as merit: --seeds 1,2,3 would tell how much"
    elif (luck := found.seed_range) is not None:
        yield f"the seeds of one configuration lie {per_cent(luck)} apart in the median: nearer ranks are luck"
