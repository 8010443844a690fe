# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A folder that is replaced as a whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import ctypes
import errno
import os
from pathlib import Path
import secrets
import shutil

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextlib.contextmanager
def replaced_folder(target: Path) -> Iterator[Path]:
    """
    Yield an empty folder beside the target; swap it in when the block ends without error.

    Everything is on the disk before the swap. After an error (a full disk, an interrupt) the
    target is as it was and nothing is left beside it.

    :param target: folder to replace or create; its parent must exist.
    :raises OSError: what writing raised.
    """
    fresh = target.parent / f'.{target.name}.saving-{secrets.token_hex(4)}'
    fresh.mkdir()
    try:
        yield fresh
        for folder, _, _ in os.walk(fresh):
            _sync(Path(folder))
        if target.exists():
            exchange(fresh, target)
        else:
            fresh.rename(target)
        _sync(target.parent)
    finally:
        # After the exchange this is the old content.
        if fresh.exists():
            shutil.rmtree(fresh)


def write_synced(path: Path, data: bytes) -> None:
    """
    Write a new file and wait until it is on the disk.

    :param path: must not exist.
    :param data: its content.
    :raises OSError: the disk is full, the file exists, and so on; names the file. What was not
        written whole is not there.
    """
    with naming(path), open(path, 'xb') as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            path.unlink()
            raise


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file in errors: write() and fsync() do not know the name of what they fail on."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_whole(path: Path, data: bytes) -> None:
    """
    Write a file, or another content of one, that is there whole or not at all.

    :raises OSError: see `write_synced`; the file is as it was.
    """
    fresh = path.with_name(f'.{path.name}.{secrets.token_hex(4)}')
    try:
        write_synced(fresh, data)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exchange(one: Path, other: Path) -> None:
    """Swap two folders: atomically where the system can, else by renaming with a way back."""
    libc = ctypes.CDLL(None, use_errno=True)
    renameat2 = getattr(libc, 'renameat2', None)
    if renameat2 is not None:
        if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other),
                     _RENAME_EXCHANGE) == 0:
            return
        code = ctypes.get_errno()
        if code not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise OSError(code, os.strerror(code), str(other))
    exchange_by_renames(one, other)


def exchange_by_renames(one: Path, other: Path) -> None:
    """
    Swap two folders in three renames, undone when one of them fails.

    :param one: first folder.
    :param other: second folder, on the same file system.
    :raises OSError: what the rename raised; both folders are then where they were.
    """
    aside = one.with_name(f'{one.name}-old')
    other.rename(aside)
    try:
        one.rename(other)
    except OSError:
        aside.rename(other)
        raise
    aside.rename(one)
