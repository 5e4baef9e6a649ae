"""The tables of `journal.db` as numbered migrations, applied in one transaction each.

meta          what this file is: store id, schema version
namespaces    name -> number; `uid` and `salt` are random, so nothing is shared between them
heads         the newest entry of each chain, for anchoring; `merged` is the lexical
                  position, `erased` the last erasure, at which caches start over
journal       the chain: append-only by trigger, holds no user data
content       the erasable bodies: text, metadata, names
memories      one row per version: `version..seq_to` is store time, `valid_*` is world time
facets        metadata values for filters, by the entry that wrote them
keys          idempotency keys
links         directed, named edges with store time
tail          terms of the newest texts, by text
postings      terms of all older texts, by term, in blocks
fingerprints  embedding models this namespace has vectors of; `spec` is how to load one again
serving       the model whose vectors answer, and the one before it
vectors       one row per span; the row id packs (namespace, fingerprint, row number)
proposals     what a detector proposed about two memories, and what was decided
positions     how far every other derived structure has read
"""

import secrets

import apsw

from memory_core.errors import StoreTooNew

SCHEMA_VERSION = 3

BY_NUMBER = "INDEXED BY memories_by_number"
"""Behind the table's name: else SQLite reads the whole namespace along its primary key, which it
takes to be as selective as the index, and a look-up costs as much as the store is large."""
BY_END = "INDEXED BY memories_closed"
BY_TARGET = "INDEXED BY links_by_target"
BY_SUBJECT = "INDEXED BY memories_by_subject"

_VERSION_1 = """
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE namespaces(
    ns_id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, uid BLOB NOT NULL, salt BLOB NOT NULL);
CREATE TABLE heads(
    ns_id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL,
    merged INTEGER NOT NULL DEFAULT 0, erased INTEGER NOT NULL DEFAULT 0);
CREATE TABLE journal(
    ns_id INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
    body_id BLOB NOT NULL, commitment BLOB NOT NULL, prev BLOB NOT NULL, hash BLOB NOT NULL,
    PRIMARY KEY (ns_id, seq)) WITHOUT ROWID;
CREATE TRIGGER journal_is_not_updated BEFORE UPDATE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_not_deleted BEFORE DELETE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TABLE content(
    id INTEGER PRIMARY KEY, ns_id INTEGER NOT NULL, body_id BLOB NOT NULL, salt BLOB NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE memories(
    ns_id INTEGER NOT NULL, version INTEGER NOT NULL, seq_to INTEGER, number INTEGER NOT NULL,
    doc INTEGER NOT NULL, facet INTEGER NOT NULL, terms INTEGER NOT NULL, asks INTEGER NOT NULL,
    state INTEGER NOT NULL,
    kind INTEGER NOT NULL, source INTEGER NOT NULL, trust INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL, stored_at INTEGER NOT NULL, valid_from INTEGER,
    valid_to INTEGER, importance REAL NOT NULL, reinforced INTEGER NOT NULL,
    role TEXT, speaker TEXT, session TEXT, subject TEXT, attribute TEXT, key TEXT, metadata TEXT,
    PRIMARY KEY (ns_id, version)) WITHOUT ROWID;
CREATE INDEX memories_by_number ON memories(ns_id, number);
CREATE INDEX memories_closed ON memories(ns_id, seq_to) WHERE seq_to IS NOT NULL;
CREATE TABLE facets(
    ns_id INTEGER NOT NULL, name TEXT NOT NULL, value NOT NULL, facet INTEGER NOT NULL,
    PRIMARY KEY (ns_id, name, value, facet)) WITHOUT ROWID;
CREATE TABLE keys(
    ns_id INTEGER NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (ns_id, key)) WITHOUT ROWID;
CREATE TABLE links(
    ns_id INTEGER NOT NULL, source INTEGER NOT NULL, target INTEGER NOT NULL,
    relation TEXT NOT NULL, seq_from INTEGER NOT NULL, seq_to INTEGER, at INTEGER NOT NULL,
    PRIMARY KEY (ns_id, source, target, relation, seq_from)) WITHOUT ROWID;
CREATE INDEX links_by_target ON links(ns_id, target);
CREATE TABLE tail(
    ns_id INTEGER NOT NULL, doc INTEGER NOT NULL, terms TEXT NOT NULL,
    PRIMARY KEY (ns_id, doc)) WITHOUT ROWID;
CREATE TABLE postings(
    ns_id INTEGER NOT NULL, term TEXT NOT NULL, block INTEGER NOT NULL, docs BLOB NOT NULL,
    PRIMARY KEY (ns_id, term, block)) WITHOUT ROWID;
CREATE TABLE fingerprints(
    ns_id INTEGER NOT NULL, fp_id INTEGER NOT NULL, digest TEXT NOT NULL, details TEXT NOT NULL,
    canary BLOB NOT NULL, next_row INTEGER NOT NULL DEFAULT 0,
    generation INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (ns_id, fp_id)) WITHOUT ROWID;
CREATE TABLE vectors(
    id INTEGER PRIMARY KEY, doc INTEGER NOT NULL, span INTEGER NOT NULL, start INTEGER NOT NULL,
    stop INTEGER NOT NULL, digest BLOB NOT NULL, vector BLOB NOT NULL);
CREATE TABLE vector_docs(
    ns_id INTEGER NOT NULL, fp_id INTEGER NOT NULL, doc INTEGER NOT NULL, span INTEGER NOT NULL,
    id INTEGER NOT NULL, PRIMARY KEY (ns_id, fp_id, doc, span)) WITHOUT ROWID;
CREATE TABLE vector_texts(
    ns_id INTEGER NOT NULL, fp_id INTEGER NOT NULL, digest BLOB NOT NULL, id INTEGER NOT NULL,
    PRIMARY KEY (ns_id, fp_id, digest, id)) WITHOUT ROWID;
CREATE TABLE positions(
    ns_id INTEGER NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (ns_id, name)) WITHOUT ROWID;
"""

