# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Look at a scene along a trajectory, without ROS: a video of colour and depth side by side."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
import logging
import math
from pathlib import Path
import re
import time
from typing import TYPE_CHECKING

from inspatio_ros.cli import surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspatio_ros.cli.depth_picture import DepthRange
    from inspatio_ros.contracts import F64, Intrinsics, WorldBackend
    from inspatio_ros.motion.trajectory import Keyframes
    from inspatio_ros.scene.scene import Scene

    OpenWorld = Callable[[Scene, argparse.Namespace], WorldBackend]

SUMMARY = 'trajectory file -> video of colour and depth side by side, without ROS'

EXAMPLES = """\
examples:
  inspatio render hall orbit orbit.mp4
      the bundled scene along a bundled trajectory (orbit, zoom, look_around)
  inspatio render my_scene path.txt out.mp4 --size 640x480 --hfov 90 --frames 240
      a wider camera, ten seconds at 24 frames per second
  inspatio render my_scene orbit out.mp4 --start spawn
      start where a robot would, not at the first recorded view

A trajectory file holds three lines of keyframes (pitch and yaw in degrees, then the radius or
displacement r in metres), relative to the camera it starts from; or one 4x4 world-to-camera
matrix per frame in the frame of the scene (16 numbers on a line, or 4 lines of 4). `#` begins a
comment.
"""

DEFAULT_FPS = 24.0
BUNDLED_SCENE = 'hall'
# Frames looked at beforehand to choose the colours of depth.
_RANGE_SAMPLES = 9

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """
    What was done; printed by `--json`.

    :param width: of both halves together, pixels.
    :param seconds: spent on rendering and writing.
    :param depth_near_m: depth at the red end of the colours.
    :param mean_unobserved_ratio: share of pixels that nobody has seen.
    """

    out: str
    frames: int
    width: int
    height: int
    fps: float
    seconds: float
    depth_near_m: float
    depth_far_m: float
    mean_unobserved_ratio: float
    max_unobserved_ratio: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('scene', help='scene folder, or hall for the bundled one')
    parser.add_argument('trajectory', help='trajectory file, or the name of a bundled one')
    parser.add_argument('out', type=Path, help='video to write, .mp4')
    parser.add_argument('--size', type=parse_size, metavar='WxH',
                        help='of one half, even numbers (default: that of the first view)')
    parser.add_argument('--fps', type=float,
                        help='frames per second (default: that of a moving scene, else 24)')
    parser.add_argument('--frames', type=int, metavar='N',
                        help='length (default: as the trajectory needs; matrices: all of them)')
    parser.add_argument('--hfov', type=float, metavar='DEG',
                        help='horizontal field of view (default: the camera of the first view)')
    parser.add_argument('--start', choices=('view', 'spawn'), default='view',
                        help='what keyframes are relative to: the first view, or the camera of a '
                             'robot where the scene spawns it (default: view)')
    parser.add_argument('--rotation-only', action='store_true',
                        help='turn on the spot (keyframes)')
    parser.add_argument('--relative-to-source', action='store_true',
                        help='ride along with the camera of a moving scene (keyframes)')
    parser.add_argument('--near', type=float, metavar='M',
                        help='depth at the red end of the colours (default: from the frames)')
    parser.add_argument('--far', type=float, metavar='M', help='depth at the blue end')
    parser.add_argument('--fill-depth', action='store_true',
                        help='also guess depth where nobody has seen anything')
    parser.add_argument('--backend', choices=('auto', 'numba', 'torch'), default='auto')
    parser.add_argument('--threads', type=int, default=0, help='0: all (default)')
    parser.add_argument('--json', action='store_true', help='print what was done as one object')


def run(args: argparse.Namespace, opener: OpenWorld | None = None) -> int:
    """
    Render the video.

    :param opener: makes a world of a scene; `open_world` if None.
    :raises ValueError: an argument, scene or trajectory that is wrong.
    :raises OSError: a file that cannot be read or written.
    """
    from inspatio_ros.cli.mp4 import checked_path
    from inspatio_ros.motion.trajectory_file import read_trajectory
    checked_path(args.out)
    trajectory = read_trajectory(find_trajectory(args.trajectory))
    scene = open_scene(args.scene)
    fps = choose_fps(args.fps, scene)
    cameras = camera_path(trajectory, scene, args, fps)
    intrinsics = choose_intrinsics(scene, args.size, args.hfov)
    world = (opener or open_world)(scene, args)
    try:
        report = film(world, cameras, intrinsics, fps, args)
    finally:
        world.close()
    say(report, args.json)
    return 0


