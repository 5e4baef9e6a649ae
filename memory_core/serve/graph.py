"""Entities, observations and relations of the reference memory server, kept as memories.

    entity       "Ana is a person"        semantic, metadata graph=entity
    observation  "Ana: likes green tea"   semantic, graph=observation, linked to its entity: about
    relation     "Ana works_at Acme"      semantic, graph=relation, linked to both ends

So a graph written by one host is recalled by every other agent of the namespace. What the nine
tools do, to the order and the duplicates, is what `@modelcontextprotocol/server-memory` does; what
they delete is forgotten and stays in the history. Reading and deciding happen in one write
transaction: two hosts that create the same entity at once create it once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from memory_core.errors import NotFound
from memory_core.journal.events import Event, Forgotten, Linked
from memory_core.journal.where import number_of
from memory_core.limits import MAX_INTEGER
from memory_core.manager import MemoryManager
from memory_core.types import Draft, Memory
from memory_core.writing import new_number, stored_event

ROLE = "graph"
"""Metadata key that says what part of the graph a memory is."""
ALL = {f"metadata.{ROLE}": {"$exists": True}}


@dataclass(slots=True)
class Entity:
    """A node with what was observed of it."""

    number: int
    name: str
    type: str
    observations: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Relation:
    """A directed edge between two names."""

    number: int
    source: str
    target: str
    type: str

    @property
    def ends(self) -> tuple[str, str, str]:
        """What makes two relations the same."""
        return self.source, self.target, self.type


@dataclass(frozen=True, slots=True)
class Graph:
    """Entities and relations, oldest first."""

    entities: tuple[Entity, ...]
    relations: tuple[Relation, ...]

    def around(self, keep: Callable[[Entity], bool]) -> "Graph":
        """Return the entities that are kept and every relation that touches one of them."""
        kept = tuple(entity for entity in self.entities if keep(entity))
        names = {entity.name for entity in kept}
        touching = tuple(r for r in self.relations if r.source in names or r.target in names)
        return Graph(kept, touching)


class KnowledgeGraph:
    """The graph in one memory.

    Example:
        >>> from memory_core.testing import temporary_memory
        >>> with temporary_memory() as memory:
        ...     graph = KnowledgeGraph(memory)
        ...     _ = graph.create_entities([("Ana", "person", ["likes tea"])])
        ...     graph.search("TEA").entities[0].name
        'Ana'
    """

    def __init__(self, memory: MemoryManager) -> None:
        self._memory = memory

    def read(self) -> Graph:
        """Return the whole graph."""
        found = self._memory.list(where=ALL, limit=MAX_INTEGER)
        return _folded(sorted(found, key=lambda memory: (memory.stored_at, memory.version)))

    def search(self, query: str) -> Graph:
        """Return the entities whose name, type or an observation holds the query, any case."""
        words = query.lower()
        return self.read().around(
            lambda entity: any(
                words in text.lower()
                for text in (entity.name, entity.type, *(o for _, o in entity.observations))
            )
        )

    def open(self, names: Iterable[str]) -> Graph:
        """Return the entities of these names."""
        wanted = set(names)
        return self.read().around(lambda entity: entity.name in wanted)

    def create_entities(
        self, entities: Sequence[tuple[str, str, Sequence[str]]]
    ) -> list[tuple[str, str, Sequence[str]]]:
        """Create entities, given as name, type and observations; return those that were new.

        Raises:
            InvalidInput: a name or text that cannot be stored; nothing was written.
        """
        drafts = [(entity, _entity(entity[0], entity[1])) for entity in entities]
        observed = [[_observation(e[0], text) for text in e[2]] for e in entities]
        new: list[tuple[str, str, Sequence[str]]] = []

        def decide(write: "_Write") -> None:
            known = {entity.name for entity in write.graph.entities}
            for (entity, draft), about in zip(drafts, observed, strict=True):
                if entity[0] not in known:
                    new.append(entity)
                    write.observe(write.store(draft), about)

        self._change(decide)
        return new

    def create_relations(
        self, relations: Sequence[tuple[str, str, str]]
    ) -> list[tuple[str, str, str]]:
        """Create relations, given as source, target and type; return those that were new."""
        drafts = [(ends, _relation(*ends)) for ends in relations]
        new: list[tuple[str, str, str]] = []

        def decide(write: "_Write") -> None:
            known = {relation.ends for relation in write.graph.relations}
            number_of_name = {e.name: e.number for e in reversed(write.graph.entities)}
            for ends, draft in drafts:
                if ends not in known:
                    new.append(ends)
                    number = write.store(draft)
                    for name, relation in ((ends[0], "from"), (ends[1], "to")):
                        if name in number_of_name:
                            write.link(number, number_of_name[name], relation)

        self._change(decide)
        return new

    def add_observations(
        self, additions: Sequence[tuple[str, Sequence[str]]]
    ) -> list[tuple[str, list[str]]]:
        """Observe more of entities, given as name and texts; return which texts were new.

        Raises:
            NotFound: there is no entity of that name; nothing was written.
        """
        drafts = [[_observation(name, text) for text in texts] for name, texts in additions]
        added: list[tuple[str, list[str]]] = []

        def decide(write: "_Write") -> None:
            entities = {e.name: e for e in reversed(write.graph.entities)}
            known = {name: {o for _, o in e.observations} for name, e in entities.items()}
            for (name, texts), about in zip(additions, drafts, strict=True):
                if name not in entities:
                    raise NotFound(f"Entity with name {name} not found")
                fresh = [text not in known[name] for text in texts]
                chosen = [draft for draft, new in zip(about, fresh, strict=True) if new]
                write.observe(entities[name].number, chosen)
                names = [text for text, new in zip(texts, fresh, strict=True) if new]
                known[name].update(names)
                added.append((name, names))

        self._change(decide)
        return added

    def delete_entities(self, names: Iterable[str]) -> None:
        """Forget entities, what was observed of them and the relations that touch them."""
        gone = set(names)

        def decide(write: "_Write") -> None:
            graph = write.graph
            for entity in graph.entities:
                if entity.name in gone:
                    write.forget(entity.number, *(number for number, _ in entity.observations))
            touching = [r for r in graph.relations if r.source in gone or r.target in gone]
            write.forget(*(relation.number for relation in touching))

        self._change(decide)

    def delete_observations(self, deletions: Sequence[tuple[str, Sequence[str]]]) -> None:
        """Forget observations, given as entity name and texts."""

        def decide(write: "_Write") -> None:
            entities = {e.name: e for e in reversed(write.graph.entities)}
            gone = {
                number: None
                for name, texts in deletions
                if name in entities
                for number, text in entities[name].observations
                if text in texts
            }
            write.forget(*gone)

        self._change(decide)

    def delete_relations(self, relations: Iterable[tuple[str, str, str]]) -> None:
        """Forget relations, given as source, target and type."""
        gone = set(relations)
        self._change(
            lambda write: write.forget(*(r.number for r in write.graph.relations if r.ends in gone))
        )

    def _change(self, decide: Callable[["_Write"], None]) -> None:
        def policy(state: object, at: int) -> Sequence[Event]:
            write = _Write(self._memory, self.read(), at)
            decide(write)
            return write.events

        self._memory.run(policy)


@dataclass(slots=True)
class _Write:
    """The events of one change, gathered in its transaction."""

    memory: MemoryManager
    graph: Graph
    at: int
    events: list[Event] = field(default_factory=list)

    def store(self, draft: Draft) -> int:
        number = new_number()
        self.events.append(stored_event(self.memory.parts, draft, number, self.at))
        return number

    def observe(self, entity: int, drafts: Iterable[Draft]) -> None:
        for draft in drafts:
            about = {**draft.metadata, "entity": f"{entity:016x}"}
            self.link(self.store(draft.model_copy(update={"metadata": about})), entity, "about")

    def link(self, source: int, target: int, relation: str) -> None:
        self.events.append(Linked(source, target, relation))

    def forget(self, *numbers: int) -> None:
        self.events.extend(Forgotten(number, None) for number in numbers)


def _entity(name: str, type: str) -> Draft:
    return _draft("entity", f"{name} is a {type}", name, {"type": type})


def _observation(name: str, text: str) -> Draft:
    return _draft("observation", f"{name}: {text}", name, {})


def _relation(source: str, target: str, type: str) -> Draft:
    return _draft("relation", f"{source} {type} {target}", source, {"to": target, "type": type})


def _draft(
    role: Literal["entity", "observation", "relation"],
    text: str,
    subject: str,
    metadata: Mapping[str, str],
) -> Draft:
    return Draft.of(
        text,
        kind="semantic",
        source="assistant",
        subject=subject,
        metadata={ROLE: role, **metadata},
    )


def _folded(memories: Iterable[Memory]) -> Graph:
    entities: dict[str, Entity] = {}
    relations: list[Relation] = []
    for memory in memories:
        number, name, data = number_of(memory.id), memory.subject or "", memory.metadata
        if data[ROLE] == "entity":
            entities[memory.id] = Entity(number, name, str(data.get("type", "")))
        elif data[ROLE] == "observation":
            if (entity := entities.get(str(data.get("entity", "")))) is not None:
                entity.observations.append((number, memory.text.removeprefix(f"{name}: ")))
        elif data[ROLE] == "relation":
            target, kind = str(data.get("to", "")), str(data.get("type", ""))
            relations.append(Relation(number, name, target, kind))
    return Graph(tuple(entities.values()), tuple(relations))
