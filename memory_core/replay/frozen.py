"""A recorded recall as data that stands alone: thawed in any home, it ranks as it did.

    entries   the journal up to the recall, so that a fold gives the memory as it was
    rows      the vectors that the recall could see
    steps     what the stages did that read texts with a model: recorded, not run again

What cannot take part may be left out of the data: see `memory_core.replay.freezing`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from memory_core.answers import Extent, Hit, Hits, Note, Query, RecallResult, Stage
from memory_core.asking import answered
from memory_core.config import DECIDING, changed
from memory_core.embed.base import Fingerprint, Vectors
from memory_core.errors import EmbeddingFailed, InvalidInput, StoreTooNew
from memory_core.filters import filter_of
from memory_core.journal.events import event_of
from memory_core.journal.journal import Decide
from memory_core.journal.vectors import NewVector
from memory_core.parts import Instead, Parts
from memory_core.recall.fuse import best_first
from memory_core.replay.conditions import wiring
from memory_core.replay.encoding import vector_of

FORMAT = 1


@dataclass(frozen=True, slots=True)
class FrozenTurn:
    """One recorded recall as data.

    Example:
        >>> FrozenTurn({"format": 1, "dimension": 8, "expected": [["00000000000000aa", 1.5]]}).ids
        ('00000000000000aa',)
    """

    data: Mapping[str, Any] = field(repr=False)

    @classmethod
    def load(cls, path: str | Path) -> "FrozenTurn":
        """Return the turn in a file that `memory replay export` wrote.

        Raises:
            InvalidInput: it is no such file.
            StoreTooNew: a newer version wrote it.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            form = data["format"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidInput(f"{path} holds no frozen turn: {error}; export it again") from error
        if form != FORMAT:
            raise StoreTooNew(f"{path} is of format {form}, this knows {FORMAT}; upgrade")
        return cls(data)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of what was recalled, best first."""
        return tuple(id for id, _ in self.data["expected"])

    @property
    def scores(self) -> tuple[float, ...]:
        """Their scores."""
        return tuple(score for _, score in self.data["expected"])

    @property
    def embedder(self) -> "FrozenEmbedder":
        """The model to open the home with that the turn is thawed in."""
        return FrozenEmbedder(self.data["dimension"])

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that decided the recall, those that this version knows."""
        return {n: v for n, v in self.data["settings"].items() if n in DECIDING}

    def thaw(self, parts: Parts, clock: "Hand") -> None:
        """Write the journal's entries and the vectors into an empty memory.

        Args:
            parts: of a memory opened with `embedder`, and with `clock` as its clock.
            clock: is turned to each entry's time.
        """
        for at, entries in groupby(self.data["entries"], key=lambda entry: entry[0]):
            clock.now = at
            parts.journal.commit(_deciding(entries))
        model = self.embedder
        table = parts.journal.vectors(model.fingerprint.digest)
        table.create(model.fingerprint, np.ones(self.data["dimension"], dtype=np.float32))
        rows = (
            NewVector(doc, span, start, stop, n.to_bytes(16, "big"), _vector(text))
            for n, (doc, span, start, stop, text) in enumerate(self.data["rows"])
        )
        table.add(list(rows))

    def recall(self, parts: Parts, *, settings: Mapping[str, Any] | None = None) -> RecallResult:
        """Return what the memory recalls now; nothing is recorded.

        Args:
            parts: of the memory it was thawed in.
            settings: other settings than the recorded ones.
        """
        chosen = changed(wiring(parts).settings, {**self.settings, **(settings or {})})
        instead = Instead(off=frozenset(self.data["off"]))
        stages = list(self._stages(wiring(parts).stages(chosen, instead)))
        notes = tuple(Note(*note) for note in self.data["notes"])
        return answered(parts, self._query(), stages, notes=notes)

    def _stages(self, every: Sequence[Stage]) -> Iterator[Stage]:
        for stage in every:
            recorded = self.data["steps"].get(stage.name)
            yield stage if recorded is None else RecordedStage(stage.name, recorded)

    def _query(self) -> Query:
        asked = self.data["query"]
        return Query(
            text=asked["text"],
            k=asked["k"],
            seq=asked["seq"],
            now=asked["now"],
            vector=vector_of(asked["vector"]),
            token_budget=asked["budget"],
            where=None if asked["where"] is None else filter_of(asked["where"]),
            as_of=asked["as_of"],
            for_action=asked["for_action"],
            extent=Extent(),
        )


class Hand:
    """A clock that a thawing turns."""

    now = 0

    def __call__(self) -> int:
        """Return the time it was turned to, in microseconds since 1970."""
        return self.now


class RecordedStage:
    """Does to each hit what a stage did to it when it was recorded; others pass unchanged.

    Args:
        name: the stage's.
        recorded: by version: terms gone, terms and signals come, as [names, terms, signals].
    """

    def __init__(self, name: str, recorded: Mapping[str, Sequence[Any]]) -> None:
        self.name = name
        self._recorded = recorded

    def __call__(self, query: Query, hits: Hits) -> Hits:
        """Return all hits, best first."""
        return Hits(tuple(best_first(map(self._changed, hits))))

    def _changed(self, hit: Hit) -> Hit:
        if (found := self._recorded.get(str(hit.version))) is None:
            return hit
        gone, terms, signals = found
        kept = {name: value for name, value in hit.terms.items() if name not in gone}
        # what a stage puts in place of others stands first, as it did
        merged = {**terms, **kept} if gone else {**kept, **terms}
        return hit.with_signals(**signals).scored(merged)


class FrozenEmbedder:
    """Stands for the model of a frozen turn, whose vectors are in the data; encodes nothing."""

    limit = 1 << 20

    def __init__(self, dimension: int) -> None:
        self.fingerprint = Fingerprint("frozen", "", dimension)

    def count(self, text: str) -> int:
        """Return the number of characters."""
        return len(text)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Raise: nothing but the frozen turn can be recalled.

        Raises:
            EmbeddingFailed: always, unless there is nothing to encode.
        """
        if texts:
            raise EmbeddingFailed("a frozen turn has no model; recall only what was frozen")
        return self.fingerprint.no_vectors

    def encode_query(self, text: str) -> Vectors:
        """Raise: the query's vector is in the data.

        Raises:
            EmbeddingFailed: always.
        """
        raise EmbeddingFailed("a frozen turn has no model; recall only what was frozen")


def _deciding(entries: Iterable[Sequence[Any]]) -> Decide:
    events = [event_of(kind, dict(payload)) for _, kind, payload in entries]
    return lambda state, at: events


def _vector(text: str) -> Vectors:
    found = vector_of(text)
    if found is None:
        raise InvalidInput("a row of the frozen turn has no vector; export it again")
    return found
