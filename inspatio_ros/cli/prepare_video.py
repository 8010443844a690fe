# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `inspatio prepare` needs for videos that come without depth or poses."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inspatio_ros.scene.recording import Prepared

EXAMPLES = """\
  inspatio prepare walk.mp4 my_scene --camera-height 1.4
      a video and nothing else: poses, camera and depth are found; the camera was 1.4 m up
"""


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that only videos without depth or poses have."""
    group = parser.add_argument_group('videos', 'what the video does not bring is found')
    group.add_argument('--refine-principal-point', action='store_true',
                       help='look for the centre of the picture too (the camera must have moved '
                            'around much)')
    group.add_argument('--long-side', type=int, metavar='PX', default=960,
                       help='larger pictures are made this small (default: 960)')
    group.add_argument('--scale', type=float, metavar='M',
                       help='metres per unit of the poses; found poses have the length of the '
                            "camera's way as their unit (default: from --camera-height)")


def is_bare_video(args: argparse.Namespace) -> bool:
    """Say whether the input is a video of which something has to be found."""
    from inspatio_ros.scene.video import VIDEO_SUFFIXES
    bare = args.depth is None or args.poses is None or args.intrinsics is None
    return bare and args.input.suffix.lower() in VIDEO_SUFFIXES and not args.input.is_dir()


def import_video(args: argparse.Namespace) -> Prepared:
    """
    Make a scene of the video that somebody named.

    :raises ValueError: what is wrong with it, or with the arguments.
    """
    from inspatio_ros.cli.output import stage
    from inspatio_ros.scene.recording import prepare_video, VideoOptions
    from inspatio_ros.scene.scene import TimeMode
    options = VideoOptions(
        _path(args.poses), args.intrinsics, args.refine_principal_point,
        60 if args.max_views is None else args.max_views, args.long_side, args.hold_out,
        args.scale, args.camera_height, args.fps,
        TimeMode(args.time_mode) if args.time_mode else None)
    return prepare_video(args.input, args.out.resolve(), options, stage)


def _path(argument: object) -> Path | None:
    return None if argument is None else Path(str(argument))
