"""Any sentence-transformers model that lies on this machine, run by torch.

torch is loaded by the first encode only. Nothing here reaches the network or runs a model's
own code.
"""

from typing import Any, Unpack, cast

from memory_core.embed.base import Vectors, usable_vectors
from memory_core.embed.decoding import image_of, sound_of
from memory_core.embed.local import LocalEmbedder, LocalOptions, PoolingOverride
from memory_core.errors import EmbeddingFailed, ModelRejected
from memory_core.media import Media
from memory_core.models.quiet import no_bars
from memory_core.models.resolve import ResolvedModel, verify


class SentenceTransformerEmbedder(LocalEmbedder):
    """Encodes texts with a local sentence-transformers model.

    Args:
        resolved: where the model lies, from `memory_core.models.resolve.resolve`.
        options: see `memory_core.embed.local.LocalOptions`.

    Example:
        >>> from pathlib import Path
        >>> from memory_core.models.resolve import resolve
        >>> model = resolve("all-MiniLM-L6-v2", cache_dir=Path("models"))
        >>> SentenceTransformerEmbedder(model).fingerprint.dimension
        384
    """

    def __init__(self, resolved: ResolvedModel, **options: Unpack[LocalOptions]) -> None:
        super().__init__(resolved, **options)
        self._model: Any = None

    def after_fork(self) -> None:
        """Encode in one thread in the child: it has none of the pool that torch would wait for."""
        super().after_fork()
        if self._model is not None:
            import torch

            torch.set_num_threads(1)

    @property
    def modalities(self) -> frozenset[str]:
        """What the model takes, of text, image and audio; loads it, since only it can tell."""
        with self._lock:
            taken = self._loaded().modalities
        return frozenset({"text", "image", "audio"}.intersection(map(str, taken)))

    def encode_media(self, media: Media, content: bytes) -> Vectors:
        """Return the `(d,)` float32 vector of an image or a sound, from the model's tower for it.

        Raises:
            EmbeddingFailed: it cannot be decoded, or the model gave no usable vector.
            ModelRejected: the files are not the pinned ones.
        """
        with self._lock:
            model = self._loaded()
            if media.kind not in model.modalities:
                raise EmbeddingFailed(f"{self._resolved.name!r} does not take {media.kind}")
            with self._failing(f"encode {media.type}"):
                vectors = model.encode(
                    inputs=[_input(model, media, content)],
                    show_progress_bar=False,
                    normalize_embeddings=self._normalise,
                )
        return cast(Vectors, usable_vectors(vectors, 1, self.fingerprint)[0])

    def _vectors(self, texts: list[str], prompt: str) -> object:
        with self._lock:  # transformers' tokenizers are not thread-safe ("Already borrowed")
            model = self._loaded()
            with self._failing(f"encode {len(texts)} texts"):
                return model.encode(
                    inputs=texts,  # sorted by length inside, answered in this order
                    prompt=prompt,
                    batch_size=self._batch_size,
                    show_progress_bar=False,
                    normalize_embeddings=self._normalise,
                )

    def _dimension(self) -> int:
        if self._layout.dimension is not None:
            return self._layout.dimension
        with self._lock:
            return int(self._loaded().get_embedding_dimension())

    def _loaded(self) -> Any:
        """Return the model, loading it first if needed; the caller holds the lock."""
        if self._model is None:
            problems = verify(self._resolved)
            if problems:
                raise ModelRejected(f"{problems[0]}; get the model again")
            with self._failing("load the model"):
                self._model = _load(self._resolved, self._device)
                _change(self._model, self._pooling, self._normalise)
        return self._model


def _input(model: Any, media: Media, content: bytes) -> Any:
    if media.kind == "image":
        return image_of(content, media.name)
    extractor = getattr(model.processor, "feature_extractor", model.processor)
    rate = int(extractor.sampling_rate)
    return {"array": sound_of(content, media, rate), "sampling_rate": rate}


def _load(resolved: ResolvedModel, device: str) -> Any:
    from sentence_transformers import SentenceTransformer

    with no_bars():
        return SentenceTransformer(
            str(resolved.path),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )


def _change(model: Any, pooling: PoolingOverride | None, normalise: bool) -> None:
    """Apply the caller's pooling and drop the model's own normalisation if it is unwanted."""
    from sentence_transformers.sentence_transformer.modules import Normalize
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    for key, module in list(model.named_children()):
        if isinstance(module, Normalize) and not normalise:
            del model._modules[key]
        elif isinstance(module, PoolingModule) and pooling is not None:
            model._modules[key] = PoolingModule(
                module.embedding_dimension,
                pooling_mode=pooling,
                include_prompt=module.include_prompt,
            )
