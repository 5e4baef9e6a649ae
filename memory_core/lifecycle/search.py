"""Counts byte strings in every file below a directory; run as a program of its own.

Reading a file that SQLite has open and closing it again drops the locks that this process holds on
it (POSIX locks belong to the process, not to the descriptor). So another process reads. It imports
next to nothing, and the needles travel on its input, never on the command line.

    {"home": …, "skip": [name part, …], "needles": [hex, …]}  ->  {file: [[as is, lower case], …]}
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence

SHARED_MEMORY = "-shm"  # SQLite's index of the log: page numbers and checksums, no content


def count_in(content: bytes, needles: Sequence[bytes]) -> list[tuple[int, int]]:
    """Return how often each needle occurs in some bytes, as it is and with case ignored."""
    lowered = content.lower()
    return [(content.count(needle), lowered.count(needle.lower())) for needle in needles]


def _files(home: str, skip: Sequence[str]) -> Iterator[str]:
    for directory, names, files in os.walk(home):
        names[:] = [name for name in names if not any(part in name for part in skip)]
        for name in sorted(files):
            path = os.path.join(directory, name)
            passed_over = name.endswith(SHARED_MEMORY) or any(part in name for part in skip)
            if not passed_over and os.path.isfile(path) and not os.path.islink(path):
                yield path


def _main() -> None:
    request = json.load(sys.stdin)
    needles = [bytes.fromhex(needle) for needle in request["needles"]]
    found = {}
    for path in _files(request["home"], request["skip"]):
        try:
            with open(path, "rb") as file:
                counts = count_in(file.read(), needles)
        except FileNotFoundError:  # a log that was removed meanwhile
            continue
        if any(count for count, _ in counts) or any(count for _, count in counts):
            found[os.path.relpath(path, request["home"])] = counts
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    _main()
