"""Memories in and out of files: pure readers of published formats, and our own lossless one.

for record in read(path):            # or read(path, "openai_chat")
    record.draft or record.error     # a bad turn never stops the rest
"""

from memory_core.interchange.base import Origin, OriginLink, Reader, Record
from memory_core.interchange.formats import FORMATS, detect, read
from memory_core.interchange.jsonl import Written, write_jsonl
from memory_core.interchange.locomo import LocomoConversation, load_locomo
from memory_core.interchange.longmemeval import LongMemEvalQuestion, load_longmemeval

__all__ = [
    "FORMATS",
    "LocomoConversation",
    "LongMemEvalQuestion",
    "Origin",
    "OriginLink",
    "Reader",
    "Record",
    "Written",
    "detect",
    "load_locomo",
    "load_longmemeval",
    "read",
    "write_jsonl",
]
