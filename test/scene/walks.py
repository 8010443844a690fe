# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small recordings of made-up rooms, and files of them."""

from pathlib import Path

from foreign_formats import write_camera, write_rows, write_video
from inspatio_ros.scene.reconstruction.structure import Structure
from inspatio_ros.scene.synthetic.procedural import procedural_clip, ProceduralClip
import numpy as np
from PIL import Image

SIZE = (256, 192)
SEED = 5
FRAMES = 10


def walk(frames: int = FRAMES) -> ProceduralClip:
    """Return a recording whose camera is carried through a room."""
    return procedural_clip(SEED, frames, SIZE)


def write_walk(folder: Path, clip: ProceduralClip) -> Path:
    """Write a recording as a video, and what is known of it beside the video."""
    folder.mkdir(exist_ok=True)
    write_video(folder / 'walk.mkv', clip.rgb, fps=round(clip.fps))
    write_camera(folder / 'camera.json', clip.intrinsics)
    write_rows(folder / 'poses.txt', [T[:3].ravel() for T in clip.T_world_cam])
    return folder


def write_pictures(folder: Path, pictures: list[np.ndarray]) -> list[Path]:
    """Write pictures as PNG files in the order of their names."""
    folder.mkdir(exist_ok=True)
    files = [folder / f'{index:06d}.png' for index in range(len(pictures))]
    for file, rgb in zip(files, pictures):
        Image.fromarray(rgb).save(file)
    return files


def true_structure(clip: ProceduralClip, every: int = 16) -> Structure:
    """Return the structure that a perfect reconstruction finds: points of each frame's grid."""
    points, sightings = [], []
    camera = clip.intrinsics
    for index, (depth, T) in enumerate(zip(clip.depth, clip.T_world_cam)):
        v, u = np.mgrid[every // 2:camera.height:every, every // 2:camera.width:every]
        rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(camera.K).T
        seen = (rays * depth[v, u, None]).reshape(-1, 3) @ T[:3, :3].T + T[:3, 3]
        first = sum(map(len, points))
        points.append(seen)
        sightings += [(index, first + k) for k in range(len(seen))]
    return Structure(camera, clip.T_world_cam, np.concatenate(points),
                     np.array(sightings, np.int64), metric=True)
