"""How long a connection waits for a lock that another one holds, and how often it looks again.

    pause = max(LEAST, FIRST · (1 − waited / FAIR))    while the lock is a commit's
            RARE                                       after LONG: it is a rewriting's

SQLite's own timeout pauses 1, 2, 5, 10 … 100 ms: who has waited long looks the least often, and
whoever comes later is served before. Here who has waited longest looks most often. There is no
queue that a process could die in: the kernel frees the lock of a dead one.
"""

import time

PATIENCE = 5.0
"""Seconds until a lock that is not given up is an error."""
FIRST, LEAST, FAIR = 0.001, 0.00025, 0.01
"""Seconds. Of four writers that never pause one store in a hundred takes 36 to 41 ms with these,
46 to 65 with all doubled or with pauses that do not shrink, 108 to 134 with SQLite's own."""
LONG, RARE = 0.25, 0.005


class Waiting:
    """The busy handler of one connection."""

    def __init__(self) -> None:
        self._begun = 0.0

    def __call__(self, tries: int) -> bool:
        """Pause and return True, or return False where the wait was long enough.

        Args:
            tries: how often it was called for this lock before.
        """
        now = time.monotonic()
        if not tries:
            self._begun = now
        waited = now - self._begun
        if waited >= PATIENCE:
            return False
        time.sleep(pause(waited))
        return True


def pause(waited: float) -> float:
    """Return the seconds until the next look at a lock that was waited for so many seconds."""
    return RARE if waited >= LONG else max(LEAST, FIRST * (1 - waited / FAIR))
