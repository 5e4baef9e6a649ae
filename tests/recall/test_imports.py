import subprocess
import sys

HEAVY = ("torch", "sentence_transformers", "transformers", "networkx", "chromadb", "tiktoken")


def test_the_stages_load_nothing_heavy():
    program = (
        "import sys;"
        "import memory_core.recall.diversify, memory_core.recall.pack, memory_core.recall.pipeline,"
        "memory_core.recall.rerank, memory_core.recall.retrieve, memory_core.recall.score,"
        "memory_core.recall.spread, memory_core.lifecycle.importance;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_recall_without_a_budget_loads_no_ranks(tmp_path):
    program = (
        "import sys;"
        "from memory_core import open_memory;"
        "memory = open_memory(sys.argv[1], embedder='hash');"
        "memory.store('Ana drinks green tea');"
        "result = memory.recall('what does Ana drink');"
        "memory.close();"
        "print('tiktoken' in sys.modules, result.tokens > 9, 'tiktoken' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True
    )
    assert done.stdout.strip() == "False True True", done.stderr
