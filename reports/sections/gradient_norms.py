"""How far back in time the loss' gradient reaches, in words."""

import numpy as np

from reports.analysis.run import Run
from reports.figures.gradient_norms import vanished
from reports.render.formats import case_name, listed, sentence


def told(run: Run) -> tuple[str, ...]:
    """A sentence on the models whose gradients were measured, by their first recurrent layer; empty where none were."""
    reaches: dict[str, int | None] = {}
    lags = 0
    for group in run.leading:
        measured = [outcome.gradient_norms_after for outcome in group.outcomes.values() if outcome.gradient_norms_after]
        if measured and group.case.label not in reaches:
            norms = np.median([next(iter(layers.values())) for layers in measured], axis=0)
            reaches[group.case.label], lags = vanished(norms), len(norms)
    names = {case.label: case_name(case) for case in run.manifest.cases}
    parts = [f"{lag} steps back in {names[label]}" for label, lag in reaches.items() if lag is not None]
    whole = [names[label] for label, lag in reaches.items() if lag is None]
    if not parts:
        return ()
    rest = f", and at none of the {lags} in {listed(whole)}" if whole else ""
    return (sentence(f"after training, less than 1 % of the gradient is left {', '.join(parts)}{rest}"),)
