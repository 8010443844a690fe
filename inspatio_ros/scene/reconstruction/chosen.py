# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The frames of a video that a scene is made of, as pictures in the workplace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import os
from pathlib import Path

from inspatio_ros.contracts import U8
from inspatio_ros.scene.images import png_bytes, read_rgb
from inspatio_ros.scene.parallel import in_parallel, Progress
from inspatio_ros.scene.reconstruction.frame_choice import choose_frames
from inspatio_ros.scene.reconstruction.structure import Structure
from inspatio_ros.scene.reconstruction.video import Footage, read_chosen
import numpy as np

# With gaps in it, a recording has fewer frames than its rate says; from this factor on a clock of
# that rate would show the same over and over, and one of the mean rate is used.
_GAPS = 4.0


@dataclass(frozen=True)
class Chosen:
    """
    Frames of a video, in its order.

    :param numbers: in the video, from 0.
    :param files: their pictures, PNG.
    :param held: for each whether it is kept out of the scene.
    :param size: (width, height) of the pictures, at most that of the video.
    """

    video: Path
    footage: Footage
    numbers: list[int]
    files: list[Path]
    held: list[bool]
    size: tuple[int, int]

    def placed(self, structure: Structure) -> list[int]:
        """Return the positions of those that become views: not held out, and with a pose."""
        return [position for position in structure.found if not self.held[position]]

    def pictures(self, positions: Sequence[int]) -> dict[int, U8]:
        """Read pictures, by their positions."""
        read = in_parallel(lambda it: read_rgb(self.files[it], 'picture', self.size), positions)
        return dict(zip(positions, read, strict=True))

    def name(self, position: int) -> str:
        """Return what the view of a frame is called."""
        return f'frame {self.numbers[position]}'

    @property
    def rate(self) -> float:
        """Return how many of the frames there are in a second."""
        span_s = float(np.ptp(self.footage.stamps_s[self.numbers]))
        mean = (len(self.numbers) - 1) / span_s if span_s > 0.0 else self.footage.fps
        whole = len(self.numbers) == len(self.footage.stamps_s)
        return self.footage.fps if whole and self.footage.fps <= _GAPS * mean else mean


def choose_pictures(video: Path, footage: Footage, most: int, long_side: int,
                    hold_out: int | None, folder: Path, progress: Progress) -> Chosen:
    """
    Choose frames and write those that are not there yet.

    :param most: how many frames at most.
    :param long_side: larger pictures are made this small, pixels.
    :param hold_out: every so many-th of the frames is held out; None: none is.
    :param folder: for the pictures.
    """
    numbers = choose_frames(footage, most)
    scale = min(1.0, long_side / max(footage.size))
    size = (round(footage.size[0] * scale), round(footage.size[1] * scale))
    folder.mkdir(exist_ok=True)
    files = [folder / f'{number:06d}.png' for number in numbers]
    if not all(file.is_file() for file in files):
        for done, (file, rgb) in enumerate(zip(files, read_chosen(video, numbers)), start=1):
            fresh = file.with_suffix('.tmp')
            fresh.write_bytes(png_bytes(resized(rgb, size)))
            os.replace(fresh, file)
            progress(done, len(files))
    held = [hold_out is not None and position % hold_out == hold_out - 1
            for position in range(len(numbers))]
    return Chosen(video, footage, numbers, files, held, size)


def resized(rgb: U8, size: tuple[int, int]) -> U8:
    """
    Make a picture smaller.

    :param size: (width, height).
    """
    if (rgb.shape[1], rgb.shape[0]) == size:
        return rgb
    import cv2
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
