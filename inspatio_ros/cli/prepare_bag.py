# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `inspatio prepare` needs for bags: its options, and how cv_bridge decodes where it is."""

from __future__ import annotations

import argparse
import importlib.util
from typing import Any, TYPE_CHECKING

from inspatio_ros.robot import distro

if TYPE_CHECKING:
    from inspatio_ros.bags.scenes.images import Converter
    from inspatio_ros.bags.scenes.options import BagOptions, ImportedBag

# Names of the arguments that mean nothing for other inputs.
_BAGS_ALONE = ('color', 'info', 'depth_info', 'right', 'right_info', 'max_offset', 'max_gap',
               'from_s', 'to_s', 'keyframe_step', 'keyframe_turn', 'match_exposure')

EXAMPLES = """\
  inspatio prepare recording_bag/ my_scene
      a rosbag2 (mcap or sqlite3): topics are guessed, poses come from TF
  inspatio prepare drive.mcap my_scene --color /cam/rgb --depth /cam/depth --poses tf:odom
      the same, told what to use; --poses /odom takes odometry, /pose:base_link poses of a frame
"""


def add_bag_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that bags alone have; `--depth`, `--poses` name topics there."""
    group = parser.add_argument_group('bags', 'topics are guessed where they are not named')
    group.add_argument('--color', metavar='TOPIC', help='colour pictures (left ones of a pair)')
    group.add_argument('--info', metavar='TOPIC', help='CameraInfo of the colour pictures')
    group.add_argument('--depth-info', metavar='TOPIC', help='CameraInfo of the depth')
    group.add_argument('--right', metavar='TOPIC', help='right pictures of a stereo pair')
    group.add_argument('--right-info', metavar='TOPIC', help='CameraInfo of the right pictures')
    group.add_argument('--max-offset', type=float, metavar='S',
                       help='between colour and its depth (default: 0.02)')
    group.add_argument('--max-gap', type=float, metavar='S',
                       help='between poses that are interpolated (default: 1)')
    group.add_argument('--from', type=float, metavar='S', dest='from_s',
                       help='leave out what was recorded before')
    group.add_argument('--to', type=float, metavar='S', dest='to_s',
                       help='leave out what was recorded after')
    group.add_argument('--keyframe-step', type=float, metavar='M',
                       help='motion after which a picture becomes a view (default: 0.2)')
    group.add_argument('--keyframe-turn', type=float, metavar='DEG',
                       help='turn after which it does (default: 15)')
    group.add_argument('--max-views', type=int, metavar='N',
                       help='at most, also of a video (default: 60)')
    group.add_argument('--match-exposure', action='store_true',
                       help='make the views equally bright')


def import_bag(args: argparse.Namespace) -> ImportedBag:
    """
    Read the bag that somebody named.

    :raises ValueError: what is wrong with it, or with the arguments.
    """
    from inspatio_ros.bags.scenes.importer import read_bag
    from inspatio_ros.cli.output import stage
    for name in ('fps', 'time_mode'):
        if getattr(args, name) is not None:
            raise ValueError(f'{args.input}: is a bag, which becomes static views; '
                             f'--{name.replace("_", "-")} is for videos')
    return read_bag(args.input, _options(args), stage)


def refuse_bag_arguments(args: argparse.Namespace) -> None:
    """
    Refuse what an input that is no bag would ignore.

    :raises ValueError: naming the option.
    """
    for name in _BAGS_ALONE:
        if getattr(args, name) not in (None, False):
            option = name.removesuffix('_s').replace('_', '-')
            raise ValueError(f'{args.input}: is no bag; --{option} is for bags')


def _options(args: argparse.Namespace) -> BagOptions:
    from inspatio_ros.bags.choice import Wish
    from inspatio_ros.bags.scenes.keyframes import Motion
    from inspatio_ros.bags.scenes.options import BagOptions, OF_COLOUR_ALONE, OF_DEPTH
    from inspatio_ros.cli.prepare_video import named_network
    from inspatio_ros.scene.formats.poses import read_camera_json
    from inspatio_ros.scene.reconstruction.recording import VideoOptions
    network = named_network(args)
    wish = Wish(args.color, None if network else _text(args.depth), args.info, args.depth_info,
                args.right, args.right_info, _text(args.poses))
    motion = Motion(**_given(step_m=args.keyframe_step, turn_deg=args.keyframe_turn,
                             most=args.max_views))
    return BagOptions(
        wish, motion, from_s=args.from_s, to_s=args.to_s, match_exposure=args.match_exposure,
        camera_height_m=args.camera_height, convert=cv_bridge_converter(),
        out=args.out.resolve(), video=VideoOptions(
            refine_principal_point=args.refine_principal_point, scale=args.scale,
            network=network, model=args.model, still=args.moving == 'none',
            **_given(long_side=args.long_side)),
        named=frozenset(name for name in (*OF_DEPTH, *OF_COLOUR_ALONE)
                        if getattr(args, name.replace('-', '_')) not in (None, False)),
        **_given(max_offset_s=args.max_offset, max_gap_s=args.max_gap,
                 hold_out=args.hold_out,
                 camera=read_camera_json(args.intrinsics)[0] if args.intrinsics else None))


def _text(argument: object) -> str | None:
    return None if argument is None else str(argument)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def cv_bridge_converter() -> Converter | None:
    """Return what a distro decodes pictures with; None where there is no distro."""
    if not distro.is_sourced() or importlib.util.find_spec('cv_bridge') is None:
        return None
    from cv_bridge import CvBridge
    convert: Converter = CvBridge().imgmsg_to_cv2
    return convert
