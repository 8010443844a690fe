# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `inspatio prepare` needs for videos that come without depth or poses."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspatio_ros.scene.preparation import Preparation
    from inspatio_ros.scene.reconstruction.recording import Prepared

# What `--depth` takes besides a folder: libraries that see depth in single pictures.
NETWORKS = ('da3', 'transformers')

EXAMPLES = """\
  inspatio prepare walk.mp4 my_scene --camera-height 1.4
      a video and nothing else: poses, camera and depth are found; the camera was 1.4 m up
  inspatio prepare still.mp4 my_scene --depth da3 --model weights/ --intrinsics camera.json
      depth from a network: for a camera that stands still, or walls that show nothing
"""


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that only videos without depth or poses have."""
    group = parser.add_argument_group('videos', 'what the video does not bring is found')
    group.add_argument('--model', type=Path, metavar='DIR',
                       help='weights for --depth da3 or --depth transformers')
    group.add_argument('--refine-principal-point', action='store_true',
                       help='look for the centre of the picture too (the camera must have moved '
                            'around much)')
    group.add_argument('--long-side', type=int, metavar='PX',
                       help='larger pictures are made this small (default: 960)')
    group.add_argument('--scale', type=float, metavar='M',
                       help='metres per unit of the poses; found poses have the length of the '
                            "camera's way as their unit (default: from --camera-height)")
    group.add_argument('--moving', choices=('auto', 'none'),
                       help='auto: what moves is found and shown at its own time only; none: '
                            'nothing moves, every picture shows the place (default: auto)')


def is_bare_video(args: argparse.Namespace) -> bool:
    """Say whether the input is a video of which something has to be found."""
    from inspatio_ros.scene.reconstruction.video import VIDEO_SUFFIXES
    everything = None not in (args.depth, args.poses, args.intrinsics) and not named_network(args)
    return args.input.suffix.lower() in VIDEO_SUFFIXES and not (args.input.is_dir() or everything)


def import_video(args: argparse.Namespace) -> Prepared:
    """
    Make a scene of the video that somebody named.

    :raises ValueError: what is wrong with it, or with the arguments.
    :raises ImportError: the library of `--depth` is not there.
    """
    from inspatio_ros.cli.output import stage
    from inspatio_ros.scene.reconstruction.recording import prepare_video, VideoOptions
    from inspatio_ros.scene.scene import TimeMode
    network = named_network(args)
    more = {name: value for name, value in (('frames', args.max_views),
                                            ('long_side', args.long_side)) if value is not None}
    options = VideoOptions(
        args.poses, args.intrinsics, args.refine_principal_point, hold_out=args.hold_out,
        scale=args.scale, camera_height_m=args.camera_height, fps=args.fps,
        time_mode=TimeMode(args.time_mode) if args.time_mode else None,
        depth=None if network else args.depth, network=network, model=args.model,
        still=args.moving == 'none', **more)
    return prepare_video(args.input, args.out.resolve(), options, stage)


def video_notes(preparation: Preparation) -> tuple[str, ...]:
    """Say in words what was found in a video."""
    numbers = preparation.numbers
    notes = [f'{numbers["registered"]} of {numbers["chosen"]} frames placed by '
             f'{numbers["points"]} points, focal length {numbers["camera"]["fx"]:.1f} pixels; '
             f'{numbers["measured_share"]:.0%} of the pixels measured, the rest completed']
    if numbers['scale_guessed']:
        notes.append(f'the scale is a guess, from {numbers["scale_from"]}: --scale or '
                     '--camera-height sets it')
    return tuple(notes)


def refuse_video_arguments(args: argparse.Namespace) -> None:
    """
    Refuse what an input that brings everything would ignore.

    :raises ValueError: naming the option.
    """
    for name in ('hold_out', 'scale', 'refine_principal_point', 'model', 'moving',
                 'max_views', 'long_side'):
        if getattr(args, name) not in (None, False):
            raise ValueError(f'{args.input}: brings depth and poses; --{name.replace("_", "-")} '
                             'is for videos and bags')


def named_network(args: argparse.Namespace) -> str | None:
    """
    Return the library that `--depth` names, if it names one.

    :raises ValueError: weights for none.
    """
    network = str(args.depth) if str(args.depth) in NETWORKS else None
    if args.model is not None and network is None:
        raise ValueError(f'--model {args.model} is for --depth {" or ".join(NETWORKS)}')
    return network
