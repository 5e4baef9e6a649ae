"""What every system is asked to do: store the same turns, recall for the same questions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Encode = Callable[[Sequence[str]], NDArray[np.float32]]
DIMENSION = 384


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn: what is stored and the key that a recall must give back."""

    key: str
    text: str
    """`speaker: text`, the same for all."""
    speaker: str
    said: str
    session: str
    at: str
    """ISO 8601."""


class Peer(Protocol):
    """One system, filled with one conversation after another."""

    settings: str
    """What it was set to, for the table."""

    def store(self, conversation: str, turns: Sequence[Turn]) -> None:
        """Store a conversation's turns, ready to be recalled on return."""
        ...

    def recall(self, conversation: str, question: str, k: int) -> list[str]:
        """Return keys, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where a peer works, and the model that all share."""

    home: Path
    model: Path
    """Directory of all-MiniLM-L6-v2."""

    def encoder(self) -> Encode:
        """Return the shared model, loaded, one text after another of any length."""
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(self.model), device="cpu")

        def encode(texts: Sequence[str]) -> NDArray[np.float32]:
            found = model.encode(
                list(texts), batch_size=32, normalize_embeddings=True, show_progress_bar=False
            )
            return np.asarray(found, dtype=np.float32)

        return encode
