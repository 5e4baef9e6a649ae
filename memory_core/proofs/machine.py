"""The state machine of row C2: four namespaces of one store against four dicts.

Every rule changes the store through the public face and the model by hand; after every step some
memories are read back, and at the end everything is. Needs the `dev` extra, for Hypothesis.
"""

import io
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from memory_core.build import open_memory
from memory_core.errors import InvalidInput, KeyReused, NotFound
from memory_core.interchange import read
from memory_core.interchange.transfer import export_jsonl, import_records
from memory_core.manager import MemoryManager

NAMESPACES = ("ana", "bob", "eve", "Ana ")
NASTY = (
    "a", "\x00x", "é", "e\u0301", "👩\u200d👧", "\u202eabc", "'; --", '"q" \\', "line\nbreak",
    "你好。", "İ", " pad ", "$and", "</m>", "0", "the key is in the garden",
    "the key is in the house",
)  # fmt: skip

texts = st.one_of(
    st.sampled_from(NASTY),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
).filter(lambda text: bool(text.strip().strip("\x00")))
metadata = st.dictionaries(
    st.sampled_from(("a", "b", "ü")),
    st.one_of(st.integers(-9, 9), st.booleans(), st.floats(-1, 1), st.text(max_size=5).filter(
        lambda text: text.isprintable()), st.lists(st.integers(0, 3), max_size=3)),
    max_size=2,
)  # fmt: skip
places = st.integers(0, 10**6)


@dataclass
class Known:
    """What the model knows of one memory."""

    text: str
    metadata: dict[str, Any]
    state: str = "live"
    reinforced: int = 0
    changes: int = 1


