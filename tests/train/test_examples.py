"""Training data: read, checked, told in the third person, and never split inside a group."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory_core.embed.hashing import HashEmbedder
from memory_core.errors import InvalidInput
from memory_core.train.dialogue import Chat, asked, facts, read_chats
from memory_core.train.examples import Example, checked, read_examples, split
from memory_core.train.mining import completed, from_chats, mined

CHAT = (
    'user 1 personas,user 2 personas,Best Generated Conversation\n"I have a dog.","I am a nurse."'
    ",\"User 1: Hi! What are you studying?\nUser 2: I'm studying nursing in Braga.\n"
    'User 1: I have a dog called Rex.\nUser 2: What kind of dog is that?"\n'
)


@pytest.fixture
def chats(tmp_path: Path) -> list[Chat]:
    path = tmp_path / "chats.csv.gz"
    path.write_bytes(gzip.compress(CHAT.encode()))
    return read_chats(path, seed=1)


def test_a_question_is_told_of_who_answers_it(chats: list[Chat]) -> None:
    ((example, place),) = asked(chats[0])
    name = chats[0].names[1]
    assert example.query == f"What is {name} studying?"
    assert example.positive.endswith(f"{name}: I'm studying nursing in Braga.")
    assert example.negatives[0].endswith("What are you studying?")
    assert place == 1


def test_facts_are_told_of_their_owner(chats: list[Chat]) -> None:
    first, second = chats[0].names
    assert list(facts(chats[0])) == [(f"{first} has a dog.", 0), (f"{second} is a nurse.", 1)]


def test_no_wrong_passage_is_the_answer() -> None:
    when = datetime(2024, 1, 1, tzinfo=UTC)
    many = [
        Chat(
            ((0, f"What is your favourite {thing}?"), (1, f"My favourite {thing} is the blue one")),
            ((), ()),
            ("Ann", "Ben"),
            when,
            str(n),
        )
        for n, thing in enumerate(("colour", "train", "book", "hill", "boat", "lamp") * 3)
    ]
    made = from_chats(many, HashEmbedder(dimension=64), count=4, seed=1)
    assert len(made) == len(many)
    for example in made:
        assert example.positive not in example.negatives
        assert 1 <= len(example.negatives) <= 4


def test_mined_negatives_are_less_alike_than_the_answer() -> None:
    examples = [Example(f"where is thing {n}", f"thing {n} is in box {n}") for n in range(20)]
    for example in mined(examples, HashEmbedder(dimension=128), count=3, seed=1):
        assert len(example.negatives) == 3
        assert example.positive not in example.negatives


def test_given_negatives_stay_and_missing_ones_are_mined() -> None:
    examples = [
        Example(f"where is thing {n}", f"thing {n} is in box {n}", ("my own",) if n % 2 else ())
        for n in range(20)
    ]
    done = completed(examples, HashEmbedder(dimension=128), count=3, seed=1)
    assert all(example.negatives == ("my own",) for example in done[1::2])
    assert all(len(example.negatives) == 3 for example in done[::2])
    assert completed(examples, HashEmbedder(dimension=128), count=0, seed=1) == examples


def test_groups_are_never_split() -> None:
    examples = [Example(f"q{n}", f"p{n}", ("x",), "s", str(n % 10)) for n in range(100)]
    train, held = split(examples, 0.2, seed=1)
    assert len(train) + len(held) == 100
    assert len(held) == 20
    assert {e.group for e in train}.isdisjoint(e.group for e in held)


def test_bad_data_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({"q": "a", "pos": "b"}) + "\n{broken\n")
    with pytest.raises(InvalidInput, match=r"pairs\.jsonl:2"):
        read_examples(path)
    path.write_text(json.dumps({"q": "a"}) + "\n")
    with pytest.raises(InvalidInput, match="q and pos"):
        read_examples(path)
    path.write_text("")
    with pytest.raises(InvalidInput, match="no example"):
        read_examples(path)
    with pytest.raises(InvalidInput, match="left to train on"):
        checked([Example(" ", "x")])
