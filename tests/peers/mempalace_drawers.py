"""MemPalace: every turn a drawer, a wing a conversation, a room a session.

Its embedder is Chroma's all-MiniLM-L6-v2 in ONNX, from a download of its own. The same weights are
put where it looks for them.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memory_core.models.export import export
from memory_core.models.resolve import DEFAULT, resolve
from tests.peers.peer import Place, Turn

FILES = ("config.json", "special_tokens_map.json", "tokenizer_config.json", "tokenizer.json",
         "vocab.txt")  # fmt: skip


class MemPalace:
    settings = 'drawers of one turn, search_memories(candidate_strategy="union")'

    def __init__(self, place: Place) -> None:
        os.environ["HOME"] = str(place.home)
        os.environ["MEMPALACE_EMBEDDING_MODEL"] = "minilm"
        _put_model(place)
        from mempalace.config import MempalaceConfig
        from mempalace.mcp_server import tool_add_drawer
        from mempalace.searcher import search_memories

        self._path = MempalaceConfig().palace_path
        self._add: Any = tool_add_drawer
        self._search: Any = search_memories
        self._keys: dict[str, str] = {}

    def store(self, conversation: str, turns: Sequence[Turn]) -> None:
        for turn in turns:
            filed = self._add(f"wing_{conversation}", turn.session, turn.text)
            if not filed["success"]:
                raise RuntimeError(filed["error"])
            self._keys.setdefault(filed["drawer_id"], turn.key)

    def recall(self, conversation: str, question: str, k: int) -> list[str]:
        found = self._search(
            question, self._path, wing=f"wing_{conversation}", n_results=k,
            candidate_strategy="union",
        )  # fmt: skip
        if "error" in found:
            raise RuntimeError(found["error"])
        return [self._keys[one["drawer_id"]] for one in found["results"]]


def _put_model(place: Place) -> None:
    model = resolve(DEFAULT, cache_dir=place.home / "models")
    there = Path.home() / ".cache" / "chroma" / "onnx_models" / "all-MiniLM-L6-v2" / "onnx"
    there.mkdir(parents=True)
    for name in FILES:
        (there / name).symlink_to(place.model / name)
    (there / "model.onnx").symlink_to(export(model, cache_dir=place.home / "exported"))
