"""The MCP server, through the protocol's own client: in one process, and over real pipes."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from memory_core.lifecycle.consolidation import Runs, consolidation_plan
from memory_core.lifecycle.policies import carry_out
from memory_core.serve.cli import verb_of
from memory_core.serve.mcp import memory_server
from memory_core.serve.stores import Stores


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    stores = Stores(tmp_path / "home", {"embedder": "hash"})
    yield stores
    stores.close()


@pytest.fixture
def client(stores: Stores) -> Client:
    return Client(memory_server(stores, "ana"))


async def test_a_small_toolset_that_says_what_it_is_for(client: Client) -> None:
    async with client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"store", "recall", "revise", "forget", "why"}
        assert tools["recall"].annotations is not None
        assert tools["recall"].annotations.read_only_hint
        for tool in tools.values():
            assert tool.output_schema is not None
            assert len(tool.description or "") > 60
        told = sum(len(tool.model_dump_json(exclude={"output_schema"})) for tool in tools.values())
        assert told < 8_000  # what every session of a host pays for, some 2,000 tokens


async def test_store_recall_revise_forget_why(client: Client) -> None:
    async with client:
        stored = await client.call_tool("store", {"text": "Ana lives in Lisbon", "source": "user"})
        id = stored.structured_content["id"]
        found = await client.call_tool("recall", {"query": "Where does Ana live?"})
        assert [memory["id"] for memory in found.structured_content["memories"]] == [id]
        assert json.loads(found.content[0].text.split("\n")[0])["text"] == "Ana lives in Lisbon"

        moved = {"id": id, "text": "Ana lives in Porto", "because": "it changed"}
        newer = (await client.call_tool("revise", moved)).structured_content["id"]
        assert newer != id
        found = await client.call_tool("recall", {"query": "Where does Ana live?"})
        assert [memory["id"] for memory in found.structured_content["memories"]] == [newer]
        fate = await client.call_tool("why", {"wanted": "Lisbon"})
        assert (fate.structured_content["id"], fate.structured_content["stage"]) == (
            id,
            "superseded",
        )

        await client.call_tool("revise", {"id": newer, "text": "Ana lives in Braga"})
        assert (await client.call_tool("forget", {"id": newer})).structured_content["version"] > 3
        found = await client.call_tool("recall", {"query": "Where does Ana live?"})
        assert found.structured_content["memories"] == []
        assert found.content[0].text.startswith("nothing relevant is known")


async def test_every_memory_is_named_after_a_consolidation(client: Client, stores: Stores) -> None:
    said = ("Ana lives in Lisbon", "Ana lives in Graça", "Ana lives by the river")
    with stores.lease("ana", create=True) as memory:
        ids = {memory.store(text, session="s1", speaker="Bob").id for text in said}
        carry_out(memory, consolidation_plan(memory, runs=Runs(alike=-1)))
        context = memory.recall("Where does Ana live?", k=3).context
    assert '"lines"' in context
    async with client:
        found = await client.call_tool("recall", {"query": "Where does Ana live?", "k": 3})
        assert {memory["id"] for memory in found.structured_content["memories"]} == ids


async def test_one_memory_is_a_resource(client: Client) -> None:
    async with client:
        stored = await client.call_tool("store", {"text": "the gate sticks when it rains"})
        id = stored.structured_content["id"]
        await client.call_tool("revise", {"id": id, "text": "the gate is mended"})
        shown = json.loads((await client.read_resource(f"memory://{id}")).contents[0].text)
        assert shown["memory"]["text"] == "the gate is mended"
        assert [change["event"] for change in shown["history"]] == ["stored", "revised"]
        with pytest.raises(MCPError, match="no memory"):
            await client.read_resource("memory://0000000000000001")


async def test_a_prompt_tells_what_is_known(client: Client) -> None:
    async with client:
        await client.call_tool("store", {"text": "the roof was mended in May"})
        said = (await client.get_prompt("brief", {"topic": "roof"})).messages[0].content.text
        assert "the roof was mended in May" in said


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("store", {"text": "  "}, "InvalidText"),
        ("store", {"text": "x", "occurred_at": "yesterday"}, "ISO 8601"),
        ("store", {"text": "x", "source": "gossip"}, "source"),
        ("recall", {"query": "x", "k": 0}, "k"),
        ("recall", {"query": "x", "k": "many"}, "k"),
        ("recall", {}, "query"),
        ("revise", {"id": "0000000000000001", "text": "x"}, "NotFound"),
        ("revise", {"id": "1", "text": "x", "since": "2026-01-01"}, "because"),
        ("forget", {"id": "../../etc"}, "NotFound"),
        ("why", {"wanted": "x"}, "call recall first"),
        ("erase", {"id": "0000000000000001"}, "erase"),
    ],
)
async def test_bad_calls_are_answered_and_write_nothing(
    client: Client, stores: Stores, tool: str, arguments: dict[str, object], told: str
) -> None:
    async with client:
        answer = await client.call_tool(tool, arguments)
        assert answer.is_error
        assert told in answer.content[0].text
        with stores.lease("ana", create=True) as memory:
            assert memory.journal.head.seq == 0


async def test_a_host_starts_it_as_a_process(tmp_path: Path) -> None:
    code = "from memory_core.serve.cli import main; main()"
    place = ["--home", str(tmp_path / "home"), "--embedder", "hash", "--namespace", "ana"]
    command = StdioServerParameters(command=sys.executable, args=["-c", code, *place, "mcp"])
    async with Client(stdio_client(command)) as client:
        stored = await client.call_tool("store", {"text": "the key is under the fern"})
        assert not stored.is_error
        found = await client.call_tool("recall", {"query": "key"})
        assert found.structured_content["memories"][0]["id"] == stored.structured_content["id"]
    with Stores(tmp_path / "home", {"embedder": "hash"}).lease("ana") as memory:
        assert [kept.text for kept in memory.list()] == ["the key is under the fern"]
        memory.close()


@pytest.mark.parametrize(
    ("words", "verb"),
    [
        (["mcp"], "mcp"),
        (["--home", "x", "--json", "mcp", "--compat", "server-memory"], "mcp"),
        (["store", "mcp"], "store"),
        (["--namespace", "mcp", "list"], "list"),
        (["--help"], None),
        ([], None),
    ],
)
def test_the_verb_of_a_command_line(words: list[str], verb: str | None) -> None:
    assert verb_of(words) == verb