@dataclass
class Room:
    """What the model knows of one namespace."""

    memories: dict[str, Known] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Key -> id and the text it was stored with."""
    links: set[tuple[str, str, str]] = field(default_factory=set)


class Machine(RuleBasedStateMachine):
    """Four namespaces of one store against a model."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="machine-"))
        self.rooms = {name: Room() for name in NAMESPACES}
        self.open: dict[str, MemoryManager] = {}
        self.name = NAMESPACES[0]
        self.touched: list[str] = []

    @initialize()
    def begin(self) -> None:
        """Open the first namespace."""
        type(self).steps += 1
        self._memory()

    @rule(name=st.sampled_from(NAMESPACES))
    def enter(self, name: str) -> None:
        """Go on in another namespace."""
        self.name = name

    @rule(text=texts, data=metadata)
    def store(self, text: str, data: dict[str, Any]) -> None:
        """Store a text."""
        self._learn(self._memory().store(text, metadata=data).id, Known(text, data))

    @rule(text=texts, key=st.sampled_from(("k1", "k2", "ключ")))
    def store_with_key(self, text: str, key: str) -> None:
        """Store under a key: once, however often, and never for another text."""
        known = self._room().keys.get(key)
        try:
            stored = self._memory().store(text, key=key)
        except KeyReused:
            assert known is not None and known[1] != text
            return
        assert known is None or known == (stored.id, text)
        if known is None:
            self._learn(stored.id, Known(text, {}))
            self._room().keys[key] = stored.id, text

    @rule(many=st.lists(texts, min_size=1, max_size=5), bad=st.booleans())
    def store_many(self, many: list[str], bad: bool) -> None:
        """Store a batch, sometimes with a draft that cannot be stored."""
        report = self._memory().store_many([*many, *(["\ud800"] if bad else [])])
        assert len(report.errors) == bad
        for text, stored in zip(many, report.stored, strict=True):
            self._learn(stored.id, Known(text, {}))

    @precondition(lambda self: self._room().memories)
    @rule(place=places, text=texts, data=st.none() | metadata)
    def revise(self, place: int, text: str, data: dict[str, Any] | None) -> None:
        """Correct a text or the metadata."""
        id, known = self._pick(place)
        if data is None:
            self._memory().revise(id, text=text)
            known.text = text
        else:
            self._memory().revise(id, metadata=data)
            known.metadata = data
        known.changes += 1

    @precondition(lambda self: self._room().memories)
    @rule(place=places, text=texts)
    def supersede(self, place: int, text: str) -> None:
        """Replace a memory."""
        id, known = self._pick(place)
        try:
            successor = self._memory().supersede(id, text)
        except InvalidInput:  # taken back, or in the same microsecond as its own predecessor
            return
        assert known.state not in ("forgotten", "invalidated")
        self._learn(successor.id, Known(text, {}))
        self._room().links.add((successor.id, id, "supersedes"))
        self._change(known, "superseded")

    @precondition(lambda self: self._room().memories)
    @rule(place=places, verb=st.sampled_from(("forget", "invalidate", "expire")))
    def retire(self, place: int, verb: str) -> None:
        """Take a memory out of recall."""
        id, known = self._pick(place)
        try:
            getattr(self._memory(), verb)(id)
        except InvalidInput:
            assert verb == "expire" and known.state not in ("live", "expired")
            return
        assert verb != "expire" or known.state in ("live", "expired")
        states = {"forget": "forgotten", "invalidate": "invalidated", "expire": "expired"}
        self._change(known, states[verb])

    @precondition(lambda self: self._room().memories)
    @rule(place=places, times=st.integers(1, 3))
    def reinforce(self, place: int, times: int) -> None:
        """Report that a memory was useful."""
        id, known = self._pick(place)
        assert self._memory().reinforce(id, times).reinforced == known.reinforced + times
        known.reinforced += times
        known.changes += 1

    @precondition(lambda self: self._room().memories)
    @rule(first=places, second=places, relation=st.sampled_from(("about", "é")))
    def link(self, first: int, second: int, relation: str) -> None:
        """Link two memories."""
        source, target = self._pick(first)[0], self._pick(second)[0]
        self._memory().link(source, target, relation)
        self._room().links.add((source, target, relation))

    @precondition(lambda self: self._room().memories)
    @rule(place=places)
    def erase(self, place: int) -> None:
        """Erase a memory."""
        id, _ = self._pick(place)
        assert self._memory().erase(id).residue == 0
        room = self._room()
        del room.memories[id]
        room.erased.add(id)
        room.links = {link for link in room.links if id not in link[:2]}
        room.keys = {key: value for key, value in room.keys.items() if value[0] != id}

    @rule()
    def reopen(self) -> None:
        """Close everything; it is opened again when it is needed."""
        self._close()

    @rule()
    def lose_derived(self) -> None:
        """Lose every derived copy between two openings."""
        self._close()
        shutil.rmtree(self.home / "derived", ignore_errors=True)

    @rule()
    def rebuild(self) -> None:
        """Fold the state anew from the entries."""
        self._memory().journal.rebuild()

    @rule()
    def import_again(self) -> None:
        """Export, and import the file twice where it came from: nothing is stored twice."""
        path = self.home / "export.jsonl"
        stream = io.StringIO()
        export_jsonl(self._memory(), stream)
        path.write_text(stream.getvalue(), encoding="utf-8")
        for _ in range(2):
            done = import_records(self._memory(), read(path))
            assert (done.stored, done.rejected) == (0, [])
        path.unlink()

    @precondition(lambda self: self._room().memories)
    @rule(place=places)
    def recall(self, place: int) -> None:
        """A live memory is found by its own text, and only live ones are."""
        _, known = self._pick(place)
        result = self._memory().recall(known.text, k=200)
        found = {hit.id for hit in result.hits}
        live = {id for id, memory in self._room().memories.items() if memory.state == "live"}
        assert found <= live
        own = {id for id in live if self._room().memories[id].text == known.text}
        assert own <= found

    @invariant()
    def nothing_is_lost(self) -> None:
        """What was touched last reads as the model says; what is erased is not found."""
        type(self).steps += 1
        for id in self.touched[-2:]:
            if id in self._room().memories:
                self._compare(id, self._room().memories[id])

    def teardown(self) -> None:
        """Compare everything at the end, after one more reopening."""
        try:
            self._close()
            for self.name in NAMESPACES:
                self._compare_room()
        finally:
            self._close()
            shutil.rmtree(self.home, ignore_errors=True)

    def _compare_room(self) -> None:
        room, memory = self._room(), self._memory()
        for id, known in room.memories.items():
            self._compare(id, known)
        live = {id for id, known in room.memories.items() if known.state == "live"}
        assert {m.id for m in memory.list(limit=10_000)} == live
        found = {(x.source, x.target, x.relation) for id in room.memories for x in memory.links(id)}
        assert found == room.links
        assert memory.journal.verify() == []
        for id in room.erased:
            try:
                memory.get(id)
            except NotFound:
                continue
            raise AssertionError(f"{id} was erased and is there")

    def _compare(self, id: str, known: Known) -> None:
        memory = self._memory().get(id)
        seen = memory.text, memory.metadata, memory.state.value, memory.reinforced
        assert seen == (known.text, known.metadata, known.state, known.reinforced)
        assert len(self._memory().history(id)) == known.changes

    def _memory(self) -> MemoryManager:
        if self.name not in self.open:
            self.open[self.name] = open_memory(
                self.home, namespace=self.name, embedder="hash:64", recordings=False
            )
        return self.open[self.name]

    def _room(self) -> Room:
        return self.rooms[self.name]

    def _learn(self, id: str, known: Known) -> None:
        self._room().memories[id] = known
        self.touched.append(id)

    def _change(self, known: Known, state: str) -> None:
        known.state = state
        known.changes += 1

    def _pick(self, place: int) -> tuple[str, Known]:
        memories = self._room().memories
        id = list(memories)[place % len(memories)]
        self.touched.append(id)
        return id, memories[id]

    def _close(self) -> None:
        for memory in self.open.values():
            memory.close()
        self.open.clear()


def run_machine(examples: int, steps: int, number: int, *, shrink: bool = True) -> int:
    """Run the machine and return how many steps it took.

    Args:
        examples: how many sequences.
        steps: the longest sequence.
        number: the seed.
        shrink: look for the shortest counter-example, which can take minutes.

    Raises:
        AssertionError: the store and the model differ; its notes show the shortest sequence.
    """
    machine = type("SeededMachine", (Machine,), {"steps": 0})
    run_state_machine_as_test(
        seed(number)(machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return int(machine.steps)  # type: ignore[attr-defined]
