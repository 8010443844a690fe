# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write a recording of a made-up room, with the truth beside it."""

from __future__ import annotations

import argparse
from dataclasses import asdict
import json
from pathlib import Path
from typing import Any, TYPE_CHECKING

if TYPE_CHECKING:
    from inspatio_ros.scene.synthetic.procedural import ProceduralClip

SUMMARY = 'seed -> video of a made-up room, with exact depth and poses'

EXAMPLES = """\
examples:
  inspatio synthetic room/ --seed 7
      48 pictures of 512x384: video.mkv for prepare, and the truth for evaluate scene
  inspatio synthetic room/ --seed 7 --moving --frames 24 --size 320x240
      the same room with a box that goes to and fro; moving_N.png says which pixels show it

The folder is also an RGB-D folder (color_N.png, depth_N.png, camera.json, poses.txt), which
prepare reads. The same seed is the same room, whatever the size and the number of pictures.
"""

# Units of the depth pictures per metre: a quarter of a millimetre, up to 16 m.
DEPTH_SCALE = 4000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('out', type=Path, metavar='OUT', help='folder to write')
    parser.add_argument('--seed', type=int, default=0, help='of the room (default: 0)')
    parser.add_argument('--frames', type=int, default=48, help='pictures (default: 48)')
    parser.add_argument('--size', type=_size, default=(512, 384), metavar='WxH',
                        help='of a picture (default: 512x384)')
    parser.add_argument('--fps', type=float, default=12.0, help='pictures per second')
    parser.add_argument('--moving', action='store_true', help='let a box move before the camera')
    parser.add_argument('--json', action='store_true', help='print what was done as one object')


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split('x'))
    except ValueError:
        raise argparse.ArgumentTypeError(f'expected WxH, for example 512x384, got {text!r}')
    return width, height


def run(args: argparse.Namespace) -> int:
    """
    Render and write.

    :raises ValueError: a number out of range, a folder that is not empty.
    :raises OSError: a file that cannot be written.
    """
    from inspatio_ros.cli.output import print_json
    from inspatio_ros.scene.synthetic.procedural import procedural_clip
    if args.seed < 0:
        raise ValueError(f'--seed must be 0 or more, got {args.seed}')
    if args.out.exists() and any(args.out.iterdir()):
        raise ValueError(f'{args.out}: is not empty')
    clip = procedural_clip(args.seed, args.frames, args.size, args.moving, args.fps)
    args.out.mkdir(parents=True, exist_ok=True)
    write_clip(args.out, clip)
    if args.json:
        print_json({'out': str(args.out), 'seed': args.seed, 'frames': len(clip.rgb),
                    'size': args.size, 'moving': args.moving, 'fps': args.fps})
    else:
        print(f'{args.out}: {len(clip.rgb)} pictures of {args.size[0]}x{args.size[1]}, '
              f'seed {args.seed}')
    return 0


def write_clip(folder: Path, clip: ProceduralClip) -> None:
    """Write a clip as a video, as an RGB-D folder and as the truth of `evaluate scene`."""
    import numpy as np
    from inspatio_ros.motion.transforms import quaternion_wxyz
    from inspatio_ros.scene.images import png_bytes
    for number, (rgb, depth, moving) in enumerate(zip(clip.rgb, clip.depth, clip.moving), 1):
        units = np.rint(depth.astype(np.float64) * DEPTH_SCALE)
        coded = np.where(units < 65535, units, 0).astype(np.uint16)
        (folder / f'color_{number}.png').write_bytes(png_bytes(rgb))
        (folder / f'depth_{number}.png').write_bytes(png_bytes(coded))
        if any(mask.any() for mask in clip.moving):
            (folder / f'moving_{number}.png').write_bytes(png_bytes(moving.astype(np.uint8) * 255))
    camera = {**asdict(clip.intrinsics), 'depth_scale': DEPTH_SCALE}
    (folder / 'camera.json').write_text(json.dumps(camera) + '\n')
    _write_rows(folder / 'poses_3x4.txt', [T[:3].ravel() for T in clip.T_world_cam])
    wxyz = [quaternion_wxyz(T) for T in clip.T_world_cam]
    _write_rows(folder / 'poses.txt', [(*T[:3, 3], *q[1:], q[0])
                                       for T, q in zip(clip.T_world_cam, wxyz)])
    _write_video(folder / 'video.mkv', clip)


def _write_rows(path: Path, rows: list[Any]) -> None:
    path.write_text(''.join(' '.join(repr(float(x)) for x in row) + '\n' for row in rows))


def _write_video(path: Path, clip: ProceduralClip) -> None:
    """Write the pictures without any loss."""
    from fractions import Fraction
    import av
    with av.open(str(path), 'w') as container:
        stream: Any = container.add_stream('ffv1', rate=Fraction(clip.fps).limit_denominator(1001))
        stream.width, stream.height = clip.intrinsics.width, clip.intrinsics.height
        stream.pix_fmt = 'bgr0'
        for rgb in clip.rgb:
            frame = av.VideoFrame.from_ndarray(rgb, format='rgb24')
            for packet in stream.encode(frame.reformat(format='bgr0')):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
