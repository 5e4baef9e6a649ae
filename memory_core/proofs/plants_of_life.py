"""Bugs to plant in what happens to memories after they are stored; `plants` gathers them."""

import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from memory_core import asking, build, lineage, writing
from memory_core.errors import OutcomeUnknown
from memory_core.journal import copying, entries, temporary
from memory_core.journal.database import Database
from memory_core.journal.media import DIRECTORY
from memory_core.lifecycle import backup, provenance, secrets
from memory_core.lifecycle import erase as lifecycle_erase
from memory_core.proofs.plant import Plant, Swap
from memory_core.recall import cap


def _nothing_is_secret() -> list[Swap]:
    return [(secrets, "_RULES", secrets._RULES[:4])]


def _half_a_backup() -> list[Swap]:
    honest = copying.copy_into

    def copy(database: Any, path: Any) -> None:
        honest(database, path)
        path.write_bytes(path.read_bytes()[:-4096])

    return [(copying, "copy_into", copy), (backup, "_heads", lambda file: {}),
            (backup, "copy_media", lambda file, source, target: 0)]  # fmt: skip


def _erasures_come_back() -> list[Swap]:
    return [(backup, "_erase_again", lambda home, erased, clock: len(erased))]


def _what_died_stays() -> list[Swap]:
    return [(temporary, "_sweep", lambda parent, name: None)]


def _compactions_are_not_finished() -> list[Swap]:
    return [(build, "resume", lambda journal, reach: 0)]


def _images_stay() -> list[Swap]:
    return [(lifecycle_erase, "sweep", lambda journal, patience: 0)]


def _images_return() -> list[Swap]:
    def copy(file: Path, source: Path, target: Path) -> int:
        if (source / DIRECTORY).exists():
            shutil.copytree(source / DIRECTORY, target / DIRECTORY)
        return 0

    return [(backup, "copy_media", copy)]


def _orphans_stay() -> list[Swap]:
    return [(build, "sweep_if_due", lambda journal: None)]


def _children_keep_their_trust() -> list[Swap]:
    return [(lineage, "lowered", lambda *call: []), (writing, "lowered", lambda *call: []),
            (provenance, "lowered", lambda *call: [])]  # fmt: skip


def _no_cap() -> list[Swap]:
    return [(cap, "CAPPED", frozenset())]


def _unsynced() -> list[Swap]:
    honest = Database._make_durable

    def hurried(self: Database, connection: Any) -> None:
        honest(self, connection)
        connection.pragma("synchronous", "OFF")

    return [(Database, "_make_durable", hurried)]


def _deaf_to_errors() -> list[Swap]:
    honest = Database._commit

    def deaf(self: Database, connection: Any, keys: tuple[str, ...]) -> None:
        with suppress(OutcomeUnknown):
            honest(self, connection, keys)

    return [(Database, "_commit", deaf)]


def _questions_are_logged() -> list[Swap]:
    honest = asking.answer

    def talking(parts: Any, request: Any, **named: Any) -> Any:
        logging.getLogger("memory_core.asking").info("recalling %s", request.text)
        return honest(parts, request, **named)

    return [(asking, "answer", talking)]


def _names_are_folded() -> list[Swap]:
    honest = entries.open_namespace
    return [
        (entries, "open_namespace", lambda connection, name: honest(connection, name.casefold())),
        (entries, "create_namespace", _created_folded(entries.create_namespace)),
    ]


def _created_folded(honest: Callable[..., Any]) -> Callable[..., Any]:
    return lambda connection, name: honest(connection, name.casefold())


PLANTS_OF_LIFE: dict[str, Plant] = {
    "few-secrets": Plant("T10", "only a few kinds of secrets are known", _nothing_is_secret),
    "half-backup": Plant("D11", "the last page of a backup is missing", _half_a_backup),
    "returning": Plant("E3", "a restore does not look at the ledger", _erasures_come_back),
    "littering": Plant("D3", "what a killed backup or restore wrote stays", _what_died_stays, 40),
    "unfinished": Plant(
        "D3", "opening does not finish a compaction", _compactions_are_not_finished, 40
    ),
    "images-stay": Plant("E1", "the file of an erased image stays", _images_stay),
    "images-outlive": Plant("E2", "opening does not remove an erased image", _images_stay),
    "images-return": Plant("E3", "a restore copies all images of a backup", _images_return),
    "orphan-images": Plant("D10", "an image whose store was killed stays", _orphans_stay),
    "proud-children": Plant(
        "T2", "what is lowered leaves what was derived as it is", _children_keep_their_trust
    ),
    "no-cap": Plant("T4", "no writer is capped", _no_cap),
    "unsynced": Plant("D4", "commits are left to the operating system", _unsynced, 4),
    "deaf": Plant("D7", "a commit that failed is acknowledged", _deaf_to_errors),
    "talking": Plant("L1", "every question is logged", _questions_are_logged),
    "folded": Plant("T8", "names that differ in case are one namespace", _names_are_folded, 34),
}
"""Name -> bug."""
