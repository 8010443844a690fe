# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Drive a recording through a scene again: bag in, bag out, without ROS, reproducibly."""

from __future__ import annotations

import argparse
from dataclasses import replace
import logging
import math
from pathlib import Path
import shutil
import time
from typing import Any, TYPE_CHECKING

from inspatio_ros.cli import surroundings, world_parameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from inspatio_ros.bags.reading import Bag
    from inspatio_ros.bags.replaying.motion import Motion
    from inspatio_ros.bags.replaying.replay import Options, Replay, Summary
    from inspatio_ros.bags.writing import BagWriter
    from inspatio_ros.contracts import F64, WorldBackend
    from inspatio_ros.robot.parameters import WorldParameters, WorldRequest

    OpenWorld = Callable[[WorldRequest], WorldBackend]

SUMMARY = 'bag in -> world -> bag out: drive a recording through a scene again, without ROS'

EXAMPLES = """\
examples:
  inspatio replay drive/ out/ --scene my_scene
      cmd_vel, odometry, poses or TF of a bag move the robot; the bag that is written holds what
      the node would have published: color, depth, camera_info, odom, TF, clock, diagnostics
  inspatio replay drive/ out/ --scene my_scene -p image.width:=640 -p rate:=30.0
      parameters of the node (config/world.yaml)
  inspatio replay drive/ left/ --scene my_scene --shift "0 0.5 0 0 0 0"
      the same drive, seen from half a metre further left
  inspatio replay drive/ out/ --scene my_scene --stamps-of /camera/color/image_raw
      look exactly when the recorded camera did, to compare picture by picture

Equal recordings, scenes and parameters make equal bags, byte by byte, on fast and slow machines.
A replay that ends early (Ctrl-C, a full disk, a crash) leaves a bag that is readable up to there.
"""

# A frame waits for a generator as long as it takes: what is shown must not depend on it.
_PATIENCE_S = 7 * 24 * 3600.0

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('bag', type=Path, help='bag to read: folder, .mcap or .db3')
    parser.add_argument('out', type=Path, help='bag to write: folder, or file if it ends in .mcap')
    parser.add_argument('--scene', help='scene folder (default: the bundled hall)')
    parser.add_argument('--motion', choices=('auto', 'twist', 'odometry', 'pose', 'tf'),
                        default='auto', help='what moves the robot (default: the first of these '
                                             'that the bag holds)')
    parser.add_argument('--topic', help='topic of the motion (default: found by name and type)')
    parser.add_argument('--no-initialpose', action='store_true',
                        help='let messages on initialpose not put the robot elsewhere')
    parser.add_argument('--shift', metavar='"X Y Z ROLL PITCH YAW"', type=parse_shift,
                        help='move the camera on the robot: metres along, then radians about the '
                             'axes of the base frame (x forward, y left, z up); it turns on its '
                             'own spot, yaw last')
    parser.add_argument('--start', type=float, default=0.0, metavar='S',
                        help='write from here on; the motion before it counts (default: 0)')
    parser.add_argument('--duration', type=float, default=math.inf, metavar='S',
                        help='write this much (default: to the end)')
    parser.add_argument('--stamps-of', metavar='TOPIC',
                        help='look at the stamps of a topic (default: at the parameter rate)')
    parser.add_argument('--time', choices=('auto', 'log', 'header'), default='auto',
                        help='whose time it is: of the recorder, or of the headers where they '
                             'run on another clock, as in a simulation (default: auto)')
    parser.add_argument('--outputs', metavar='NAMES', default='usual',
                        help='what to write, of color, depth, info, odom, tf, clock, diagnostics '
                             '(default: these), observed, scan, points, compressed (color), '
                             'compressed_depth; or all')
    parser.add_argument('--keep', action='store_true',
                        help='also write the messages that moved the robot')
    parser.add_argument('--compress', choices=('none', 'zstd'), default='none')
    parser.add_argument('--force', action='store_true',
                        help='replace OUT, once the new bag is complete')
    world_parameters.add_arguments(parser)
    parser.add_argument('--json', action='store_true', help='print what was done as one object')


