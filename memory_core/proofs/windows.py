"""D3: the process dies in every window there is between two steps; the next opening recovers.

A child lives through one scene after another (a short life with everything in it, then operations
of many steps on their own) and is killed before or after one step of it. The steps are written
beside each scene; each is a function of the product that is replaced by a deadly one in the child.
"""

import itertools
import random
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from memory_core.proofs.nursery import READY, Nursery, say
from memory_core.proofs.plants import planted
from memory_core.proofs.residue import release
from memory_core.proofs.row import Findings, Proof, Run
from memory_core.proofs.scenes.compaction import COMPACTION
from memory_core.proofs.scenes.everyday import EVERYDAY
from memory_core.proofs.scenes.media import MEDIA
from memory_core.proofs.scenes.migration import MIGRATION
from memory_core.proofs.scenes.restore import RESTORE
from memory_core.proofs.scenes.scene import Scene

SCENES: Mapping[str, Scene] = {
    "everyday": EVERYDAY, "compaction": COMPACTION, "migration": MIGRATION, "media": MEDIA,
    "restore": RESTORE,
}  # fmt: skip


def prove_windows(run: Run, findings: Findings) -> None:
    """Die `run.size` times: at every point there is in random order, then at every one again."""
    points = [(name, point) for name, one in SCENES.items() for point in range(2 * len(one.steps))]
    run.random.shuffle(points)
    worst = 0.0
    with Nursery() as nursery:
        for number, (name, point) in enumerate(itertools.islice(itertools.cycle(points), run.size)):
            place = run.place / f"{number}-{name}-{point}"
            worst = max(worst, _died(run, findings, nursery, (name, point, place)))
            release()
            shutil.rmtree(place)
    findings.measured |= {"points": len(points), "worst_open_s": round(worst, 2)}


def _died(run: Run, findings: Findings, nursery: Nursery, about: tuple[str, int, Path]) -> float:
    """Live a scene until one point of it, and judge what is left; return how long opening took."""
    name, point, place = about
    scene, where = SCENES[name], f"{name}, {SCENES[name].where(point)}"
    with planted(run.planted):
        known = scene.prepare(place, random.Random(run.random.randrange(1 << 30)))
    arguments = {"name": name, "point": point, "place": str(place), "plant": run.planted}
    life = nursery.life(f"{__name__}:live_and_die", arguments)
    findings.injected += life.killed
    findings.check(life.killed, f"{where}: nobody died: {life.said[-1:]}")
    with planted(run.planted):
        return scene.judge(place, known, life, partial(_told, findings, where))


def _told(findings: Findings, where: str, holds: bool, complaint: str) -> None:
    findings.check(holds, f"{where}: {complaint}")


def live_and_die(*, name: str, point: int, place: str, plant: str | None) -> None:
    """Live a scene in a child process that dies at one point of it."""
    with planted(plant):
        say(READY)
        SCENES[name].live_until(point, Path(place))


PROOFS = (Proof("D3", "a death in any window is recovered from", 256, 4, prove_windows),)