def open_scene(name: str) -> Scene:
    """
    Open a scene folder or whatever can be turned into one; `hall` is the bundled scene.

    :raises ValueError: no scene; the message names file and field.
    """
    from inspatio_ros.cli.output import ProgressBar
    from inspatio_ros.scene.detect import open_scene as open_any
    path = Path(name)
    if name == BUNDLED_SCENE and not path.exists():
        path = surroundings.bundled_scene()
    bar = ProgressBar('open scene')
    try:
        return open_any(path, progress=bar)
    finally:
        bar.close()


def open_world(scene: Scene, args: argparse.Namespace) -> WorldBackend:
    """Open the world that renders a scene."""
    from inspatio_ros.engine.world import SceneWorld, WorldSettings
    return SceneWorld(scene, WorldSettings(backend=args.backend, threads=args.threads,
                                           fill_depth=args.fill_depth))


def find_trajectory(name: str) -> Path:
    """
    Return the file of a trajectory: a path, or the bare name of a bundled one.

    :raises FileNotFoundError: neither; the message lists the bundled ones.
    """
    path = Path(name)
    if path.exists():
        return path
    folder = surroundings.share() / 'config' / 'trajectories'
    bundled = {file.stem: file for file in sorted(folder.glob('*.txt'))}
    if name in bundled:
        return bundled[name]
    raise FileNotFoundError(f'{name}: no such trajectory file; bundled ones are '
                            f'{", ".join(bundled)}')


def parse_size(text: str) -> tuple[int, int]:
    """
    Read WIDTHxHEIGHT.

    :raises argparse.ArgumentTypeError: not two even numbers from 16 to 8192.
    """
    match = re.fullmatch(r'(\d{1,5})[xX](\d{1,5})', text)
    size = (int(match[1]), int(match[2])) if match else (0, 0)
    if not all(16 <= n <= 8192 and n % 2 == 0 for n in size):
        raise argparse.ArgumentTypeError(
            f'{text!r} is no WIDTHxHEIGHT of even numbers from 16 to 8192, e.g. 832x480')
    return size


def choose_fps(wanted: float | None, scene: Scene) -> float:
    """
    Return the frame rate of the video.

    :raises ValueError: a rate outside 0..1000.
    """
    fps = wanted if wanted is not None else scene.fps if scene.frames else DEFAULT_FPS
    if not 0.0 < fps <= 1000.0:
        raise ValueError(f'--fps must lie between 0 and 1000, got {fps!r}')
    return fps


def choose_intrinsics(scene: Scene, size: tuple[int, int] | None,
                      hfov_deg: float | None) -> Intrinsics:
    """
    Return the camera of the video.

    Without a field of view it is that of the scene's first view, as wide; another aspect cuts
    off or adds at the top and bottom and never distorts.

    :raises ValueError: a field of view outside 1..170 degrees.
    """
    from inspatio_ros.contracts import Intrinsics
    first = scene.views_at(0.0)[0].intrinsics
    width, height = size or (first.width - first.width % 2, first.height - first.height % 2)
    if hfov_deg is not None:
        if not 1.0 <= hfov_deg <= 170.0:
            raise ValueError(f'--hfov must lie between 1 and 170 degrees, got {hfov_deg!r}')
        return Intrinsics.from_hfov(width, height, math.radians(hfov_deg))
    s = width / first.width
    return Intrinsics(width, height, first.fx * s, first.fy * s, (first.cx + 0.5) * s - 0.5,
                      (first.cy + 0.5) * s - 0.5 + 0.5 * (height - first.height * s))


