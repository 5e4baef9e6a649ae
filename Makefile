# Two commands do everything on a fresh machine: `make demo` and `make test`.
VENV := .venv
PYTHON ?= python3
RUN := $(VENV)/bin

.PHONY: demo test conformance prove check clean

demo: $(VENV)/installed
	$(RUN)/memory demo

test: $(VENV)/installed
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/python -m pytest -n 2 --dist loadfile

conformance: $(VENV)/installed
	$(RUN)/python tests/conformance/run.py

prove: $(VENV)/installed
	$(RUN)/memory prove all

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN)/python -m pip install --quiet --upgrade pip
	$(RUN)/python -m pip install --quiet -c constraints.txt torch
	$(RUN)/python -m pip install --quiet -c constraints.txt -e '.[offline,onnx,media,train,evals,server,faiss,frameworks,dev]'
	touch $@

# Side by side with other systems, in an environment of their own: several pin what ours must not.
DATA ?= ../shared/data/eval/locomo_dev5.json
peers: .venv-peers/installed
	.venv-peers/bin/python -m tests.peers.run $(DATA) --out out/peers

.venv-peers/installed: tests/peers/requirements.txt pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet -c constraints.txt torch
	.venv-peers/bin/python -m pip install --quiet -c constraints.txt -e '.[offline,onnx]' -r tests/peers/requirements.txt
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist
