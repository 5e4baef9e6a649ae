"""Retrieval, similarity and intent sets as local files, for tasks of the MTEB kind.

    <directory>/scifact/corpus.jsonl[.gz], queries.jsonl[.gz], qrels/test.tsv     BEIR's form
    <directory>/stsb/sts-test.csv[.gz]                                            STS-B's own
    <directory>/banking77/train.csv[.gz], test.csv[.gz]                           text,category

Readers raise `InvalidInput` with the file's name and line.
"""

import csv
import gzip
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from memory_core.errors import InvalidInput
from memory_core.interchange.source import line_items

_STS_SCORE, _STS_FIRST = 4, 5
N = TypeVar("N", int, float)
Qrels = dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Documents, questions, and which documents answer which question."""

    corpus: Mapping[str, tuple[str, str]]
    """Id -> title and text."""
    queries: Mapping[str, str]
    """Only those that have relevant documents."""
    qrels: Qrels


@dataclass(frozen=True, slots=True)
class Pairs:
    """Sentence pairs with a similarity from 0 to 5."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Texts and their classes."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]


def read_retrieval(directory: Path, split: str = "test") -> Retrieval:
    """Return a set in BEIR's form."""
    corpus = {
        _field(row, "_id", where): (
            _field({"title": "", **row}, "title", where),
            _field(row, "text", where),
        )
        for where, row in _rows(_there(directory / "corpus.jsonl"))
    }
    asked = {
        _field(row, "_id", where): _field(row, "text", where)
        for where, row in _rows(_there(directory / "queries.jsonl"))
    }
    qrels: Qrels = {}
    path = _there(directory / "qrels" / f"{split}.tsv")
    for number, cells in enumerate(_cells(path, "\t")):
        if number == 0 and cells[-1] == "score":
            continue
        where = f"{path.name}:{number + 1}"
        if len(cells) != 3 or cells[0] not in asked or cells[1] not in corpus:
            raise InvalidInput(f"{where}: {cells} is no query, document and score of this set")
        if (grade := _number(cells[2], where, int)) > 0:
            qrels.setdefault(cells[0], {})[cells[1]] = grade
    return Retrieval(corpus, {name: asked[name] for name in qrels}, qrels)


def read_pairs(directory: Path) -> Pairs:
    """Return the test pairs of STS-B."""
    path = _there(directory / "sts-test.csv")
    rows = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        cells = line.split("\t")
        if len(cells) < _STS_FIRST + 2:
            raise InvalidInput(f"{path.name}:{number}: no score and two sentences; repair it")
        score = _number(cells[_STS_SCORE], f"{path.name}:{number}", float)
        rows.append((cells[_STS_FIRST], cells[_STS_FIRST + 1], score))
    if not rows:
        raise InvalidInput(f"{path.name} is empty; copy it again")
    first, second, scores = zip(*rows, strict=True)
    return Pairs(first, second, scores)


def read_labelled(directory: Path, split: str) -> Labelled:
    """Return the texts of `text,category` rows."""
    path = _there(directory / f"{split}.csv")
    rows = list(_cells(path, ","))[1:]
    for number, cells in enumerate(rows, 2):
        if len(cells) != 2:
            raise InvalidInput(f"{path.name}:{number}: {len(cells)} cells, not text and category")
    return Labelled(tuple(row[0] for row in rows), tuple(row[1] for row in rows))


def _there(path: Path) -> Path:
    for found in (path, path.with_name(path.name + ".gz")):
        if found.is_file():
            return found
    raise InvalidInput(f"{path} is not there, nor with .gz; name the folder that holds the sets")


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    for item in line_items(path):
        if item.error is not None or not isinstance(item.value, dict):
            raise InvalidInput(item.error or f"{item.position}: no JSON object; repair it")
        yield item.position, item.value


def _field(row: Mapping[str, object], name: str, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise InvalidInput(f"{where}: no {name}; repair the row")
    return value


def _number(cell: str, where: str, kind: type[N]) -> N:
    """Return what a cell says; NaN would make every figure of a set NaN."""
    try:
        if math.isfinite(value := kind(cell)):
            return value
    except ValueError:
        pass
    raise InvalidInput(f"{where}: the score {cell!r} is no number; repair the row")


def _cells(path: Path, delimiter: str) -> Iterator[list[str]]:
    yield from csv.reader(io.StringIO(_text(path), newline=""), delimiter=delimiter)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name}: cannot be read ({error}); copy it again") from error
