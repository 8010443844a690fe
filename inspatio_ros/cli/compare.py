# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Say whether two recordings are the same: `inspatio compare BAG_A BAG_B`."""

from __future__ import annotations

import argparse
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from inspatio_ros.cli.output import print_json, ProgressBar

if TYPE_CHECKING:
    from inspatio_ros.bags.comparing.report import Report
    from inspatio_ros.contracts import F32, U8

SUMMARY = 'two bags, or a bag and a manifest: the same, exactly or under tolerances?'
EXAMPLES = """\
examples:
  inspatio compare before/ after/                           every stamp and every byte
  inspatio compare before/ after/ --tolerance psnr=40 depth=0.01 pose=0.01 angle=0.1 stamp=0.001
  inspatio compare before/ after/ --tolerance psnr=40 /camera/color/image_raw:psnr=35
  inspatio compare before/ after/ --topics '/camera/*' /odom --ignore /camera/points
  inspatio compare drive/ --golden drive.json --update      write hashes and figures of a bag
  inspatio compare drive/ --golden drive.json               and compare with them later

tolerances (a difference without a tolerance of its kind counts, whatever its size):
  psnr     pictures, raw or compressed: of every frame, at least, dB
  depth    depth pictures: mean relative error where both know depth
  unknown  depth pictures: share of pixels that only one knows
  pose     positions of poses and transforms, metres
  angle    their orientations, degrees
  stamp    stamps of messages and within them, seconds
  value    all other numbers: absolute up to 1, relative above
  missing  share of messages that only one of the two has

Exit code: 0 the same, 1 different, 2 an error.
"""
DIFFERENT = 1
# Times that the difference of two pictures is brightened.
_GAIN = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('bag', type=Path, help='a rosbag2: folder, .mcap or .db3')
    parser.add_argument('other', type=Path, nargs='?', help='the bag to compare it with')
    parser.add_argument('--golden', type=Path, metavar='FILE.json',
                        help='compare with a manifest instead of a bag')
    parser.add_argument('--update', action='store_true', help='write the manifest')
    parser.add_argument('--tolerance', nargs='+', action='extend', default=[],
                        metavar='[TOPIC:]NAME=VALUE', help='what still counts as the same')
    parser.add_argument('--topics', nargs='+', action='extend', default=[], metavar='TOPIC',
                        help='compare these only; * and ? stand for anything')
    parser.add_argument('--ignore', nargs='+', action='extend', default=[], metavar='TOPIC',
                        help='do not compare these')
    parser.add_argument('--contents-only', action='store_true',
                        help='offered QoS and type definitions may differ')
    parser.add_argument('--pictures', type=Path, metavar='DIR',
                        help='write the worst frames side by side into DIR')
    parser.add_argument('--json', action='store_true', help='one JSON object on stdout')


def run(args: argparse.Namespace) -> int:
    """Compare two recordings."""
    from inspatio_ros.bags.comparing.compare import compare_bags, Options
    from inspatio_ros.bags.comparing.golden import compare_with_golden, write_golden
    from inspatio_ros.bags.comparing.tolerances import parse_tolerances

    _check(args)
    options = Options(parse_tolerances(args.tolerance), tuple(args.topics), tuple(args.ignore),
                      args.contents_only, args.pictures is not None)
    with _Bars() as bars:
        if args.golden is None:
            report = compare_bags(args.bag, args.other, options, bars)
        elif args.update:
            topics = write_golden(args.bag, args.golden, options, bars)
        else:
            report = compare_with_golden(args.bag, args.golden, options, bars)
    if args.update:
        print(f'{args.golden}: {len(topics)} topics of {args.bag}')
        return 0
    if args.pictures is not None:
        _write_pictures(report, args.pictures)
    if args.json:
        print_json(report.record())
    else:
        print(report.table())
    return 0 if report.equal else DIFFERENT


def _check(args: argparse.Namespace) -> None:
    if (args.other is None) == (args.golden is None):
        raise ValueError('compare takes two bags, or one bag and --golden FILE.json')
    if args.update and args.golden is None:
        raise ValueError('--update goes with --golden')
    if args.golden is not None and args.pictures is not None:
        raise ValueError('--pictures takes two bags: a manifest holds no pictures')
    if args.update and args.json:
        raise ValueError('--update writes the manifest and compares nothing: leave out --json')


class _Bars:
    """A progress bar for each thing that is done."""

    def __init__(self) -> None:
        self._bar: ProgressBar | None = None
        self._what = ''

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._bar is None or what != self._what:
            if self._bar is not None:
                self._bar.close()
            self._bar, self._what = ProgressBar(what, 'message'), what
        self._bar(done, total)


def _write_pictures(report: Report, folder: Path) -> None:
    """Write the worst pair of each topic, and the difference of the two, side by side."""
    import numpy as np
    from inspatio_ros.scene.images import png_bytes
    folder.mkdir(parents=True, exist_ok=True)
    for name, topic in report.topics.items():
        if topic.pictures is None:
            continue
        one, other = topic.pictures
        if one.shape != other.shape:
            continue
        panels = _depth_panels(one, other) if one.ndim == 2 else _colour_panels(one, other)
        path = folder / f'{name.strip("/").replace("/", "_")}.png'
        path.write_bytes(png_bytes(np.concatenate(panels, axis=1)))


def _colour_panels(one: U8, other: U8) -> list[U8]:
    import numpy as np
    apart = np.abs(one.astype(np.int16) - other)
    return [one, other, np.minimum(_GAIN * apart, 255).astype(np.uint8)]


def _depth_panels(one: F32, other: F32) -> list[U8]:
    import numpy as np
    from inspatio_ros.cli.depth_picture import colour_depth, DepthRange
    span = DepthRange.of([one, other])
    with np.errstate(invalid='ignore'):
        error = np.abs(one - other) / one
    # White is a tenth off, or known to one alone.
    known = np.isfinite(one) & np.isfinite(other)
    same = (np.isnan(one) & np.isnan(other)) | (one == other)
    level = np.where(same, 0.0, np.where(known, np.minimum(error / 0.1, 1.0), 1.0))
    grey = np.repeat(np.rint(255.0 * level).astype(np.uint8)[..., None], 3, axis=2)
    return [colour_depth(one, span), colour_depth(other, span), grey]
