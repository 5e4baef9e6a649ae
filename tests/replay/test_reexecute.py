"""Whatever happens after a recall, it re-executes exactly; and what cannot, says why."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from memory_core import MemoryManager, open_memory
from memory_core.errors import MemoryCoreError
from memory_core.migrate import migrate
from memory_core.replay import Replay
from memory_core.testing import ManualClock

WORDS = [
    "tea", "coffee", "Lisbon", "Porto", "cat", "dog", "garden", "fern", "key", "gate", "code",
    "doctor", "Tuesday", "bicycle", "train", "sister", "piano", "blue", "pot", "market", "rain",
]  # fmt: skip
START = datetime(2026, 1, 1, tzinfo=UTC)


class History:
    """Random operations on a memory, with recalls in between."""

    def __init__(self, memory: MemoryManager, clock: ManualClock, seed: int) -> None:
        self.memory, self.clock, self.dice = memory, clock, random.Random(seed)
        self.ids = [self.memory.store(self.text()).id for _ in range(5)]
        self.recalls: dict[str, list[tuple[str, float]]] = {}

    def text(self) -> str:
        words = " ".join(self.dice.choices(WORDS, k=self.dice.randint(2, 8)))
        return words + "?" if self.dice.random() < 0.3 else words

    def some(self) -> str:
        return self.dice.choice(self.ids)

    def store(self) -> None:
        session = self.dice.choice([None, "s1", "s2"])
        speaker = self.dice.choice([None, "Ana", "Bo"])
        stored = self.memory.store(
            self.text(), session=session, speaker=speaker, metadata={"n": self.dice.randint(0, 3)}
        )
        self.ids.append(stored.id)

    def revise(self) -> None:
        if self.dice.random() < 0.5:
            self.memory.revise(self.some(), text=self.text())
        else:
            self.memory.revise(self.some(), importance=self.dice.random(), metadata={"n": 1})

    def supersede(self) -> None:
        self.ids.append(self.memory.supersede(self.some(), self.text()).id)

    def change(self) -> None:
        name = self.dice.choice(["forget", "reinforce", "invalidate", "expire"])
        getattr(self.memory, name)(self.some())

    def link(self) -> None:
        self.memory.link(self.some(), self.some(), "about")

    def rebuild(self) -> None:
        self.memory.journal.rebuild()

    def embed(self) -> None:
        self.memory.parts.catchup.drain()

    def recall(self) -> None:
        dice = self.dice
        where = dice.choice([None, None, {"speaker": "Ana"}, {"metadata.n": {"$in": [1, 2]}}])
        past = dice.choice([None, None, START + timedelta(minutes=dice.randint(1, 150))])
        result = self.memory.recall(
            self.text(), k=dice.randint(1, 8), where=where, known_at=past,
            as_of=dice.choice([None, None, None, self.clock.now - timedelta(minutes=20)]),
            token_budget=dice.choice([None, 60]), for_action=dice.random() < 0.2,
            deadline_ms=dice.choice([None, 1.0, 2000.0]),
        )  # fmt: skip
        assert result.recall_id is not None
        self.recalls[result.recall_id] = [(hit.id, hit.score) for hit in result.hits]

    def run(self, steps: int) -> None:
        kinds: list[tuple[Callable[[], None], int]] = [
            (self.store, 8), (self.revise, 3), (self.supersede, 2), (self.change, 4),
            (self.link, 2), (self.rebuild, 1), (self.embed, 1), (self.recall, 8),
        ]  # fmt: skip
        verbs, weights = zip(*kinds, strict=True)
        for _ in range(steps):
            self.clock.advance(minutes=self.dice.randint(0, 3))
            try:
                self.dice.choices(verbs, weights)[0]()
            except MemoryCoreError:  # e.g. a memory superseded before it began: nothing written
                continue


def opened(home: Path, clock: ManualClock, **settings: object) -> MemoryManager:
    return open_memory(home, embedder="hash", clock=clock, min_relevance=0, **settings)


@pytest.mark.parametrize("seed", range(4))
def test_any_recall_of_any_history_re_executes_exactly(tmp_path: Path, seed: int) -> None:
    clock = ManualClock(START)
    with opened(tmp_path, clock, candidates=8) as memory:
        history = History(memory, clock, seed)
        history.run(200)
        check(Replay(memory), history)
    with opened(tmp_path, clock, lexical_weight=0.1, diversity=0.2) as memory:  # other settings
        check(Replay(memory), history)


def check(replay: Replay, history: History) -> None:
    assert len(history.recalls) > 20
    for recall_id, hits in history.recalls.items():
        again = replay.reexecute(recall_id)
        assert again.verdict == "exact", f"{again}\n{again.recorded}"
        assert again.same_context
        assert [(hit.id, hit.score) for hit in again.recorded.hits] == hits
        assert [hit.id for hit in again.result.hits] == [id for id, _ in hits]


def test_another_model_and_back_changes_nothing(tmp_path: Path) -> None:
    clock = ManualClock(START)
    with opened(tmp_path, clock) as memory:
        history = History(memory, clock, 7)
        history.run(120)
    for model in ("hash:64", "hash"):
        migrate(tmp_path, model)
        with open_memory(tmp_path, embedder=model, clock=clock) as memory:
            memory.parts.catchup.drain()
            check(Replay(memory), history)


def test_replaying_changes_nothing(tmp_path: Path) -> None:
    clock = ManualClock(START)
    with opened(tmp_path, clock) as memory:
        history = History(memory, clock, 3)
        history.run(60)
        seq, replay = memory.journal.head.seq, Replay(memory)
        before = memory.recall("tea in Lisbon", record=False)
        count = len(replay.list(1000))
        for recall_id in history.recalls:
            replay.reexecute(recall_id)
            replay.why_not(recall_id, "tea")
            replay.what_if(recall_id, k=3)
        after = memory.recall("tea in Lisbon", record=False)
        assert [(h.id, h.score) for h in after.hits] == [(h.id, h.score) for h in before.hits]
        assert (memory.journal.head.seq, len(replay.list(1000))) == (seq, count)
