# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Rendering views into a camera: with the numba kernels, or with their torch twin (CPU, GPU)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from inspatio_ros.contracts import F32, Outputs, U8
from inspatio_ros.engine.crew import Crew
from inspatio_ros.geometry import holes, warp_cpu
from inspatio_ros.geometry.camera import invert_rigid, pixel_transfer
from inspatio_ros.geometry.surface import inverse_depth, link_pixels
from inspatio_ros.geometry.warp_cpu import Camera
from inspatio_ros.scene.scene import View
import numpy as np
import numpy.typing as npt


T = TypeVar('T')


@dataclass(frozen=True)
class Picture:
    """
    A rendered view; what was not asked for is None.

    :param rgb: (H, W, 3) uint8.
    :param depth: (H, W) float32, metres; NaN unknown, +inf out of range.
    :param seen: (H, W) uint8, the mark of the view that has seen it, 0 where none has.
    :param unseen_ratio: share of pixels that no view has seen.
    """

    rgb: U8 | None
    depth: F32 | None
    seen: U8 | None
    unseen_ratio: float


@dataclass(frozen=True)
class Order:
    """
    What to render.

    :param camera: where from.
    :param size: (height, width), pixels.
    :param outputs: what to compute.
    :param fill_depth: whether depth is completed where no view has seen; else it is NaN there.
    :param near_m: nearest surface that is drawn, metres.
    :param marks: what `Picture.seen` says of each view; empty = 255 of all.
    :param guesses: so many views at the end show only where all others show nothing.
    """

    camera: Camera
    size: tuple[int, int]
    outputs: Outputs
    fill_depth: bool
    near_m: float
    marks: tuple[int, ...] = ()
    guesses: int = 0


class Renderer(Protocol):
    """Prepares views once and renders any of them into one camera."""

    def prepare(self, view: View) -> Any:
        """Return what rendering needs of a view."""
        ...

    def render(self, views: Sequence[Any], cameras: Sequence[Camera], order: Order) -> Picture:
        """
        Render prepared views, the best one first.

        :param cameras: the camera of each view.
        """
        ...

    def side_by_side(self, jobs: Sequence[Callable[[Renderer], T]]) -> list[T]:
        """
        Do several jobs, in parallel where that is faster.

        :param jobs: each is given the renderer that it may use.
        :returns: what they return, in their order.
        """
        ...

    def close(self) -> None:
        """Free threads and memory."""
        ...


def _mark(seen: U8 | None, owner: npt.NDArray[Any], order: Order) -> U8 | None:
    """Replace 255 by the mark of the view that each pixel is taken from."""
    if seen is not None and order.marks:
        seen &= np.array(order.marks, np.uint8)[owner]
    return seen


def camera_of(view: View) -> Camera:
    """Return the camera that took a view."""
    return Camera(view.intrinsics.K, view.T_map_cam)


class CpuRenderer:
    """
    The numba kernels on a crew of threads.

    :param threads: how many threads share the rows of a picture.
    """

    def __init__(self, threads: int) -> None:
        self._crew = Crew(threads)

    def prepare(self, view: View) -> warp_cpu.SourceView:
        """Return the packed colour, inverse depth and links of a view."""
        return warp_cpu.prepare(view.rgb, view.depth)

    def render(self, views: Sequence[Any], cameras: Sequence[Camera], order: Order) -> Picture:
        """Render prepared views, the best one first."""
        bands, run = self._crew.threads, self._crew.run
        disparity, owner = warp_cpu.splat_views(views, cameras, order.camera, order.size,
                                                order.near_m, bands, run, order.guesses)
        rgb = (warp_cpu.gather_views(disparity, owner, views, cameras, order.camera, bands, run)
               if Outputs.RGB in order.outputs else None)
        filled = None
        if rgb is not None or order.fill_depth:
            # Colour that nobody wants is not looked up, only carried along.
            canvas = np.empty((*order.size, 3), np.uint8) if rgb is None else rgb
            filled = holes.fill_holes(canvas, disparity, bands, run)
        depth, seen, unseen_ratio = warp_cpu.read_out(
            disparity, filled if order.fill_depth else None,
            Outputs.DEPTH in order.outputs, Outputs.OBSERVED in order.outputs, bands, run)
        return Picture(rgb, depth, _mark(seen, owner, order), unseen_ratio)

    def side_by_side(self, jobs: Sequence[Callable[[Renderer], T]]) -> list[T]:
        """
        Do as many jobs as there are threads at a time, each on one thread.

        What is left over then is done one after the other, each on all threads. Where a picture
        is cut makes no difference to its bytes.
        """
        threads = self._crew.threads
        at_a_time = len(jobs) - len(jobs) % threads if threads > 1 else 0
        results: list[Any] = [None] * len(jobs)

        def work(index: int) -> None:
            results[index] = jobs[index](_ALONE)

        self._crew.run([partial(work, index) for index in range(at_a_time)])
        for index in range(at_a_time, len(jobs)):
            results[index] = jobs[index](self)
        return results

    def close(self) -> None:
        """End the threads."""
        self._crew.close()