def run(args: argparse.Namespace, opener: OpenWorld | None = None) -> int:
    """
    Replay.

    :param opener: opens the world; that of the scene if None.
    :raises ValueError: a bag, topic, scene, parameter or argument that is wrong.
    :raises OSError: a bag that cannot be written.
    """
    from inspatio_ros.bags.reading import Bag
    from inspatio_ros.bags.replaying.motion import choose_motion
    from inspatio_ros.bags.replaying.replay import Replay
    from inspatio_ros.robot.parameters import request_of
    parameters = asked_parameters(args)
    options = asked_options(args, parameters)
    outputs = parse_outputs(args.outputs)
    check_paths(args.bag, args.out, args.force)
    surroundings.keep_freed_memory()
    with Bag(args.bag) as bag:
        motion = choose_motion(bag, args.motion, args.topic)
        say_motion(bag, motion)
        world = (opener or open_world)(request_of(parameters))
        try:
            replay = Replay(bag, motion, world, parameters, options)
            record = write(replay, args, outputs)
        finally:
            world.close()
    record['motion'] = {'kind': motion.kind, 'topic': motion.topic.name}
    say(record, args.json)
    return 0


def open_world(request: WorldRequest) -> WorldBackend:
    """Open a world whose generator, if it has one, is waited for."""
    from inspatio_ros.cli.world import open_world as open_any
    imagination = replace(request.imagination, lockstep=True)
    return open_any(replace(request, imagination=imagination), wait_s=_PATIENCE_S)


def asked_parameters(args: argparse.Namespace) -> WorldParameters:
    """
    Return the parameters of the robot.

    :raises ValueError: a name or value that is wrong.
    """
    parameters = world_parameters.read_parameters(args)
    return parameters if args.scene is None else replace(parameters, scene=args.scene)


def asked_options(args: argparse.Namespace, parameters: WorldParameters) -> Options:
    """
    Return what is to be replayed.

    :raises ValueError: a time that is wrong.
    """
    from inspatio_ros.bags.replaying.replay import Options
    if not (math.isfinite(args.start) and args.start >= 0.0):
        raise ValueError(f'--start must be 0 s or more, got {args.start!r}')
    if not args.duration > 0.0:
        raise ValueError(f'--duration must be more than 0 s, got {args.duration!r}')
    scene = Path(parameters.scene).name or 'bundled scene'
    return Options(args.start, args.duration, args.time, args.stamps_of, not args.no_initialpose,
                   args.keep, args.shift, scene)


def parse_shift(text: str) -> F64:
    """
    Read "x y z roll pitch yaw".

    :raises argparse.ArgumentTypeError: not six finite numbers.
    """
    from inspatio_ros.motion.transforms import pose_rpy
    try:
        x, y, z, roll, pitch, yaw = map(float, text.replace(',', ' ').split())
        return pose_rpy(x, y, z, roll, pitch, yaw)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'{text!r} is no "x y z roll pitch yaw": six numbers, metres and radians') from None


def parse_outputs(text: str) -> set[str]:
    """
    Return names of outputs.

    :raises ValueError: one that does not exist.
    """
    from inspatio_ros.bags.replaying.recorder import OUTPUTS, USUAL
    if text in ('usual', 'all'):
        return set(USUAL if text == 'usual' else OUTPUTS)
    names = {name.strip() for name in text.split(',')}
    if unknown := sorted(names - set(OUTPUTS)):
        raise ValueError(f'--outputs: no {", ".join(map(repr, unknown))}; there are '
                         f'{", ".join(OUTPUTS)} and all')
    return names


