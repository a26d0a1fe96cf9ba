"""What a definition says of its run's figures, published values and questions, must name what there is."""

from collections.abc import Mapping
from pathlib import Path

import datasets
from benchmarks.definition.settings import Header, TrialMatrix
from benchmarks.errors import UserError, one_of


def require(path: Path, header: Header, cases: Mapping[str, TrialMatrix]) -> None:
    """Published values and questions are of cases that there are; of a narrowed benchmark's some may be left out."""
    figures = [(f"published '{one.what}'", figure) for one in header.published for figure in (one, one.right) if figure]
    figures += [(f"question '{one.asks}'", figure) for one in header.questions for figure in (one.better, one.than)]
    for where, figure in figures:
        if figure.case not in cases:
            known = one_of(cases, figure.case)
            raise UserError(f"{path}: {where}: there is no case '{figure.case}'; {known}")
        asked = cases[figure.case]
        if figure.backend not in (None, *asked.backends, *datasets.BASELINES):
            known = one_of((*asked.backends, *datasets.BASELINES), str(figure.backend))
            raise UserError(f"{path}: {where}: '{figure.case}' is not asked of '{figure.backend}'; {known}")
        if figure.backend not in datasets.BASELINES and figure.mode not in asked.modes:
            raise UserError(f"{path}: {where}: '{figure.case}' is asked in {asked.modes[0]} mode, not {figure.mode}")
