"""Runs the stages of one recall and says how it went.

    hits = stage(query, hits)        for every stage, in order
    trace += Step(stage, hits)       also who was cut, and why

A stage sees only the hits themselves: cuts and notes belong to the step that made them, so the
trace tells each of them once. A stage that breaks is passed over with a note while the others
answer; a wrong input or a broken store is raised, since no answer could be believed then.
"""

import logging
from collections.abc import Callable, Sequence

from memory_core.answers import Hits, Note, Query, Stage, Status, Step
from memory_core.errors import InvalidInput, NotFound, StoreError

RETRIEVING = ("dense", "lexical")
"""The names of the steps that find candidates; the others only work on what these found."""
NO_VECTOR = "no_vector"
MISSING = (NO_VECTOR, "not_embedded")
UNSERVED = ("stage_failed", NO_VECTOR, "no_terms")
"""Codes of notes that say: this step had nothing to work with."""
IRRELEVANT = "below_threshold"
"""Code of the note that says: the best hit is not relevant enough to show."""

log = logging.getLogger(__name__)


def run(
    query: Query, stages: Sequence[Stage], clock: Callable[[], float]
) -> tuple[Hits, tuple[Step, ...]]:
    """Return the last stage's hits and what every stage kept, cut and noted.

    Args:
        query: what is asked.
        stages: in the order they run.
        clock: monotonic seconds, for the steps' timings.

    Raises:
        InvalidInput: a stage found the query itself wrong.
        NotFound: a memory was erased while a stage read it.
        StoreError: the journal cannot be read.
    """
    hits, trace = Hits(), []
    for stage in stages:
        begun = clock()
        hits = _attempt(stage, query, Hits(hits.items))
        trace.append(Step(stage.name, hits, clock() - begun))
    return hits, tuple(trace)


def status_of(hits: Hits, trace: Sequence[Step]) -> Status:
    """Return how the recall went.

    - "failed": no hits, and no retrieving step could serve: all broken or without a vector or
      words, and at least one of them because something is degraded.
    - "empty": no hits, or the best one is less relevant than the threshold; context stays blank.
    - "degraded": an answer, and at least one note says it is worse than the settings promise.
    - "ok": otherwise.

    "empty" wins over "degraded", since it decides what the caller does; the notes say both.
    """
    if not hits and _nothing_served(trace):
        return "failed"
    notes = notes_of(trace)
    if not hits or any(note.code == IRRELEVANT for note in notes):
        return "empty"
    return "degraded" if any(note.degraded for note in notes) else "ok"


def notes_of(trace: Sequence[Step]) -> tuple[Note, ...]:
    """Return the notes of all steps in order, each once; what is missing by its first cause."""
    once: dict[object, Note] = {}
    for step in trace:
        for note in step.hits.notes:
            once.setdefault(note.code if note.code in MISSING else note, note)
    return tuple(once.values())


def _attempt(stage: Stage, query: Query, hits: Hits) -> Hits:
    try:
        return stage(query, hits)
    except (InvalidInput, NotFound, StoreError):
        raise
    except Exception as error:
        log.warning("recall stage %r failed: %s", stage.name, type(error).__name__, exc_info=True)
        reason = f"{stage.name} failed and was left out: {type(error).__name__}: {error}"
        return Hits(hits.items, notes=(Note("stage_failed", reason, degraded=True),))


def _nothing_served(trace: Sequence[Step]) -> bool:
    retrieving = [step for step in trace if step.name in RETRIEVING]
    missing = [[note for note in step.hits.notes if note.code in UNSERVED] for step in retrieving]
    return (
        bool(missing) and all(missing) and any(note.degraded for notes in missing for note in notes)
    )
