"""What an evaluation gave: one row a question, from which every figure can be computed again."""

import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from memory_core.errors import InvalidInput
from memory_core.evals.metrics import Found
from memory_core.evals.task import Level
from memory_core.types import input_error

FORMAT = 1
OVERALL = "overall"


class Place(BaseModel):
    """Where a question's gold was found, at one level."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ranks: tuple[int, ...]
    """Ascending, from 1."""
    gold: int = Field(ge=1)

    @property
    def found(self) -> Found:
        """The same, for metrics."""
        return Found(self.ranks, self.gold)


class Row(BaseModel):
    """One question's outcome."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    kind: str
    answerable: bool
    places: dict[Level, Place]
    """Only levels at which the question has gold; none for unanswerable questions."""
    pool: float | None
    """Share of the gold turns among the candidates that the retrievers brought."""
    shown: float | None
    """Share of the gold turns whose whole text stands in the packed context."""
    tokens: int
    """Of the packed context."""
    seconds: float
    """Of the recall, query encoding and packing included."""
    status: str
    relevance: float
    """Calibrated relevance of the best hit: what abstention decides by."""


class Result(BaseModel):
    """One evaluation: what was asked of what, and a row for each question."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    task: str
    main: Level
    levels: tuple[Level, ...]
    data: str
    """The file's name."""
    sha256: str
    """Of the file."""
    version: str
    """Of memory-core."""
    embedder: str
    reranker: str | None
    settings: dict[str, str | int | float | bool | None]
    """Those that were given; all others were the defaults."""
    k: int
    token_budget: int
    deadline_ms: float | None
    pooled: bool
    limit: int | None
    min_relevance: float
    """The abstention threshold in force."""
    processors: int
    """Logical processors of the machine: latencies depend on it."""
    haystacks: int
    memories: int
    seconds: dict[str, float]
    """Wall clock for storing, embedding (kept vectors excluded) and asking."""
    summary: dict[str, object] = Field(default_factory=dict)
    """The figures as they were told, for readers that do not compute; see `report.summary_of`."""
    rows: tuple[Row, ...]

    def kinds(self) -> tuple[str, ...]:
        """Return the types of the answerable questions, in alphabetical order."""
        return tuple(sorted({row.kind for row in self.rows if row.answerable}))

    def answerable(self, kind: str = OVERALL) -> tuple[Row, ...]:
        """Return the rows that count for recall: of one type, or of all."""
        return tuple(row for row in self.rows if row.answerable and kind in (OVERALL, row.kind))

    def values(self, metric: str, level: Level, kind: str = OVERALL) -> list[float]:
        """Return a metric of each answerable question that has gold at the level."""
        return [
            row.places[level].found.value(metric)
            for row in self.answerable(kind)
            if level in row.places
        ]

    def known(self, read: Callable[[Row], float | None], kind: str = OVERALL) -> list[float]:
        """Return one field of the answerable questions, where it is known."""
        return [value for row in self.answerable(kind) if (value := read(row)) is not None]


def load_result(path: Path) -> Result:
    """Return an evaluation from its JSON file, which may be gzipped (`.gz`).

    Raises:
        InvalidInput: it is not there, or no evaluation.
    """
    text = text_of(path)
    try:
        return Result.model_validate_json(text)
    except ValidationError as error:
        raise input_error(error, path.name) from error


def text_of(path: Path) -> str:
    """Return the text of a file, which may be gzipped (`.gz`).

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: cannot be read ({error}); check the path") from error


def by_id(rows: Sequence[Row]) -> Mapping[str, Row]:
    """Return the rows by question."""
    return dict(_pairs(rows))


def _pairs(rows: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    for row in rows:
        yield row.id, row
