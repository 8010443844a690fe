# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Disks that are full at the right moment."""

from collections.abc import Iterator
import contextlib
from pathlib import Path
import resource
import subprocess

import pytest


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the kernel refuse longer files, as it does when a disk or a quota is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def mounted_disk(folder: Path, size: str) -> Iterator[Path]:
    """
    Mount a disk.

    :param folder: is created.
    :param size: as mount has it: 256k, 8m.
    """
    folder.mkdir()
    mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', str(folder)],
                             capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip('this user may not mount a tmpfs')
    try:
        yield folder
    finally:
        subprocess.run(['umount', str(folder)], check=True)
