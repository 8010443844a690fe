# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The torch twin against the kernels."""

from inspatio_ros.geometry import holes, warp_cpu
from inspatio_ros.geometry.camera import invert_rigid, pixel_transfer
from inspatio_ros.geometry.warp_cpu import Camera
import numpy as np
from posed import K, moved, Posed
import pytest

SIZE = (40, 72)
TARGETS = [Camera(K, moved(0.15, 0.05, 0.3, 0.1)),
           Camera(K * [[1.5], [1.5], [1.0]], moved(x=-0.3)),
           Camera(K, moved(z=0.9)), Camera(K, moved(yaw=np.pi))]


def render_twin(views: list[Posed], targets: list[Camera], device: str = 'cpu') -> tuple:
    """Render V views into B targets in one batch; returns numpy arrays, holes filled last."""
    import torch
    from inspatio_ros.geometry import warp
    torch.set_num_threads(1)

    def batch(arrays) -> torch.Tensor:
        return torch.from_numpy(np.stack(list(arrays))).to(device)

    count, pairs = len(views), [(view, target) for target in targets for view in views]
    prepared = [warp_cpu.prepare(view.rgb, view.depth) for view, _ in pairs]
    disparity = batch(p.disparity for p in prepared)
    links = batch(p.links for p in prepared)
    forward = batch(pixel_transfer(v.camera.K, t.K, invert_rigid(t.T_world_cam)
                                   @ v.camera.T_world_cam).astype(np.float32) for v, t in pairs)
    backward = batch(pixel_transfer(t.K, v.camera.K, invert_rigid(v.camera.T_world_cam)
                                    @ t.T_world_cam).astype(np.float32) for v, t in pairs)
    magnify = batch(np.float32(t.K[0, 0] / v.camera.K[0, 0]) for v, t in pairs)
    stack = warp.splat(disparity, links, forward, SIZE, magnify)
    front, owner = warp.merge(stack.reshape(-1, count, *SIZE))
    colours = warp.gather(batch(view.rgb for view, _ in pairs), disparity, links, backward,
                          front.repeat_interleave(count, 0))
    rgb = torch.take_along_dim(colours.reshape(-1, count, *SIZE, 3),
                               owner[:, None, ..., None], 1)[:, 0]
    filled_rgb, filled = warp.fill_holes(rgb, front)
    return tuple(t.cpu().numpy() for t in (front, owner, rgb, filled_rgb, filled))


def check_twin(views: list[Posed], device: str, equal: float, close: float) -> None:
    front, owner, rgb, filled_rgb, filled = render_twin(views, TARGETS, device)
    prepared = [warp_cpu.prepare(view.rgb, view.depth) for view in views]
    cameras = [view.camera for view in views]
    for b, target in enumerate(TARGETS):
        disparity, views_of = warp_cpu.splat_views(prepared, cameras, target, SIZE)
        colour = warp_cpu.gather_views(disparity, views_of, prepared, cameras, target)
        same = disparity == front[b]
        assert same.mean() >= equal
        assert np.isclose(disparity, front[b], rtol=1e-4).mean() >= close
        known = same & (disparity > 0.0) & (views_of == owner[b])
        assert np.abs(colour[known].astype(int) - rgb[b][known]).max(initial=0) <= 1
        if same.all():
            np.testing.assert_allclose(holes.fill_holes(colour, disparity), filled[b], rtol=1e-5)
            assert np.abs(colour.astype(int) - filled_rgb[b]).max() <= 1


def test_kernels_and_twin_agree_on_one_view(rough: Posed) -> None:
    check_twin([rough], 'cpu', equal=0.999, close=0.999)


def test_kernels_and_twin_agree_on_several_views(rough: Posed, wall: Posed,
                                                 box_before_wall: Posed) -> None:
    check_twin([rough, wall, box_before_wall], 'cpu', equal=0.999, close=0.999)


def test_a_batch_equals_its_parts(rough: Posed) -> None:
    together = render_twin([rough], TARGETS)
    for b, target in enumerate(TARGETS):
        for part, whole in zip(render_twin([rough], [target]), together):
            np.testing.assert_array_equal(part[0], whole[b])


@pytest.mark.gpu
def test_the_twin_on_a_gpu_agrees_with_the_kernels(rough: Posed, wall: Posed) -> None:
    # The GPU contracts multiply and add, so positions differ in the last bits.
    check_twin([rough, wall], 'cuda', equal=0.3, close=0.99)
