"""The default recipe of the shipped cross-encoder: which data, how much of each, in which dress.

Only permissively licensed sources (Apache-2.0, MIT, CC BY 4.0, CDLA-Sharing) are read. Chats come
first: they are closest to memory. Every passage is dressed as recall shows it, with a date and
mostly a speaker, so that the model learns to read past both.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from memory_core.embed.base import Embedder
from memory_core.errors import InvalidInput
from memory_core.passage import dated
from memory_core.train.cross_encoder import Schedule
from memory_core.train.dialogue import NAMES, read_chats
from memory_core.train.examples import Example, checked, read_examples, split
from memory_core.train.mining import from_chats, mined

CHATS = ("Synthetic-Persona-Chat_valid.csv.gz", "Synthetic-Persona-Chat_test.csv.gz")
SPOKEN = {"qmsum_trainval": 2500, "friendsqa_dev": 1345, "molweni_test": 1387}
"""Files whose passages open with their speaker, and how many examples are taken."""
WRITTEN = {"qamr": 4000, "sktod": 1000, "fairytaleqa": 1000, "medquad": 700}
LONGEST = 600  # characters of a passage; training reads 96 tokens
FIRST = {
    "chat": 3600, "qamr": 1100, "friendsqa_dev": 700, "molweni_test": 400, "qmsum_trainval": 400,
    "sktod": 300, "fairytaleqa": 300, "medquad": 200,
}  # fmt: skip
"""How many lists of each source the first round reads; it is the steeper half of the training."""
SECOND = {"qmsum_trainval": 400, "sktod": 400, "fairytaleqa": 150, "medquad": 100}
"""How many of the rest the second round reads; of other sources all."""
AGAIN = ("chat", "friendsqa_dev", "molweni_test")
"""Sources closest to memory: the second round repeats some of their lists, with all negatives."""
REPEATED = 2600
KEPT_LAYERS = (0, 1, 2)
"""Of MiniLM's six: a cross-encoder of three scores 64 pairs of 60 tokens in 100 ms on two cores."""
ROUNDS = tuple(
    Schedule(layers=layers, learning_rate=rate, freeze_words=True, max_length=96, looks=1)
    for layers, rate in ((KEPT_LAYERS, 2e-4), ((), 1e-4))
)
"""How the two rounds are trained; the second goes on from what the first made."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of the recipe is taken."""

    chats: int = 1000
    share: float = 1.0
    """Of every file's number."""
    negatives: int = 5


def default_examples(
    folder: Path,
    embedder: Embedder,
    *,
    amount: Amount | None = None,
    seed: int = 7,
    tell: Callable[[str], None] = lambda text: None,
) -> list[Example]:
    """Return the training examples of the default recipe, shuffled, with hard negatives.

    Args:
        folder: holds the files under their published names.
        embedder: finds the hard negatives.
        amount: how much; everything by default.
        seed: fixes names, dates, samples and order.
        tell: told what is being read.

    Raises:
        InvalidInput: a file is missing or is not what its name says.
    """
    wanted = amount or Amount()
    chance = random.Random(seed)
    chats = [chat for name in CHATS for chat in read_chats(_there(folder / name), seed)]
    chance.shuffle(chats)
    tell(f"{len(chats):,} chats")
    made = from_chats(chats[: wanted.chats], embedder, count=wanted.negatives, seed=seed)
    for name, number in {**SPOKEN, **WRITTEN}.items():
        taken = _some(read_examples(_there(folder / f"{name}.jsonl.gz")), chance)
        taken = [_cut(example) for example in taken[: max(8, round(number * wanted.share))]]
        found = mined(taken, embedder, count=wanted.negatives, seed=seed)
        made += [_dressed(example, chance, spoken=name in SPOKEN) for example in found]
        tell(f"{len(found):,} of {name}")
    made = checked(made)
    chance.shuffle(made)
    return made


def parts(examples: Sequence[Example], *, seed: int) -> tuple[list[list[Example]], list[Example]]:
    """Return what the rounds of the default recipe read, and what both are judged by.

    Whole groups are held out of every round, so that the last figure is of lists never seen.
    """
    train, held = split(examples, ROUNDS[0].held_out, seed)
    return list(_rounds(train)), held


def _rounds(examples: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Return what the first and the second round read.

    Four wrong passages are enough at first; the second round has all of them.
    """
    seen: dict[str, int] = {}
    first: list[Example] = []
    rest: list[Example] = []
    for example in examples:
        number = seen[example.source] = seen.get(example.source, 0) + 1
        early = FIRST.get(example.source, 0)
        if number <= early:
            first.append(example)
        elif number - early <= SECOND.get(example.source, len(examples)):
            rest.append(example)
    again = [example for example in first if example.source in AGAIN]
    random.Random(3).shuffle(again)
    second = rest + again[:REPEATED]
    random.Random(4).shuffle(second)
    return [replace(example, negatives=example.negatives[:4]) for example in first], second


def _there(path: Path) -> Path:
    if not path.is_file():
        raise InvalidInput(f"{path} is missing; the default recipe needs it, or pass pairs")
    return path


def _some(examples: list[Example], chance: random.Random) -> list[Example]:
    """Return the examples in random order, no more than two of one passage."""
    chance.shuffle(examples)
    seen: dict[str, int] = {}
    kept: list[Example] = []
    for example in examples:
        seen[example.positive] = seen.get(example.positive, 0) + 1
        if seen[example.positive] <= 2:
            kept.append(example)
    return kept


def _cut(example: Example) -> Example:
    negatives = tuple(text[:LONGEST] for text in example.negatives)
    return replace(example, positive=example.positive[:LONGEST], negatives=negatives)


def _dressed(example: Example, chance: random.Random, *, spoken: bool) -> Example:
    """Return the example with a date, and with a speaker if its passages have none."""
    speakers = (None, "Assistant", "User", chance.choice(NAMES))
    who = None if spoken else chance.choice(speakers)

    def dress(texts: Sequence[str]) -> list[str]:
        return [dated(_day(chance), who, text) for text in texts]

    (positive,) = dress([example.positive])
    return replace(example, positive=positive, negatives=tuple(dress(example.negatives)))


def _day(chance: random.Random) -> datetime:
    return datetime(2022, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(1500))
