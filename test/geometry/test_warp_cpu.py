# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The warp of the sensor plane."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from inspatio_ros.geometry import warp_cpu
from inspatio_ros.geometry.surface import LOWER, UPPER
from inspatio_ros.geometry.warp_cpu import Camera
import numpy as np
from posed import HEIGHT, K, moved, Posed, WIDTH
import pytest

SIZE = (HEIGHT, WIDTH)


class Warped(NamedTuple):
    rgb: np.ndarray
    disparity: np.ndarray
    owner: np.ndarray


def warp(views: list[Posed], target: Camera, size: tuple[int, int] = SIZE, near_m: float = 0.05,
         bands: int = 1, run=None) -> Warped:
    """Render posed pictures into a target camera."""
    prepared = [warp_cpu.prepare(view.rgb, view.depth) for view in views]
    cameras = [view.camera for view in views]
    extra = {'bands': bands} if run is None else {'bands': bands, 'run': run}
    disparity, owner = warp_cpu.splat_views(prepared, cameras, target, size, near_m, **extra)
    rgb = warp_cpu.gather_views(disparity, owner, prepared, cameras, target, **extra)
    return Warped(rgb, disparity, owner)


def brute_force(view: Posed, target: Camera) -> np.ndarray:
    """Rasterise every joined triangle in float64, pixel by pixel: the slow twin of the splat."""
    source = warp_cpu.prepare(view.rgb, view.depth)
    P = warp_cpu.pixel_transfer(view.camera.K, target.K,
                                warp_cpu.invert_rigid(target.T_world_cam)
                                @ view.camera.T_world_cam)
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    d = source.disparity.astype(float)
    q = np.stack([u, v, np.ones_like(u), d], axis=-1) @ P.T
    x, y, w = q[..., 0] / q[..., 2], q[..., 1] / q[..., 2], d / q[..., 2]
    z = np.zeros(SIZE)
    corners = {UPPER: ((0, 0), (0, 1), (1, 0)), LOWER: ((1, 1), (1, 0), (0, 1))}
    for row in range(HEIGHT - 1):
        for column in range(WIDTH - 1):
            for bit, offsets in corners.items():
                if not source.links[row, column] & bit:
                    continue
                at = [(row + dv, column + du) for dv, du in offsets]
                A = np.array([[x[p] for p in at], [y[p] for p in at], [1.0, 1.0, 1.0]])
                if abs(np.linalg.det(A)) < 1e-12 or min(w[p] for p in at) <= 0.0:
                    continue
                for j in range(max(int(A[1].min()), 0), min(int(A[1].max()) + 1, HEIGHT - 1) + 1):
                    for i in range(max(int(A[0].min()), 0),
                                   min(int(A[0].max()) + 1, WIDTH - 1) + 1):
                        share = np.linalg.solve(A, [i, j, 1.0])
                        if (share >= -warp_cpu.SLACK).all():
                            z[j, i] = max(z[j, i], share @ [w[p] for p in at])
    return z


def test_the_same_camera_sees_the_same_picture(wall: Posed) -> None:
    warped = warp([wall], wall.camera)
    np.testing.assert_array_equal(warped.rgb, wall.rgb)
    np.testing.assert_allclose(1.0 / warped.disparity, wall.depth, rtol=1e-6)


def test_depth_of_a_wall_is_exact_after_any_motion(wall: Posed) -> None:
    target = Camera(K, moved(0.1, -0.05, 0.6, 0.15))
    warped = warp([wall], target)
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(K).T
    normal = target.T_world_cam[:3, :3].T @ [0.0, 0.0, 1.0]
    truth = (2.0 - target.T_world_cam[2, 3]) / (rays @ normal)
    known = warped.disparity > 0.0
    assert known.mean() > 0.6
    np.testing.assert_allclose(1.0 / warped.disparity[known], truth[known], rtol=1e-5)


def test_moving_forward_tears_no_holes(wall: Posed) -> None:
    for ahead in (0.5, 1.0, 1.5, 1.9):
        assert (warp([wall], Camera(K, moved(z=ahead))).disparity > 0.0).all()


def test_nothing_is_stretched_between_object_and_wall(box_before_wall: Posed) -> None:
    warped = warp([box_before_wall], Camera(K, moved(x=0.3)))
    depth = 1.0 / warped.disparity[warped.disparity > 0.0]
    assert np.all((np.abs(depth - 1.0) < 1e-4) | (np.abs(depth - 3.0) < 1e-3))
    colours = {tuple(c) for c in warped.rgb[warped.disparity > 0.0]}
    assert colours == {(0, 200, 0), (220, 0, 0)}  # nor are colours mixed


def test_what_is_in_front_hides_what_is_behind(box_before_wall: Posed) -> None:
    warped = warp([box_before_wall], Camera(K, moved(x=0.1)))
    # The box moves 6 px to the left, the wall 2 px.
    assert abs(1.0 / warped.disparity[24, 16] - 1.0) < 1e-4


