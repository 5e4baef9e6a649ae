"""T1: three namespaces of one store, asked in every way for what is not theirs.

The oracle is the same namespace alone in a home of its own, with the same ids: every answer must
be equal to the oracle's, score by score and note by note, and hold no foreign id.
"""

import io
import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from memory_core import writing
from memory_core.build import open_memory
from memory_core.errors import MemoryCoreError, NotFound
from memory_core.interchange.transfer import export_jsonl
from memory_core.manager import MemoryManager
from memory_core.proofs.plants import planted, swapped
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.types import Draft

NAMES = ("ana", "bob", "eve")
EACH = 80  # memories of each namespace
NOW = 1_800_000_000_000_000
WORDS = (
    "garden", "key", "lamp", "piano", "boat", "dentist", "train", "letter", "bread", "river",
    "winter", "passport", "violin", "soup", "ladder", "museum", "cousin", "ticket", "harbour",
    "blue", "green", "seven", "lost", "found", "broken", "early", "late",
)  # fmt: skip


@dataclass(slots=True)
class House:
    """One namespace twice: with its neighbours, and alone."""

    shared: MemoryManager
    alone: MemoryManager
    ids: list[str] = field(default_factory=list)
    recalls: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Question:
    """What is asked of a house; ids and words may be anybody's."""

    kind: str
    ask: Callable[[MemoryManager], object]
    forbidden: bool = False
    """Whether it names a foreign memory, so that only NotFound is right."""


def prove_walls(run: Run, findings: Findings) -> None:
    """Ask `run.size` generated questions, half of them about neighbours."""
    with planted(run.planted), ExitStack() as stack:
        houses = _build(run, stack)
        asked: dict[str, int] = {}
        for _ in range(run.size):
            house = run.random.choice(houses)
            question = _question(run.random, house, houses)
            asked[question.kind] = asked.get(question.kind, 0) + 1
            _put(question, house, findings)
        for house in houses:
            _look_around(house, houses, findings)
    findings.injected = asked.pop("foreign", 0)
    findings.measured |= {f"asked_{kind}": count for kind, count in sorted(asked.items())}


def _build(run: Run, stack: ExitStack) -> list[House]:
    shared = [_opened(run, "together", name, stack) for name in NAMES]
    houses = [
        House(memory, _opened(run, f"alone-{name}", name, stack))
        for name, memory in zip(NAMES, shared, strict=True)
    ]
    for house in houses:
        house.ids = _live(house.shared)
    for house in houses:
        _live(house.alone)
    return houses


def _opened(run: Run, home: str, name: str, stack: ExitStack) -> MemoryManager:
    return stack.enter_context(
        open_memory(run.place / home, namespace=name, embedder="hash:64", clock=lambda: NOW)
    )


def _live(memory: MemoryManager) -> list[str]:
    """Fill a namespace; the same name gets the same memories with the same ids in every home."""
    chance = random.Random(f"life of {memory.namespace}")
    with swapped(writing, "new_number", lambda: chance.randrange(1, 1 << 63)):
        drafts = [_draft(memory.namespace, chance, number) for number in range(EACH)]
        stored = [stored.id for stored in memory.store_many(drafts).stored]
        for number in range(0, EACH, 5):
            memory.revise(stored[number], metadata={"room": chance.choice(WORDS), "n": number})
            memory.reinforce(stored[number + 1])
            memory.link(stored[number + 2], stored[number + 3], "beside")
        memory.forget(stored[9])
        memory.invalidate(stored[19])
        stored.append(memory.supersede(stored[29], " ".join(chance.sample(WORDS, 5))).id)
    memory.parts.catchup.drain()
    return stored


def _draft(name: str, chance: random.Random, number: int) -> Draft:
    words = " ".join(chance.sample(WORDS, 6))
    own = f"{name} {number}" if number % 2 else "everybody"  # half of it is shared
    return Draft.of(
        f"{words} of {own}",
        key=f"key {number}",
        session=f"session {number % 9}",
        speaker=chance.choice(NAMES),
        role=chance.choice(("user", "assistant")),
        metadata={"n": number, "owner": name, "tags": chance.sample(WORDS, 2)},
        occurred_at=f"2026-0{chance.randrange(1, 9)}-01",
    )


def _question(chance: random.Random, house: House, houses: list[House]) -> Question:
    other = chance.choice([h for h in houses if h is not house])
    foreign, own = chance.choice(other.ids), chance.choice(house.ids)
    kind = chance.choices(
        ("recall", "list", "own", "foreign", "outcome", "export"), (35, 15, 8, 37, 4, 1)
    )[0]
    if kind == "recall":
        options = _options(chance, house, other)
        return Question(kind, lambda memory: _answer(memory, options))
    if kind == "list":
        where = _filter(chance, house, other)
        return Question(kind, lambda memory: [m.id for m in memory.list(where=where, limit=40)])
    if kind == "own":
        return Question(
            kind, lambda memory: (memory.get(own), memory.history(own), memory.links(own))
        )
    if kind == "foreign":
        return Question(kind, _trespass(chance, own, foreign), forbidden=True)
    if kind == "outcome":
        key = f"key {chance.randrange(2 * EACH)}"
        return Question(kind, lambda memory: memory.outcome(key))
    return Question(kind, _exported)


