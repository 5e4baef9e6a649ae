"""The list of stages: what recall does, in order. Read it and you know recall."""

from memory_core.answers import Stage
from memory_core.config import Settings
from memory_core.index.base import Retriever
from memory_core.recall.cap import CapStage
from memory_core.recall.context import ContextStage
from memory_core.recall.diversify import DiversifyStage, Diversity
from memory_core.recall.fuse import FuseStage, Weights
from memory_core.recall.lineage import LineageStage
from memory_core.recall.match import Matchers
from memory_core.recall.reader import Reader, ReadSide
from memory_core.recall.repeats import RepeatStage
from memory_core.recall.rerank import Reranker, RerankStage
from memory_core.recall.retrieve import DenseStage, LexicalStage
from memory_core.recall.score import Boosts, ScoreStage
from memory_core.recall.session import SessionStage
from memory_core.recall.speaker import SpeakerStage
from memory_core.recall.spread import Links, SpreadStage
from memory_core.recall.temporal import TemporalStage
from memory_core.terms import terms


def stages_of(
    read: tuple[ReadSide, Links],
    retriever: Retriever,
    settings: Settings,
    reranker: Reranker | None,
    *,
    matchers: Matchers | None = None,
) -> list[Stage]:
    """Return the stages of a recall, in the order they run.

    Args:
        read: the journal's read side, and its links.
        retriever: finds candidates by meaning.
        settings: the weights and counts to use.
        reranker: the cross-encoder, None without one.
        matchers: a sparse and a late-interaction model, where they are set.
    """
    reader, links = Reader(read[0], terms), read[1]
    further = matchers or Matchers()
    sparse = further.sparse_stage(reader, settings.candidates)
    fuse = FuseStage(
        retriever,
        reader,
        weights=_weights(settings),
        further=lambda query: sparse[0].shares(query) if sparse else None,
    )
    return [
        DenseStage(retriever, reader, settings.candidates),
        LexicalStage(reader, settings.candidates),
        *sparse,
        fuse,
        ContextStage(reader, fuse),
        SpreadStage(reader, links, fuse),
        LineageStage(reader, links),
        TemporalStage(),
        SpeakerStage(reader),
        *further.late_stage(settings.rerank_count, settings.late_weight),
        RerankStage(
            reranker, settings.rerank_count, reader=reader, min_relevance=settings.min_relevance
        ),
        SessionStage(reader),
        ScoreStage(_boosts(settings), min_relevance=settings.min_relevance),
        RepeatStage(links),
        CapStage(settings.untrusted_share),
        DiversifyStage(retriever, _diversity(settings)),
    ]


def _weights(settings: Settings) -> Weights:
    return Weights(
        dense=settings.dense_weight,
        lexical=settings.lexical_weight,
        sparse=settings.sparse_weight,
    )


def _boosts(settings: Settings) -> Boosts:
    usual = Boosts()
    recency, importance = settings.recency_weight, settings.importance_weight
    return Boosts(
        recency=usual.recency if recency is None else recency,
        importance=usual.importance if importance is None else importance,
    )


def _diversity(settings: Settings) -> Diversity:
    return Diversity() if settings.diversity is None else Diversity(balance=settings.diversity)
