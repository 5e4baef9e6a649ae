"""The replay page: plain HTML, CSS and ES modules, sent as they are; no build, no other site.

Whatever a memory says is put on the page as text and never as markup, and the policy sent with
every answer would stop a script that came in another way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

INDEX = "index.html"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page."""

    body: bytes
    type: str


FILES: Mapping[str, File] = {
    path.name: File(path.read_bytes(), TYPES[path.suffix])
    for path in sorted(Path(__file__).parent.iterdir())
    if path.suffix in TYPES
}
"""By name: nothing else is ever sent."""
