"""How many tokens a text has at most, for models whose tokenizer is not on this machine."""

import re

_PIECE = re.compile(r"[A-Za-z]+|[0-9]+|[^\sA-Za-z0-9]")
_LETTERS_A_TOKEN = 3  # English has 4.7 letters a word and 1.3 tokens a word: this errs upwards
_DIGITS_A_TOKEN = 2
_BYTES_A_TOKEN = 2  # a CJK character, 3 bytes, takes one or two tokens


def estimate_tokens(text: str) -> int:
    """Return a count that is rather too high than too low, so that nothing is cut off."""
    return sum(_tokens(piece.group()) for piece in _PIECE.finditer(text))


def _tokens(piece: str) -> int:
    if piece.isascii():
        letters = _DIGITS_A_TOKEN if piece[0].isdigit() else _LETTERS_A_TOKEN
        return -(-len(piece) // letters)
    return -(-len(piece.encode("utf-8", "surrogatepass")) // _BYTES_A_TOKEN)
