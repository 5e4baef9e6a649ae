"""Whether a model still gives the vectors that a namespace was written with.

A fingerprint names a model by what is known without running it; other weights, another tokenizer
or another library may hide behind the same name, and mixed vectors rank wrongly without an error.
The canary text's vector, kept when the model was registered, tells them apart.
"""

from memory_core.embed.base import CANARY, CANARY_TOLERANCE, Embedder, Vectors, usable_vectors
from memory_core.errors import ModelMismatch
from memory_core.journal.vectors import VectorTable


def canary_of(embedder: Embedder) -> Vectors:
    """Return the `(d,)` vector that a model gives the canary text now.

    Raises:
        ModelError: it cannot be asked.
    """
    answer = embedder.encode_documents([CANARY])
    canary: Vectors = usable_vectors(answer, 1, embedder.fingerprint)[0]
    return canary


def require_same(table: VectorTable, embedder: Embedder, canary: Vectors) -> None:
    """Compare a canary with the one that the table's vectors were written with.

    Raises:
        ModelMismatch: the model gives other vectors than then.
    """
    known = table.canary()
    distance = 1 - float(canary @ known) / float((canary @ canary) * (known @ known)) ** 0.5
    if not distance <= CANARY_TOLERANCE:
        raise ModelMismatch(
            f"{embedder.fingerprint} gives other vectors than when this store was "
            f"written (canary distance {distance:.4f}); install the model it was written with"
        )
