# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Write pictures as an H.264 mp4 that every player shows."""

from __future__ import annotations

from fractions import Fraction
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from inspatio_ros.contracts import U8

# ITU-R BT.709 in the three tags that a player reads, and limited range.
_BT709 = 1
_LIMITED = 1


class Mp4Writer:
    """
    An mp4 that appears under its name only when it is whole.

    Use it as a context: leaving with an error removes what was written, and a file of that name
    from before stays as it was.

    :param path: where to put it; ends in .mp4.
    :param width: of all pictures, even.
    :param height: of all pictures, even.
    :param fps: pictures per second.
    :raises ValueError: another suffix, an odd size, a rate that is not > 0, no H.264 encoder.
    :raises OSError: a folder that does not exist or cannot be written to.
    """

    def __init__(self, path: Path, width: int, height: int, fps: float) -> None:
        self.path = checked_path(path)
        if width % 2 or height % 2 or width < 2 or height < 2:
            raise ValueError(f'{path}: an mp4 needs even sizes, got {width}x{height}')
        if not 0.0 < fps <= 1000.0:
            raise ValueError(f'{path}: fps must lie between 0 and 1000, got {fps!r}')
        self._size = (height, width, 3)
        self._partial = path.with_name(f'.{path.name}.{os.getpid()}.partial')
        self._container, self._stream = self._open(fps)

    def _open(self, fps: float) -> tuple[Any, Any]:
        import av
        try:
            av.Codec('libx264', 'w')
        except ValueError:
            raise ValueError('this PyAV has no libx264; install the av wheel of PyPI') from None
        container = av.open(str(self._partial), 'w', format='mp4',
                            options={'movflags': 'faststart'})
        rate = Fraction(fps).limit_denominator(1001)
        stream: Any = container.add_stream('libx264', rate=rate)
        stream.height, stream.width = self._size[:2]
        stream.pix_fmt = 'yuv420p'
        stream.options = {'crf': '18', 'preset': 'faster'}
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = _BT709
        context.color_range = _LIMITED
        return container, stream

    def write(self, rgb: U8) -> None:
        """
        Append a picture.

        :param rgb: (H, W, 3) uint8.
        """
        import av
        if rgb.shape != self._size:
            raise ValueError(f'{self.path}: picture of shape {rgb.shape} in a video of '
                             f'{self._size}')
        frame = av.VideoFrame.from_ndarray(rgb, format='rgb24')
        frame = frame.reformat(format='yuv420p', dst_colorspace='itu709')
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def __enter__(self) -> Mp4Writer:
        """Return the writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Put the file in its place, or remove it after an error."""
        try:
            if kind is None:
                for packet in self._stream.encode():
                    self._container.mux(packet)
            self._container.close()
            if kind is None:
                os.replace(self._partial, self.path)
        finally:
            self._partial.unlink(missing_ok=True)


def checked_path(path: Path) -> Path:
    """
    Check early that a video can be put there.

    :raises ValueError: another suffix than .mp4.
    :raises OSError: no such folder, or a folder of that name.
    """
    if path.suffix.lower() != '.mp4':
        raise ValueError(f'{path}: the video must end in .mp4')
    if path.is_dir():
        raise IsADirectoryError(f'{path}: is a folder')
    if not path.parent.is_dir():
        raise FileNotFoundError(f'{path}: the folder {path.parent} does not exist')
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f'{path}: the folder {path.parent} cannot be written to')
    return path
