# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Turn a recording into a scene folder that the world node can drive through."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, replace
import math
from pathlib import Path
from typing import TYPE_CHECKING

from inspatio_ros.cli.prepare_bag import (add_bag_arguments, EXAMPLES as BAG_EXAMPLES,
                                          refuse_bag_arguments)
from inspatio_ros.cli.prepare_video import (add_video_arguments, EXAMPLES as VIDEO_EXAMPLES,
                                            is_bare_video, refuse_video_arguments,
                                            video_notes)

if TYPE_CHECKING:
    from inspatio_ros.scene.align import Placement
    from inspatio_ros.scene.preparation import Preparation
    from inspatio_ros.scene.reconstruction.workplace import Workplace
    from inspatio_ros.scene.scene import Scene

SUMMARY = 'video, bag, RGB-D folder or foreign scene -> scene folder'

EXAMPLES = f"""\
examples:
{VIDEO_EXAMPLES}\
  inspatio prepare recording/ my_scene
      an RGB-D folder: color_N.png, depth_N.png, camera.json, poses.txt
  inspatio prepare clip.mp4 my_scene --depth depth/ --poses poses.txt --intrinsics camera.json
      a video; one depth map (16-bit png, npy or npz) and one camera-to-world pose per frame
{BAG_EXAMPLES}\
  inspatio prepare recording/ my_scene --force --camera-height 0.4
      replace the scene; the camera stood 0.4 m over the floor

Folders of Depth-Anything-3 and v1.5 scene folders are recognised too. The scene is levelled: up
and the floor are found in the depth maps. docs/scene_format.md describes all formats.
"""

# One page to look at before driving, in the scene folder.
PREVIEW = 'preview.png'
# TimeMode, without importing it to print --help.
_TIME_MODES = ('once', 'loop', 'bounce', 'freeze')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('input', type=Path, help='folder or video; its kind is recognised')
    parser.add_argument('out', type=Path, metavar='OUT_SCENE', help='scene folder to write')
    parser.add_argument('--depth', type=Path, metavar='DIR|da3|transformers',
                        help='depth maps of a video or of pictures, one each: 16-bit png, or npy '
                             'or npz in metres; or the library that sees depth with the weights '
                             'of --model; topic of a bag (default: measured in the video)')
    parser.add_argument('--poses', type=Path, metavar='FILE',
                        help='camera-to-world poses of a video, one a line: 3x4 or 4x4 matrix, or '
                             '[stamp] tx ty tz qx qy qz qw; of a bag tf:FRAME or TOPIC[:FRAME]')
    parser.add_argument('--intrinsics', type=Path, metavar='FILE',
                        help='JSON of a video: width height fx fy cx cy, and depth_scale (units '
                             'per metre) for png depth')
    parser.add_argument('--camera-height', type=float, metavar='M',
                        help='of the first camera over the floor (default: measured)')
    parser.add_argument('--fps', type=float, help='frames per second (default: of the video)')
    parser.add_argument('--time-mode', choices=_TIME_MODES,
                        help='when the frames are over (default: loop)')
    parser.add_argument('--name', help='of the scene (default: that of the input)')
    parser.add_argument('--licence', help='under which the pictures may be used')
    parser.add_argument('--jpeg-quality', type=int, metavar='1..100',
                        help='store colour with loss (default: png, without)')
    parser.add_argument('--force', action='store_true', help='replace a scene that is there')
    parser.add_argument('--json', action='store_true', help='print what was done as one object')
    parser.add_argument('--hold-out', type=int, metavar='N',
                        help='keep every N-th picture out of the scene, to judge it by')
    add_video_arguments(parser)
    add_bag_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """
    Convert, level, save.

    :raises ValueError: an input or argument that is wrong; names file and field.
    :raises OSError: a file that cannot be read or written.
    """
    from inspatio_ros.cli.output import stage
    from inspatio_ros.cli.preview import draw_preview
    from inspatio_ros.scene.format import save_scene
    from inspatio_ros.scene.preparation import FILE, save_preparation
    check_out(args.out, args.force)
    if args.jpeg_quality is not None and not 1 <= args.jpeg_quality <= 100:
        raise ValueError(f'jpeg_quality must lie between 1 and 100, got {args.jpeg_quality}')
    made = _made(args)
    scene = named(made.scene, args.name, args.licence)
    # That of the scene which was there before must at no time lie beside the new one.
    (args.out / FILE).unlink(missing_ok=True)
    with stage('write') as progress:
        save_scene(scene, args.out, args.jpeg_quality, progress)
    if made.preparation is not None:
        save_preparation(args.out, made.preparation)
    with stage('preview'):
        draw_preview(scene, made.preparation, args.out / PREVIEW)
    if made.work is not None:
        made.work.remove()
    if made.notes and not args.json:
        print('\n'.join(made.notes))
    say(args.out, replace(made, scene=scene), args.json)
    return 0


