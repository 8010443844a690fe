# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Compare the scene, looked at through the package's own engine, with fresh drawings."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
from hall import cameras, layout
from hall.bake import Baker
from hall.render import Renderer
from inspatio_ros.contracts import Intrinsics, OBSERVED_SEEN
from inspatio_ros.scene.scene import Scene
import numpy as np

_HEAD = 'pose (x y yaw)          frame  coverage  PSNR dB  PSNR seen  depth err  depth off'


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Return the peak signal to noise ratio of two uint8 arrays, dB."""
    error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return 10.0 * math.log10(255.0 ** 2 / max(error, 1e-9))


def check_world(scene: Scene, renderer: Renderer, baker: Baker, count: int, seed: int,
                keep: Path | None = None, lens: Intrinsics = cameras.ROBOT,
                max_views: int = 4) -> np.ndarray:
    """
    Print how well the scene shows random places.

    Coverage is the share of pixels that some view has seen; depth err the median relative error
    of depth there, depth off the share of them that is more than 5 % wrong.

    :param count: random poses besides the spawn.
    :param keep: folder for the pictures, world above truth.
    :returns: (count + 1, 5) coverage, PSNR, PSNR of what was seen, depth err, depth off.
    """
    from inspatio_ros.engine.world import SceneWorld, WorldSettings
    world = SceneWorld(scene, WorldSettings(max_views=max_views))
    spawn = scene.spawn
    poses = [cameras.Pose(spawn.x, spawn.y, spawn.camera_height, spawn.yaw)]
    poses += cameras.free_poses(layout.build_hall(), count, seed)
    rows = []
    print(_HEAD)
    for n, pose in enumerate(poses):
        frame = (7 * n) % len(scene.frames)
        renderer.place_mover(baker.light_on(layout.MOVER.solid_at(frame)))
        world.reset()
        world.observe(0, pose.T_map_cam, lens)
        seen = world.observe(round((frame + 0.5) / scene.fps * 1e9), pose.T_map_cam, lens)
        rgb, depth = renderer.view(lens, pose.T_map_cam, mover=True, area=True)
        assert seen.rgb is not None and seen.depth is not None and seen.observed is not None
        known = (seen.observed == OBSERVED_SEEN) & np.isfinite(seen.depth)
        off = np.abs(seen.depth[known] - depth[known]) / depth[known]
        rows.append((known.mean(), psnr(seen.rgb, rgb), psnr(seen.rgb[known], rgb[known]),
                     np.median(off), (off > 0.05).mean()))
        print(f'{pose.x:6.2f} {pose.y:6.2f} {math.degrees(pose.yaw):6.0f}     {frame:3d}     '
              '{:7.2%}  {:7.2f}  {:9.2f}  {:8.3%}  {:8.2%}'.format(*rows[-1]))
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(keep / f'check_{n:02d}.png'),
                        np.concatenate([seen.rgb, rgb])[..., ::-1])
    table = np.array(rows)
    print('mean                            {:7.2%}  {:7.2f}  {:9.2f}  {:8.3%}  {:8.2%}'.format(
        *table.mean(axis=0)))
    print('worst                           {:7.2%}  {:7.2f}  {:9.2f}  {:8.3%}  {:8.2%}'.format(
        *table[:, :3].min(axis=0), *table[:, 3:].max(axis=0)))
    world.close()
    return table
