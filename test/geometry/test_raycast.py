# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The ray caster against a slow twin that marches, and against planes that are known."""

from inspatio_ros.geometry import raycast
from inspatio_ros.geometry.raycast import Atlas, BALL, BOX, CYLINDER, NOTHING, ROOM, Solids
import numpy as np
from posed import moved
import pytest

SIZE = (24, 32)
K = np.array([[30.0, 0.0, 15.2], [0.0, 31.0, 11.6], [0.0, 0.0, 1.0]])


def turned(x: float, y: float, z: float, seed: int) -> np.ndarray:
    """Return a pose of any rotation."""
    T = np.eye(4)
    T[:3, :3] = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0]
    T[:3, :3] *= np.sign(np.linalg.det(T[:3, :3]))
    T[:3, 3] = x, y, z
    return T


def solids(*bodies: tuple[int, tuple[float, float, float], np.ndarray]) -> Solids:
    return Solids(np.array([shape for shape, _, _ in bodies], np.uint8),
                  np.array([half for _, half, _ in bodies]),
                  np.array([T for _, _, T in bodies]),
                  np.zeros((len(bodies), raycast.FACES), np.int32))


def grey() -> Atlas:
    return raycast.build_atlas([np.full((16, 16, 3), 90, np.uint8)])


FURNISHED = solids((ROOM, (2.0, 1.5, 3.0), turned(0.1, 0.0, 1.0, 1)),
                   (BOX, (0.3, 0.2, 0.4), turned(0.4, 0.1, 1.9, 2)),
                   (BALL, (0.35, 0.35, 0.35), turned(-0.6, 0.2, 1.8, 3)),
                   (CYLINDER, (0.2, 0.2, 0.5), turned(-0.1, -0.3, 1.6, 4)))


def signed_distance(points: np.ndarray, shape: int, half: np.ndarray) -> np.ndarray:
    """Return metres to the surface of a solid, negative in its material."""
    if shape == BALL:
        return np.linalg.norm(points, axis=-1) - half[0]
    if shape == CYLINDER:
        return np.maximum(np.hypot(points[..., 0], points[..., 1]) - half[0],
                          np.abs(points[..., 2]) - half[2])
    beyond = np.abs(points) - half
    outer = np.linalg.norm(np.maximum(beyond, 0.0), axis=-1)
    box = outer + np.minimum(beyond.max(axis=-1), 0.0)
    return -box if shape == ROOM else box


