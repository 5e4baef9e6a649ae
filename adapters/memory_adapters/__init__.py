"""Adapters that plug the memory into agent frameworks, one file each."""
