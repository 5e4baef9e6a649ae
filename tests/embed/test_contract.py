"""What every embedder keeps, run over all of them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from memory_core.embed.base import Embedder
from memory_core.embed.function import FunctionEmbedder
from memory_core.embed.hashing import HashEmbedder
from memory_core.embed.openai import OpenAIEmbedder
from tests.embed.endpoint import serve

TEXTS = [
    "I moved to Lisbon in March",
    "a",
    "The kettle is broken, so tea has to wait until somebody buys a new one. " * 3,
    "Я живу в Лиссабоне",
    "猫が好きです",
    "!?",
    "🙂",
    "tab\tand\nnewline",
    "a\0b",
]


def _hash() -> Iterator[Embedder]:
    yield HashEmbedder(128)


def _function() -> Iterator[Embedder]:
    inner = HashEmbedder(64)
    yield FunctionEmbedder(inner.encode_documents, name="inner", dimension=64)


def _openai() -> Iterator[Embedder]:
    with serve() as server:
        embedder = OpenAIEmbedder("small", base_url=server.address, batch_size=4)
        yield embedder
        embedder.close()


@pytest.fixture(
    params=[
        pytest.param(_hash, id="hash"),
        pytest.param(_function, id="function"),
        pytest.param(_openai, id="openai"),
        pytest.param(None, id="sentence-transformers", marks=pytest.mark.model),
    ]
)
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    make: Callable[[], Iterator[Embedder]] | None = request.param
    if make is None:
        yield request.getfixturevalue("minilm")
    else:
        yield from make()


def test_it_is_an_embedder(embedder: Embedder) -> None:
    assert isinstance(embedder, Embedder)


def test_documents_become_float32_rows_of_the_named_dimension(embedder: Embedder) -> None:
    vectors = embedder.encode_documents(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.fingerprint.dimension)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert vectors.any(axis=1).all()


def test_lengths_are_one_where_the_fingerprint_says_so(embedder: Embedder) -> None:
    if not embedder.fingerprint.normalised:
        pytest.skip("this embedder hands on what it is given")
    lengths = np.linalg.norm(embedder.encode_documents(TEXTS), axis=1)
    assert lengths == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)


def test_a_query_is_one_row(embedder: Embedder) -> None:
    vector = embedder.encode_query("where does Ana live?")
    assert vector.shape == (embedder.fingerprint.dimension,)
    assert vector.dtype == np.float32


def test_without_prompts_a_query_and_a_document_are_alike(embedder: Embedder) -> None:
    (document,) = embedder.encode_documents(["green tea"])
    assert embedder.encode_query("green tea") == pytest.approx(document, abs=1e-5)


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert embedder.encode_documents([]).shape == (0, embedder.fingerprint.dimension)


def test_order_and_company_do_not_change_a_vector(embedder: Embedder) -> None:
    together = embedder.encode_documents(TEXTS)
    backwards = embedder.encode_documents(TEXTS[::-1])[::-1]
    alone = np.concatenate([embedder.encode_documents([text]) for text in TEXTS])
    assert backwards == pytest.approx(together, abs=1e-5)
    assert alone == pytest.approx(together, abs=1e-5)


def test_equal_texts_have_equal_vectors(embedder: Embedder) -> None:
    first, second = embedder.encode_documents(["green tea", "green tea"])
    assert first == pytest.approx(second, abs=1e-6)


def test_a_text_is_closer_to_its_like_than_to_a_stranger(embedder: Embedder) -> None:
    query = embedder.encode_query("a cup of green tea")
    like, stranger = embedder.encode_documents(["green tea in a cup", "brake pads and engine oil"])
    assert query @ like > query @ stranger


def test_the_fingerprint_stays_and_names_no_path(embedder: Embedder) -> None:
    before = embedder.fingerprint
    embedder.encode_query("x")
    assert embedder.fingerprint == before
    assert "/" not in before.model + before.revision


def test_counts_grow_with_the_text_and_have_no_ceiling(embedder: Embedder) -> None:
    assert embedder.count("") == 0
    assert embedder.count("hello") >= 1
    assert embedder.count("hello " * 2000) >= 2000
    assert embedder.limit >= 128


def test_threads_get_their_own_answers(embedder: Embedder) -> None:
    texts = [f"{word} number {n}" for n in range(8) for word in ("tea", "car", "dog")]
    want = embedder.encode_documents(texts)

    def ask(place: int) -> bool:
        embedder.count(texts[place])
        got = embedder.encode_query(texts[place])
        return bool(np.allclose(got, want[place], atol=1e-5))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(len(texts))))
