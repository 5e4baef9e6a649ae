"""The same random calls to the reference memory server and to ours; every answer compared."""

import asyncio
import os
import random
import tempfile
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters, stdio_client

from memory_core.serve.mcp_graph import graph_server
from memory_core.serve.stores import Stores
from tests.conformance.fetching import node_packages
from tests.conformance.suite import Result, judged

PACKAGE = "@modelcontextprotocol/server-memory"
VERSION = "2026.8.31"
CALLS = 150
SEEDS = (1, 2, 3)
NAMES = ("Ana", "ana", "Bo", "Bo ", "Ünal", 'O\'Neil "x"', "日本")
TYPES = ("person", "place", "")
RELATIONS = ("knows", "lives_in", "fears")
TEXTS = ("likes tea", "likes tea ", "LIKES coffee", "a\nb", "<b>x</b>", "Ana: x", "日本 tea")
QUERIES = ("tea", "TEA", "an", "person", "zzz", "日", "B", "")


def run_server_memory(place: Path) -> Result:
    """Start the reference on Node for each seed, and ask both the same."""
    node, modules = node_packages([f"{PACKAGE}@{VERSION}"], place)
    entry = modules / PACKAGE / "dist" / "index.js"
    different = [line for seed in SEEDS for line in asyncio.run(compare(node, entry, seed))]
    same = [f"call {n}" for n in range(len(SEEDS) * CALLS - len(different))]
    return judged(same, different, {})


def call(chance: random.Random) -> tuple[str, dict[str, Any]]:
    def name() -> str:
        return chance.choice(NAMES)

    def texts() -> list[str]:
        return chance.choices(TEXTS, k=chance.randrange(4))

    def entity() -> dict[str, Any]:
        return {"name": name(), "entityType": chance.choice(TYPES), "observations": texts()}

    def relation() -> dict[str, str]:
        return {"from": name(), "to": name(), "relationType": chance.choice(RELATIONS)}

    several = range(chance.randrange(1, 4))
    calls: list[tuple[str, dict[str, Any]]] = [
        ("create_entities", {"entities": [entity() for _ in several]}),
        ("create_relations", {"relations": [relation() for _ in several]}),
        (
            "add_observations",
            {"observations": [{"entityName": name(), "contents": texts()} for _ in several]},
        ),
        (
            "delete_observations",
            {"deletions": [{"entityName": name(), "observations": texts()} for _ in several]},
        ),
        ("delete_relations", {"relations": [relation() for _ in several]}),
        ("read_graph", {}),
        ("search_nodes", {"query": chance.choice(QUERIES)}),
        ("open_nodes", {"names": [name() for _ in several]}),
    ]
    if chance.random() < 0.05:
        return "delete_entities", {"entityNames": [name() for _ in several]}
    return chance.choice(calls)


async def answer(client: Client, name: str, arguments: dict[str, Any]) -> tuple[object, ...]:
    told = await client.call_tool(name, arguments)
    texts = [part.text for part in told.content if part.type == "text"]
    return bool(told.is_error), told.structured_content, texts


async def compare(node: Path, entry: Path, seed: int) -> list[str]:
    """Return what was answered otherwise."""
    chance, different = random.Random(seed), []
    with tempfile.TemporaryDirectory() as home:
        stores = Stores(Path(home) / "ours", {"embedder": "hash"})
        environment = {**os.environ, "MEMORY_FILE_PATH": f"{home}/theirs.jsonl"}
        reference = StdioServerParameters(command=str(node), args=[str(entry)], env=environment)
        async with (
            Client(stdio_client(reference)) as theirs,
            Client(graph_server(stores, "ana")) as ours,
        ):
            for n in range(CALLS):
                name, arguments = call(chance)
                expected = await answer(theirs, name, arguments)
                if (found := await answer(ours, name, arguments)) != expected:
                    told = f"reference {expected}, ours {found}"
                    different.append(f"seed {seed}, call {n}: {name} {arguments}: {told}")
        stores.close()
    return different
