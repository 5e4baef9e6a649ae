"""Bugs to plant: each replaces one function of the product in this process, for one `with` block.

A proof that does not notice its planted bugs proves nothing (row D5). The product has no code for
this: a plant is a replaced attribute, and it is gone when the block ends.
"""

import itertools
import json
import socket
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import apsw
import numpy as np

from memory_core import asking, build, limits, writing
from memory_core.hooks.echo import EchoGuard, Fresh
from memory_core.index.catchup import CatchUp
from memory_core.journal import columns, entries, journal, lexical, memories, where
from memory_core.journal import erase as journal_erase
from memory_core.journal.database import Database
from memory_core.lifecycle import erase as lifecycle_erase
from memory_core.migrate import run as migration
from memory_core.migrate import switch
from memory_core.proofs.plant import Plant, Swap
from memory_core.proofs.plant import swapped as swapped
from memory_core.proofs.plants_of_life import PLANTS_OF_LIFE
from memory_core.proofs.plants_of_safety import PLANTS_OF_SAFETY
from memory_core.recall import pack
from memory_core.replay.recording import Recordings


@contextmanager
def planted(name: str | None) -> Iterator[None]:
    """Plant the bug of that name until the block ends; None plants nothing."""
    with ExitStack() as stack:
        for swap in PLANTS[name].swaps() if name is not None else ():
            stack.enter_context(swapped(*swap))
        yield


def _late_commit() -> list[Swap]:
    honest = Database._commit
    calls = itertools.count()

    def late(self: Database, connection: apsw.Connection, keys: tuple[str, ...]) -> None:
        if next(calls) % 3 == 2:  # a life on a busy machine is a few stores long
            connection.execute("ROLLBACK")
            return
        honest(self, connection, keys)

    return [(Database, "_commit", late)]


def _no_transaction() -> list[Swap]:
    def begin(self: Database) -> apsw.Connection:
        return self._open_writer()

    def commit(self: Database, connection: apsw.Connection, keys: tuple[str, ...]) -> None:
        return None

    return [(Database, "_begin", begin), (Database, "_commit", commit)]


def _keys_are_not_kept() -> list[Swap]:
    honest = writing.stored_event

    def keyless(*arguments: Any) -> Any:
        event = honest(*arguments)
        object.__setattr__(event, "key", None)
        return event

    return [(writing, "stored_event", keyless)]


def _blind_verify() -> list[Swap]:
    return [(entries, "_matches", lambda *parts: True)]


def _short_hash() -> list[Swap]:
    honest = entries.chain

    def kindless(*columns: Any) -> bytes:
        return honest(*(*columns[:4], "", *columns[5:]))

    return [(entries, "chain", kindless)]


def _numbers_are_believed() -> list[Swap]:
    def believed(connection: apsw.Connection, name: str) -> entries.Namespace | None:
        sql = "SELECT ns_id, name, uid, salt FROM namespaces WHERE name = ?"
        found: list[Any] = connection.execute(sql, (name,)).fetchall()
        return entries.Namespace(*found[0]) if found else None

    return [(entries, "open_namespace", believed)]


def _recordings_stay() -> list[Swap]:
    return [(Recordings, "redact", lambda self, versions, texts: 0)]


def _bodies_stay() -> list[Swap]:
    return [(journal_erase, "entries_of", lambda connection, ns_id, number: [])]


def _words_stay() -> list[Swap]:
    return [(lexical, "remove_text", lambda connection, ns_id, doc, terms: None)]


def _log_stays() -> list[Swap]:
    return [(Database, "scrub", lambda self: None)]


def _cleaning_is_not_resumed() -> list[Swap]:
    return [(build, "resume", lambda journal, reach: 0)]


def _receipts_are_believed() -> list[Swap]:
    return [(lifecycle_erase, "faults_of", lambda journal, receipt: [])]


def _normalised() -> list[Swap]:
    honest = limits.check_text

    def normalising(text: object, where: str = "text") -> str:
        return unicodedata.normalize("NFC", honest(text, where))

    return [(limits, "check_text", normalising)]


