"""Two other shapes of text models as rankers of texts: learned sparse, and late interaction.

sparse   one weight a vocabulary word (SPLADE, Formal et al. 2021); the score is their dot product
late     one vector a token (ColBERT, Khattab & Zaharia 2020); each query token takes its best:
         Σ_q max_d q · d

Both come from a local directory through sentence-transformers, safetensors only; torch is loaded
by the first score.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memory_core.errors import EmbeddingFailed, ModelRejected
from memory_core.models.resolve import ResolvedModel, verify

Shape = Literal["sparse", "late"]

BATCH = 32


class TextRanker:
    """Scores texts for a question with a model that has no single vector; thread-safe.

    Args:
        resolved: where the model lies, from `memory_core.models.resolve.resolve`.
        shape: what kind of model it is.
    """

    def __init__(self, resolved: ResolvedModel, shape: Shape) -> None:
        self._resolved = resolved
        self._shape: Shape = shape
        self._model: Any = None
        self._lock = Lock()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._resolved.name

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the score `(n,)` of each text, greater is better; the scale is the model's own.

        Raises:
            ModelRejected: the files are not those that were resolved.
            EmbeddingFailed: the model cannot be loaded, or gives no finite scores.
        """
        if not texts:
            return np.zeros(0, dtype=np.float32)
        try:
            with self._lock:
                found = self._scored(self._loaded(), question, list(texts))
        except (RuntimeError, ValueError, TypeError, OSError, KeyError, AttributeError) as error:
            raise EmbeddingFailed(
                f"{self.name!r} cannot score texts as a {self._shape} model: {error}; check that "
                "it is one"
            ) from error
        if found.shape != (len(texts),) or not np.isfinite(found).all():
            raise EmbeddingFailed(f"{self.name!r} gave no finite scores; try another model")
        return found

    def _scored(self, model: Any, question: str, texts: list[str]) -> NDArray[np.float32]:
        options = {"batch_size": BATCH, "show_progress_bar": False}
        asked = model.encode_query([question], **options)
        told = model.encode_document(texts, **options)
        scores = model.similarity(asked, told)
        matrix: NDArray[np.float32] = np.asarray(scores.float().cpu(), dtype=np.float32)
        return matrix.reshape(-1)

    def _loaded(self) -> Any:
        if self._model is None:
            self._model = load(self._resolved, self._shape)
        return self._model


def load(resolved: ResolvedModel, shape: Shape) -> Any:
    """Return a sentence-transformers model of that shape, from local files only.

    Raises:
        ModelRejected: the files are not those that were resolved.
    """
    if problems := verify(resolved):
        raise ModelRejected(f"{problems[0]}; get the model again")
    from sentence_transformers import MultiVectorEncoder, SparseEncoder

    made = SparseEncoder if shape == "sparse" else MultiVectorEncoder
    return made(
        str(resolved.path),
        device="cpu",
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True},
    )
