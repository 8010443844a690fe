# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a video file as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TYPE_CHECKING

from inspatio_ros.contracts import U8
from inspatio_ros.scene.images import check_memory, check_size
from inspatio_ros.scene.parallel import Progress
import numpy as np

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

VIDEO_SUFFIXES = ('.mp4', '.mkv', '.mov', '.avi', '.webm', '.m4v')


def read_video(path: Path, count: int, count_of: str, size: tuple[int, int] | None = None,
               size_of: str = '', progress: Progress | None = None) -> tuple[list[U8], float]:
    """
    Decode a whole video that has to have a known number of frames.

    :param path: video file.
    :param count: number of frames that are expected.
    :param count_of: what has this number, for messages.
    :param size: expected (width, height), None for any.
    :param size_of: what has the expected size.
    :param progress: called as progress(frames done, frames in all).
    :returns: `count` pictures (H, W, 3) uint8, and the frames per second of the file.
    :raises ValueError: no video, damaged, stored turned, or another number of frames or size.
    """
    if not path.is_file():
        raise ValueError(f'{path}: there is no such video')
    import av
    frames: list[U8] = []
    try:
        with av.open(str(path)) as container:
            stream = _video_stream(container, path)
            found = (stream.codec_context.width, stream.codec_context.height)
            if size is not None:
                check_size(path, 'video', found, size, size_of)
            check_memory(count * found[0] * found[1], str(path))
            fps = float(stream.average_rate or 0.0)
            for frame in _upright_frames(container.decode(stream), path):
                if len(frames) == count:
                    raise ValueError(f'{path}: has more frames than the {count} {count_of}')
                frames.append(np.ascontiguousarray(frame.to_ndarray(format='rgb24')))
                if progress is not None:
                    progress(len(frames), count)
    except av.error.FFmpegError as error:
        raise ValueError(f'{path}: frame {len(frames)} cannot be decoded: {error}') from error
    if len(frames) != count:
        raise ValueError(f'{path}: has {len(frames)} frames, there are {count} {count_of}')
    return frames, fps


def _video_stream(container: Any, path: Path) -> VideoStream:
    if not container.streams.video:
        raise ValueError(f'{path}: holds no video stream')
    stream: VideoStream = container.streams.video[0]
    stream.thread_type = 'AUTO'
    return stream


def _upright_frames(frames: Iterator[VideoFrame], path: Path) -> Iterator[VideoFrame]:
    for index, frame in enumerate(frames):
        if frame.is_corrupt:
            raise ValueError(f'{path}: frame {index} is damaged')
        # Depth and poses of a turned video may or may not be turned as well.
        if frame.rotation:
            raise ValueError(f'{path}: is stored turned by {frame.rotation} degrees; write it '
                             'upright first (ffmpeg does so by default)')
        yield frame
