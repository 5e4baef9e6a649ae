"""What training reads: a question, the passage that answers it, and passages that do not.

The file format is JSON lines with `q`, `pos` and, if known, `neg`; `id` names the document or
conversation a row comes from, so that a held-out part shares none with the rest.
"""

import gzip
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from memory_core.errors import InvalidInput

NEEDS_WRONG = ", each with neg, its wrong passages"
"""What an error says of examples whose loss compares with wrong passages."""


@dataclass(frozen=True, slots=True)
class Example:
    """One question with its answer and wrong passages, as the model reads them."""

    query: str
    positive: str
    negatives: tuple[str, ...] = ()
    source: str = ""
    group: str = ""
    """Document or conversation; examples of one group are never split between parts."""


def read_examples(path: Path) -> list[Example]:
    """Return the examples of a JSON lines file, gzipped or not.

    Raises:
        InvalidInput: naming the line that is no example, or an empty file.
    """
    examples = [_example(line, f"{path.name}:{n}") for n, line in enumerate(_lines(path), 1)]
    if not examples:
        raise InvalidInput(f"{path.name} holds no example; give rows with q and pos")
    return examples


def split(
    examples: Sequence[Example], share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Return (train, held out): whole groups, about `share` of the examples held out."""
    groups = sorted({example.group for example in examples})
    random.Random(seed).shuffle(groups)
    wanted, held, count = share * len(examples), set(), 0
    sizes: dict[str, int] = {}
    for example in examples:
        sizes[example.group] = sizes.get(example.group, 0) + 1
    for group in groups:
        if count >= wanted:
            break
        held.add(group)
        count += sizes[group]
    return (
        [example for example in examples if example.group not in held],
        [example for example in examples if example.group in held],
    )


def checked(examples: Iterable[Example]) -> list[Example]:
    """Return the examples that can teach something, whitespace collapsed, duplicates dropped.

    Raises:
        InvalidInput: nothing is left.
    """
    seen: set[tuple[str, str]] = set()
    kept: list[Example] = []
    for example in examples:
        query, positive = plain(example.query), plain(example.positive)
        wrong = {plain(text) for text in example.negatives} - {positive, ""}
        if query and positive and query != positive and (query, positive) not in seen:
            seen.add((query, positive))
            negatives = tuple(sorted(wrong))
            kept.append(Example(query, positive, negatives, example.source, example.group))
    if not kept:
        raise InvalidInput("no example is left to train on; give questions with their answers")
    return kept


def require_teaching(
    train: Sequence[Example],
    held: Sequence[Example],
    least: int,
    *,
    same: Callable[[Example], str],
    called: str,
    each: str = "",
) -> None:
    """Refuse examples that cannot teach or cannot be judged.

    Args:
        train: what would be learnt from.
        held: what would be judged by.
        least: how many there must be to learn from.
        same: what must not be in both parts.
        called: how an error calls that.
        each: what else an example needs, for the error.

    Raises:
        InvalidInput: too few, one class only, or something that is in both parts.
    """
    if len(train) < least or not held:
        raise InvalidInput(
            f"{len(train)} examples to learn from and {len(held)} held out are too few; give "
            f"{least} or more, of several groups (documents, sessions){each}"
        )
    if len({example.positive for example in train}) < 2:
        raise InvalidInput("every example has the same passage: one class teaches nothing")
    seen = {same(example) for example in train}
    if leaked := [example.query for example in held if same(example) in seen]:
        raise InvalidInput(
            f"{len(leaked)} {called} are in the training part as well, such as "
            f"{leaked[0][:60]!r}; give rows of one document or session the same id"
        )


def plain(text: str) -> str:
    """Return a text on one line."""
    return " ".join(text.split())


def _lines(path: Path) -> Iterator[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as stream:
        yield from (line for line in stream if line.strip())


def _example(line: str, where: str) -> Example:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{where} is not JSON: {error}; repair the line") from error
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("q", "pos")):
        raise InvalidInput(f"{where} has no text under q and pos; repair the line")
    negatives = row.get("neg") or []
    if not isinstance(negatives, list) or not all(isinstance(text, str) for text in negatives):
        raise InvalidInput(f"{where}: neg is no list of texts; repair the line")
    source = str(row.get("src", ""))
    group = f"{source}:{row.get('id') or where}"
    return Example(row["q"], row["pos"], tuple(negatives), source, group)
