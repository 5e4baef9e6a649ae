"""The `memory` command: every verb of the library from a shell, tables for people, JSON for all.

Exit codes: 0 done; 1 a typed error, told on standard error; 2 wrong usage; 3 a check found faults.
"""

import sys
from collections.abc import Iterable

TAKES_A_VALUE = frozenset({"--home", "--namespace", "--embedder"})


def main() -> None:
    """Run the command line."""
    from memory_core.serve.cli import quick

    verb = verb_of(sys.argv[1:])
    if verb in quick.VERBS or verb in quick.GROUPS:  # no other verb is loaded
        quick.run(str(verb))
    else:
        from memory_core.serve.cli.app import run

        run()


def verb_of(words: Iterable[str]) -> str | None:
    """Return the verb among the words of a command line, None without one."""
    rest = iter(words)
    for word in rest:
        if word in TAKES_A_VALUE:
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None
