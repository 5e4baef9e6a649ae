"""The demo: a months-long sample conversation stored, recalled and explained, on real models."""

import os
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer

from memory_core.answers import Hit, RecallResult
from memory_core.build import open_memory
from memory_core.errors import ModelNotFound
from memory_core.manager import MemoryManager
from memory_core.recall.excerpt import excerpt
from memory_core.samples import SampleQuestion, sample_questions, sample_turns
from memory_core.serve.cli.looking import as_dict
from memory_core.serve.cli.session import Session

SHOWN = (
    "What must Ana tell the inn in Kanazawa when she arrives?",
    "What is the emergency number of the travel insurance?",
    "What will the rent be next year?",
)
"""A plain fact, a detail at the end of a 406-word turn, and one that another turn replaced."""
WIDTH = 92
AMONG = 10


def demo(context: typer.Context) -> None:
    """Store a sample conversation in a temporary home, recall from it, and count the answers."""
    options: Session = context.obj
    with tempfile.TemporaryDirectory() as home, _opened(home, options) as memory:
        shown = {"stored": _store(options, memory)}
        questions = sample_questions()
        shown["recalled"] = [
            _ask(options, memory, question) for question in questions if question.question in SHOWN
        ]
        shown |= _count(options, memory, questions)
        shown["journal_entries"] = memory.journal.head.seq
        shown["journal_faults"] = len(memory.journal.verify())
    found = f"{shown['journal_faults'] or 'no'} fault{'s' * (shown['journal_faults'] > 1)}"
    _say(options, f"verified  {shown['journal_entries']} journal entries, hash by hash: {found}")
    if options.json:
        options.emit(shown, "")


def _store(options: Session, memory: MemoryManager) -> Any:
    turns = sample_turns()
    _say(options, f"A conversation of {len(turns)} turns over nine months, all of it local.", "")
    begun = time.perf_counter()
    report = memory.store_many(turns)
    took = time.perf_counter() - begun
    _say(options, f"stored    {len(report.stored)} turns, fsynced, in {took:.2f} s")
    model = memory.parts.embedder.fingerprint.model
    with _progress(f"loading {model} and embedding"):
        begun = time.perf_counter()
        memory.parts.catchup.drain()
    embedding = time.perf_counter() - begun
    _say(options, f"embedded  with {model} in {embedding:.1f} s, loading it included", "")
    return {"turns": len(report.stored), "seconds": took, "model": model, "embedding": embedding}


def _ask(options: Session, memory: MemoryManager, question: SampleQuestion) -> Any:
    result = memory.recall(question.question, k=3, token_budget=400, now=question.now)
    _say(options, f"? {question.question}")
    for rank, hit in enumerate(result.hits, 1):
        mark = "   <- the answer" if hit.memory.key in question.evidence else ""
        terms = "  ".join(f"{name} {value:+.2f}" for name, value in hit.terms.items())
        _say(options, f"  {rank}. {hit.score:.2f} = {terms}{mark}")
        _say(options, *_wrapped(_told(hit, question.question)))
    _say(options, f"  what the agent would see, {result.tokens} tokens, begins")
    _say(options, *_wrapped(result.context.splitlines()[0]))
    _say(options, f"  {result.status} in {result.seconds * 1000:.0f} ms; {_path(result)}", "")
    return {"question": question.question, **as_dict(result, explain=True)}


def _count(
    options: Session, memory: MemoryManager, questions: Sequence[SampleQuestion]
) -> dict[str, int]:
    """Ask every answerable question, so that the chosen ones do not flatter."""
    ranks = [_rank(memory, question) for question in questions if question.evidence]
    first, among = ranks.count(1), sum(rank is not None for rank in ranks)
    _say(
        options,
        f"counted   of all {len(ranks)} questions with an answer, {first} have it in first place, "
        f"{among} among the first {AMONG}",
    )
    return {"questions": len(ranks), "answered_first": first, "answered_among_10": among}


def _rank(memory: MemoryManager, question: SampleQuestion) -> int | None:
    hits = memory.recall(question.question, k=AMONG, now=question.now, record=False).hits
    places = [n for n, hit in enumerate(hits, 1) if hit.memory.key in question.evidence]
    return places[0] if places else None


def _told(hit: Hit, question: str) -> str:
    """Return who said it when, and the part that matched."""
    said = hit.memory
    part = excerpt(said.text, hit.span, 240, question).text
    return f"{said.occurred_at:%Y-%m-%d}  {said.speaker}: {' '.join(part.split())}"


def _path(result: RecallResult) -> str:
    """Return which path served."""
    return next((note.text for note in result.notes if note.code == "path"), "no vectors")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=" " * 5, subsequent_indent=" " * 5, break_on_hyphens=False
    )


def _say(options: Session, *lines: str) -> None:
    if not options.json:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()


@contextmanager
def _opened(home: str, options: Session) -> Iterator[MemoryManager]:
    try:
        memory = open_memory(home, namespace="ana", **options.settings)
    except ModelNotFound as error:
        _say(options, f"{error}\nthe demo goes on with the hashing embedder")
        memory = open_memory(home, namespace="ana", **{**options.settings, "embedder": "hash"})
    try:
        yield memory
    finally:
        memory.close()


@contextmanager
def _progress(what: str) -> Iterator[None]:
    if not sys.stderr.isatty() or "NO_COLOR" in os.environ:
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


VERBS = {"demo": demo}
