from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_core.embed.sentence_transformers import SentenceTransformerEmbedder
from memory_core.errors import ModelNotFound
from memory_core.models.resolve import DEFAULT, ResolvedModel, resolve
from tests.embed.endpoint import Server, serve


@pytest.fixture
def server() -> Iterator[Server]:
    with serve() as running:
        yield running


@pytest.fixture(scope="session")
def resolved() -> ResolvedModel:
    try:
        return resolve(DEFAULT, cache_dir=Path("no-cache"))
    except ModelNotFound as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def minilm(resolved: ResolvedModel) -> SentenceTransformerEmbedder:
    return SentenceTransformerEmbedder(resolved)
