# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Names of cameras and robots: they become part of names of topics, frames and parameters."""

from __future__ import annotations

from collections.abc import Sequence
import re

# The camera that is described by the parameters without a name before them.
CAMERA = 'camera'
# A robot that needs no name, because it is the only one.
ALONE = ''

_NAME = re.compile(r'[A-Za-z][A-Za-z0-9_]*')


def why_not_cameras(names: Sequence[str]) -> str:
    """Return why cameras cannot be called so, or nothing."""
    if not names or '' in names:
        return f"must name at least one camera, as ['{CAMERA}'], and none that is empty"
    return _why_not(names, 'camera')


def why_not_robots(names: Sequence[str]) -> str:
    """Return why robots cannot be called so, or nothing; [''] is one robot without a name."""
    if list(names) == [ALONE]:
        return ''
    if not names or '' in names:
        return "must be [''] for one robot without a name, or a name for each robot"
    return _why_not(names, 'robot')


def why_not_together(cameras: Sequence[str], robots: Sequence[str]) -> str:
    """Return why robots and cameras cannot be called so at the same time, or nothing."""
    # Parameters without a name before them are about CAMERA: a robot of that name has no table.
    both = sorted({CAMERA, *cameras} & set(robots))
    if both:
        return f'robots: {both[0]!r} is the name of a camera, too: rename one of them'
    return ''


def prefix_of(robot: str) -> str:
    """Return what names of topics and frames of a robot begin with."""
    return f'{robot}/' if robot else ''


def _why_not(names: Sequence[str], what: str) -> str:
    for name in names:
        if not _NAME.fullmatch(name):
            return (f'{name!r} is no ROS name: a {what} is called by letters, digits and _, a '
                    f'letter first')
        if names.count(name) > 1:
            return f'{name!r} is there twice: give each {what} a name of its own'
    return ''
