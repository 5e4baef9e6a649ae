"""All benchmarks, by name."""

from collections.abc import Callable, Iterator

from memory_core.bench.figure import Figure, Run
from memory_core.bench.importing import bench_import
from memory_core.bench.indexing import bench_index
from memory_core.bench.models import bench_models
from memory_core.bench.recalling import bench_recall
from memory_core.bench.replaying import bench_replay
from memory_core.bench.starting import bench_start
from memory_core.bench.storing import bench_store
from memory_core.bench.turning import bench_turn

BENCHES: dict[str, Callable[[Run], Iterator[Figure]]] = {
    "store": bench_store,
    "import": bench_import,
    "recall": bench_recall,
    "turn": bench_turn,
    "start": bench_start,
    "replay": bench_replay,
    "models": bench_models,
    "index": bench_index,
}
"""Name -> benchmark, in the order they are run."""
