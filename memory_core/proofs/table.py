"""All proofs, by row."""

from memory_core.proofs import (
    clocks,
    control,
    crashing,
    crowd,
    damage,
    erasing,
    hostile,
    indexing,
    injecting,
    killing,
    long_texts,
    migrating,
    modelled,
    offline,
    walls,
)
from memory_core.proofs.row import Proof

MODULES = (
    killing, indexing, migrating, crowd, damage, modelled, hostile, long_texts, clocks, walls,
    injecting, offline, erasing, crashing, control,
)  # fmt: skip

PROOFS: dict[str, Proof] = {proof.row: proof for module in MODULES for proof in module.PROOFS}
"""Row -> proof, in the order they are run."""