def _trespass(chance: random.Random, own: str, foreign: str) -> Callable[[MemoryManager], object]:
    acts: tuple[Callable[[MemoryManager], object], ...] = (
        lambda m: m.get(foreign), lambda m: m.history(foreign), lambda m: m.links(foreign),
        lambda m: m.revise(foreign, text="mine now"), lambda m: m.forget(foreign),
        lambda m: m.erase(foreign), lambda m: m.expire(foreign), lambda m: m.invalidate(foreign),
        lambda m: m.reinforce(foreign), lambda m: m.link(own, foreign, "to"),
        lambda m: m.link(foreign, own, "from"), lambda m: m.supersede(foreign, "mine now"),
    )  # fmt: skip
    return chance.choice(acts)


def _options(chance: random.Random, house: House, other: House) -> dict[str, Any]:
    text = " ".join(chance.sample(WORDS, chance.randrange(1, 6)))
    if chance.random() < 0.3:
        text = chance.choice((*NAMES, "everybody", chance.choice(other.ids), "key 7", f"{text}?"))
    options: dict[str, Any] = {"text": text, "k": chance.choice((1, 5, 20, 200))}
    if chance.random() < 0.5:
        options["where"] = _filter(chance, house, other)
    if chance.random() < 0.1:
        options["for_action"] = True
    if chance.random() < 0.1:
        options["as_of"] = "2026-05-01"
    options["record"] = chance.random() < 0.05
    return options


def _filter(chance: random.Random, house: House, other: House) -> dict[str, Any]:
    simple: list[dict[str, Any]] = [
        {"id": chance.choice(other.ids)},
        {"id": {"$in": chance.sample(other.ids, 5) + chance.sample(house.ids, 2)}},
        {"id": {"$nin": chance.sample(house.ids, 3)}},
        {"metadata.owner": other.shared.namespace}, {"metadata.owner": {"$ne": "nobody"}},
        {"metadata.n": {"$gte": chance.randrange(EACH)}},
        {"metadata.tags": {"$contains": chance.choice(WORDS)}},
        {"metadata.room": {"$exists": chance.random() < 0.5}},
        {"session": {"$in": ["session 1", "session 2"]}}, {"speaker": other.shared.namespace},
        {"reinforced": {"$gt": 0}}, {"occurred_at": {"$lt": "2026-04-01"}},
    ]  # fmt: skip
    first, second = chance.sample(simple, 2)
    shape = chance.randrange(5)
    if shape == 0:
        return {"$or": [first, second]}
    if shape == 1:
        return {"$not": first}
    return {"$and": [first, second]} if shape == 2 else first


def _answer(memory: MemoryManager, options: dict[str, Any]) -> object:
    result = memory.recall(**options)
    hits = [(h.id, h.version, h.score, dict(h.signals), dict(h.terms)) for h in result.hits]
    return hits, result.context, result.status, result.notes, result.tokens


def _exported(memory: MemoryManager) -> str:
    stream = io.StringIO()
    export_jsonl(memory, stream)
    return stream.getvalue()


def _put(question: Question, house: House, findings: Findings) -> None:
    ours = _reply(question, house.shared)
    if question.forbidden:
        findings.check(ours == NotFound.__name__, f"a foreign id gave {str(ours)[:60]}")
    else:
        same = ours == _reply(question, house.alone)
        findings.check(same, f"{question.kind} of {house.shared.namespace} has another answer")


def _reply(question: Question, memory: MemoryManager) -> object:
    try:
        return question.ask(memory)
    except MemoryCoreError as error:
        return type(error).__name__


def _look_around(house: House, houses: list[House], findings: Findings) -> None:
    """Nothing of the neighbours is in a house's export, recordings or chain."""
    foreign = {id for other in houses if other is not house for id in other.ids}
    exported = _exported(house.shared)
    findings.check(not any(id in exported for id in foreign), "a foreign id is in the export")
    recorder: Any = house.shared.parts.recorder
    house.recalls = [recording.id for recording in recorder.list(10_000)]
    for other in houses:
        for recall_id in house.recalls if other is not house else ():
            findings.check(_is_hidden(other, recall_id), "a foreign recording can be read")
    findings.check(house.shared.journal.verify() == [], "a chain is broken")


def _is_hidden(house: House, recall_id: str) -> bool:
    recorder: Any = house.shared.parts.recorder
    try:
        recorder.get(recall_id)
    except NotFound:
        return True
    return False


PROOFS = (
    Proof("T1", "a namespace sees nothing of another, not even a count", 10_000, 120, prove_walls),
)
