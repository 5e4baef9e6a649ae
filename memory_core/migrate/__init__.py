"""Another embedding model for a store that is in use: blue and green, from one journal.

    fill    the new model embeds every text beside the old one's vectors; a kill costs one batch
    shadow  recorded recalls are run on both
    switch  one journal entry, in the transaction that finds nothing left to embed

Until the switch the old model serves and nothing of it changes; afterwards it can be switched back
to, or dropped.
"""

from memory_core.migrate.run import Migration, migrate
from memory_core.migrate.shadow import Compared, Shadow
from memory_core.migrate.switch import Standing, Switched, drop, rollback, standings

__all__ = [
    "Compared",
    "Migration",
    "Shadow",
    "Standing",
    "Switched",
    "drop",
    "migrate",
    "rollback",
    "standings",
]
