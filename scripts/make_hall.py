#!/usr/bin/env python3
# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Make the bundled scene: a rendered hall of 12 x 8 m with racks, pillars, a doorway, a moving box.

Needs the package's own requirements (numpy, numba, opencv, pillow, tqdm) and, to draw, MuJoCo and
an off-screen OpenGL; says what to install if one is missing. Takes some minutes on two cores. The
same machine makes the same bytes every time.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import math
from pathlib import Path
import sys

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'scripts')]

from hall import bake, cameras, layout  # noqa: E402
from hall.check import check_world  # noqa: E402
from hall.render import import_mujoco, Renderer  # noqa: E402
from inspatio_ros.contracts import F32, Intrinsics, Spawn, U8  # noqa: E402
from inspatio_ros.scene.format import load_scene, save_scene  # noqa: E402
from inspatio_ros.scene.scene import Scene, TimeMode, View  # noqa: E402
import numpy as np  # noqa: E402
from tqdm import tqdm  # noqa: E402

SPAWN = Spawn(x=-5.0, y=-1.95, z=0.0, yaw=0.0, camera_height=cameras.ROBOT_HEIGHT)
# Around the way of the moving box; high enough to see its top.
MOVER_CAMERAS = tuple(
    cameras.Pose(x, y, 0.85, math.atan2(-1.95 - y, 1.1 - x), 0.14)
    for x, y in ((-1.35, -0.85), (-1.5, -2.75), (3.4, -0.85), (2.95, -2.9)))
MOVER_LENS = Intrinsics.from_hfov(576, 432, math.radians(66.0))
MAX_MIB = 6.0


class Steps:
    """One progress bar after the other, on stderr."""

    def __init__(self) -> None:
        """Start without a bar."""
        self._bar: tqdm | None = None

    def __call__(self, what: str, share: float) -> None:
        """Show how much of something is done, 0..1."""
        if self._bar is None or self._bar.desc != what:
            self.close()
            self._bar = tqdm(total=100, desc=what, bar_format='{desc:24}{bar}{n:4.0f} % {elapsed}')
            self._bar.desc = what
        self._bar.update(100 * share - self._bar.n)

    def close(self) -> None:
        """Finish the bar that is shown."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def whole_millimetres(depth: F32) -> F32:
    """Return depth as the scene's 16-bit PNG will give it back; too far is out of range."""
    rounded = (np.rint(depth * 1000.0) * np.float64(0.001)).astype(np.float32)
    return np.where(depth > 60.0, np.float32(np.inf), rounded).astype(np.float32)


def static_view(renderer: Renderer, pose: cameras.Pose, name: str) -> View:
    """Return a picture of the hall without its moving box."""
    rgb, depth = renderer.view(cameras.STATIC, pose.T_map_cam)
    return View(rgb, whole_millimetres(depth), cameras.STATIC, pose.T_map_cam, name)


def crop(rgb: U8, depth: F32, lens: Intrinsics, pose: cameras.Pose, name: str) -> View | None:
    """Return the part of a picture that has depth, as a view of its own; None if there is none."""
    rows, columns = (np.flatnonzero(np.isfinite(depth).any(axis=axis)) for axis in (1, 0))
    if len(rows) < 8 or len(columns) < 8:
        return None
    part = np.s_[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    small = np.ascontiguousarray(depth[part])
    # Where there is no box JPEG may do as it likes; the mean spares it ringing at the rim.
    colour = rgb[part].copy()
    colour[~np.isfinite(small)] = colour[np.isfinite(small)].mean(axis=0).astype(np.uint8)
    camera = Intrinsics(small.shape[1], small.shape[0], lens.fx, lens.fy,
                        lens.cx - float(columns[0]), lens.cy - float(rows[0]))
    return View(colour, whole_millimetres(small), camera, pose.T_map_cam, name)


def mover_frame(baker: bake.Baker, renderer: Renderer, frame: int) -> tuple[View, ...]:
    """Return what the cameras around the moving box see of it at one instant."""
    renderer.place_mover(baker.light_on(layout.MOVER.solid_at(frame)))
    views = []
    for i, pose in enumerate(MOVER_CAMERAS):
        rgb, depth = renderer.mover_view(MOVER_LENS, pose.T_map_cam, finer=3)
        view = crop(rgb, depth, MOVER_LENS, pose, f'box_{i}')
        if view is not None:
            views.append(view)
    return tuple(views)


def make_scene(views: int, rays: int, seed: int,
               steps: Steps) -> tuple[Scene, Renderer, bake.Baker]:
    """
    Light and draw the hall.

    :param views: static pictures.
    :param rays: per point of the light maps.
    :param seed: of the poses that pictures are chosen for.
    :returns: the scene, and what can draw it from anywhere else.
    """
    solids = layout.build_hall()
    first = (cameras.Pose(SPAWN.x, SPAWN.y, SPAWN.camera_height, SPAWN.yaw),)
    poses, share = cameras.choose(solids, views, seed, first, progress=steps)
    baker = bake.Baker(solids, rays, steps)
    lit = [face for face, seen in zip(baker.lit, baker.seen, strict=True) if seen]
    pictures = []
    for i, face in enumerate(lit):
        pictures.append(baker.picture(face))
        steps('painting', (i + 1) / len(lit))
    renderer = Renderer(lit, pictures, baker.light_on(layout.MOVER.solid_at(0)))
    static = []
    for i, pose in enumerate(poses):
        static.append(static_view(renderer, pose, f'hall_{i:02d}'))
        steps('static views', (i + 1) / len(poses))
    frames = []
    for i in range(layout.MOVER.frames):
        frames.append(mover_frame(baker, renderer, i))
        steps('moving box', (i + 1) / layout.MOVER.frames)
    steps.close()
    print(f'{len(static)} views; the best four of a place show {100 * share:.1f} % of what a '
          'robot sees there',
          file=sys.stderr)
    scene = Scene('hall', tuple(static), tuple(frames), layout.MOVER.fps, TimeMode.BOUNCE, SPAWN,
                  licence='Apache-2.0', source='Rendered by scripts/make_hall.py of inspatio_ros')
    return scene, renderer, baker


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').strip(),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=ROOT / 'scenes' / 'hall',
                        help='scene folder to write [scenes/hall]')
    parser.add_argument('--views', type=int, default=24, help='static pictures [24]')
    parser.add_argument('--rays', type=int, default=256,
                        help='rays per point of the light maps; fewer is grainier [256]')
    parser.add_argument('--seed', type=int, default=1,
                        help='of the poses that pictures are chosen for [1]')
    parser.add_argument('--quality', type=int, default=90, help='of the JPEG pictures [90]')
    parser.add_argument('--check', type=int, default=0, metavar='N',
                        help='afterwards compare N random views of the world with fresh drawings')
    parser.add_argument('--pictures', type=Path, metavar='DIR',
                        help='with --check: where to keep both pictures of every pose')
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the scene."""
    options = parse(arguments)
    import_mujoco()  # fails early
    options.out.parent.mkdir(parents=True, exist_ok=True)
    scene, renderer, baker = make_scene(options.views, options.rays, options.seed, Steps())
    save_scene(scene, options.out, jpeg_quality=options.quality)
    size = sum(path.stat().st_size for path in options.out.rglob('*')) / 2 ** 20
    print(f'{options.out}: {size:.2f} MiB', file=sys.stderr)
    if options.check:
        check_world(load_scene(options.out), renderer, baker, options.check, options.seed + 1,
                    options.pictures)
    renderer.close()
    return 0 if size <= MAX_MIB else 1


if __name__ == '__main__':
    sys.exit(main())
