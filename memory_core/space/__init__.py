"""The meaning space of a namespace: what is near what, which groups there are, and how it looks.

Everything reads the vectors that recall uses, one per live memory; nothing is stored or recorded.
"""

from memory_core.space.classify import Classified, classify
from memory_core.space.clusters import Cluster, clusters
from memory_core.space.points import Points, points
from memory_core.space.similar import Similar, similar

__all__ = [
    "Classified",
    "Cluster",
    "Points",
    "Similar",
    "classify",
    "clusters",
    "points",
    "similar",
]