@dataclass(frozen=True)
class Made:
    """
    What became of an input.

    :param kind: name of the kind of input.
    :param placement: how its world was put into `map`; None if it was there already.
    :param preparation: what the scene was made of, where that is recorded.
    :param notes: what to tell besides.
    :param work: what to remove when the scene is saved.
    """

    scene: Scene
    kind: str
    placement: Placement | None = None
    preparation: Preparation | None = None
    notes: tuple[str, ...] = ()
    work: Workplace | None = None


def _made(args: argparse.Namespace) -> Made:
    """Make a scene of whatever the input is."""
    from inspatio_ros.scene.detect import is_bag
    if is_bag(args.input):
        return _from_bag(args)
    refuse_bag_arguments(args)
    return _from_video(args) if is_bare_video(args) else _from_files(args)


def _from_bag(args: argparse.Namespace) -> Made:
    from inspatio_ros.cli.prepare_bag import import_bag
    imported = import_bag(args)
    return Made(imported.scene, 'bag', None, imported.preparation,
                (imported.table, *imported.notes), imported.work)


def _from_video(args: argparse.Namespace) -> Made:
    from inspatio_ros.cli.prepare_video import import_video
    prepared = import_video(args)
    return Made(prepared.scene, 'video', prepared.placement, prepared.preparation,
                (*video_notes(prepared.preparation), *prepared.notes), prepared.work)


def _from_files(args: argparse.Namespace) -> Made:
    """Read an input that brings everything."""
    refuse_video_arguments(args)
    from inspatio_ros.cli.output import stage
    from inspatio_ros.scene.detect import ImportOptions, open_input
    from inspatio_ros.scene.format import is_scene_folder
    from inspatio_ros.scene.preparation import load_preparation
    from inspatio_ros.scene.scene import TimeMode
    options = ImportOptions(args.depth, args.poses, args.intrinsics, args.camera_height, args.fps,
                            TimeMode(args.time_mode) if args.time_mode else None)
    with stage('read') as progress:
        opened = open_input(args.input, options, progress)
    for name in ('fps', 'time_mode'):
        if getattr(args, name) is not None and not opened.scene.frames:
            raise ValueError(f'{args.input}: holds static views ({opened.kind}); '
                             f'--{name.replace("_", "-")} is for what goes on in time')
    made_of = load_preparation(args.input) if is_scene_folder(args.input) else None
    return Made(opened.scene, opened.kind, opened.placement, made_of)


def check_out(out: Path, force: bool) -> None:
    """
    Refuse to overwrite before any work is done.

    :param force: replace a scene that is there.
    :raises ValueError: the place holds something else, or a scene and `force` is not set.
    """
    from inspatio_ros.scene.format import check_target, is_scene_folder
    check_target(out.resolve())
    if is_scene_folder(out) and not force:
        raise ValueError(f'{out}: holds a scene already; --force replaces it')


def named(scene: Scene, name: str | None, licence: str | None) -> Scene:
    """Return the scene with what the user said of it."""
    return replace(scene, name=scene.name if name is None else name,
                   licence=scene.licence if licence is None else licence)


def say(out: Path, made: Made, as_json: bool) -> None:
    """Print what was read, how it was placed and what was written."""
    from inspatio_ros.cli.output import print_json
    scene, placement = made.scene, made.placement
    sizes = sorted({(view.intrinsics.width, view.intrinsics.height)
                    for view in scene.all_views()})
    size_bytes = sum(path.stat().st_size for path in out.rglob('*') if path.is_file())
    if as_json:
        print_json({'scene': str(out), 'preview': str(out / PREVIEW), 'name': scene.name,
                    'kind': made.kind,
                    'views': len(scene.views), 'frames': len(scene.frames), 'sizes': sizes,
                    'fps': scene.fps, 'time_mode': scene.time_mode.value, 'bytes': size_bytes,
                    'spawn': asdict(scene.spawn),
                    'up_found': placement.up_found if placement else None,
                    'floor_height_m': placement.floor_height_m if placement else None,
                    'notes': made.notes,
                    'numbers': made.preparation.numbers if made.preparation else None})
        return
    # What moves is cut out: its size says nothing.
    shown = ', '.join(sorted({f'{view.intrinsics.width}x{view.intrinsics.height}'
                              for view in scene.views or scene.all_views()}))
    frames = (f', {len(scene.frames)} frames at {scene.fps:g} Hz ({scene.time_mode.value})'
              if scene.frames else '')
    print(f'{out}: scene {scene.name!r} from {made.kind}: {len(scene.views)} static views'
          f'{frames}, {shown}, {size_bytes / 1e6:.1f} MB')
    if placement:
        print(placement.summary())
    pitch_deg = math.degrees(scene.spawn.camera_pitch)
    print(f'spawn: camera {scene.spawn.camera_height:.2f} m over the floor, looking '
          f'{abs(pitch_deg):.1f} degrees {"up" if pitch_deg < 0.0 else "down"}')
    print(f'look at it: {out / PREVIEW}')