_VERSION_2 = """
ALTER TABLE memories ADD COLUMN writer TEXT;
CREATE INDEX memories_by_subject ON memories(ns_id, subject, attribute)
    WHERE subject IS NOT NULL AND seq_to IS NULL;
CREATE TABLE proposals(
    ns_id INTEGER NOT NULL, seq INTEGER NOT NULL, first INTEGER NOT NULL, second INTEGER NOT NULL,
    rule TEXT NOT NULL, verdict TEXT, decided INTEGER,
    PRIMARY KEY (ns_id, seq)) WITHOUT ROWID;
"""

_VERSION_3 = """
ALTER TABLE fingerprints ADD COLUMN spec TEXT NOT NULL DEFAULT '';
CREATE TABLE serving(
    ns_id INTEGER PRIMARY KEY, digest TEXT NOT NULL, previous TEXT,
    seq INTEGER NOT NULL DEFAULT 0);
INSERT INTO serving(ns_id, digest) SELECT ns_id, digest FROM fingerprints f
    WHERE fp_id = (SELECT fp_id FROM fingerprints g WHERE g.ns_id = f.ns_id
                   ORDER BY next_row DESC, fp_id DESC LIMIT 1);
"""

MIGRATIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2, _VERSION_3)
"""SQL that takes a store from version n to n + 1; never edited once released."""


def migrate(connection: apsw.Connection) -> None:
    """Bring the open database to SCHEMA_VERSION, or refuse one from the future.

    Raises:
        StoreTooNew: the file was written by a newer version.
    """
    found = version(connection)
    if found > SCHEMA_VERSION:
        raise StoreTooNew(
            f"{connection.filename} has schema {found}, this version reads up to "
            f"{SCHEMA_VERSION}; upgrade memory-core"
        )
    if found == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in range(version(connection), SCHEMA_VERSION):
            connection.execute(MIGRATIONS[number])
            connection.execute(f"PRAGMA user_version={number + 1}")
        connection.execute(
            "INSERT OR IGNORE INTO meta VALUES ('store_id', ?)", (secrets.token_hex(16),)
        )
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def version(connection: apsw.Connection) -> int:
    """Return the schema version of the open database; 0 for an empty file."""
    return int(connection.pragma("user_version"))
