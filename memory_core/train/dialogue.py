"""Questions about people, made from what they asked each other: the closest data to memory.

In a chat one says "What are you studying?" and the other answers. Told in the third person, the
question is one that an agent asks its memory, "What is Nora studying?", and the answer is the
turn that holds it; the turn that asked is the hardest wrong passage. Persona facts, "I have a
dog", are told in the third person likewise and answered by the turns that say them.

The file format is Synthetic-Persona-Chat's (Jandaghi et al. 2023): rows of two personas and the
conversation, lines "User 1: …" and "User 2: …".
"""

import csv
import gzip
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from memory_core.errors import InvalidInput
from memory_core.passage import dated, question_of
from memory_core.train.examples import Example

NAMES = (
    "Alba", "Amir", "Anna", "Ben", "Carla", "Chen", "Clara", "Daniel", "Diego", "Elena", "Emma",
    "Erik", "Fatima", "Felix", "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jack", "Jonas", "Julia",
    "Karim", "Kofi", "Laura", "Leila", "Leo", "Lucy", "Marco", "Maria", "Maya", "Mila", "Nadia",
    "Nina", "Noah", "Nora", "Omar", "Oscar", "Paul", "Priya", "Rafael", "Rosa", "Ruth", "Sam",
    "Sara", "Simon", "Sofia", "Tariq", "Theo", "Tom", "Vera", "Viktor", "Wanda", "Yara", "Yuki",
)  # fmt: skip
_TURN = re.compile(r"^User ([12]):\s*(.+)$")
_QUESTION = re.compile(r"[^.!?]*\?")
_VAGUE = re.compile(
    r"\b(it|that|they|them|those|these|this|he|she|his|her|there|too|else|here|so|one|ones|"
    r"about you|and you|how are you|how's it going|your name|are you doing|any other)\b", re.I
)  # fmt: skip
_SECOND = (
    (r"\byou're\b", "{n} is"), (r"\byou've\b", "{n} has"), (r"\byou'll\b", "{n} will"),
    (r"\byou'd\b", "{n} would"), (r"\bare you\b", "is {n}"), (r"\bwere you\b", "was {n}"),
    (r"\bdo you\b", "does {n}"), (r"\bdon't you\b", "doesn't {n}"), (r"\bhave you\b", "has {n}"),
    (r"\bhaven't you\b", "hasn't {n}"), (r"\byour\b", "{n}'s"), (r"\byours\b", "{n}'s"),
    (r"\byourself\b", "{n}"), (r"\byou are\b", "{n} is"), (r"\byou have\b", "{n} has"),
    (r"\byou were\b", "{n} was"), (r"\byou\b", "{n}"),
)  # fmt: skip
_FIRST = (
    (r"\bi'm\b", "{n} is"), (r"\bi've\b", "{n} has"), (r"\bi'd\b", "{n} would"),
    (r"\bi'll\b", "{n} will"), (r"\bi am\b", "{n} is"), (r"\bi have\b", "{n} has"),
    (r"\bi was\b", "{n} was"), (r"\bi do\b", "{n} does"), (r"\bi don't\b", "{n} doesn't"),
    (r"\bmyself\b", "{n}"), (r"\bmy\b", "{n}'s"), (r"\bme\b", "{n}"), (r"\bmine\b", "{n}'s"),
    (r"\bi\b", "{n}"),
)  # fmt: skip
_LEAST_WORDS = 4
_SHORTEST_ANSWER = 12  # characters


@dataclass(frozen=True, slots=True)
class Chat:
    """One conversation of two people, under names of its own."""

    turns: tuple[tuple[int, str], ...]
    """(speaker 0 or 1, text)."""
    personas: tuple[tuple[str, ...], tuple[str, ...]]
    names: tuple[str, str]
    when: datetime
    group: str
    replies: bool = False
    """Whether a reply is shown with the question before it."""

    def shown(self, place: int) -> str:
        """Return a turn as the model reads it."""
        speaker, text = self.turns[place]
        return dated(self.when, self.names[speaker], text, self._asked(place))

    def _asked(self, place: int) -> str | None:
        """Return the question that a turn replies to, where replies are shown with it."""
        if not self.replies or not place or self.turns[place - 1][0] == self.turns[place][0]:
            return None
        return question_of(self.turns[place - 1][1])


def read_chats(path: Path, seed: int) -> list[Chat]:
    """Return the chats of a CSV file, gzipped or not, each with two names and a date.

    Raises:
        InvalidInput: the file has no such rows.
    """
    chance = random.Random(seed)
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as stream:
        chats = [
            _chat(row, chance, f"{path.name}:{n}") for n, row in enumerate(csv.DictReader(stream))
        ]
    if not any(chat.turns for chat in chats):
        raise InvalidInput(f"{path.name} holds no chat; give rows of two personas and their turns")
    return chats


def asked(chat: Chat) -> Iterator[tuple[Example, int]]:
    """Yield questions with their answers, and the place of the answer in the chat."""
    for place, (speaker, text) in enumerate(chat.turns[:-1]):
        answerer, answer = chat.turns[place + 1]
        question = _last_question(text)
        if answerer == speaker or question is None or len(answer) < _SHORTEST_ANSWER:
            continue
        told = third_person(question, chat.names[answerer], _SECOND)
        wrong = (chat.shown(place),)
        yield Example(told, chat.shown(place + 1), wrong, "asked", chat.group), place + 1


def facts(chat: Chat) -> Iterator[tuple[str, int]]:
    """Yield each persona fact in the third person, and whose it is."""
    for speaker, persona in enumerate(chat.personas):
        for fact in persona:
            yield third_person(fact, chat.names[speaker], _FIRST), speaker


def third_person(text: str, name: str, rules: Sequence[tuple[str, str]]) -> str:
    """Return a sentence to or of somebody as one about them.

    Example:
        >>> third_person("What are you studying?", "Nora", _SECOND)
        'What is Nora studying?'
    """
    for pattern, told in rules:
        text = re.sub(pattern, told.format(n=name), text, flags=re.IGNORECASE)
    return text[:1].upper() + text[1:]


def _chat(row: dict[str, str], chance: random.Random, group: str) -> Chat:
    found = (_TURN.match(line) for line in _cell(row, "Best Generated Conversation"))
    turns = tuple((int(match[1]) - 1, match[2].strip()) for match in found if match)
    first, second = chance.sample(NAMES, 2)
    when = datetime(2022, 1, 1, tzinfo=UTC) + timedelta(days=chance.randrange(1500))
    personas = tuple(_cell(row, "user 1 personas")), tuple(_cell(row, "user 2 personas"))
    return Chat(turns, personas, (first, second), when, group)


def _cell(row: dict[str, str], name: str) -> list[str]:
    return [line.strip() for line in (row.get(name) or "").splitlines() if line.strip()]


def _last_question(text: str) -> str | None:
    """Return the last question of a turn, if it can be understood without the turn before."""
    found = [match[0].strip() for match in _QUESTION.finditer(text)]
    if not found:
        return None
    question = re.sub(
        r"^(so|and|but|well|oh|then|cool|nice|ok|okay),?\s+", "", found[-1], flags=re.I
    )
    to_somebody = re.search(r"\byou", question, re.I)
    if not to_somebody or _VAGUE.search(question) or len(question.split()) < _LEAST_WORDS:
        return None
    return question
