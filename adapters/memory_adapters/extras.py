"""The one way an adapter imports its framework."""

from collections.abc import Iterator
from contextlib import contextmanager

from memory_core import MissingExtra


@contextmanager
def needs(package: str, extra: str) -> Iterator[None]:
    """Turn a failing import of a framework into `MissingExtra` with the line that installs it.

    Example:
        >>> with needs("no_such_framework", "frameworks"):
        ...     import no_such_framework
        Traceback (most recent call last):
        memory_core.errors.MissingExtra: 'no_such_framework' is not installed; run: \
pip install 'memory-core[frameworks]'
    """
    try:
        yield
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("memory_"):
            raise
        raise MissingExtra(package, extra) from error
