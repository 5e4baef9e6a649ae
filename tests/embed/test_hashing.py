import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.embed.hashing import HashEmbedder
from memory_core.errors import InvalidSetting


@given(st.text(min_size=1), st.sampled_from([8, 16, 256]))
def test_every_text_has_a_vector_of_length_one(text: str, dimension: int) -> None:
    vector = HashEmbedder(dimension).encode_query(text)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_another_process_with_another_hash_seed_agrees() -> None:
    code = (
        "from memory_core.embed.hashing import HashEmbedder;"
        "print(HashEmbedder(16).encode_query('green tea').tobytes().hex())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert outputs == {HashEmbedder(16).encode_query("green tea").tobytes().hex()}


def test_spelling_counts_a_little_and_words_count_more() -> None:
    embedder = HashEmbedder(4096)
    query = embedder.encode_query("kettle")
    same, alike, other = embedder.encode_documents(["the kettle", "kettles", "brakes"])
    assert query @ same > query @ alike > query @ other + 0.1


def test_case_and_compatibility_forms_are_one() -> None:
    embedder = HashEmbedder()
    assert embedder.encode_query("Straße") == pytest.approx(embedder.encode_query("STRASSE"))
    assert embedder.encode_query("ﬁne") == pytest.approx(embedder.encode_query("fine"))


@pytest.mark.parametrize("dimension", [-1, 0, 7, 65_537])
def test_a_dimension_out_of_range_is_refused(dimension: int) -> None:
    with pytest.raises(InvalidSetting, match=str(dimension)):
        HashEmbedder(dimension)
