"""Upgrade of records that older versions wrote to the current schema.

Version 1 lacked some fields, which read as None. Versions 1 and 2 had other names for the fields below.
"""

from collections.abc import Iterator
from typing import Any

# For each file: the path of a renamed field (`*`: every entry of a list or table) and its new name. None: removed.
RENAMED: dict[str, dict[str, str | None]] = {
    "Manifest": {
        "cases.*.course": "training_notes",
        "cases.*.step_operations": "step_flops",
        "data.*.kept": "test_stride",
        "data.*.baselines.*.scores.skill_persistence": None,
        "data.*.baselines.*.scores.skill_seasonal": None,
        "definition.search.near": None,
        "search.near": None,
    },
    "Trial": {
        "outcome.flow_before": "gradient_norms_before",
        "outcome.flow_after": "gradient_norms_after",
        "outcome.other_load": "background_load",
        "outcome.product": "gemm_peak",
        "outcome.scores.skill_persistence": None,
        "outcome.scores.skill_seasonal": None,
    },
    "SearchResult": {"replays": None},
}


def upgrade(content: dict[str, Any], kind: str) -> None:
    """Turn the content of a record of version 1 or 2 into version 3, in place. `kind` is the name of its class."""
    if content["schema_version"] >= 3:
        return
    content["schema_version"] = 3
    for path, name in RENAMED.get(kind, {}).items():
        *parents, old = path.split(".")
        for table in _tables(content, parents):
            if old in table:
                value = table.pop(old)
                if name is not None:
                    table[name] = value


def _tables(content: object, parents: list[str]) -> Iterator[dict[str, Any]]:
    """Yield each table at the path `parents`; none where the path does not exist."""
    if not parents:
        if isinstance(content, dict):
            yield content
        return
    if parents[0] != "*":
        children = [content[parents[0]]] if isinstance(content, dict) and parents[0] in content else []
    elif isinstance(content, dict):
        children = list(content.values())
    else:
        children = content if isinstance(content, list) else []
    for child in children:
        yield from _tables(child, parents[1:])
