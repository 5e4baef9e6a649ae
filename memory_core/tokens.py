"""Counts tokens as OpenAI's models do, with the ranks on board: no download, no file write.

The ranks lie in `memory_core/ranks/` (licence and checksums there); pattern and special tokens are
those of `tiktoken_ext.openai_public`. tiktoken and the ranks are loaded on the first count, once
per process. Special-token strings in a text are ordinary text: they cannot act on anything.
"""

import gzip
import hashlib
import threading
from binascii import a2b_base64
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, get_args

from memory_core.errors import InvalidInput, InvalidSetting, ModelRejected

if TYPE_CHECKING:
    from tiktoken import Encoding

EncodingName = Literal["o200k_base"]

_BLOCK_CHARS = 20_000  # tiktoken's regex runs out of stack on longer runs of blanks


class TokenCounter:
    """Counts, cuts, encodes and decodes by one encoding; all counters share the loaded ranks.

    Safe to use from several threads. A text with lone surrogates is counted as if each were
    U+FFFD.

    Example:
        >>> counter = TokenCounter()
        >>> counter.count("Ana moved to Lisbon.")
        5
        >>> counter.truncate("Ana moved to Lisbon.", 2)
        'Ana moved'
    """

    def __init__(self, encoding: EncodingName = "o200k_base") -> None:
        """Choose the encoding; nothing is loaded yet.

        Raises:
            InvalidSetting: an encoding whose ranks are not on board.
        """
        if encoding not in _RECIPES:
            raise InvalidSetting(
                f"no ranks on board for encoding {encoding!r}; use one of {get_args(EncodingName)}"
            )
        self.encoding = encoding

    def count(self, text: str) -> int:
        """Return the number of tokens; at most the number of UTF-8 bytes."""
        return len(self.encode(text))

    def encode(self, text: str) -> list[int]:
        """Return the token ids; special-token strings become ordinary tokens."""
        codec = _load(self.encoding)
        try:
            return codec.encode(text, disallowed_special=())  # encode_ordinary panics instead
        except ValueError:  # a run of blanks too long for the regex: by blocks, same text
            blocks = range(0, len(text), _BLOCK_CHARS)
            return [
                token
                for start in blocks
                for token in codec.encode(text[start : start + _BLOCK_CHARS], disallowed_special=())
            ]

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of the tokens; a character cut in two shows as U+FFFD.

        Raises:
            InvalidInput: an id that the encoding does not have.
        """
        try:
            return _load(self.encoding).decode(list(tokens))
        except (KeyError, OverflowError) as error:
            raise InvalidInput(
                f"not all token ids are of {self.encoding}; decode with the encoding they came from"
            ) from error

    def truncate(self, text: str, limit: int) -> str:
        """Return the longest beginning of whole tokens and characters within `limit` tokens.

        Args:
            text: any text; returned as it is when it fits.
            limit: the most tokens to keep, 0 or more.

        Raises:
            InvalidInput: a negative limit.
        """
        if limit < 0:
            raise InvalidInput(f"limit {limit} is negative; pass 0 or more tokens")
        tokens = self.encode(text)
        if len(tokens) <= limit:
            return text
        codec = _load(self.encoding)
        for kept in range(limit, 0, -1):
            whole = codec.decode_bytes(tokens[:kept]).decode(errors="ignore")
            start = text[: len(whole)]
            if self.count(start) <= limit:  # a cut can change how the end is split
                return start
        return ""


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What tiktoken needs to build an encoding besides its ranks."""

    sha256: str
    """Of the uncompressed ranks; tiktoken's own `expected_hash`."""
    pattern: str
    """How a text is split before merging."""
    special: dict[str, int]
    """Control tokens and their ids."""


_O200K_CASE = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_RECIPES: dict[str, _Recipe] = {
    "o200k_base": _Recipe(
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        pattern="|".join(
            (
                r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
                + _O200K_CASE,
                r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
                + _O200K_CASE,
                r"\p{N}{1,3}",
                r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
                r"\s*[\r\n]+",
                r"\s+(?!\S)",
                r"\s+",
            )
        ),
        special={"<|endoftext|>": 199_999, "<|endofprompt|>": 200_018},
    )
}

_loaded: dict[str, "Encoding"] = {}
_loading = threading.Lock()


def _load(name: str) -> "Encoding":
    """Return the encoding, built on first use: about half a second, once per process."""
    if (codec := _loaded.get(name)) is not None:
        return codec
    with _loading:
        if name not in _loaded:
            from tiktoken import Encoding

            recipe = _RECIPES[name]
            _loaded[name] = Encoding(
                name,
                pat_str=recipe.pattern,
                mergeable_ranks=_ranks(name, recipe.sha256),
                special_tokens=recipe.special,
            )
        return _loaded[name]


def _ranks(name: str, sha256: str) -> dict[bytes, int]:
    file = files("memory_core") / "ranks" / f"{name}.tiktoken.gz"
    raw = gzip.decompress(file.read_bytes())
    if (got := hashlib.sha256(raw).hexdigest()) != sha256:
        raise ModelRejected(
            f"ranks of {name} have sha256 {got}, expected {sha256}; reinstall memory-core"
        )
    fields = raw.split()  # base64 token, rank, base64 token, rank, …
    return dict(zip(map(a2b_base64, fields[::2]), map(int, fields[1::2]), strict=True))
