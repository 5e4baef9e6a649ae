"""`memory train bi-encoder`: tune the embedding model on question files or on the store itself."""

from pathlib import Path
from typing import Annotated

import typer

from memory_core.config import load
from memory_core.embed.registry import make_embedder
from memory_core.errors import InvalidInput, require_extra
from memory_core.journal.lexical import indexed
from memory_core.manager import MemoryManager
from memory_core.models.resolve import DEFAULT, resolve
from memory_core.replay.playback import playback
from memory_core.replay.recording import Recordings
from memory_core.serve.cli.session import Session
from memory_core.train.bi_encoder import Tuned, Tuning, train_bi_encoder
from memory_core.train.examples import Example, checked, read_examples
from memory_core.train.fitting import to_try
from memory_core.train.journal_pairs import Shown, journal_pairs
from memory_core.train.lora import Lora
from memory_core.train.losses import Loss
from memory_core.train.mining import completed

ALL = 10_000_000
RECALLS = 20_000
"""Recordings that are read."""
Rate = Annotated[
    float | None, typer.Option(help="Highest learning rate; the training's own when left out.")
]


def bi_encoder(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="New directory for the model.")],
    pairs: Annotated[
        Path | None, typer.Option(help="JSON lines with q, pos and maybe neg.")
    ] = None,
    own: Annotated[
        bool, typer.Option("--from-store", help="What this store's recalls and links teach.")
    ] = False,
    loss: Annotated[Loss, typer.Option(help="What is minimised.")] = "infonce",
    lora: Annotated[bool, typer.Option("--lora", help="Train a few added weights only.")] = False,
    base: Annotated[str, typer.Option(help="Model to start from.")] = DEFAULT,
    epochs: Annotated[float, typer.Option(help="Passes over the examples.")] = 3.0,
    batch: Annotated[int, typer.Option(min=2, help="Examples a step.")] = 16,
    learning_rate: Rate = None,
    negatives: Annotated[int, typer.Option(min=0, help="Hard wrong passages an example.")] = 1,
    max_length: Annotated[int, typer.Option(help="Tokens of a text that are read.")] = 128,
    smoke: Annotated[bool, typer.Option("--smoke", help="Two steps, to see it work.")] = False,
    seed: int = 7,
) -> None:
    """Tune a bi-encoder so that questions find the passages that answer them."""
    options: Session = context.obj
    require_extra("train", "datasets", "accelerate", *(("peft",) if lora else ()))
    if (pairs is None) != own:
        raise InvalidInput("name one of --pairs FILE and --from-store")
    tuning = Tuning(
        loss=loss, lora=Lora() if lora else None, epochs=epochs, batch=batch, seed=seed,
        negatives=negatives, max_length=max_length, learning_rate=learning_rate,
    )  # fmt: skip
    if smoke:
        tuning = to_try(tuning)
    _emit(options, _tuned(options, base, _examples(options, pairs), tuning=tuning, out=out))


def _tuned(
    options: Session, base: str, examples: list[Example], *, tuning: Tuning, out: Path
) -> Tuned:
    settings = load(options.home, options.settings)
    cache = settings.models_dir.expanduser()
    start = resolve(base, cache_dir=cache, allow_download=settings.allow_download)
    examples = completed(
        checked(examples), make_embedder(base, cache_dir=cache),
        count=tuning.negatives, seed=tuning.seed,
    )  # fmt: skip
    return train_bi_encoder(start.path, examples, out, tuning=tuning, tell=options.tell)


def _emit(options: Session, done: Tuned) -> None:
    told = (
        f"{done.examples:,} examples in {done.seconds:.0f} s, {done.weights.share:.1%} of the "
        f"weights: held-out nDCG@10 {done.ndcg_before:.3f} before, {done.ndcg:.3f} after\n"
        f"use it: memory migrate --to {done.path}"
    )
    options.emit(done.plain(), told)


def _examples(options: Session, pairs: Path | None) -> list[Example]:
    if pairs is None:
        with options.open() as memory:
            return pairs_of_store(memory)
    if not pairs.is_file():
        raise InvalidInput(f"{pairs} is not there; name an existing file")
    return read_examples(pairs)


def pairs_of_store(memory: MemoryManager) -> list[Example]:
    """Return what the recalls and links of an open memory teach.

    Raises:
        InvalidInput: nothing yet.
    """
    texts = {int(one.id, 16): indexed(one.text, one.speaker) for one in memory.list(limit=ALL)}
    if isinstance(memory.parts.recorder, Recordings):
        memory.parts.recorder.flush()
    recalls = Recordings(memory.journal.home, memory.journal.identity.uid)
    try:
        played = [playback(recording) for recording in recalls.list(RECALLS)]
    finally:
        recalls.close()
    shown = [
        Shown(
            one.text, one.session, one.seq,
            {n: texts[n] for hit in one.hits if hit.id and (n := int(hit.id, 16)) in texts},
        )
        for one in played
    ]  # fmt: skip
    return journal_pairs(shown, memory.journal.entries(), texts)