def test_the_splat_agrees_with_its_slow_twin(rough: Posed) -> None:
    target = Camera(K, moved(0.15, 0.05, 0.3, 0.1))
    # The twin draws triangles only, so specks are taken out here.
    source = warp_cpu.prepare(rough.rgb, rough.depth)
    joined = source._replace(links=source.links & 3)
    disparity, _ = warp_cpu.splat_views([joined], [rough.camera], target, SIZE)
    truth = brute_force(rough, target)
    close = np.isclose(disparity, truth, rtol=1e-4, atol=1e-7)
    assert close.mean() > 0.998  # rounding decides at the rim of a triangle


def test_thin_things_survive(wall: Posed) -> None:
    depth = wall.depth.copy()
    depth[:, 30] = 1.0  # a wire
    warped = warp([wall._replace(depth=depth)], Camera(K, moved(x=0.05)))
    assert (np.abs(warped.disparity[24] - 1.0) < 1e-4).sum() >= 1


def test_out_of_range_stays_far(rough: Posed) -> None:
    warped = warp([rough], rough.camera)
    depth, _, _ = warp_cpu.read_out(warped.disparity, None, True, False)
    assert np.isposinf(depth[1:5]).mean() > 0.9


@pytest.mark.parametrize('pose', [moved(z=2.5), moved(yaw=np.pi), moved(z=2.0), moved(x=1e6)])
def test_cameras_that_see_nothing_give_an_empty_picture(wall: Posed, pose: np.ndarray) -> None:
    assert (warp([wall], Camera(K, pose)).disparity == 0.0).all()


def test_the_near_plane_cuts_what_is_too_near(wall: Posed) -> None:
    assert (warp([wall], Camera(K, moved(z=1.5)), near_m=0.6).disparity == 0.0).all()
    assert (warp([wall], Camera(K, moved(z=1.5)), near_m=0.4).disparity > 0.0).all()


def test_the_first_view_wins_where_surfaces_agree(wall: Posed) -> None:
    other = wall._replace(rgb=255 - wall.rgb, depth=wall.depth * np.float32(0.99))
    assert (warp([wall, other], wall.camera).owner == 0).all()
    np.testing.assert_array_equal(warp([other, wall], wall.camera).rgb, other.rgb)


def test_the_nearer_surface_wins_where_they_do_not(wall: Posed) -> None:
    near = wall._replace(depth=wall.depth * np.float32(0.5))
    assert (warp([wall, near], wall.camera).owner == 1).all()


def test_views_complete_each_other(wall: Posed) -> None:
    left, right = wall.depth.copy(), wall.depth.copy()
    left[:, 30:] = np.nan
    right[:, :28] = np.nan
    warped = warp([wall._replace(depth=left), wall._replace(depth=right)], wall.camera)
    assert (warped.disparity > 0.0).all()
    np.testing.assert_array_equal(warped.rgb, wall.rgb)


@pytest.mark.parametrize('bands', [2, 3, 7])
def test_bytes_do_not_depend_on_threads(rough: Posed, wall: Posed, bands: int) -> None:
    target = Camera(K, moved(0.1, 0.0, 0.2, 0.1))
    alone = warp([rough, wall], target)
    with ThreadPoolExecutor(bands) as pool:
        def run(pieces) -> None:
            for future in [pool.submit(piece) for piece in pieces]:
                future.result()
        together = warp([rough, wall], target, bands=bands, run=run)
    known = alone.disparity > 0.0
    np.testing.assert_array_equal(alone.disparity, together.disparity)
    np.testing.assert_array_equal(alone.rgb[known], together.rgb[known])


def test_another_size_and_focal_length(wall: Posed) -> None:
    target = Camera(K * [[2.0], [2.0], [1.0]], np.eye(4))
    warped = warp([wall], target, (2 * HEIGHT - 1, 2 * WIDTH - 1))
    assert (warped.disparity > 0.0).all()
    difference = np.abs(warped.rgb[::2, ::2].astype(int) - wall.rgb)
    assert difference.max() <= 1


def test_read_out_says_what_is_unknown() -> None:
    disparity = np.array([[0.5, 0.0, 1e-5]], np.float32)
    depth, seen, unseen = warp_cpu.read_out(disparity, None, True, True)
    assert depth[0, 0] == 2.0 and np.isnan(depth[0, 1]) and np.isposinf(depth[0, 2])
    assert seen.tolist() == [[255, 0, 255]]
    assert unseen == pytest.approx(1.0 / 3.0)
    filled = np.array([[0.5, 0.25, 1e-5]], np.float32)
    depth, seen, _ = warp_cpu.read_out(disparity, filled, True, True)
    assert depth[0, 1] == 4.0 and seen[0, 1] == 0
    assert warp_cpu.read_out(disparity, None, False, False)[:2] == (None, None)


def test_sizes_that_differ_are_refused(wall: Posed) -> None:
    with pytest.raises(ValueError, match=r'colour is \(48, 64\) and depth is \(40, 64\)'):
        warp_cpu.prepare(wall.rgb, wall.depth[:40])


@pytest.mark.parametrize('count', [0, 256])
def test_too_many_or_too_few_views_are_refused(wall: Posed, count: int) -> None:
    prepared = warp_cpu.prepare(wall.rgb, wall.depth)
    with pytest.raises(ValueError, match=f'got {count}'):
        warp_cpu.splat_views([prepared] * count, [wall.camera] * count, wall.camera, SIZE)
