"""Small files and the records read from them."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path

from memory_core.interchange import Record, read
from memory_core.types import Draft


def as_json(value: object, path: Path) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def as_lines(values: Iterable[object], path: Path) -> Path:
    lines = [v if isinstance(v, str) else json.dumps(v) for v in values]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def packed(path: Path) -> Path:
    target = path.with_name(path.name + ".gz")
    target.write_bytes(gzip.compress(path.read_bytes()))
    return target


def drafts(path: Path, form: str | None = None) -> list[Draft]:
    return [record.draft for record in read(path, form) if record.draft]


def errors(path: Path, form: str | None = None) -> list[Record]:
    return [record for record in read(path, form) if record.error]
