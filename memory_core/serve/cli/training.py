"""`memory train`: models for one's own memories; needs the extra `train`."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from memory_core.config import Settings, changed, load
from memory_core.embed.base import Embedder
from memory_core.embed.registry import make_embedder
from memory_core.errors import InvalidInput, require_extra
from memory_core.models.compact import compact as write_compact
from memory_core.models.resolve import DEFAULT, resolve
from memory_core.models.weights import digest
from memory_core.serve.cli.session import Session
from memory_core.serve.cli.tuning import Rate
from memory_core.serving import reranker_of
from memory_core.train.cross_encoder import Schedule, Teacher, Trained, train_cross_encoder
from memory_core.train.examples import Example, checked, read_examples
from memory_core.train.fitting import to_try
from memory_core.train.losses import ListLoss
from memory_core.train.mining import completed
from memory_core.train.recipe import ROUNDS, Amount, default_examples, parts

app = typer.Typer(help="Train models for your memories.", no_args_is_help=True)

NEGATIVES = 5
Plan = tuple[Schedule, Sequence[Example], Sequence[Example]]
"""How a round is trained, what it reads, and what it is judged by."""
Recipe = Annotated[
    Literal["default"] | None, typer.Option(help="A documented set of files in --data.")
]
Pairs = Annotated[Path | None, typer.Option(help="JSON lines with q, pos and maybe neg.")]
Compact = Annotated[
    bool, typer.Option("--compact", help="Also OUT/compact: one int8 ONNX file, to be shipped.")
]


@app.callback()
def training() -> None:
    """Train models for your memories."""


@app.command("cross-encoder")
def cross_encoder(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="New directory for the model.")],
    recipe: Recipe = None,
    data: Annotated[Path | None, typer.Option(help="Folder with the recipe's files.")] = None,
    pairs: Pairs = None,
    loss: Annotated[ListLoss, typer.Option(help="What is minimised.")] = "listwise",
    teacher: Annotated[str | None, typer.Option(help="Whose logits --loss distill learns.")] = None,
    base: Annotated[str, typer.Option(help="Model to start from.")] = DEFAULT,
    layers: Annotated[int | None, typer.Option(min=1, help="Lowest layers to keep.")] = None,
    epochs: Annotated[float, typer.Option(help="Passes over the examples.")] = 1.0,
    batch: Annotated[int, typer.Option(min=2, help="Questions a step.")] = 16,
    learning_rate: Rate = None,
    compact: Compact = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="A few steps, to see it work.")] = False,
    seed: int = 7,
) -> None:
    """Train a cross-encoder on questions, their answers and hard wrong passages."""
    options: Session = context.obj
    source = _source(recipe, data, pairs)
    kept = tuple(range(layers or 0))
    schedule = Schedule(
        loss=loss, layers=kept, epochs=epochs, batch=batch, learning_rate=learning_rate, seed=seed
    )
    if recipe and schedule != Schedule(seed=seed):
        raise InvalidInput("the recipe fixes loss, layers, epochs, batch and rate; leave them out")
    settings = load(options.home, options.settings)
    judge = _teacher(settings, loss, teacher)
    cache = settings.models_dir.expanduser()
    start = resolve(base, cache_dir=cache, allow_download=settings.allow_download)
    embedder = make_embedder(DEFAULT, cache_dir=cache, allow_download=settings.allow_download)
    plans = _plans(source, embedder, schedule, smoke=smoke, tell=options.tell)
    done = _trained(start.path, out, plans, teacher=judge, tell=options.tell)
    if compact:
        file = write_compact(
            resolve(out.resolve(), cache_dir=cache), out / "compact", cache_dir=cache
        )
        options.tell(f"{file}: {file.stat().st_size / 1e6:.1f} MB, sha256 {digest((file,))}")
    _emit(options, done)


def _emit(options: Session, done: Trained) -> None:
    told = (
        f"{done.examples:,} lists in {done.seconds:.0f} s: held-out mean reciprocal rank "
        f"{done.mrr_before:.3f} before, {done.mrr:.3f} after\n"
        f"use it: MEMORY_RERANKER={done.path}"
    )
    options.emit(done.plain(), told)


def _teacher(settings: Settings, loss: str, name: str | None) -> Teacher | None:
    """Return what scores a question's passages for the loss `distill`.

    Raises:
        InvalidInput: a teacher is missing or not wanted.
        ModelNotFound, ModelRejected: it cannot be had.
    """
    if (loss == "distill") != (name is not None):
        raise InvalidInput("--loss distill and --teacher MODEL belong together; name both")
    if name is None:
        return None
    found = reranker_of(changed(settings, {"reranker": name, "embedder": DEFAULT}))
    if found is None:
        raise InvalidInput(f"{name!r} names no cross-encoder; name a model that can teach")
    return found.score


def _plans(
    source: Path,
    embedder: Embedder,
    schedule: Schedule,
    *,
    smoke: bool,
    tell: Callable[[str], None],
) -> list[Plan]:
    """Return how the rounds are trained, each with what it reads."""
    seed = schedule.seed
    if source.is_dir():
        amount = Amount(chats=40, share=0.01) if smoke else Amount()
        examples = default_examples(source, embedder, amount=amount, seed=seed, tell=tell)
        read, held = parts(examples, seed=seed)
        if smoke:
            read = [read[0][:120]]
        return [
            (replace(how, seed=seed), lists, held) for how, lists in zip(ROUNDS, read, strict=False)
        ]
    examples = completed(checked(read_examples(source)), embedder, count=NEGATIVES, seed=seed)
    if smoke:
        schedule = to_try(schedule)
    return [(schedule, examples, ())]


def _trained(
    base: Path,
    out: Path,
    plans: Sequence[Plan],
    *,
    teacher: Teacher | None,
    tell: Callable[[str], None],
) -> Trained:
    """Train round by round, each from what the last one made; only the last is kept."""
    with tempfile.TemporaryDirectory() as between:
        for number, (schedule, examples, held) in enumerate(plans, 1):
            place = out if number == len(plans) else Path(between) / str(number)
            done = train_cross_encoder(
                base, examples, place, schedule=schedule, held=held, teacher=teacher, tell=tell
            )
            base = done.path
    return done


def _source(recipe: str | None, data: Path | None, pairs: Path | None) -> Path:
    """Return the recipe's folder or the file of pairs.

    Raises:
        InvalidInput: neither or both are named, or there is no such place.
        MissingExtra: what trains is not installed.
    """
    require_extra("train", "datasets", "accelerate")
    if (recipe is None) == (pairs is None):
        raise InvalidInput("name one of --recipe and --pairs, and --data with a recipe")
    place = pairs if recipe is None else data
    if place is None:
        raise InvalidInput("the recipe needs --data, the folder with its files")
    if not (place.is_file() if recipe is None else place.is_dir()):
        raise InvalidInput(f"{place} is not there; name an existing file or folder")
    return place
