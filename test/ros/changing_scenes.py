# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Change the scene of a node again and again, in a process that does nothing else."""

import ctypes
import gc
from pathlib import Path

from inspatio_ros.cli import surroundings
from inspatio_ros.contracts import Intrinsics, Spawn
from inspatio_ros.engine.world import SceneWorld, WorldSettings
from inspatio_ros.scene.scene import Scene, View
import numpy as np
from rig import DEPTH, Rig
from rooms import pose, trace

STARTS = {'/a': -1.0, '/b': 0.5}


def big_room(x):
    """Return a world of some ten megabytes."""
    camera = Intrinsics.from_hfov(480, 360, 1.4)
    views = []
    for k in range(4):
        T_map_cam = pose(0.3 * k - 0.5, 0.0, 0.5 * np.pi * k)
        rgb, depth = trace(T_map_cam, camera)
        views.append(View(rgb, depth, camera, T_map_cam, f'yaw{k}'))
    scene = Scene('big', tuple(views), spawn=Spawn(x, 0.0, 0.0, 0.0, 0.8))
    return SceneWorld(scene, WorldSettings(threads=1))


def resident_mb():
    """Return the memory of this process, without what the allocator keeps free for later."""
    gc.collect()
    # Else it is the most that was ever open at once: the old scene, the new one, and pictures.
    getattr(ctypes.CDLL(None), 'malloc_trim', lambda pad: None)(0)
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * 4096 / 1e6


def main():
    """Print the megabytes after each of 24 changes."""
    surroundings.keep_freed_memory()
    rig = Rig(world=lambda request: big_room(STARTS.get(request.scene, 0.0)), image__width=160)
    try:
        rig.listen(DEPTH)
        for k in range(24):
            assert rig.set_parameter('scene', ('/a', '/b')[k % 2]).successful
            rig.got.clear()
            rig.wait(lambda: len(rig.got[DEPTH]) > 2)
            print(f'{resident_mb():.1f}', flush=True)
    finally:
        rig.close()


if __name__ == '__main__':
    main()
