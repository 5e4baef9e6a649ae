"""Embedding models behind one protocol: text in, float32 vectors out."""
