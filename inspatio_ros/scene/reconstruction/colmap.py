# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Structure from motion by pycolmap: pictures in, cameras and points out.

Everything runs on the CPU with fixed seeds and on one thread, for several number, match and add up
in the order in which they end: the same pictures give the same bytes. pycolmap counts pixels from
the corner of the picture, this package from the centre of the first pixel: half a pixel lies
between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import shutil
from typing import Any

from inspatio_ros.contracts import F64, Intrinsics
from inspatio_ros.motion.transforms import inverse
from inspatio_ros.scene.parallel import Progress
from inspatio_ros.scene.reconstruction.structure import median_ray_angle_deg, Structure
import numpy as np

_SEED = 0
# Finding features, matching and mapping all depend on the order of their threads: with two, about
# one matching in eight found other pairs.
_THREADS = 1
_CAMERA = 1
_FEATURES = 4096
# Pictures whose features are found between two calls of `progress`.
_AT_ONCE = 8
# Neighbours in time that each picture is matched with, besides those 16, 32, ... away.
_OVERLAP = 10
# Matches move by less than this share of the width: the camera stood still.
_RESTING = 0.003
# Matches that two pictures must have for their motion to be judged at all.
_MIN_MATCHES = 30
# With less than this, depth would be noise.
_MIN_RAY_ANGLE_DEG = 1.0
# The rays to a point in the two pictures that a model begins with.
_MIN_FIRST_ANGLE_DEG = 4.0
# A model of fewer pictures explains nothing: they fit anything.
_MIN_MODEL = 8
# The share of the pictures that have to hang together.
_MIN_SHARE = 0.5


@dataclass(frozen=True)
class Given:
    """
    What is known before.

    :param intrinsics: the camera; None to find one with square pixels.
    :param T_world_cam: (N, 4, 4) camera to world; None to find them.
    :param refine_principal_point: look for it too, instead of taking the middle of the picture.
    """

    intrinsics: Intrinsics | None = None
    T_world_cam: F64 | None = None
    refine_principal_point: bool = False


def first_guess(size: tuple[int, int]) -> Intrinsics:
    """
    Return the camera of a phone: where the search begins.

    :param size: (width, height), pixels.
    """
    focal = 1.2 * max(size)
    return Intrinsics(*size, focal, focal, 0.5 * (size[0] - 1), 0.5 * (size[1] - 1))


class StandsStillError(ValueError):
    """The camera did not move: pictures alone cannot tell how far things are."""


def recover_structure(pictures: Sequence[Path], size: tuple[int, int], given: Given, work: Path,
                      progress: Progress | None = None) -> Structure:
    """
    Find cameras and points.

    :param pictures: PNG files of one folder in the order of the recording.
    :param size: (width, height) of all of them.
    :param work: folder for the database; emptied first.
    :param progress: called as progress(steps done, steps in all): a step for each picture
        whose features were found, a step for each that was placed.
    :returns: the structure; found poses have the length of the camera's way as their unit.
    :raises StandsStillError: a camera that did not move.
    :raises ValueError: too little texture or motion, or parts that do not hang together.
    """
    import pycolmap
    pycolmap.logging.minloglevel = pycolmap.logging.Level.FATAL.value
    pycolmap.set_random_seed(_SEED)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    database = work / 'database.db'
    steps = _Steps(len(pictures), progress)
    _find_features(database, pictures, _camera(size, given.intrinsics), steps)
    _match(database)
    _refuse_rest(database, size[0], len(pictures), given)
    if given.T_world_cam is None:
        model = _map(database, pictures[0].parent, work, given, steps)
    else:
        model = _triangulate(database, pictures, work, given, steps)
    structure = _structure_of(model, [path.name for path in pictures], given)
    _refuse_unsure(structure, given)
    return structure if structure.metric else _unit_way(structure)


class _Steps:
    """Counts the pictures of both passes for one bar."""

    def __init__(self, pictures: int, progress: Progress | None) -> None:
        self.pictures, self._progress, self._done = pictures, progress, 0

    def add(self, count: int = 1) -> None:
        # Pictures of a model that is given up are counted again.
        self._done = min(self._done + count, 2 * self.pictures)
        if self._progress is not None:
            self._progress(self._done, 2 * self.pictures)