def marched(bodies: Solids, T_world_cam: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Walk along every ray by the distance to what is nearest: depth and index of what is hit."""
    v, u = np.mgrid[0:SIZE[0], 0:SIZE[1]].astype(np.float64)
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(K).T
    long = np.linalg.norm(rays, axis=-1)
    depth = np.zeros(SIZE)
    for _ in range(600):
        world = (rays * depth[..., None]) @ T_world_cam[:3, :3].T + T_world_cam[:3, 3]
        near = np.stack([
            signed_distance((world - T[:3, 3]) @ T[:3, :3], shape, half)
            for shape, half, T in zip(bodies.shape, bodies.half_m, bodies.T_world_body)])
        depth += near.min(axis=0) / long
    return depth, near.argmin(axis=0)


@pytest.mark.parametrize('T', [moved(), moved(0.3, -0.2, 0.1, yaw=0.3), turned(0.0, 0.1, 0.4, 9)])
def test_depth_is_that_of_a_slow_march(T: np.ndarray) -> None:
    _, depth, owner = raycast.cast(FURNISHED, grey(), K, T, SIZE)
    expected, index = marched(FURNISHED, T)
    # Near a silhouette a march creeps; there it may end early.
    done = np.abs(depth - expected) < 1e-6 * depth
    assert done.mean() > 0.97
    assert (owner[done] == index[done]).mean() > 0.99
    assert len(np.unique(index)) >= 2


def test_a_wall_at_an_angle_is_a_plane_in_inverse_depth() -> None:
    room = solids((ROOM, (9.0, 9.0, 4.0), moved(yaw=0.2)))
    _, depth, _ = raycast.cast(room, grey(), K, moved(), SIZE)
    inverse = 1.0 / depth.astype(np.float64)
    normal = np.array([np.sin(0.2), 0.0, np.cos(0.2)])
    v, u = np.mgrid[0:SIZE[0], 0:SIZE[1]]
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(K).T
    np.testing.assert_allclose(inverse, rays @ normal / 4.0, rtol=1e-6)


def test_where_nothing_is_depth_is_infinite_and_colour_black() -> None:
    box = solids((BOX, (0.5, 0.5, 0.5), moved(z=3.0)))
    rgb, depth, owner = raycast.cast(box, grey(), K, moved(), SIZE)
    nothing = owner == NOTHING
    assert 0.5 < nothing.mean() < 1.0
    assert np.isposinf(depth[nothing]).all() and np.isfinite(depth[~nothing]).all()
    assert (rgb[0, 0] == 0).all()
    assert (depth[~nothing] == 2.5).all()


def test_a_solid_behind_the_camera_or_around_it_is_not_seen() -> None:
    behind = solids((BOX, (0.5, 0.5, 0.5), moved(z=-3.0)), (BALL, (0.7, 0.7, 0.7), moved()),
                    (CYLINDER, (0.7, 0.7, 0.7), moved()))
    _, _, owner = raycast.cast(behind, grey(), K, moved(), SIZE)
    assert (owner == NOTHING).all()


def test_a_picture_on_a_face_stands_upright_and_is_not_mirrored() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32, :32, 0] = 200   # red is upper left
    picture[32:, 32:, 1] = 200   # green is lower right
    atlas = raycast.build_atlas([picture])
    # World z is up; the camera looks along y.
    T = np.eye(4)
    T[:3, :3] = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    ahead = np.eye(4)
    ahead[:3, 3] = 0.0, 3.0, 0.0
    for shape, half, pose in ((BOX, (1.0, 1.0, 1.0), ahead), (ROOM, (2.0, 2.0, 2.0), np.eye(4))):
        rgb, _, _ = raycast.cast(solids((shape, half, pose)), atlas, K, T, SIZE)
        assert rgb[8, 12, 0] > 150 and rgb[8, 18].max() < 50
        assert rgb[15, 18, 1] > 150 and rgb[15, 12].max() < 50


def test_colour_far_away_is_the_mean_of_what_a_pixel_covers() -> None:
    v, u = np.mgrid[0:512, 0:512]
    board = np.repeat(((u + v) % 2 * 240).astype(np.uint8)[..., None], 3, axis=-1)
    wall = solids((ROOM, (9.0, 9.0, 8.0), moved()))
    rgb, _, _ = raycast.cast(wall, raycast.build_atlas([board]), K, moved(), SIZE)
    assert abs(rgb.astype(float) - 120.0).max() <= 2.0


def test_bands_change_nothing() -> None:
    rng = np.random.default_rng(0)
    atlas = raycast.build_atlas([rng.integers(0, 255, (40, 70, 3), np.uint8)])
    one = raycast.cast(FURNISHED, atlas, K, moved(), SIZE)
    three = raycast.cast(FURNISHED, atlas, K, moved(), SIZE, bands=3)
    for a, b in zip(one, three):
        np.testing.assert_array_equal(a, b)


def test_free_lengths_are_those_of_a_picture() -> None:
    T = moved(0.3, -0.2, 0.1, yaw=0.3)
    v, u = np.mgrid[0:SIZE[0], 0:SIZE[1]]
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ np.linalg.inv(K).T @ T[:3, :3].T
    free = raycast.free_lengths(FURNISHED, T[None, :3, 3].copy(), rays.reshape(1, -1, 3))
    _, depth, _ = raycast.cast(FURNISHED, grey(), K, T, SIZE)
    np.testing.assert_allclose(free.reshape(SIZE), depth, rtol=1e-6)
    short = raycast.free_lengths(FURNISHED, T[None, :3, 3].copy(), rays.reshape(1, -1, 3), 1.8)
    np.testing.assert_array_equal(short, np.minimum(free, 1.8))


def test_one_ray_inside_faces_changes_colours_little_and_depth_not_at_all() -> None:
    ramp = np.linspace(20, 230, 64).astype(np.uint8)
    atlas = raycast.build_atlas([np.stack(np.broadcast_arrays(ramp[None], ramp[:, None], 99), -1)
                                 .astype(np.uint8)])
    full = raycast.cast(FURNISHED, atlas, K, np.eye(4), SIZE)
    fast = raycast.cast(FURNISHED, atlas, K, np.eye(4), SIZE, only_edges=True)
    np.testing.assert_array_equal(full[1], fast[1])
    np.testing.assert_array_equal(full[2], fast[2])
    owner = full[2]
    edge = np.zeros(SIZE, bool)
    edge[:, 1:] |= owner[:, 1:] != owner[:, :-1]
    edge[1:] |= owner[1:] != owner[:-1]
    assert 20 < edge.sum() < 0.5 * edge.size
    np.testing.assert_array_equal(full[0][edge], fast[0][edge])
    assert 0.0 < np.abs(full[0].astype(int) - fast[0]).mean() < 2.0
