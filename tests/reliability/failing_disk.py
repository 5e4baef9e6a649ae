"""A child process on a disk whose n-th write or sync fails; it prints what it was told.

python failing_disk.py HOME write|sync N once|forever
"""

import sys
from typing import Any

import apsw

from memory_core import open_memory
from memory_core.errors import MemoryCoreError, NotFound, OutcomeUnknown


class Countdown:
    armed = False
    left = 0
    forever = False
    failed = 0

    @classmethod
    def tick(cls) -> None:
        if not cls.armed:
            return
        cls.left -= 1
        if cls.left == 0 or (cls.left < 0 and cls.forever):
            cls.failed += 1
            raise apsw.IOError("injected")


class FailingFile(apsw.VFSFile):
    def __init__(self, name: Any, flags: Any, operation: str) -> None:
        super().__init__("unix", name, flags)
        self.operation = operation

    def xSync(self, flags: int) -> None:
        if self.operation == "sync":
            Countdown.tick()
        super().xSync(flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self.operation == "write":
            Countdown.tick()
        super().xWrite(data, offset)


class FailingDisk(apsw.VFS):
    def __init__(self, operation: str) -> None:
        self.operation = operation
        super().__init__("failing", base="unix", makedefault=True)

    def xOpen(self, name: Any, flags: Any) -> FailingFile:
        return FailingFile(name, flags, self.operation)


def main(home: str, operation: str, n: str, how: str) -> None:
    disk = FailingDisk(operation)
    memory = open_memory(home, embedder="hash", recordings=False)
    memory.parts.catchup.close()
    Countdown.left, Countdown.forever, Countdown.armed = int(n), how == "forever", True
    unknown: dict[str, str] = {}
    for number in range(12):
        key = f"k{number}"
        try:
            memory.store(f"the text of {key}", key=key)
            print("stored", key)
        except OutcomeUnknown as error:
            print("unknown", *error.keys)
            (unknown[key],) = error.ids
        except MemoryCoreError as error:
            print("refused", key, type(error).__name__)
    Countdown.armed = False
    for number in range(12):
        print("outcome", f"k{number}", memory.outcome(f"k{number}").stored)
    for key, id in unknown.items():
        try:
            there = memory.get(id).key == key
        except NotFound:
            there = False
        print("by id", key, there, memory.outcome(key).stored)
    print("failed", Countdown.failed)
    memory.close()
    del disk


if __name__ == "__main__":
    main(*sys.argv[1:])
