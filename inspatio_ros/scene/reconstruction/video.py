# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a video file as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TYPE_CHECKING

from inspatio_ros.contracts import F64, U8
from inspatio_ros.scene.images import check_memory, check_size
from inspatio_ros.scene.parallel import Progress
import numpy as np

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

VIDEO_SUFFIXES = ('.mp4', '.mkv', '.mov', '.avi', '.webm', '.m4v')


# Pictures are judged at about this width: less than a pixel there is no blur that matters.
_JUDGED_WIDTH = 320


@dataclass(frozen=True)
class Footage:
    """
    What a look through a whole video tells.

    :param size: (width, height) of every frame.
    :param fps: frames per second, > 0.
    :param stamps_s: (N,) float64 seconds since the recording began, which is where its first
        frame was taken.
    :param sharpness: (N,) float64, the higher the less blurred; to be compared within a video.
    :param change: (N,) float64 mean difference to the frame before, grey levels; 0 for the first.
    """

    size: tuple[int, int]
    fps: float
    stamps_s: F64
    sharpness: F64
    change: F64


def survey_video(path: Path, progress: Progress | None = None) -> Footage:
    """
    Look at every frame of a video without keeping any.

    :param progress: called as progress(frames done, frames in all as far as the file says).
    :raises ValueError: no video, an unknown codec, damaged, stored turned, no frame in it, frames
        of changing size, no frame rate.
    """
    stamps: list[float] = []
    sharpness: list[float] = []
    change: list[float] = []
    before: F64 | None = None
    with _opened_stream(path) as (container, stream):
        fps = float(stream.average_rate or 0.0)
        size = (stream.codec_context.width, stream.codec_context.height)
        for frame in _decoded(container, stream, path):
            _check_steady(path, len(stamps), frame, size)
            grey = _small_grey(frame)
            stamps.append(len(stamps) / fps if frame.time is None else float(frame.time))
            sharpness.append(float(np.var(_edges(grey))))
            change.append(0.0 if before is None else float(np.abs(grey - before).mean()))
            before = grey
            if progress is not None:
                progress(len(stamps), max(stream.frames, len(stamps)))
    if not stamps:
        raise ValueError(f'{path}: holds no frame')
    if not fps > 0.0:
        raise ValueError(f'{path}: does not say its frame rate')
    return Footage(size, fps, np.array(stamps) - stamps[0], np.array(sharpness),
                   np.array(change))


def read_chosen(path: Path, indices: Sequence[int]) -> Iterator[U8]:
    """
    Decode a video and yield some of its frames.

    :param indices: their numbers from 0, increasing.
    :returns: (H, W, 3) uint8 each.
    :raises ValueError: as `survey_video`.
    """
    wanted = set(indices)
    with _opened_stream(path) as (container, stream):
        for index, frame in enumerate(_decoded(container, stream, path)):
            if index in wanted:
                yield np.ascontiguousarray(frame.to_ndarray(format='rgb24'))
            if index == indices[-1]:
                return


@contextlib.contextmanager
def _opened_stream(path: Path) -> Iterator[tuple[Any, VideoStream]]:
    if not path.is_file():
        raise ValueError(f'{path}: there is no such video')
    if path.stat().st_size == 0:
        raise ValueError(f'{path}: is empty')
    import av
    try:
        container = av.open(str(path))
    except av.error.FFmpegError as error:
        raise ValueError(f'{path}: cannot be opened as a video: {error}') from error
    with container:
        yield container, _video_stream(container, path)


def _decoded(container: Any, stream: VideoStream, path: Path) -> Iterator[VideoFrame]:
    """Yield frames; turn what the decoder raises into an error that names the frame."""
    import av
    done = 0
    try:
        for frame in _upright_frames(container.decode(stream), path):
            yield frame
            done += 1
    except av.error.FFmpegError as error:
        raise ValueError(f'{path}: frame {done} cannot be decoded: {error}') from error


def _check_steady(path: Path, index: int, frame: VideoFrame, size: tuple[int, int]) -> None:
    if (frame.width, frame.height) != size:
        raise ValueError(f'{path}: frame {index} is {frame.width}x{frame.height} pixels, the '
                         f'first is {size[0]}x{size[1]}')


def _small_grey(frame: VideoFrame) -> F64:
    width = min(frame.width, _JUDGED_WIDTH)
    height = max(3, round(frame.height * width / frame.width))
    small = frame.reformat(width=width, height=height, format='gray', interpolation='AREA')
    return small.to_ndarray().astype(np.float64)


def _edges(grey: F64) -> F64:
    """Return the Laplacian: strong where a picture is sharp."""
    inner = grey[1:-1, 1:-1]
    edges: F64 = (grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
                  - 4.0 * inner)
    return edges


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
    if stream.codec_context is None:
        raise ValueError(f'{path}: is coded in a way that is not known here')
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
