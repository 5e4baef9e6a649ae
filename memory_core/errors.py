"""Every error the library raises on purpose, drawn as a tree.

Each message says what is wrong, where, and ends with what to do next.

    MemoryCoreError
    ├── InvalidInput            the caller's value is wrong; nothing was written  (a ValueError)
    │   ├── InvalidText         empty, blank, NUL-only, lone surrogates, too large
    │   ├── SecretRefused       the source is set to reject texts that hold secrets
    │   ├── InvalidMedia        no image or sound that can be kept, or that the model can take
    │   ├── InvalidMetadata     None, NaN, nested, oversized
    │   ├── InvalidFilter       unknown field or operator in `where`
    │   ├── InvalidVector       NaN, infinite, zero or wrong-dimension vectors
    │   ├── InvalidSetting      an unknown or contradictory setting
    │   └── LabelLeak           an evaluation's answer key is in an indexed text
    ├── NotFound                no such memory, recall or namespace                (also a KeyError)
    │   └── WasCompacted        it was forgotten, and compaction removed its text
    ├── KeyReused               one idempotency key, two different texts
    ├── NotStored               the write failed and will never appear
    ├── OutcomeUnknown          the write may or may not appear; ask `outcome(key)`
    ├── StoreError              the store on disk cannot be used as asked
    │   ├── StoreBusy           another process holds what is needed
    │   ├── StoreReadOnly       the home cannot be written
    │   ├── StoreDamaged        the journal contradicts itself
    │   ├── StoreTooNew         written by a newer version of the library
    │   └── StoreClosed         used after close()
    ├── IndexUnavailable        the vector index cannot serve; exact scan does
    ├── ModelError
    │   ├── ModelNotFound       no local copy, and downloads are off
    │   ├── ModelRejected       pickle weights, wrong checksum, remote code
    │   ├── ModelMismatch       the store was written with another model
    │   └── EmbeddingFailed     the model or endpoint gave no usable vectors
    └── MissingExtra            an optional dependency is not installed     (an ImportError)
"""


class MemoryCoreError(Exception):
    """Base of all errors raised on purpose by memory_core."""


class InvalidInput(MemoryCoreError, ValueError):
    """The caller's value is wrong; nothing was written."""


class InvalidText(InvalidInput):
    """A text that cannot be stored or recalled byte for byte."""


class SecretRefused(InvalidInput):
    """A draft holds a secret, and its source is set to reject them."""


class InvalidMedia(InvalidInput):
    """A file that is no whole image or sound, or that nothing could ever find."""


class InvalidMetadata(InvalidInput):
    """Metadata that is not scalars and lists of scalars within the limits."""


class InvalidFilter(InvalidInput):
    """A `where` filter with an unknown field, operator or value type."""


class InvalidVector(InvalidInput):
    """A vector with NaN, infinity, no length, or the wrong dimension."""


class InvalidSetting(InvalidInput):
    """A setting that is unknown, out of range, or contradicts another."""


class LabelLeak(InvalidInput):
    """An id or label of an evaluation stands in a text that is indexed or packed."""


class NotFound(MemoryCoreError, KeyError):
    """No such memory, recall or namespace here."""

    def __str__(self) -> str:
        """Show the message itself; KeyError would show its repr."""
        return str(self.args[0]) if self.args else ""


class WasCompacted(NotFound):
    """The memory was forgotten, and compaction removed its text; nothing brings it back."""


class KeyReused(MemoryCoreError):
    """One idempotency key was used for two different texts."""


class NotStored(MemoryCoreError):
    """The write failed and will never appear."""


class OutcomeUnknown(MemoryCoreError):
    """The write may or may not have happened; `outcome(key)`, or `get(id)`, answers for good.

    Attributes:
        keys: the idempotency keys to ask with.
        ids: the ids that the memories of a store have if it happened.
    """

    def __init__(self, message: str, keys: tuple[str, ...] = (), ids: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.keys = keys
        self.ids = ids


class StoreError(MemoryCoreError):
    """The store on disk cannot be used as asked."""


class StoreBusy(StoreError):
    """Another process or thread holds what is needed."""


class StoreReadOnly(StoreError):
    """The home cannot be written; recall still works."""


class StoreDamaged(StoreError):
    """The journal contradicts itself."""


class StoreTooNew(StoreError):
    """The store was written by a newer version of the library."""


class StoreClosed(StoreError):
    """The store was used after close()."""


class IndexUnavailable(MemoryCoreError):
    """The vector index cannot serve now; exact scan serves instead."""


class ModelError(MemoryCoreError):
    """A model cannot be loaded or used."""


class ModelNotFound(ModelError):
    """There is no local copy of the model, and downloads are off."""


class ModelRejected(ModelError):
    """The model's files are not safe or not the ones that were pinned."""


class ModelMismatch(ModelError):
    """The store's vectors were made by another model."""


class EmbeddingFailed(ModelError):
    """The model or endpoint gave no usable vectors."""


class MissingExtra(MemoryCoreError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package!r} is not installed; run: pip install 'memory-core[{extra}]'")
        self.package = package
        self.extra = extra


def require_extra(extra: str, *packages: str) -> None:
    """Refuse what needs packages that are not installed, before anything is done.

    Raises:
        MissingExtra: naming the first that is missing, and the extra that brings it.
    """
    from importlib.util import find_spec

    for package in packages:
        if find_spec(package) is None:
            raise MissingExtra(package, extra)
