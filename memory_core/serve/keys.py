"""Bearer keys: who may do what in which namespaces.

    <home>/keys.json, mode 0600: name, SHA-256 of the key, rights, namespaces, when it was added

A key has 256 random bits, so one round of SHA-256 is enough, and is shown once. Every comparison
looks at every key in constant time. The file is read again when it changes, so a key that was
removed opens nothing from the next request on.
"""

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from memory_core.errors import InvalidInput, NotFound, StoreDamaged
from memory_core.limits import check_name
from memory_core.serve.api import Right

PREFIX = "mk_"
EVERY = "*"
FILE = "keys.json"


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody may do."""

    name: str
    """Of the key; it is what limits are counted by."""
    rights: frozenset[Right]
    namespaces: frozenset[str]

    def allows(self, right: Right, namespace: str) -> bool:
        """Tell whether it covers a right in a namespace."""
        where = EVERY in self.namespaces or namespace in self.namespaces
        return where and (right in self.rights or Right.ADMIN in self.rights)


EVERYTHING = Grant("", frozenset(Right), frozenset((EVERY,)))
"""What everybody on this machine may do where a server was opened to all."""


class KeyLine(BaseModel):
    """One key in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    sha256: str
    rights: tuple[Right, ...]
    namespaces: tuple[str, ...]
    added: datetime

    @property
    def grant(self) -> Grant:
        """What its bearer may do."""
        return Grant(self.name, frozenset(self.rights), frozenset(self.namespaces))


class Keys:
    """The keys of one home.

    Example:
        >>> keys = Keys(Path(tempfile.mkdtemp()))
        >>> secret = keys.add("laptop", [Right.READ], ["ana"])
        >>> keys.grant_of(secret).allows(Right.WRITE, "ana")
        False
    """

    def __init__(self, home: Path) -> None:
        self._path = home / FILE
        self._read: tuple[tuple[int, int], tuple[KeyLine, ...]] | None = None
        self._passing: list[KeyLine] = []

    def list(self) -> Sequence[KeyLine]:
        """Return the keys that are kept, without what opens them.

        Raises:
            StoreDamaged: the file is not what this wrote.
        """
        try:
            about = self._path.stat()
        except FileNotFoundError:
            return ()
        stamp = (about.st_mtime_ns, about.st_ino)
        if self._read is None or self._read[0] != stamp:
            self._read = (stamp, tuple(self._lines()))
        return self._read[1]

    def add(self, name: str, rights: Iterable[Right], namespaces: Iterable[str]) -> str:
        """Keep a new key and return it; it is shown this once.

        Raises:
            InvalidInput: the name is taken or no name, or no right or namespace is given.
        """
        line, secret = _new(name, rights, namespaces)
        if any(each.name == name for each in self.list()):
            raise InvalidInput(f"there is a key {name!r}; remove it, or choose another name")
        self._write([*self.list(), line])
        return secret

    def lend(self, name: str, rights: Iterable[Right], namespaces: Iterable[str]) -> str:
        """Return a key that is good until this process ends and stands in no file."""
        line, secret = _new(name, rights, namespaces)
        self._passing.append(line)
        return secret

    def remove(self, name: str) -> None:
        """Forget a key.

        Raises:
            NotFound: there is none of that name.
        """
        left = [each for each in self.list() if each.name != name]
        if len(left) == len(self.list()):
            raise NotFound(f"no key {name!r}; see: memory serve keys list")
        self._write(left)

    def grant_of(self, secret: str) -> Grant | None:
        """Return what the bearer of a key may do, None for a wrong one."""
        digest, found = _digest(secret), None
        for each in (*self.list(), *self._passing):
            if secrets.compare_digest(digest, each.sha256):
                found = each.grant
        return found

    def _lines(self) -> Iterable[KeyLine]:
        try:
            for line in json.loads(self._path.read_text(encoding="utf-8")):
                yield KeyLine.model_validate(line)
        except (ValueError, TypeError, ValidationError) as error:
            raise StoreDamaged(
                f"{self._path} is not what `memory serve keys` writes; mend it or remove it"
            ) from error

    def _write(self, lines: Sequence[KeyLine]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        plain = [line.model_dump(mode="json") for line in lines]
        handle, part = tempfile.mkstemp(dir=self._path.parent, prefix=f"{FILE}.")  # mode 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(plain, file, ensure_ascii=False, indent=2)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._path)


def _new(name: str, rights: Iterable[Right], namespaces: Iterable[str]) -> tuple[KeyLine, str]:
    secret = PREFIX + secrets.token_urlsafe(32)
    where = tuple(check_name(each, "namespace") for each in namespaces)
    what = tuple(rights)
    if not what or not where:
        raise InvalidInput("a key needs a right and a namespace; name both")
    line = KeyLine(
        name=check_name(name, "key name"), sha256=_digest(secret), rights=what, namespaces=where,
        added=datetime.now(UTC),
    )  # fmt: skip
    return line, secret


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
