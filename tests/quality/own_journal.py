"""Whether tuning on a store's own journal helps its user: a scripted one, asking of real notes.

    python -m tests.quality.own_journal ../shared/data/train/medquad.jsonl.gz OUT

The notes are answers of MedQuAD, several to a disease, so that the note that is near is often the
wrong one. The user asks five questions a session through the hooks, and the assistant quotes the
note that answers if it was shown. What the journal then teaches (quoted: right, shown and not
quoted: wrong) tunes the embedding model, and both models rank all notes for the sessions that were
never asked: nDCG@10 with a paired bootstrap interval of the difference.
"""

import argparse
import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory_core import MemoryHooks, open_memory
from memory_core.embed.base import Embedder
from memory_core.embed.registry import make_embedder
from memory_core.models.resolve import resolve
from memory_core.serve.cli.tuning import pairs_of_store
from memory_core.train.bi_encoder import Tuning, train_bi_encoder
from memory_core.train.examples import Example
from memory_core.train.lora import Lora
from tests.quality.scifact import CACHE, against, ndcg

NOTES, ASKED, SESSION = 1_500, 500, 5
LONGEST = 350  # characters of a note

Rows = Sequence[tuple[str, str]]


def rows_of(path: Path, seed: int) -> tuple[Rows, Rows]:
    """Return what is asked and learnt from, and what is held out, as (question, note)."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        every = {row["pos"][:LONGEST]: row["q"] for row in map(json.loads, stream)}
    rows = [(question, note) for note, question in list(every.items())[:NOTES]]
    random.Random(seed).shuffle(rows)
    return rows[:ASKED], rows[ASKED : 2 * ASKED]


def live(home: Path, asked: Rows, others: Rows, embedder: Embedder) -> tuple[int, list[Example]]:
    """Store the notes, ask session by session, and return how often the note was shown."""
    shown = 0
    with open_memory(home, embedder=embedder) as memory:
        memory.store_many([note for _, note in (*asked, *others)])
        memory.parts.catchup.drain()
        for first in range(0, len(asked), SESSION):
            hooks = MemoryHooks(memory, session=f"session {first // SESSION}")
            for question, note in asked[first : first + SESSION]:
                told = hooks.before_turn(question)
                here = json.dumps(note)[1:40] in told.delta
                shown += here
                hooks.after_turn(question, f"Your notes say: {note}" if here else "I cannot tell.")
            hooks.end_session()
        return shown, pairs_of_store(memory)


def scores_of(embedder: Embedder, asked: Rows, notes: Sequence[str]) -> NDArray[np.float64]:
    """Return nDCG@10 of each question among all notes."""
    table = embedder.encode_documents(list(notes))
    found = []
    for question, note in asked:
        best = np.argsort(-(table @ embedder.encode_query(question)))[:10]
        found.append(ndcg([notes[place] for place in best], {note}))
    return np.array(found)


def main() -> None:
    """Live the sessions, tune, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lora", action="store_true")
    given = parser.parse_args()
    asked, held = rows_of(given.path, given.seed)
    name = "all-MiniLM-L6-v2"
    base = make_embedder(name, cache_dir=CACHE, runtime="onnx")
    shown, examples = live(given.out / "home", asked, held, base)
    print(f"{len(asked)} questions asked, {shown} answered, {len(examples)} examples", flush=True)
    start = resolve(name, cache_dir=CACHE).path
    tuning = Tuning(lora=Lora() if given.lora else None)
    tuned = train_bi_encoder(start, examples, given.out / "tuned", tuning=tuning, tell=print)
    notes = [note for _, note in (*asked, *held)]
    before = scores_of(base, held, notes)
    model = make_embedder(str(tuned.path), cache_dir=given.out, runtime="onnx")
    after = scores_of(model, held, notes)
    print(f"{len(held)} held-out questions: nDCG@10 {before.mean():.4f} -> {after.mean():.4f}")
    print(f"  {against(before, after)}")


if __name__ == "__main__":
    main()
