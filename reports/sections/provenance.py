"""How a run came about, where that is more than one start: what it repeats, and when it was resumed."""

from reports.analysis.run import Run
from reports.records import Session
from reports.render.formats import listed, sentence


def history(run: Run) -> tuple[str, ...]:
    """A sentence for each thing that a reader of the run's numbers must know about its making."""
    told = tuple(map(_resumed, run.manifest.sessions[1:]))
    if run.manifest.reproduces is None:
        return told
    return (
        f"This run repeats trials of {run.manifest.reproduces}; its verdict is in reproduction.md. No certificate is "
        "made for a repetition, so no speed ratio is printed here.",
        *told,
    )


def _resumed(session: Session) -> str:
    if not session.differences:
        return f"Resumed {session.started}, with nothing changed since the run began."
    return sentence(f"resumed {session.started}, although {listed(session.differences)}")
