# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What processes of this package need around ROS: where files are, DDS, memory, how to end.

Files are in the source tree, or installed in share/.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
import signal
import subprocess
import sys

from inspatio_ros.robot import distro

PACKAGE = 'inspatio_ros'

# <malloc.h>
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def share() -> Path:
    """
    Return the folder that holds config, launch and scenes.

    :raises FileNotFoundError: none of the places has it; the message lists them.
    """
    source = Path(__file__).resolve().parents[2]
    tried = [source] if (source / 'package.xml').is_file() else []
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    tried += [Path(p) / 'share' / PACKAGE for p in (*prefixes, sys.prefix) if p]
    for folder in tried:
        if (folder / 'config' / 'world.yaml').is_file():
            return folder
    raise FileNotFoundError(f'config/world.yaml of {PACKAGE} is in none of '
                            f'{", ".join(map(str, tried))}')


def default_parameters() -> Path:
    """Return the parameter file that ships with the package."""
    return share() / 'config' / 'world.yaml'


def bundled_scene() -> Path:
    """Return the scene that ships with the package."""
    return share() / 'scenes' / 'hall'


def use_fastdds_profile() -> None:
    """Give Fast DDS shared memory that fits images, unless the user has a profile already."""
    variables = distro.fastdds_profile_variables()
    if not any(name in os.environ for name in variables):
        local = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE') == 'LOCALHOST'
        name = 'fastdds_localhost.xml' if local else 'fastdds.xml'
        os.environ[variables[0]] = str(share() / 'config' / name)


def keep_freed_memory() -> None:
    """
    Let the allocator keep the buffers of images that were freed for those that come next.

    By default glibc hands them back and takes them again page by page: 2.5 ms per image in a
    subscriber. And it gives each thread a heap of its own: a process that opens one scene after
    the other, in threads, then keeps holes in all of them, 40 MB more for every scene. Does
    nothing where there is no glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 256 << 20)
        mallopt(_M_ARENA_MAX, 1)


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Ask a node that runs as a process to end, as Ctrl-C does; kill it after five seconds."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=5.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