def _camera(size: tuple[int, int], intrinsics: Intrinsics | None) -> Any:
    import pycolmap
    width, height = size
    if intrinsics is None:
        return pycolmap.Camera.create_from_model_id(
            _CAMERA, pycolmap.CameraModelId.SIMPLE_PINHOLE, first_guess(size).fx, width, height)
    return pycolmap.Camera(
        camera_id=_CAMERA, model=pycolmap.CameraModelId.PINHOLE, width=width, height=height,
        params=[intrinsics.fx, intrinsics.fy, intrinsics.cx + 0.5, intrinsics.cy + 0.5],
        has_prior_focal_length=True)


def _find_features(database: Path, pictures: Sequence[Path], camera: Any, steps: _Steps) -> None:
    import pycolmap
    with pycolmap.Database.open(database) as opened:
        opened.write_camera(camera, use_camera_id=True)
        rig = pycolmap.Rig(rig_id=_CAMERA)
        rig.add_ref_sensor(camera.sensor_id)
        opened.write_rig(rig, use_rig_id=True)
    reader = pycolmap.ImageReaderOptions(existing_camera_id=_CAMERA)
    options = pycolmap.FeatureExtractionOptions(num_threads=_THREADS, use_gpu=False)
    options.sift.max_num_features = _FEATURES
    for start in range(0, len(pictures), _AT_ONCE):
        names = [path.name for path in pictures[start:start + _AT_ONCE]]
        pycolmap.extract_features(database, pictures[0].parent, names, reader_options=reader,
                                  extraction_options=options, device=pycolmap.Device.cpu)
        steps.add(len(names))


def _match(database: Path) -> None:
    import pycolmap
    options = pycolmap.FeatureMatchingOptions(num_threads=_THREADS, use_gpu=False)
    pairing = pycolmap.SequentialPairingOptions(overlap=_OVERLAP, quadratic_overlap=True)
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = _SEED
    pycolmap.match_sequential(database, options, pairing, verification,
                              device=pycolmap.Device.cpu)


def _refuse_rest(database: Path, width: int, count: int, given: Given) -> None:
    """Refuse pictures that show nothing to hold on to, and a camera that stands still."""
    import pycolmap
    moved = []
    with pycolmap.Database.open(database) as opened:
        keypoints: dict[int, Any] = {}
        for pair, geometry in zip(*opened.read_two_view_geometries(), strict=True):
            matches = geometry.inlier_matches
            if len(matches) < _MIN_MATCHES:
                continue
            ends = []
            for number, column in zip(pycolmap.pair_id_to_image_pair(pair), (0, 1), strict=True):
                if number not in keypoints:
                    keypoints[number] = opened.read_keypoints(number)[:, :2]
                ends.append(keypoints[number][matches[:, column]])
            moved.append(float(np.median(np.linalg.norm(ends[0] - ends[1], axis=1))))
    if not moved:
        raise ValueError(f'0 of {count} frames could be placed: no two of them share '
                         f'{_MIN_MATCHES} points; there is too little texture or light, or too '
                         f'much blur. {_advice(given)}')
    if max(moved) < _RESTING * width:
        raise StandsStillError(
            f'0 of {count} frames could be placed: the camera stands still, and from one place '
            f'nobody can tell how far things are. {_advice(given)}')


def _advice(given: Given) -> str:
    if given.T_world_cam is None:
        return ('Record while walking around, or give depth (--depth DIR, or --depth da3 or '
                'transformers with --model DIR)')
    return 'Give depth (--depth DIR, or --depth da3 or transformers with --model DIR)'


