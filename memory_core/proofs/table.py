"""All proofs, by row."""

from memory_core.proofs import (
    authorising,
    bloat,
    clocks,
    control,
    copies,
    crashing,
    crowd,
    damage,
    erasing,
    faults,
    hostile,
    hygiene,
    indexing,
    inert,
    injecting,
    killing,
    limiting,
    long_texts,
    migrating,
    modelled,
    offline,
    power,
    quiet,
    reopening,
    sharing,
    sickening,
    trust,
    viewing,
    waiting,
    walls,
    windows,
)
from memory_core.proofs.row import Proof

MODULES = (
    killing, indexing, bloat, migrating, crowd, damage, modelled, reopening, hostile, long_texts,
    clocks, walls, trust, injecting, authorising, limiting, viewing, sharing, waiting, sickening,
    inert, offline, hygiene, windows, copies, power, faults, quiet, erasing, crashing, control,
)  # fmt: skip

PROOFS: dict[str, Proof] = {proof.row: proof for module in MODULES for proof in module.PROOFS}
"""Row -> proof, in the order they are run."""