def check_paths(bag: Path, out: Path, force: bool) -> None:
    """
    Check that nothing is read and written at once, before anything is opened.

    :raises ValueError: one lies within the other.
    :raises FileExistsError: there is something already.
    """
    from inspatio_ros.bags.writing import free_path
    source, target = bag.resolve(), out.resolve()
    if source == target or source in target.parents:
        raise ValueError(f'{out} lies in {bag}, which is read: write it somewhere else')
    if target in source.parents and target.exists():
        raise ValueError(f'{bag}, which is read, lies in {out}: write it somewhere else')
    free_path(out, force)


def say_motion(bag: Bag, motion: Motion) -> None:
    """Log what moves the robot."""
    from inspatio_ros.bags.replaying.motion import other_motions
    others = other_motions(bag, motion)
    also = f' (the bag also holds {", ".join(others)}: --motion, --topic)' if others else ''
    _log.info('%s: %d messages of %s move the robot%s', bag.path, motion.topic.count,
              motion.topic.name, also)


def write(replay: Replay, args: argparse.Namespace, outputs: set[str]) -> dict[str, Any]:
    """
    Replay into the bag.

    :returns: what was done, for JSON.
    """
    from inspatio_ros.bags.replaying.recorder import Recorder
    from inspatio_ros.bags.writing import BagWriter
    from inspatio_ros.cli.output import ProgressBar
    begin_s = time.perf_counter()
    bar = ProgressBar('replay', 'frame')
    bag = BagWriter(args.out, compression=args.compress, force=args.force)
    try:
        with bag, Recorder(bag, outputs, replay.parameters, replay.health) as recorder:
            warn_of_full_disk(replay, recorder.frame_bytes(replay.rig), args)
            summary = replay.run(recorder, bar)
    except BaseException:
        if bag.messages:
            _log.warning('%s: ended early; the bag is readable and holds %d messages', bag.path,
                         bag.messages)
        raise
    finally:
        bar.close()
    return record_of(replay, summary, bag, time.perf_counter() - begin_s)


def warn_of_full_disk(replay: Replay, frame_bytes: int, args: argparse.Namespace) -> None:
    """Say so if the disk will hardly hold the bag."""
    needed, free = replay.frames * frame_bytes, shutil.disk_usage(args.out.parent).free
    if args.compress == 'none' and needed > free:
        _log.warning('%s: will be about %.1f GB, but only %.1f GB are free; --compress zstd, '
                     '--duration, --outputs and a smaller image make it smaller', args.out,
                     needed * 1e-9, free * 1e-9)


def record_of(replay: Replay, summary: Summary, bag: BagWriter,
              seconds: float) -> dict[str, Any]:
    """Return what was done."""
    size = sum(file.stat().st_size for file in (
        bag.path.iterdir() if bag.path.is_dir() else (bag.path,)))
    return {'out': str(bag.path), **summary.as_dict(), 'rate_hz': replay.parameters.rate,
            'seconds': seconds, 'speed': summary.span_s / seconds, 'bytes': size,
            'width': replay.intrinsics.width, 'height': replay.intrinsics.height,
            'topics': bag.counts(), 'stages_ms': replay.health.stage_values()}


def say(record: dict[str, Any], as_json: bool) -> None:
    """Print what was done: one object on stdout, or a line on stderr."""
    from inspatio_ros.cli.output import print_json
    for topic, counts in record['inputs'].items():
        if lost := counts['received'] - counts['used']:
            _log.warning('%s: %d of %d messages were dropped (%s)', topic, lost,
                         counts['received'], ', '.join(
                             f'{key.removeprefix("rejected.")} {n}' for key, n in counts.items()
                             if key.startswith('rejected.')))
    for reason, count in record['drops'].items():
        _log.warning('%d ticks without a frame: %s', count, reason)
    if as_json:
        print_json(record)
        return
    _log.info('wrote %s: %d frames of %dx%d over %.1f s in %.1f s (%.2f times real time), %.2f '
              'GB', record['out'], record['frames'], record['width'], record['height'],
              record['span_s'], record['seconds'], record['speed'], record['bytes'] * 1e-9)
