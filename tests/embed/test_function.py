import numpy as np
import pytest

from memory_core.embed.estimate import estimate_tokens
from memory_core.embed.function import FunctionEmbedder
from memory_core.errors import EmbeddingFailed, InvalidSetting
from memory_core.tokens import TokenCounter


def _ones(texts: list[str]) -> list[list[float]]:
    return [[1.0, 2.0] for _ in texts]


def test_queries_go_to_their_own_function() -> None:
    embedder = FunctionEmbedder(
        _ones, name="f", dimension=2, query_function=lambda texts: [[5.0, 5.0]]
    )
    assert embedder.encode_query("x").tolist() == [5, 5]
    assert embedder.encode_documents(["x"]).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([[1.0]], "shape"),
        ([[1.0, 2.0], [1.0, 2.0]], "shape"),
        ([[float("nan"), 1.0]], "NaN"),
        ([[0.0, 0.0]], "zero"),
        ([[1.0, 2.0], [3.0]], "usable"),
        (None, "usable"),
        ("text", "usable"),
    ],
)
def test_useless_answers_are_refused_by_name(answer: object, words: str) -> None:
    embedder = FunctionEmbedder(lambda texts: answer, name="mine", dimension=2)
    with pytest.raises(EmbeddingFailed, match=words) as caught:
        embedder.encode_documents(["x"])
    assert "mine" in str(caught.value)


def test_an_error_of_the_function_is_mapped_and_chained() -> None:
    def broken(texts: list[str]) -> object:
        raise RuntimeError("out of memory")

    with pytest.raises(EmbeddingFailed, match="out of memory") as caught:
        FunctionEmbedder(broken, name="mine", dimension=2).encode_query("x")
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_new_revision_is_a_new_fingerprint() -> None:
    one = FunctionEmbedder(_ones, name="f", dimension=2, revision="1").fingerprint
    two = FunctionEmbedder(_ones, name="f", dimension=2, revision="2").fingerprint
    assert one.digest != two.digest


@pytest.mark.parametrize(("name", "dimension", "limit"), [("", 2, 9), ("f", 0, 9), ("f", 2, 0)])
def test_wrong_settings_are_refused(name: str, dimension: int, limit: int) -> None:
    with pytest.raises(InvalidSetting):
        FunctionEmbedder(_ones, name=name, dimension=dimension, limit=limit)


@pytest.mark.parametrize(
    "text",
    [
        "The quick brown fox jumps over the lazy dog.",
        "Antidisestablishmentarianism was discussed on 2026-03-14 at 10:45.",
        "def f(x):\n    return x ** 2 + y[0]",
        "私は来週リスボンに引っ越します。",
        "Я переехала в Лиссабон в марте",
        "😀🎉 done",
    ],
)
def test_the_estimate_is_not_below_a_real_count(text: str) -> None:
    assert estimate_tokens(text) >= TokenCounter().count(text)


def test_what_is_given_is_handed_on_unchanged() -> None:
    row = np.array([[3.0, 4.0]])
    embedder = FunctionEmbedder(lambda texts: row, name="f", dimension=2)
    assert embedder.encode_documents(["x"]).tolist() == [[3, 4]]
    assert not embedder.fingerprint.normalised
