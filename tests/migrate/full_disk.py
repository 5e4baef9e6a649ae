"""A child process that migrates on a disk that gets full: python full_disk.py HOME."""

import sys

from memory_core.errors import MemoryCoreError
from memory_core.migrate import migrate
from tests.reliability.failing_disk import Countdown, FailingDisk


def main(home: str) -> None:
    disk = FailingDisk("write")
    Countdown.left, Countdown.forever = 60, True

    def armed(what: str) -> None:
        Countdown.armed = True

    try:
        migrate(home, "hash:128", tell=armed)
        print("done")
    except MemoryCoreError as error:
        print(f"{type(error).__name__}: {error}")
    Countdown.armed = False
    disk.unregister()


if __name__ == "__main__":
    main(sys.argv[1])
