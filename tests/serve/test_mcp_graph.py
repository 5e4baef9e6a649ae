"""The nine tools of the reference memory server over our memories: same calls, same JSON."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from memory_core.serve.graph import KnowledgeGraph
from memory_core.serve.mcp_graph import graph_server
from memory_core.serve.stores import Stores


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    stores = Stores(tmp_path / "home", {"embedder": "hash"})
    yield stores
    stores.close()


@pytest.fixture
def client(stores: Stores) -> Client:
    return Client(graph_server(stores, "ana"))


def entity(name: str, *observations: str, kind: str = "person") -> dict[str, Any]:
    return {"name": name, "entityType": kind, "observations": list(observations)}


def relation(source: str, kind: str, target: str) -> dict[str, str]:
    return {"from": source, "to": target, "relationType": kind}


async def test_names_and_arguments_are_the_references(client: Client) -> None:
    async with client:
        tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
        assert {name: list(schema["properties"]) for name, schema in tools.items()} == {
            "create_entities": ["entities"],
            "create_relations": ["relations"],
            "add_observations": ["observations"],
            "delete_entities": ["entityNames"],
            "delete_observations": ["deletions"],
            "delete_relations": ["relations"],
            "read_graph": [],
            "search_nodes": ["query"],
            "open_nodes": ["names"],
        }


async def test_a_graph_grows_and_shrinks_as_the_references_does(client: Client) -> None:
    async with client:
        ana, bo = entity("Ana", "likes tea", "lives in Lisbon"), entity("Bo")
        made = await client.call_tool("create_entities", {"entities": [ana, bo]})
        assert made.structured_content == {"entities": [ana, bo]}
        assert made.content[0].text == json.dumps([ana, bo], indent=2)
        again = await client.call_tool("create_entities", {"entities": [ana, entity("Cy")]})
        assert again.structured_content == {"entities": [entity("Cy")]}

        edges = [relation("Ana", "knows", "Bo"), relation("Bo", "fears", "nobody there")]
        made = await client.call_tool("create_relations", {"relations": edges})
        assert made.structured_content == {"relations": edges}
        again = await client.call_tool("create_relations", {"relations": edges})
        assert again.content[0].text == "[]"

        more = [{"entityName": "Ana", "contents": ["likes tea", "plays the piano"]}]
        added = await client.call_tool("add_observations", {"observations": more})
        results = [{"entityName": "Ana", "addedObservations": ["plays the piano"]}]
        assert added.structured_content == {"results": results}

        found = await client.call_tool("search_nodes", {"query": "PIANO"})
        ana = entity("Ana", "likes tea", "lives in Lisbon", "plays the piano")
        assert found.structured_content == {"entities": [ana], "relations": edges[:1]}
        opened = await client.call_tool("open_nodes", {"names": ["Bo", "nobody there"]})
        assert opened.structured_content == {"entities": [bo], "relations": edges}

        gone = [
            {"entityName": "Ana", "observations": ["likes tea"]},
            {"entityName": "?", "observations": []},
        ]
        await client.call_tool("delete_observations", {"deletions": gone})
        await client.call_tool("delete_relations", {"relations": edges[1:]})
        told = await client.call_tool("delete_entities", {"entityNames": ["Bo", "unknown"]})
        assert told.content[0].text == "Entities deleted successfully"
        whole = await client.call_tool("read_graph", {})
        left = {"entities": [entity("Ana", "lives in Lisbon", "plays the piano"), entity("Cy")],
                "relations": []}  # fmt: skip
        assert whole.structured_content == left
        resource = await client.read_resource("memory://knowledge-graph")
        assert json.loads(resource.contents[0].text) == left


async def test_an_unknown_entity_changes_nothing(client: Client) -> None:
    async with client:
        await client.call_tool("create_entities", {"entities": [entity("Ana")]})
        more = [{"entityName": "Ana", "contents": ["a"]}, {"entityName": "Zed", "contents": ["b"]}]
        answer = await client.call_tool("add_observations", {"observations": more})
        assert answer.is_error
        assert answer.content[0].text == "Entity with name Zed not found"
        whole = await client.call_tool("read_graph", {})
        assert whole.structured_content["entities"] == [entity("Ana")]


async def test_what_a_host_keeps_is_recalled_by_everyone(client: Client, stores: Stores) -> None:
    async with client:
        made = {"entities": [entity("Ana", "allergic to walnuts")]}
        await client.call_tool("create_entities", made)
        with stores.lease("ana") as memory:
            hit = memory.recall("What is Ana allergic to?").hits[0]
            assert hit.memory.text == "Ana: allergic to walnuts"
            links = memory.links(hit.id)
            assert [link.relation for link in links] == ["about"]
            await client.call_tool("delete_entities", {"entityNames": ["Ana"]})
            assert memory.recall("What is Ana allergic to?").hits == ()
            assert [change.event for change in memory.history(hit.id)] == ["stored", "forgotten"]


def test_two_who_create_the_same_entity_create_one(tmp_path: Path) -> None:
    one, two = (Stores(tmp_path / "home", {"embedder": "hash"}) for _ in range(2))

    def create(stores: Stores) -> int:
        with stores.lease("ana", create=True) as memory:
            given = [(f"entity {n}", "thing", ["seen"]) for n in range(20)]
            return sum(len(KnowledgeGraph(memory).create_entities([each])) for each in given)

    with one.lease("ana", create=True), ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(create, (one, two))) == 20
    with two.lease("ana") as memory:
        assert len(KnowledgeGraph(memory).read().entities) == 20
    one.close()
    two.close()
