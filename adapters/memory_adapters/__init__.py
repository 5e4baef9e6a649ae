"""Adapters that plug the memory into agent frameworks, one file each.

Each needs its framework's extra, imports it when the adapter is imported, and raises `MissingExtra`
with the line to install it otherwise. They use public names of `memory_core` only.
"""
