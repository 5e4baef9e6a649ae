"""The journal: the truth on disk, and the projections that live in the same file."""
