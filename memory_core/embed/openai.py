"""Any endpoint that speaks the OpenAI embeddings protocol: `POST {base_url}/embeddings`.

Texts leave the machine only through an embedder that was asked for. The key goes to the
endpoint and nowhere else: no error, no repr and no log shows it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from memory_core.embed.base import CANARY, Fingerprint, Vectors, usable_vectors
from memory_core.embed.endpoint import Endpoint
from memory_core.embed.estimate import estimate_tokens
from memory_core.errors import EmbeddingFailed, InvalidSetting

OPENAI = "https://api.openai.com/v1"

_DIMENSIONS = {  # of OpenAI's own models
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
_TOKENS_A_REQUEST = 200_000  # OpenAI refuses 300,000; our count is an estimate


class OpenAIEmbedder:
    """Encodes texts with an OpenAI-compatible endpoint.

    Args:
        model: the endpoint's name for it.
        base_url: up to and including `/v1`.
        api_key: sent as a bearer token when given.
        dimensions: asked of the endpoint and checked; the model's own when None.
        query_prompt: put before every query.
        document_prompt: put before every document.
        limit: tokens per text, by an estimate that errs upwards.
        batch_size: texts per request.
        timeout: seconds for one request.
        retries: further attempts after a busy or broken answer.

    Example:
        >>> embedder = OpenAIEmbedder("text-embedding-3-small", api_key="secret")
        >>> embedder.fingerprint.dimension, "secret" in repr(embedder)
        (1536, False)
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str = OPENAI,
        api_key: str | None = None,
        dimensions: int | None = None,
        query_prompt: str = "",
        document_prompt: str = "",
        limit: int = 512,
        batch_size: int = 128,
        timeout: float = 60.0,
        retries: int = 4,
    ) -> None:
        if not model or batch_size < 1 or limit < 1:
            raise InvalidSetting(
                "an endpoint needs a model's name, a batch size and a limit of at least 1, got "
                f"{model!r}, {batch_size} and {limit}; change the one that is wrong"
            )
        self._endpoint = Endpoint(base_url, api_key, timeout=timeout, retries=retries)
        self._model = model
        self._asked = dimensions
        self._prompts = (query_prompt, document_prompt)
        self._limit = limit
        self._batch_size = batch_size
        self._fingerprint: Fingerprint | None = None

    def __repr__(self) -> str:
        return f"OpenAIEmbedder({self._model!r}, base_url={self._endpoint.address!r})"

    @property
    def fingerprint(self) -> Fingerprint:
        """What decides the vectors; asks the endpoint once when the dimension is unknown.

        Raises:
            EmbeddingFailed: the dimension is unknown and the endpoint does not answer.
        """
        if self._fingerprint is None:
            dimension = (
                self._asked or _DIMENSIONS.get(self._model) or len(self._request([CANARY])[0])
            )
            query_prompt, document_prompt = self._prompts
            self._fingerprint = Fingerprint(
                model=self._model,
                revision="",
                dimension=dimension,
                query_prompt=query_prompt,
                document_prompt=document_prompt,
            )
        return self._fingerprint

    @property
    def limit(self) -> int:
        """Tokens per text, less the document prompt."""
        return max(1, self._limit - self.count(self._prompts[1]))

    def count(self, text: str) -> int:
        """Return an estimate of the tokens in `text`, rather too high than too low."""
        return estimate_tokens(text)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Return `(n, d)` float32 vectors of length 1, in the order of `texts`.

        Raises:
            EmbeddingFailed: the endpoint refused, did not answer, or gave no usable vectors.
        """
        prompt = self._prompts[1]
        batches = [
            self._encode(batch) for batch in self._batches([prompt + text for text in texts])
        ]
        return np.concatenate(batches) if batches else self.fingerprint.no_vectors

    def encode_query(self, text: str) -> Vectors:
        """Return the `(d,)` float32 vector of length 1 of one query.

        Raises:
            EmbeddingFailed: the endpoint refused, did not answer, or gave no usable vector.
        """
        return cast(Vectors, self._encode([self._prompts[0] + text])[0])

    def close(self) -> None:
        """Close the connections; a later encode opens new ones."""
        self._endpoint.close()

    def _batches(self, texts: list[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        tokens = 0
        for text in texts:
            more = self.count(text)
            if batch and (len(batch) == self._batch_size or tokens + more > _TOKENS_A_REQUEST):
                yield batch
                batch, tokens = [], 0
            batch.append(text)
            tokens += more
        if batch:
            yield batch

    def _encode(self, texts: list[str]) -> Vectors:
        vectors = usable_vectors(self._request(texts), len(texts), self.fingerprint)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / lengths, dtype=np.float32)

    def _request(self, texts: list[str]) -> list[list[float]]:
        body: dict[str, Any] = {"model": self._model, "input": texts, "encoding_format": "float"}
        if self._asked is not None:
            body["dimensions"] = self._asked
        return _rows(self._endpoint.post("/embeddings", body), len(texts), self._model)


def _rows(answer: Mapping[str, Any], count: int, model: str) -> list[list[float]]:
    """Return the vectors ordered by their `index`, of which each must appear once."""
    try:
        found = {int(item["index"]): item["embedding"] for item in answer["data"]}
        rows = [found[place] for place in range(count)]
        if len(answer["data"]) == count and all(isinstance(row, list) and row for row in rows):
            return rows
    except (KeyError, TypeError, ValueError) as error:
        raise EmbeddingFailed(
            f"{model!r} answered without the vectors of all {count} texts ({error!r}); "
            "check that base_url is an OpenAI-compatible embeddings endpoint"
        ) from error
    raise EmbeddingFailed(
        f"{model!r} answered with {len(answer['data'])} vectors for {count} texts; "
        "check that base_url is an OpenAI-compatible embeddings endpoint"
    )
