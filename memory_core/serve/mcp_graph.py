"""`memory mcp --compat server-memory`: the nine tools of the reference memory server.

Names, arguments, JSON and texts are those of `@modelcontextprotocol/server-memory` 2026.8.31, so a
host changes its command and nothing else. Behind them is the same memory that `recall` searches.
"""

import functools
import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ParamSpec

from mcp.server import MCPServer
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, ConfigDict, Field

from memory_core.errors import MemoryCoreError
from memory_core.serve.graph import Graph, KnowledgeGraph
from memory_core.serve.stores import Stores
from memory_core.version import __version__

P = ParamSpec("P")
RESOURCE = "memory://knowledge-graph"


class Entity(BaseModel):
    """A node of the graph."""

    name: str = Field(description="The name of the entity")
    entityType: str = Field(description="The type of the entity")
    observations: list[str] = Field(
        description="An array of observation contents associated with the entity"
    )


class Relation(BaseModel):
    """An edge of the graph."""

    model_config = ConfigDict(populate_by_name=True)

    source: str = Field(alias="from", description="The name of the entity where it starts")
    to: str = Field(description="The name of the entity where the relation ends")
    relationType: str = Field(description="The type of the relation")

    @property
    def ends(self) -> tuple[str, str, str]:
        """Source, target and type."""
        return self.source, self.to, self.relationType


class Addition(BaseModel):
    """More that was observed of an entity."""

    entityName: str = Field(description="The name of the entity to add the observations to")
    contents: list[str] = Field(description="An array of observation contents to add")


class Deletion(BaseModel):
    """What is no longer to be known of an entity."""

    entityName: str = Field(description="The name of the entity containing the observations")
    observations: list[str] = Field(description="An array of observations to delete")


class Entities(BaseModel):
    """Entities that were created."""

    entities: list[Entity]


class Relations(BaseModel):
    """Relations that were created."""

    relations: list[Relation]


class Added(BaseModel):
    """What was new of what was observed of one entity."""

    entityName: str
    addedObservations: list[str]


class Results(BaseModel):
    """What was new, by entity."""

    results: list[Added]


class Done(BaseModel):
    """A change without further answer."""

    success: bool
    message: str


class Nodes(BaseModel):
    """A part of the graph."""

    entities: list[Entity]
    relations: list[Relation]


def graph_server(stores: Stores, namespace: str) -> MCPServer[object]:
    """Return the compatible server of one namespace; nothing is opened yet."""
    server: MCPServer[object] = MCPServer("memory-server", version=__version__, log_level="WARNING")
    tools = GraphTools(stores, namespace)
    for tool, description, hints in (
        (tools.create_entities, "Create multiple new entities in the knowledge graph", "new"),
        (
            tools.create_relations,
            "Create multiple new relations between entities in the knowledge graph. "
            "Relations should be in active voice",
            "new",
        ),
        (
            tools.add_observations,
            "Add new observations to existing entities in the knowledge graph",
            "new",
        ),
        (
            tools.delete_entities,
            "Delete multiple entities and their associated relations from the knowledge graph",
            "gone",
        ),
        (
            tools.delete_observations,
            "Delete specific observations from entities in the knowledge graph",
            "gone",
        ),
        (tools.delete_relations, "Delete multiple relations from the knowledge graph", "gone"),
        (tools.read_graph, "Read the entire knowledge graph", "read"),
        (tools.search_nodes, "Search for nodes in the knowledge graph based on a query", "read"),
        (tools.open_nodes, "Open specific nodes in the knowledge graph by their names", "read"),
    ):
        title = tool.__name__.replace("_", " ").title()
        server.add_tool(_told(tool), title=title, description=description, annotations=HINTS[hints])
    server.resource(
        RESOURCE, name="knowledge-graph", title="Knowledge Graph", mime_type="application/json",
        description="The full knowledge graph with all entities and relations",
    )(tools.whole)  # fmt: skip
    return server


def _hints(read: bool, gone: bool, again: bool) -> ToolAnnotations:
    return ToolAnnotations(
        read_only_hint=read, destructive_hint=gone, idempotent_hint=again, open_world_hint=False
    )


HINTS = {
    "new": _hints(False, False, False),
    "gone": _hints(False, True, True),
    "read": _hints(True, False, True),
}


