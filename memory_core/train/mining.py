"""Hard negatives: passages that look right to the bi-encoder and are not.

A passage that scores as high as the answer may be an answer too, so what comes within 5 % of the
positive's similarity is passed over (Moreira et al. 2024, "NV-Retriever", TopK-PercPos).
"""

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from memory_core.embed.base import Embedder
from memory_core.train.dialogue import Chat, asked, facts
from memory_core.train.examples import Example

MARGIN = 0.95
SPOKEN = 0.5
"""Similarity from which a turn says a persona fact."""
SAME_TOPIC = 0.6
"""Similarity of two turns, or of the questions before them, that speak of the same."""
REPLIES = 0.5
"""Share of the lists whose replies are shown with the question before them."""
CROWD = 12  # other chats that wrong passages come from

Vectors = NDArray[np.float32]


def mined(
    examples: Sequence[Example], embedder: Embedder, *, count: int, seed: int
) -> list[Example]:
    """Return the examples with up to `count` negatives, mined among one another's passages."""
    chance = random.Random(seed)
    passages = sorted({example.positive for example in examples})
    table = unit(embedder.encode_documents(passages))
    queries = unit(embedder.encode_documents([example.query for example in examples]))
    place = {text: n for n, text in enumerate(passages)}
    done: list[Example] = []
    for example, query in zip(examples, queries, strict=True):
        scores = table @ query
        limit = scores[place[example.positive]] * MARGIN
        best = np.argsort(-scores)[: 4 * count].tolist()
        found = [passages[n] for n in best if scores[n] < limit]
        wrong = list(dict.fromkeys([*example.negatives, *found[: 2 * count]]))
        chance.shuffle(wrong)
        done.append(replace(example, negatives=tuple(wrong[:count])))
    return done


def completed(
    examples: Sequence[Example], embedder: Embedder, *, count: int, seed: int
) -> list[Example]:
    """Return the examples, those that bring no negative with up to `count` mined ones."""
    if not count or all(example.negatives for example in examples):
        return list(examples)
    found = mined(examples, embedder, count=count, seed=seed)
    return [
        given if given.negatives else with_mined
        for given, with_mined in zip(examples, found, strict=True)
    ]


def from_chats(
    chats: Sequence[Chat], embedder: Embedder, *, count: int, seed: int
) -> list[Example]:
    """Return questions and facts of chats with the turns that answer them and hard wrong ones.

    Wrong turns come from the same chat, most alike first, and from other chats told under the
    same two names, as if they were other days of one long conversation.
    """
    crowd = Crowd(chats, embedder, random.Random(seed))
    made: list[Example] = []
    for number, chat in enumerate(chats):
        told = [(example.query, place, True) for example, place in asked(chat)]
        told += [(text, place, False) for text, place in crowd.said(number, list(facts(chat)))]
        if not told:
            continue
        queries = unit(embedder.encode_documents([query for query, *_ in told]))
        for (query, place, asks), vector in zip(told, queries, strict=True):
            shown = crowd.dressed(number)
            wrong = [shown.shown(place - 1)] if asks else []
            wrong += crowd.wrong(shown, (number, place), vector, count)
            made.append(
                Example(
                    query,
                    shown.shown(place),
                    tuple(dict.fromkeys(wrong))[:count],
                    "chat",
                    chat.group,
                )
            )
    return made


class Crowd:
    """The turns of all chats with their vectors."""

    def __init__(self, chats: Sequence[Chat], embedder: Embedder, chance: random.Random) -> None:
        self._chats = chats
        self._chance = chance
        texts = [text for chat in chats for _, text in chat.turns]
        vectors = unit(embedder.encode_documents(texts))
        stops = np.cumsum([len(chat.turns) for chat in chats])
        self._vectors = np.split(vectors, stops[:-1])
        self._embedder = embedder

    def said(self, number: int, told: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Return the facts that their owner says in this chat, with the turn that says it best."""
        turns = self._chats[number].turns
        if not told or not turns:
            return []
        found: list[tuple[str, int]] = []
        vectors = unit(self._embedder.encode_documents([text for text, _ in told]))
        for (text, speaker), vector in zip(told, vectors, strict=True):
            scores = self._vectors[number] @ vector
            scores[[turn[0] != speaker for turn in turns]] = -1
            best = int(scores.argmax())
            if scores[best] >= SPOKEN:
                found.append((text, best))
        return found

    def dressed(self, number: int) -> Chat:
        """Return a chat, half of the time with replies shown with their questions."""
        return replace(self._chats[number], replies=self._chance.random() < REPLIES)

    def wrong(self, chat: Chat, where: tuple[int, int], query: Vectors, count: int) -> list[str]:
        """Return wrong turns for a question: half of this chat, half of others.

        Args:
            chat: as its turns are shown.
            where: number of the chat and place of the right turn.
            query: vector of the question.
            count: how many at least, where there are as many.
        """
        number, place = where
        own = self._vectors[number]
        positive = own[place]
        alike = [n for n in np.argsort(-(own @ query)).tolist() if n != place]
        alike = [n for n in alike if own[n] @ positive < SAME_TOPIC]
        half = max(1, count // 2 - 1)
        wrong = [chat.shown(n) for n in alike[:half]]
        return wrong + self._elsewhere(chat, where, query, count)

    def _elsewhere(
        self, chat: Chat, where: tuple[int, int], query: Vectors, count: int
    ) -> list[str]:
        number, place = where
        own = self._vectors[number]
        others = [n for n in self._chance.sample(range(len(self._chats)), CROWD) if n != number]
        found: list[tuple[float, str]] = []
        for other in others:
            table = self._vectors[other]
            same = table @ own[place] >= SAME_TOPIC
            if place:
                before = table @ own[place - 1] >= SAME_TOPIC
                same[1:] |= before[:-1]
            told = replace(self._chats[other], names=chat.names, replies=chat.replies)
            scores = table @ query
            best = [n for n in np.argsort(-scores).tolist() if not same[n]][:2]
            found += [(float(scores[n]), told.shown(n)) for n in best]
        return [text for _, text in sorted(found, reverse=True)[:count]]


def unit(vectors: Vectors) -> Vectors:
    """Return the vectors with length 1."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = vectors / np.maximum(lengths, 1e-12)
    return scaled