def _map(database: Path, folder: Path, work: Path, given: Given, steps: _Steps) -> Any:
    """Place picture after picture; return the largest model that came out."""
    import pycolmap
    options = pycolmap.IncrementalPipelineOptions(
        num_threads=_THREADS, random_seed=_SEED, multiple_models=True, max_num_models=3,
        min_model_size=min(_MIN_MODEL, steps.pictures), extract_colors=False,
        ba_refine_extra_params=False, ba_refine_focal_length=given.intrinsics is None)
    options.mapper.num_threads = _THREADS
    options.mapper.random_seed = _SEED
    # Robots look where they go: two pictures that begin a model may lie one behind the other.
    options.mapper.init_max_forward_motion = 1.0
    options.mapper.init_min_tri_angle = _MIN_FIRST_ANGLE_DEG
    options.triangulation.random_seed = _SEED
    options.mapper.abs_pose_refine_focal_length = given.intrinsics is None
    out = work / 'models'
    out.mkdir()
    models = pycolmap.incremental_mapping(database, folder, out, options,
                                          next_image_callback=steps.add)
    if not models:
        with pycolmap.Database.open(database) as opened:
            count = opened.num_images()
        raise ValueError(f'0 of {count} frames could be placed: there is too little motion from '
                         f'place to place, or too little texture. {_advice(given)}, or --poses')
    model = max(models.values(), key=lambda it: it.num_reg_images())
    if given.refine_principal_point:
        adjust = pycolmap.BundleAdjustmentOptions(
            refine_principal_point=True, refine_extra_params=False, print_summary=False,
            refine_focal_length=given.intrinsics is None)
        adjust.ceres.solver_options.num_threads = _THREADS
        pycolmap.bundle_adjustment(model, adjust)
    return model


def _triangulate(database: Path, pictures: Sequence[Path], work: Path, given: Given,
                 steps: _Steps) -> Any:
    """Find the points that cameras of known poses see."""
    import pycolmap
    assert given.T_world_cam is not None
    model = pycolmap.Reconstruction()
    with pycolmap.Database.open(database) as opened:
        model.add_camera_with_trivial_rig(opened.read_camera(_CAMERA))
        images = {it.name: it.image_id for it in opened.read_all_images()}
    for path, T_cam_world in zip(pictures, inverse(given.T_world_cam), strict=True):
        image = pycolmap.Image(name=path.name, camera_id=_CAMERA, image_id=images[path.name])
        model.add_image_with_trivial_frame(image, pycolmap.Rigid3d(T_cam_world[:3]))
        steps.add()
    options = pycolmap.IncrementalPipelineOptions(num_threads=_THREADS, random_seed=_SEED,
                                                  extract_colors=False)
    options.triangulation.random_seed = _SEED
    out = work / 'models'
    out.mkdir()
    return pycolmap.triangulate_points(model, database, pictures[0].parent, out, options=options)


def _structure_of(model: Any, names: list[str], given: Given) -> Structure:
    """Bring a model of pycolmap into the terms of this package."""
    poses = np.full((len(names), 4, 4), np.nan)
    points = {number: index for index, number in enumerate(sorted(model.points3D))}
    sightings = []
    for image in model.images.values():
        if not image.has_pose:
            continue
        picture = names.index(image.name)
        T_cam_world = np.eye(4)
        T_cam_world[:3] = image.cam_from_world().matrix()
        poses[picture] = inverse(T_cam_world)
        shown = {points[it.point3D_id] for it in image.points2D if it.has_point3D()}
        sightings += [(picture, point) for point in shown]
    camera = model.camera(_CAMERA)
    K = camera.calibration_matrix()
    intrinsics = given.intrinsics or Intrinsics(
        camera.width, camera.height, float(K[0, 0]), float(K[1, 1]), float(K[0, 2] - 0.5),
        float(K[1, 2] - 0.5))
    places = np.array([model.points3D[number].xyz for number in points]).reshape(-1, 3)
    return Structure(intrinsics, poses, places,
                     np.array(sorted(sightings), np.int64).reshape(-1, 2),
                     metric=given.T_world_cam is not None)


def _refuse_unsure(structure: Structure, given: Given) -> None:
    """Refuse what depth cannot be built upon."""
    found, count = len(structure.found), len(structure.T_world_cam)
    angle_deg = median_ray_angle_deg(structure)
    if angle_deg < _MIN_RAY_ANGLE_DEG:
        raise ValueError(
            f'{found} of {count} frames were placed, but the camera hardly moved: the rays to a '
            f'point turn by {angle_deg:.2f} degrees, at least {_MIN_RAY_ANGLE_DEG:g} are needed. '
            f'{_advice(given)}')
    if found < _MIN_SHARE * count:
        raise ValueError(
            f'{found} of {count} frames were placed, the others have too little in common with '
            f'them. Give the part of the recording that hangs together, or --poses')


def _unit_way(structure: Structure) -> Structure:
    """Make the length of the camera's way the unit of the world."""
    places = structure.T_world_cam[structure.found, :3, 3]
    way = float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
    return structure.scaled(1.0 / way, metric=False)
