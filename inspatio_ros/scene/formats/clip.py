# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Video with given depth maps, poses and intrinsics -> scene of frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from inspatio_ros.contracts import F32, F64, Intrinsics, U8
from inspatio_ros.scene.formats.depth_sequence import depth_files, read_foreign_depth
from inspatio_ros.scene.formats.poses import check_count, read_camera_json, read_poses
from inspatio_ros.scene.parallel import in_parallel, Progress
from inspatio_ros.scene.reconstruction.video import read_video
from inspatio_ros.scene.scene import Scene, View


def read_clip(video: Path, depth_folder: Path, poses_file: Path, intrinsics_file: Path,
              progress: Progress | None = None) -> Scene:
    """
    Read a video whose depth and poses were computed elsewhere, in its own world frame.

    :param video: upright video file.
    :param depth_folder: one depth map per frame, in the order of their numbers: uint16 .png with
        the `depth_scale` (units per metre) of the intrinsics file, or float .npy or .npz, metres.
    :param poses_file: one camera-to-world pose per frame (forms of `read_poses`).
    :param intrinsics_file: JSON with width, height, fx, fy, cx, cy and perhaps depth_scale.
    :param progress: called as progress(pictures done, pictures in all).
    :returns: a scene with one view per frame, poses as in the file (see `place_in_map`).
    :raises ValueError: naming the file, the field and both values.
    """
    camera, scale = read_camera_json(intrinsics_file)
    poses = read_poses(poses_file)
    files = depth_files(depth_folder)
    check_count(poses_file, len(poses), len(files), 'poses', f'depth maps in {depth_folder}')
    size = (camera.width, camera.height)
    halves = halved(progress)
    pictures, fps = read_video(video, len(files), f'depth maps in {depth_folder}', size,
                               str(intrinsics_file), halves[0])
    depths = in_parallel(
        lambda path: read_foreign_depth(path, size, str(intrinsics_file), scale), files,
        halves[1])
    return scene_of_frames(video, pictures, depths, [camera] * len(files), poses, fps)


def scene_of_frames(video: Path, pictures: Sequence[U8], depths: Sequence[F32],
                    cameras: Sequence[Intrinsics], poses: F64, fps: float) -> Scene:
    """
    Put the parts of a clip together, one view a frame.

    :param pictures: (H, W, 3) uint8 each.
    :param depths: (H, W) float32 metres each.
    :param poses: (N, 4, 4) camera to world.
    :param fps: frames per second; 0 where the file did not say.
    :raises ValueError: parts that do not fit each other, no frame rate.
    """
    if not fps > 0.0:
        raise ValueError(f'{video}: does not say its frame rate')
    frames = []
    parts = zip(pictures, depths, cameras, poses, strict=True)
    for index, (rgb, depth, camera, T_world_cam) in enumerate(parts):
        frames.append((View(rgb, depth, camera, T_world_cam, f'frame {index}'),))
    return Scene(video.stem, (), tuple(frames), fps, source=f'video {video.name}')


def halved(progress: Progress | None) -> tuple[Progress | None, Progress | None]:
    """Split one progress display between two passes over the same number of pictures."""
    if progress is None:
        return None, None

    def first(done: int, total: int) -> None:
        progress(done, 2 * total)

    def second(done: int, total: int) -> None:
        progress(total + done, 2 * total)

    return first, second