class GraphTools:
    """The nine tools; they run in the server's worker threads."""

    def __init__(self, stores: Stores, namespace: str) -> None:
        self._stores = stores
        self._namespace = namespace

    def create_entities(self, entities: list[Entity]) -> Annotated[CallToolResult, Entities]:
        """Create entities whose name is new."""
        given = [(e.name, e.entityType, e.observations) for e in entities]
        with self._stores.lease(self._namespace, create=True) as memory:
            new = KnowledgeGraph(memory).create_entities(given)
        plain = [{"name": n, "entityType": t, "observations": list(o)} for n, t, o in new]
        return _answer(plain, {"entities": plain})

    def create_relations(self, relations: list[Relation]) -> Annotated[CallToolResult, Relations]:
        """Create relations that are new."""
        with self._stores.lease(self._namespace, create=True) as memory:
            new = KnowledgeGraph(memory).create_relations([r.ends for r in relations])
        plain = [_edge(*ends) for ends in new]
        return _answer(plain, {"relations": plain})

    def add_observations(self, observations: list[Addition]) -> Annotated[CallToolResult, Results]:
        """Add observations that are new."""
        given = [(o.entityName, o.contents) for o in observations]
        with self._stores.lease(self._namespace, create=True) as memory:
            added = KnowledgeGraph(memory).add_observations(given)
        plain = [{"entityName": name, "addedObservations": new} for name, new in added]
        return _answer(plain, {"results": plain})

    def delete_entities(
        self,
        entityNames: Annotated[list[str], Field(description="An array of entity names to delete")],
    ) -> Annotated[CallToolResult, Done]:
        """Delete entities and the relations that touch them."""
        with self._stores.lease(self._namespace, create=True) as memory:
            KnowledgeGraph(memory).delete_entities(entityNames)
        return _done("Entities deleted successfully")

    def delete_observations(self, deletions: list[Deletion]) -> Annotated[CallToolResult, Done]:
        """Delete observations by their text."""
        given = [(d.entityName, d.observations) for d in deletions]
        with self._stores.lease(self._namespace, create=True) as memory:
            KnowledgeGraph(memory).delete_observations(given)
        return _done("Observations deleted successfully")

    def delete_relations(
        self,
        relations: Annotated[list[Relation], Field(description="An array of relations to delete")],
    ) -> Annotated[CallToolResult, Done]:
        """Delete relations."""
        with self._stores.lease(self._namespace, create=True) as memory:
            KnowledgeGraph(memory).delete_relations([r.ends for r in relations])
        return _done("Relations deleted successfully")

    def read_graph(self) -> Annotated[CallToolResult, Nodes]:
        """Read everything."""
        return _nodes(self._read())

    def search_nodes(
        self,
        query: Annotated[
            str,
            Field(
                description="The search query to match against entity names, types, "
                "and observation content"
            ),
        ],
    ) -> Annotated[CallToolResult, Nodes]:
        """Find entities by a part of what they say."""
        with self._stores.lease(self._namespace, create=True) as memory:
            return _nodes(_plain(KnowledgeGraph(memory).search(query)))

    def open_nodes(
        self,
        names: Annotated[list[str], Field(description="An array of entity names to retrieve")],
    ) -> Annotated[CallToolResult, Nodes]:
        """Find entities by name."""
        with self._stores.lease(self._namespace, create=True) as memory:
            return _nodes(_plain(KnowledgeGraph(memory).open(names)))

    def whole(self) -> str:
        """Return the graph as the resource shows it."""
        return _json(self._read())

    def _read(self) -> dict[str, Any]:
        with self._stores.lease(self._namespace, create=True) as memory:
            return _plain(KnowledgeGraph(memory).read())


def _told(tool: Callable[P, CallToolResult]) -> Callable[P, CallToolResult]:
    """Return the tool with errors answered as the reference does: their text alone."""

    @functools.wraps(tool)
    def run(*args: P.args, **kwargs: P.kwargs) -> CallToolResult:
        try:
            return tool(*args, **kwargs)
        except MemoryCoreError as error:
            return CallToolResult(
                content=[TextContent(type="text", text=str(error))], is_error=True
            )

    return run


def _plain(graph: Graph) -> dict[str, Any]:
    return {
        "entities": [
            {
                "name": entity.name,
                "entityType": entity.type,
                "observations": [text for _, text in entity.observations],
            }
            for entity in graph.entities
        ],
        "relations": [_edge(*relation.ends) for relation in graph.relations],
    }


def _edge(source: str, target: str, type: str) -> dict[str, str]:
    return {"from": source, "to": target, "relationType": type}


def _nodes(graph: dict[str, Any]) -> CallToolResult:
    return _answer(graph, graph)


def _done(message: str) -> CallToolResult:
    told = TextContent(type="text", text=message)
    return CallToolResult(content=[told], structured_content={"success": True, "message": message})


def _answer(shown: Sequence[object] | dict[str, Any], typed: dict[str, Any]) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=_json(shown))], structured_content=typed
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
