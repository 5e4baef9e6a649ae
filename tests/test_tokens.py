import doctest
import gzip
import hashlib
import subprocess
import sys
import threading
import time
from importlib.resources import files

import pytest
import tiktoken_ext.openai_public as published
from hypothesis import given
from hypothesis import strategies as st
from tiktoken import Encoding

import memory_core.tokens
from memory_core.errors import InvalidInput, InvalidSetting, ModelRejected
from memory_core.tokens import TokenCounter

COUNTER = TokenCounter()
COUNTER.count("")  # loads the ranks, before any deadline runs
texts = st.text(max_size=60) | st.text("ab .,!'sS\n\t😀词é", max_size=60)


@pytest.fixture(scope="module")
def recipe():
    """The encoding as tiktoken defines it; only its download is replaced by the file on board."""
    asked = {}

    def on_board(address, expected_hash):
        asked.update(address=address, expected_hash=expected_hash)
        return memory_core.tokens._ranks("o200k_base", expected_hash)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(published, "load_tiktoken_bpe", on_board)
        return {**published.o200k_base(), "expected_hash": asked["expected_hash"]}


@pytest.fixture(scope="module")
def oracle(recipe):
    return Encoding(**{key: value for key, value in recipe.items() if key != "expected_hash"})


def test_ranks_are_the_ones_tiktoken_would_download(recipe):
    packed = (files("memory_core") / "ranks" / "o200k_base.tiktoken.gz").read_bytes()
    assert hashlib.sha256(gzip.decompress(packed)).hexdigest() == recipe["expected_hash"]
    assert recipe["expected_hash"] in (files("memory_core") / "ranks" / "README.md").read_text()


def test_pattern_and_special_tokens_are_tiktokens(recipe):
    ours = memory_core.tokens._RECIPES["o200k_base"]
    assert ours.pattern == recipe["pat_str"]
    assert ours.special == recipe["special_tokens"]


def test_damaged_ranks_are_refused():
    with pytest.raises(ModelRejected, match=r"sha256 446a.*expected 0000.*reinstall"):
        memory_core.tokens._ranks("o200k_base", "0000")


@given(texts)
def test_encodes_as_tiktoken_does(oracle, text):
    assert COUNTER.encode(text) == oracle.encode(text, disallowed_special=())
    assert COUNTER.count(text) == len(COUNTER.encode(text)) <= len(text.encode())
    assert COUNTER.decode(COUNTER.encode(text)) == text


def test_special_token_strings_are_ordinary_text():
    assert COUNTER.count("<|endoftext|>") > 1
    assert 199_999 not in COUNTER.encode("a <|endoftext|> b")


def test_counts_known_by_hand():
    assert [COUNTER.count(text) for text in ("", "hello", "hello world", "123456")] == [0, 1, 2, 2]


@given(texts, st.integers(0, 25))
def test_truncate_keeps_a_beginning_within_the_limit(text, limit):
    kept = COUNTER.truncate(text, limit)
    assert text.startswith(kept)
    assert COUNTER.count(kept) <= limit
    assert kept == text or COUNTER.count(text) > limit


def test_truncate_never_cuts_a_character():
    assert COUNTER.count("🦩") == 3
    assert [COUNTER.truncate("🦩🦩", limit) for limit in (0, 2, 3, 5, 6)] == [
        "",
        "",
        "🦩",
        "🦩",
        "🦩🦩",
    ]


def test_truncate_uses_the_budget():
    text = "The flamingo stood on one leg. " * 40
    assert COUNTER.count(COUNTER.truncate(text, 100)) == 100


@pytest.mark.parametrize("unit", [" ", "a", "\n", "^", "词", "\u200d"])
def test_a_million_characters_of_one_kind_are_counted(unit):
    text = unit * 1_000_000
    tokens = COUNTER.encode(text)
    assert 0 < len(tokens) <= len(text.encode())
    assert COUNTER.decode(tokens) == text


def test_lone_surrogates_count_as_replacement_characters():
    assert COUNTER.count("a\ud800b") == COUNTER.count("a\ufffdb")
    assert COUNTER.truncate("a\ud800b", 1) == "a"


def test_wrong_use_says_what_to_do():
    with pytest.raises(InvalidSetting, match=r"'p50k_base'.*o200k_base"):
        TokenCounter("p50k_base")
    with pytest.raises(InvalidInput, match="limit -1"):
        COUNTER.truncate("a", -1)
    for stranger in (-1, 250_000, 2**40):
        with pytest.raises(InvalidInput, match="decode with the encoding"):
            COUNTER.decode([stranger])


def test_import_and_construction_load_nothing():
    script = (
        "import sys; from memory_core.tokens import TokenCounter; TokenCounter();"
        "assert 'tiktoken' not in sys.modules; TokenCounter().count('a');"
        "assert 'tiktoken' in sys.modules and 'requests' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_threads_share_one_load(monkeypatch):
    loads = []
    ranks = memory_core.tokens._ranks

    def counted(*given):
        loads.append(given)
        time.sleep(0.05)
        return ranks(*given)

    monkeypatch.setattr(memory_core.tokens, "_loaded", {})
    monkeypatch.setattr(memory_core.tokens, "_ranks", counted)
    counts = []
    threads = [
        threading.Thread(target=lambda: counts.append(TokenCounter().count("hello world")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [2] * 8
    assert len(loads) == 1


def test_docstring_examples_hold():
    assert doctest.testmod(memory_core.tokens).failed == 0