def _dropped() -> list[Swap]:
    honest = limits.check_metadata

    def dropping(metadata: object) -> Any:
        if isinstance(metadata, dict):
            metadata = {name: value for name, value in metadata.items() if value is not None}
        return honest(metadata)

    return [(limits, "check_metadata", dropping)]


def _wall_clock() -> list[Swap]:
    return [(journal, "max", lambda now, last: now)]


def _wall_of_ids_is_open() -> list[Swap]:
    wide = memories._SELECT.replace("WHERE m.ns_id = ?", "WHERE (m.ns_id = ? OR 1)")
    return [(memories, "_SELECT", wide)]


def _filters_cross() -> list[Swap]:
    def matching(connection: apsw.Connection, ns_id: int, filtered: Any) -> Any:
        clause, values = where._clause(filtered, ns_id)
        sql = f"SELECT DISTINCT version FROM memories WHERE {clause} ORDER BY version"
        found = connection.execute(sql, values).fetchall()
        return np.array([row[0] for row in found], dtype=np.int64)

    return [(journal, "matching", matching)]


def _statistics_cross() -> list[Swap]:
    def everyone(self: lexical.Lexicon, connection: apsw.Connection) -> None:
        self._tail, self._last_tail = {}, 0
        for doc, terms in connection.execute("SELECT doc, terms FROM tail ORDER BY doc"):
            for term, tf in json.loads(terms).items():
                self._tail.setdefault(term, []).append((doc, tf))

    return [(lexical.Lexicon, "_refresh", everyone)]


def _forgotten_is_seen() -> list[Swap]:
    return [(columns, "_VALID_STATES", np.ones_like(columns._VALID_STATES))]


def _locked_late() -> list[Swap]:
    def begin(self: Database) -> apsw.Connection:
        connection = self._open_writer()
        connection.execute("BEGIN DEFERRED")
        return connection

    return [(Database, "_begin", begin)]


def _long_texts_are_cut() -> list[Swap]:
    honest = CatchUp._pieces
    return [(CatchUp, "_pieces", lambda self, item: honest(self, item)[:1])]


def _calls_home() -> list[Swap]:
    honest = asking.answer

    def calling(*arguments: Any, **named: Any) -> Any:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=0.1).close()
        return honest(*arguments, **named)

    return [(asking, "answer", calling)]


def _records_are_bare() -> list[Swap]:
    return [(pack, "_escaped", lambda found: found[0])]


def _echo_is_stored() -> list[Swap]:
    return [(EchoGuard, "fresh", lambda self, text, strict: Fresh(text, ()))]


def _any_model_opens() -> list[Swap]:
    return [(build, "require_serving", lambda journal, fingerprint, spec: None)]


def _switched_early() -> list[Swap]:
    honest = switch.switch

    def early(journal: Any, before: str, after: str, *, behind: int | None) -> Any:
        return honest(journal, before, after, behind=None)

    def barely(memory: Any, tell: Any) -> int:
        digest = memory.parts.embedder.fingerprint.digest
        if not memory.journal.vectors(digest).exists:
            memory.parts.catchup.drain(0.02)
        return 0

    return [(migration, "_fill", barely), (migration, "switch", early)]


def _rights_are_given() -> list[Swap]:
    from memory_core.serve.keys import Grant

    return [(Grant, "allows", lambda grant, right, namespace: True)]


def _names_begin_alike() -> list[Swap]:
    from memory_core.serve.guard import Guard

    return [(Guard, "_addressed", lambda guard, headers: None)]


def _bodies_are_taken_whole() -> list[Swap]:
    from memory_core.serve import guard

    honest = guard._whole

    async def whole(receive: Any, limit: int) -> bytes:
        return await honest(receive, 1 << 40)

    return [(guard, "_whole", whole), (guard.Guard, "_received", _unweighed(guard.Guard))]


