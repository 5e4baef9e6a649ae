import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory_core.embed.pooling import pool
from memory_core.errors import InvalidSetting, InvalidVector

TOKENS = np.array([[[1.0, -4.0], [3.0, -2.0], [9.0, 9.0]]])
RIGHT = np.array([[1, 1, 0]])


def test_each_mode_sees_real_tokens_only() -> None:
    assert pool(TOKENS, RIGHT, "mean").tolist() == [[(1 + 3) / 2, (-4 - 2) / 2]]
    assert pool(TOKENS, RIGHT, "cls").tolist() == [[1, -4]]
    assert pool(TOKENS, RIGHT, "max").tolist() == [[3, -2]]


def test_padding_on_the_left_is_skipped_too() -> None:
    left = np.array([[0, 1, 1]])
    assert pool(TOKENS, left, "cls").tolist() == [[3, -2]]
    assert pool(TOKENS, left, "mean").tolist() == [[(3 + 9) / 2, (-2 + 9) / 2]]


@given(st.integers(0, 9), st.sampled_from(["mean", "cls", "max"]))
def test_what_stands_in_the_padding_does_not_matter(seed: int, mode: str) -> None:
    rng = np.random.default_rng(seed)
    tokens = rng.normal(size=(3, 5, 4))
    mask = np.array([[1, 0, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    noisy = np.where(mask[:, :, None] == 1, tokens, np.nan)
    clean = np.where(mask[:, :, None] == 1, tokens, 0)
    assert np.array_equal(pool(noisy, mask, mode), pool(clean, mask, mode))


def test_wrong_use_is_refused() -> None:
    with pytest.raises(InvalidVector, match="do not fit"):
        pool(TOKENS, np.ones((1, 2), dtype=int), "mean")
    with pytest.raises(InvalidVector, match="text 0"):
        pool(TOKENS, np.zeros((1, 3), dtype=int), "mean")
    with pytest.raises(InvalidSetting, match="median"):
        pool(TOKENS, RIGHT, "median")
