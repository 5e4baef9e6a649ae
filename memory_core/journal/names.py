"""Numbers for the distinct strings of a column: sessions and speakers, of which there are few."""

from collections.abc import Iterable

NONE = -1
"""Stands for no string."""


class Names:
    """Gives every string a number, in the order they come.

    Example:
        >>> names = Names()
        >>> names.codes(["Ana", None, "Ben", "Ana"]), names.names
        ([0, -1, 1, 0], ['Ana', 'Ben'])
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = list(names)
        """By number; only ever grows."""
        self._codes = {name: code for code, name in enumerate(self.names)}

    def codes(self, names: Iterable[str | None]) -> list[int]:
        """Return the number of each, new ones for new strings, -1 for none or a blank one."""
        return [self._code(name) if name else NONE for name in names]

    def _code(self, name: str) -> int:
        code = self._codes.setdefault(name, len(self.names))
        if code == len(self.names):
            self.names.append(name)
        return code
