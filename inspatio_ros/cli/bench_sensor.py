# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure how long one sensor frame takes, stage by stage, and against the torch twin."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
import time
from typing import Any

from inspatio_ros.cli.output import progress
from inspatio_ros.contracts import F64, Intrinsics, Outputs
import numpy as np

# (width, height, source views) that the figures are for.
ROWS = ((832, 480, 1), (640, 480, 5))
_HFOV_RAD = 1.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('--scene', type=Path, help='scene (default: the bundled hall)')
    parser.add_argument('--frames', type=int, default=100, help='frames per row (default: 100)')
    parser.add_argument('--twin-frames', type=int, default=3,
                        help='frames of the slow torch twin (default: 3)')
    parser.add_argument('--threads', type=int, default=0, help='render threads, 0 = all cores')


def run(args: argparse.Namespace) -> dict[str, Any]:
    """
    Time frames from a camera that moves all the while.

    :returns: {'rows': [...], 'robots': [...]}; times in milliseconds, `torch_ratio` = twin / numba
        in this run; `robots` as bench_robots.measure has it.
    """
    from inspatio_ros.cli import bench_robots
    from inspatio_ros.cli.surroundings import bundled_scene
    from inspatio_ros.engine.renderer import CpuRenderer, TorchRenderer
    from inspatio_ros.engine.world import threads_of
    from inspatio_ros.scene.detect import open_scene

    scene = open_scene(args.scene or bundled_scene())
    threads = threads_of(args.threads)
    rows = []
    for width, height, count in ROWS:
        bench = _Bench(scene, Intrinsics.from_hfov(width, height, _HFOV_RAD), count)
        label = f'{width}x{height}, {len(bench.views)} views'
        numba = bench.time_frames(CpuRenderer(threads), args.frames, f'{label}, numba')
        twin = bench.time_frames(TorchRenderer('cpu', threads), args.twin_frames,
                                 f'{label}, torch cpu')
        ratio = float(np.median(twin) / np.median(numba))
        common = {'width': width, 'height': height, 'views': len(bench.views), 'threads': threads}
        rows.append({**common, 'backend': 'numba', **_percentiles(numba), 'torch_ratio': ratio,
                     'stages_ms': bench.stages(threads, max(args.frames // 2, 1))})
        rows.append({**common, 'backend': 'torch-cpu', **_percentiles(twin), 'torch_ratio': 1.0})
        if TorchRenderer().device_name != 'cpu':
            gpu = bench.time_frames(TorchRenderer(), args.frames, f'{label}, torch gpu')
            rows.append({**common, 'backend': 'torch-cuda', **_percentiles(gpu),
                         'torch_ratio': float(np.median(twin) / np.median(gpu))})
    return {'scene': scene.name, 'rows': rows,
            'robots': bench_robots.measure(scene, threads, args.frames)}


def table(result: dict[str, Any]) -> str:
    """Return the figures as text."""
    lines = ['   size     views  threads  backend      p50 ms   p99 ms   torch cpu / this']
    for row in result['rows']:
        lines.append(f'{row["width"]:4d}x{row["height"]:<4d} {row["views"]:6d} {row["threads"]:8d}'
                     f'  {row["backend"]:10s} {row["p50_ms"]:8.2f} {row["p99_ms"]:8.2f}'
                     f' {row["torch_ratio"]:10.1f}')
        if 'stages_ms' in row:
            lines.append('            ' + ', '.join(
                f'{name} {value:.2f}' for name, value in row['stages_ms'].items()))
    lines.append('   size     robots threads               p50 ms   p99 ms   this / one robot')
    for row in result['robots']:
        lines.append(f'{row["width"]:4d}x{row["height"]:<4d} {row["robots"]:6d} '
                     f'{row["threads"]:8d}             {row["p50_ms"]:8.2f} {row["p99_ms"]:8.2f}'
                     f' {row["ratio"]:10.2f}')
    return '\n'.join(lines)


def _percentiles(times_ms: list[float]) -> dict[str, float]:
    return {'p50_ms': float(np.percentile(times_ms, 50)),
            'p99_ms': float(np.percentile(times_ms, 99))}


def _time_ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


class _Bench:
    """The views that a camera at the spawn sees best, and a path of that camera."""

    def __init__(self, scene: Any, intrinsics: Intrinsics, count: int) -> None:
        from inspatio_ros.engine.selection import rate_views, sample_views
        self.intrinsics = intrinsics
        self.spawn = scene.spawn
        candidates = scene.views or scene.frames[0]
        rating = rate_views(sample_views(candidates), self.pose(0), intrinsics).sum(axis=1)
        self.views = [candidates[k] for k in np.argsort(-rating, kind='stable')[:count]]

    def pose(self, frame: int) -> F64:
        """Return T_map_cam of a frame: slowly ahead, swinging left and right."""
        from inspatio_ros.motion.transforms import pose_rpy, T_LINK_OPTICAL
        spawn, ahead = self.spawn, 0.005 * (frame % 100)
        T_map_base = pose_rpy(spawn.x + ahead * np.cos(spawn.yaw),
                              spawn.y + ahead * np.sin(spawn.yaw), spawn.z,
                              yaw=spawn.yaw + 0.1 * np.sin(0.1 * frame))
        T_base_link = pose_rpy(0.0, 0.0, spawn.camera_height, pitch=spawn.camera_pitch)
        return T_map_base @ T_base_link @ T_LINK_OPTICAL

    def order(self, frame: int) -> Any:
        """Return what is rendered: RGB, depth and observed, holes filled."""
        from inspatio_ros.engine.renderer import Order
        from inspatio_ros.geometry.warp_cpu import Camera
        return Order(Camera(self.intrinsics.K, self.pose(frame)),
                     (self.intrinsics.height, self.intrinsics.width), Outputs.ALL, False, 0.05)

    def time_frames(self, renderer: Any, frames: int, what: str) -> list[float]:
        """Return milliseconds per frame, choice of views included; two warm-ups before."""
        from inspatio_ros.engine.renderer import camera_of
        from inspatio_ros.engine.selection import choose_views, rate_views, sample_views
        prepared = [renderer.prepare(view) for view in self.views]
        cameras = [camera_of(view) for view in self.views]
        samples = sample_views(self.views)

        def frame(index: int) -> None:
            order = self.order(index)
            choose_views(rate_views(samples, order.camera.T_world_cam, self.intrinsics),
                         len(self.views))
            renderer.render(prepared, cameras, order)

        for warm_up in range(2):
            frame(warm_up)
        times = [_time_ms(lambda k=k: frame(k))  # type: ignore[misc]
                 for k in progress(range(frames), frames, what)]
        renderer.close()
        return times

    def stages(self, threads: int, frames: int) -> dict[str, float]:
        """Return the median milliseconds of each stage of the numba renderer."""
        from inspatio_ros.engine.crew import Crew
        from inspatio_ros.engine.renderer import camera_of
        from inspatio_ros.engine.selection import choose_views, rate_views, sample_views
        from inspatio_ros.geometry import holes, warp_cpu
        crew = Crew(threads)
        prepared = [warp_cpu.prepare(view.rgb, view.depth) for view in self.views]
        cameras = [camera_of(view) for view in self.views]
        samples = sample_views(self.views)
        spent: dict[str, list[float]] = {}
        result: dict[str, Any] = {}

        def stage(name: str, work: Callable[[], Any]) -> None:
            start = time.perf_counter()
            result[name] = work()
            spent.setdefault(name, []).append((time.perf_counter() - start) * 1e3)

        for index in range(frames):
            order = self.order(index)
            stage('select', lambda: choose_views(rate_views(
                samples, order.camera.T_world_cam, self.intrinsics), len(self.views)))
            stage('splat', lambda: warp_cpu.splat_views(
                prepared, cameras, order.camera, order.size, 0.05, threads, crew.run))
            disparity, owner = result['splat']
            stage('gather', lambda: warp_cpu.gather_views(
                disparity, owner, prepared, cameras, order.camera, threads, crew.run))
            stage('fill', lambda: holes.fill_holes(
                result['gather'], disparity, threads, crew.run))
            stage('read_out', lambda: warp_cpu.read_out(
                disparity, None, True, True, threads, crew.run))
        crew.close()
        return {name: float(np.median(times)) for name, times in spent.items()}