# Renders in the thread that asks, and keeps nothing.
_ALONE = CpuRenderer(1)


class TorchRenderer:
    """
    The torch twin.

    :param device: name of a torch device; `auto` is the GPU where there is one.
    :param threads: torch threads on the CPU.
    """

    def __init__(self, device: str = 'auto', threads: int = 1) -> None:
        import torch
        if device == 'auto':
            device = 'cuda' if torch.cuda.is_available() else 'cpu'
        self._torch, self._device = torch, torch.device(device)
        torch.set_num_threads(threads)

    @property
    def device_name(self) -> str:
        """Return the name of the torch device, e.g. `cpu` or `cuda`."""
        return str(self._device.type)

    def prepare(self, view: View) -> tuple[Any, Any, Any]:
        """Return colour, inverse depth and links of a view on the device, each with N = 1."""
        disparity = inverse_depth(view.depth)
        return (self._tensor(view.rgb)[None], self._tensor(disparity)[None],
                self._tensor(link_pixels(disparity))[None])

    def render(self, views: Sequence[Any], cameras: Sequence[Camera], order: Order) -> Picture:
        """Render prepared views, the best one first."""
        from inspatio_ros.geometry import warp
        torch, target = self._torch, order.camera
        T_target_map = invert_rigid(target.T_world_cam)
        stack = [warp.splat(
            disparity, links,
            self._tensor(pixel_transfer(camera.K, target.K, T_target_map @ camera.T_world_cam)
                         .astype(np.float32))[None], order.size,
            self._tensor(np.array([target.K[0, 0] / camera.K[0, 0]], np.float32)), order.near_m)
            for (_, disparity, links), camera in zip(views, cameras)]
        disparity, owner = warp.merge(torch.cat(stack)[None], order.guesses)
        rgb = torch.zeros((1, *order.size, 3), dtype=torch.uint8, device=self._device)
        if Outputs.RGB in order.outputs:
            for k, ((colour, source, links), camera) in enumerate(zip(views, cameras)):
                P = pixel_transfer(target.K, camera.K,
                                   invert_rigid(camera.T_world_cam) @ target.T_world_cam)
                found = warp.gather(colour, source, links,
                                    self._tensor(P.astype(np.float32))[None], disparity)
                rgb = torch.where((owner == k)[..., None], found, rgb)
        filled = None
        if Outputs.RGB in order.outputs or order.fill_depth:
            rgb, filled = warp.fill_holes(rgb, disparity)
        depth, seen, unseen_ratio = warp_cpu.read_out(
            disparity[0].cpu().numpy(),
            filled[0].cpu().numpy() if order.fill_depth and filled is not None else None,
            Outputs.DEPTH in order.outputs, Outputs.OBSERVED in order.outputs)
        return Picture(rgb[0].cpu().numpy() if Outputs.RGB in order.outputs else None,
                       depth, _mark(seen, owner[0].cpu().numpy(), order), unseen_ratio)

    def side_by_side(self, jobs: Sequence[Callable[[Renderer], T]]) -> list[T]:
        """Do one job after the other: torch has its own threads."""
        return [job(self) for job in jobs]

    def close(self) -> None:
        """Free nothing: tensors go with their views."""

    def _tensor(self, array: Any) -> Any:
        return self._torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
