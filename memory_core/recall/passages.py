"""What the cross-encoder reads of each hit: its best part, and the question it replies to.

A reply says little alone, so the last question of the turn before it in its session goes with it.
A long text is read by its best sentences only: the model was trained on passages of that length,
and its time grows with them.
"""

from collections.abc import Sequence

import numpy as np

from memory_core.answers import Hit, Query
from memory_core.passage import dated, question_of
from memory_core.recall.excerpt import best_sentence, excerpt
from memory_core.recall.reader import Reader

MOST = 320
"""Characters of a text that are read: with question and head about 96 tokens of English, which is
what the cross-encoder on board was trained on."""


def passages(query: Query, hits: Sequence[Hit], reader: Reader | None) -> list[str]:
    """Return what is read of each hit, in order; loads the memories in one go.

    Args:
        query: its words choose the part of a long text.
        hits: of one recall.
        reader: finds the turns before the hits; without one, none is read with its question.
    """
    if not hits:
        return []
    before = {} if reader is None else _before(query, hits, reader)
    versions = [hit.version for hit in (*hits, *before.values())]
    hits[0].origin.prefetch(versions)
    return [passage(hit, query.text, before.get(hit.version)) for hit in hits]


def passage(hit: Hit, question: str, before: Hit | None = None) -> str:
    """Return what is read of one hit.

    Args:
        hit: its span is the part that matched.
        question: its words choose the part of a long text.
        before: the turn before it, if that asks something.
    """
    memory = hit.memory
    said = excerpt(memory.text, hit.span, MOST, question).text
    asked = None if before is None else question_of(before.memory.text)
    return dated(memory.occurred_at, memory.speaker or memory.role, said, asked)


def closer(hit: Hit, question: str) -> str | None:
    """Return the best sentence of a hit that was read in part; None where all of it was read."""
    memory = hit.memory
    if len(memory.text) <= MOST:
        return None
    said = best_sentence(memory.text, hit.span, MOST, question)
    return dated(memory.occurred_at, memory.speaker or memory.role, said)


def _before(query: Query, hits: Sequence[Hit], reader: Reader) -> dict[int, Hit]:
    """Return by a hit's version the turn before it, where that asks something."""
    view = reader.view(query)
    turns = view.turns(np.array([hit.facts.doc for hit in hits], dtype=np.int64))
    asking = np.unique(turns.before[turns.answers])
    by_doc = {hit.facts.doc: hit for hit in view.hits(asking, hits)}
    return {
        hit.version: by_doc[doc]
        for hit, doc, answers in zip(
            hits, turns.before.tolist(), turns.answers.tolist(), strict=True
        )
        if answers and doc in by_doc
    }
