"""The table of the peers: what each reached, and how far behind the first."""

from typing import Any

from tests.peers.run import markdown_of


def result(name: str, rank: int) -> dict[str, Any]:
    metrics = ("recall@5", "recall@10", "recall@20", "all@10", "ndcg@10", "mrr")
    return {
        "name": name, "settings": "defaults", "versions": f"{name} 1",
        "quality": dict.fromkeys(metrics, float(rank <= 10)),
        "rows": [{"ranks": [rank], "gold": 1}] * 8, "store_ms_a_text": 1.0,
        "recall_p50_ms": 2.0, "recall_p95_ms": 3.0, "peak_mib": 400.0,
    }  # fmt: skip


def test_a_peer_is_told_with_its_distance_and_settings() -> None:
    lines = markdown_of([result("memory-core", 1), result("other", 11)]).splitlines()
    assert lines[2].startswith("| memory-core | 1.000 | 1.000 |")
    assert lines[3].startswith("| other | .000 | .000 |")
    assert "| −1.000 (−1.000 to −1.000) |" in lines[3]
    assert "| other | other 1 | defaults |" in lines
