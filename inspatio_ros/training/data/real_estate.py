# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
RealEstate10K: a text file for each clip, with the address of a video and a camera per line.

    https://www.youtube.com/watch?v=VIDEO
    timestamp_us fx fy cx cy 0 0 r11 r12 r13 t1 r21 r22 r23 t2 r31 r32 r33 t3

Focal lengths and principal point are shares of width and height, the matrix is world to camera.
The videos do not come with it: they lie beside the text files as VIDEO.mp4, or cut as CLIP.mp4,
and the depth of each line's frame as a map in CLIP.depth/. Nothing moves in them, so that the
same place at another time is what another camera sees.
"""

from __future__ import annotations

from pathlib import Path
import re

from inspatio_ros.contracts import F64
from inspatio_ros.motion.transforms import inverse
from inspatio_ros.scene.reconstruction.video import survey_video
from inspatio_ros.training.data.recording import (
    as_record, depth_of, fitted, frames_of, refusing, rigid, video_beside)
from inspatio_ros.training.data.writing import RefusedError
import numpy as np
from torch import Tensor

_COLUMNS = 19
_US = 1e-6
# Share of a clip's length that the second camera is ahead of the first.
_AHEAD = 0.5


def clips(folder: Path) -> list[Path]:
    """
    Return the camera files of a folder.

    :raises ValueError: there is none.
    """
    found = sorted(folder.rglob('*.txt'))
    if not found:
        raise ValueError(f'{folder}: holds no camera files (CLIP.txt)')
    return found


def read_cameras(path: Path) -> tuple[str, F64, F64, F64]:
    """
    Read a camera file.

    :returns: name of the video; (N,) seconds; (N, 4) shares fx, fy, cx, cy; (N, 4, 4) camera to
        world.
    :raises RefusedError: no lines, or lines of another form.
    """
    address, *lines = path.read_text(encoding='utf-8').split('\n')
    rows = [line.split() for line in lines if line.strip()]
    if not rows:
        raise RefusedError('the poses are missing: no line behind the address')
    try:
        values = np.array([[float(word) for word in row] for row in rows])
    except ValueError as error:
        raise RefusedError(f'a line is not {_COLUMNS} numbers: {error}') from None
    if values.ndim != 2 or values.shape[1] != _COLUMNS:
        raise RefusedError(f'lines have {values.shape[-1]} numbers, not {_COLUMNS}')
    w2c = np.tile(np.eye(4), (len(values), 1, 1))
    w2c[:, :3] = values[:, 7:].reshape(-1, 3, 4)
    video = re.search(r'(?:v=|youtu\.be/)([\w-]+)', address)
    return (video[1] if video else path.stem, values[:, 0] * _US, values[:, 1:5],
            inverse(rigid(w2c, path.name)))


def read_clip(path: Path, frames: int, size: tuple[int, int],
              ) -> tuple[dict[str, Tensor], dict[str, str]]:
    """
    Make a record of a clip.

    :param frames: of each of its two cameras, which are the same one at different times.
    :param size: (width, height).
    :raises RefusedError: video, depth or poses are missing or too few.
    """
    with refusing():
        name, time_s, shares, poses = read_cameras(path)
        ahead = max(1, round(_AHEAD * frames))
        if len(poses) < frames + ahead:
            raise RefusedError(f'has {len(poses)} frames, {frames + ahead} are needed')
        video = video_beside(path.parent, path.stem, name)
        stamps = survey_video(video).stamps_s
        # A video that was cut begins with the first line's frame.
        offset = time_s[0] - stamps[0] if video.stem == path.stem else 0.0
        numbers = [int(np.abs(stamps - (t - offset)).argmin()) for t in time_s[:frames + ahead]]
        if len(set(numbers)) < len(numbers):
            raise RefusedError(f'{video.name}: is too short or has fewer frames per second than '
                               'the camera file')
        pictures = frames_of(video, numbers)
        height, width = pictures[0].shape[:2]
        fx, fy, cx, cy = shares[0] * (width, height, width, height)
        K = np.array([[fx, 0.0, cx - 0.5], [0.0, fy, cy - 0.5], [0.0, 0.0, 1.0]])
        depth = depth_of(path.with_suffix('.depth'), list(range(frames + ahead)),
                         (width, height))
        cameras = [fitted(pictures[k:k + frames], depth[k:k + frames], K, poses[k:k + frames],
                          size) for k in (0, ahead)]
        fps = (frames - 1) / max(time_s[frames - 1] - time_s[0], _US) if frames > 1 else 30.0
        return as_record(cameras, float(fps), f'RealEstate10K {path.stem}')