def camera_path(trajectory: Keyframes | F64, scene: Scene, args: argparse.Namespace,
                fps: float) -> F64:
    """
    Return the cameras of the video.

    :param trajectory: keyframes, or (M, 4, 4) world-to-camera matrices.
    :returns: (N, 4, 4) float64 T_map_cam.
    :raises ValueError: a number of frames below 1, an option that matrices do not have.
    """
    from inspatio_ros.motion.trajectory import bounce_indices, frame_indices, Keyframes
    from inspatio_ros.motion.transforms import inverse
    if args.frames is not None and args.frames < 1:
        raise ValueError(f'--frames must be >= 1, got {args.frames}')
    if isinstance(trajectory, Keyframes):
        count = args.frames or len(frame_indices(trajectory, max(1, len(scene.frames))))
        return _along_keyframes(trajectory, scene, args, count, fps)
    for option in ('rotation_only', 'relative_to_source'):
        if getattr(args, option):
            raise ValueError(f'--{option.replace("_", "-")} is for keyframes, {args.trajectory} '
                             f'holds matrices')
    cameras = inverse(trajectory)
    return cameras if args.frames is None else cameras[bounce_indices(len(cameras), args.frames)]


def _along_keyframes(keyframes: Keyframes, scene: Scene, args: argparse.Namespace, count: int,
                     fps: float) -> F64:
    """Apply keyframes to the cameras that the scene was recorded with, or to its spawn."""
    from inspatio_ros.motion.trajectory import relative_poses, target_poses
    from inspatio_ros.motion.transforms import inverse, spawn_camera
    import numpy as np
    source = np.array([scene.views_at(i / fps)[0].T_map_cam for i in range(count)])
    # The rule for targets expects a source that begins at the identity.
    relative = relative_poses(keyframes, count, args.rotation_only)
    targets = target_poses(inverse(source[0]) @ source, relative, args.relative_to_source)
    start = source[0] if args.start == 'view' else spawn_camera(scene.spawn)
    return start @ targets


def film(world: WorldBackend, cameras: F64, intrinsics: Intrinsics, fps: float,
         args: argparse.Namespace) -> Report:
    """
    Render all frames and write the video.

    :param cameras: (N, 4, 4) T_map_cam.
    :returns: what was done.
    """
    from inspatio_ros.cli.depth_picture import colour_depth, draw_legend
    from inspatio_ros.cli.mp4 import Mp4Writer
    from inspatio_ros.cli.output import progress
    import numpy as np
    stamps_ns = [round(i * 1e9 / fps) for i in range(len(cameras))]
    span = choose_range(world, stamps_ns, cameras, intrinsics, args)
    unobserved: list[float] = []
    width, height = 2 * intrinsics.width, intrinsics.height
    begin = time.perf_counter()
    with Mp4Writer(args.out, width, height, fps) as video:
        for stamp_ns, T in progress(zip(stamps_ns, cameras), len(cameras), 'render'):
            frame = world.observe(stamp_ns, T, intrinsics)
            assert frame.rgb is not None and frame.depth is not None
            right = colour_depth(frame.depth, span)
            draw_legend(right, span)
            video.write(np.hstack([frame.rgb, right]))
            unobserved.append(frame.unobserved_ratio)
    seconds = time.perf_counter() - begin
    return Report(str(args.out), len(cameras), width, height, fps, seconds, span.near, span.far,
                  float(np.mean(unobserved)), float(np.max(unobserved)))


def choose_range(world: WorldBackend, stamps_ns: list[int], cameras: F64, intrinsics: Intrinsics,
                 args: argparse.Namespace) -> DepthRange:
    """
    Return the depths at the ends of the colours: one range for the whole video, no flicker.

    :raises ValueError: --near and --far that make no range.
    """
    from inspatio_ros.cli.depth_picture import DepthRange
    from inspatio_ros.contracts import Outputs
    import numpy as np
    near, far = args.near, args.far
    if near is None or far is None:
        picked = np.unique(np.linspace(0, len(cameras) - 1, _RANGE_SAMPLES).astype(int))
        frames = [world.observe(stamps_ns[i], cameras[i], intrinsics, Outputs.DEPTH)
                  for i in picked]
        world.reset()
        found = DepthRange.of([frame.depth for frame in frames if frame.depth is not None])
        near = found.near if near is None else near
        far = found.far if far is None else far
    return DepthRange(near, far)


def say(report: Report, as_json: bool) -> None:
    """Print the report: one object on stdout, or a line on stderr."""
    from inspatio_ros.cli.output import print_json
    if as_json:
        print_json(asdict(report))
        return
    _log.info('wrote %s: %d frames of %dx%d at %g/s in %.1f s; nobody has seen %.1f %% of it '
              '(worst frame %.1f %%)', report.out, report.frames, report.width, report.height,
              report.fps, report.seconds, 100.0 * report.mean_unobserved_ratio,
              100.0 * report.max_unobserved_ratio)