def _unweighed(guard: Any) -> Any:
    honest = guard._received

    async def received(self: Any, grant: Any, headers: Any, receive: Any) -> Any:
        given = {name: value for name, value in headers.items() if name != "content-length"}
        return await honest(self, grant, given, receive)

    return received


def _work_is_done_at_once() -> list[Swap]:
    from memory_core.serve.http import Service

    async def at_once(service: Any, act: Any) -> Any:
        return act()

    return [(Service, "_work", at_once)]


def _canary_looks_away() -> list[Swap]:
    from memory_core.serve import health

    return [(health, "_way", lambda memory, step: None)]


def _texts_are_parsed() -> list[Swap]:
    from memory_core.serve import page

    dom = page.FILES["dom.js"]
    made = b'h("bdi", { className, dir: "auto" }'
    careless = dom.body.replace(
        made + b", text);", b"((e) => { e.innerHTML = text; return e; })(" + made + b"));"
    )
    return [(page, "FILES", {**page.FILES, "dom.js": page.File(careless, dom.type)})]


PLANTS: dict[str, Plant] = {
    "any-model": Plant("I5", "a store opens with any embedding model", _any_model_opens),
    "early-switch": Plant("I5", "a model serves before it has embedded", _switched_early),
    "late-commit": Plant("D1", "every third store is acknowledged and rolled back", _late_commit),
    "no-transaction": Plant("D1", "a store is many small commits", _no_transaction),
    "keyless": Plant("D10", "idempotency keys are not kept", _keys_are_not_kept),
    "blind": Plant("C1", "verify does not look at bodies", _blind_verify),
    "kindless": Plant("C1", "hashes leave out the kind of an entry", _short_hash),
    "headless": Plant("C1", "a namespace without a head is opened as empty", _numbers_are_believed),
    "recordings-stay": Plant("E1", "recordings are not redacted", _recordings_stay),
    "bodies-stay": Plant("E1", "bodies of entries are not removed", _bodies_stay),
    "words-stay": Plant("E1", "the words of an erased text stay indexed", _words_stay),
    "log-stays": Plant("E1", "the file is not rewritten, nor its log cut", _log_stays),
    "no-resume": Plant("E2", "opening does not finish an erasure", _cleaning_is_not_resumed),
    "any-receipt": Plant("E4", "every receipt is believed", _receipts_are_believed),
    "normalised": Plant("U1", "texts are stored in another Unicode form", _normalised),
    "dropped": Plant("U1", "empty metadata values are left out in silence", _dropped),
    "wall-clock": Plant("U3", "entries carry the clock's time, even backwards", _wall_clock),
    "open-ids": Plant("T1", "an id is looked up in all namespaces", _wall_of_ids_is_open, 40),
    "open-filters": Plant("T1", "a filter looks at all namespaces", _filters_cross, 40),
    "open-statistics": Plant("T1", "words are counted over all namespaces", _statistics_cross, 40),
    "forgotten-seen": Plant("C2", "what was forgotten is recalled", _forgotten_is_seen, 20),
    "locked-late": Plant("D9", "a write locks only when it has read", _locked_late),
    "cut": Plant("U2", "only the beginning of a long text is embedded", _long_texts_are_cut),
    "bare-records": Plant("T3", "hidden characters and tags are not escaped", _records_are_bare),
    "echo": Plant("T3", "what was injected is stored again", _echo_is_stored),
    "every-right": Plant("T5", "every key has every right", _rights_are_given),
    "any-name": Plant("T5", "a server answers to any name", _names_begin_alike),
    "whole-bodies": Plant("T11", "bodies of any size are read", _bodies_are_taken_whole),
    "blocked": Plant("U5", "operations run on the event loop", _work_is_done_at_once),
    "looks-away": Plant("U6", "the canary opens the memory and no more", _canary_looks_away),
    "parsed": Plant("T9", "the page parses what memories say", _texts_are_parsed, 4),
    "calls-home": Plant("T7", "every recall opens a connection", _calls_home),
    **PLANTS_OF_LIFE,
    **PLANTS_OF_SAFETY,
}
"""Name -> bug."""
