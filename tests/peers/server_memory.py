"""The same random calls to the reference memory server and to ours; every answer compared.

npm install --prefix DIR @modelcontextprotocol/server-memory@2026.8.31
python -m tests.peers.server_memory DIR [SEEDS]
"""

import asyncio
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters, stdio_client

from memory_core.serve.mcp_graph import graph_server
from memory_core.serve.stores import Stores

CALLS = 150
ENTRY = "node_modules/@modelcontextprotocol/server-memory/dist/index.js"
NAMES = ("Ana", "ana", "Bo", "Bo ", "Ünal", 'O\'Neil "x"', "日本")
TYPES = ("person", "place", "")
RELATIONS = ("knows", "lives_in", "fears")
TEXTS = ("likes tea", "likes tea ", "LIKES coffee", "a\nb", "<b>x</b>", "Ana: x", "日本 tea")
QUERIES = ("tea", "TEA", "an", "person", "zzz", "日", "B", "")


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


async def compare(place: Path, seed: int) -> int:
    chance, different = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as home:
        stores = Stores(Path(home) / "ours", {"embedder": "hash"})
        environment = {**os.environ, "MEMORY_FILE_PATH": f"{home}/theirs.jsonl"}
        reference = StdioServerParameters(command="node", args=[str(place)], env=environment)
        async with (
            Client(stdio_client(reference)) as theirs,
            Client(graph_server(stores, "ana")) as ours,
        ):
            for _ in range(CALLS):
                name, arguments = call(chance)
                expected = await answer(theirs, name, arguments)
                if (found := await answer(ours, name, arguments)) != expected:
                    different += 1
                    print(f"{name} {arguments}\n  reference {expected}\n  ours      {found}")
        stores.close()
    return different


def main(place: str, seeds: str = "3") -> None:
    different = sum(
        asyncio.run(compare(Path(place) / ENTRY, seed)) for seed in range(1, int(seeds) + 1)
    )
    print(f"{int(seeds) * CALLS} calls, {different} answered otherwise")
    raise SystemExit(bool(different))


if __name__ == "__main__":
    main(*sys.argv[1:])
