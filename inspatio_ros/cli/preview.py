# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One page that shows what a scene was made of: pictures, depth, trust, the way from above, numbers.

Whoever prepares a scene looks at this before driving through it: a wrong pose, a wall that leans
or depth that was mostly guessed are seen at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TYPE_CHECKING

from inspatio_ros.cli.depth_picture import colour_depth, DepthRange
from inspatio_ros.contracts import F64, U8
from inspatio_ros.geometry.camera import unproject
from inspatio_ros.scene.preparation import Preparation, Role
from inspatio_ros.scene.scene import Scene, View
import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN = 6           # views with a row of their own
_POINTS = 200_000    # of the plan from above, in all
_INK, _PAPER, _QUIET = '#e8e8e8', '#1c1c1e', '#8a8a8e'
_CAMERA_INK = {Role.VIEW: '#ffd60a', Role.HELD_OUT: '#64d2ff', Role.UNUSED: '#8a8a8e'}
# What lies higher than this over the cameras would hide the place in a plan: ceilings.
_OVERHEAD_M = 0.3
_DPI = 100


def draw_preview(scene: Scene, preparation: Preparation | None, path: Path) -> None:
    """
    Draw the page.

    :param scene: as saved.
    :param preparation: how it was made, if that is known.
    :param path: of the PNG file to write.
    :raises OSError: what writing raised.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    shown = _spread(_recorded(scene), _SHOWN)
    rows = [shown[i:i + 2] for i in range(0, len(shown), 2)]
    figure = Figure((16.0, 5.6 + 2.2 * len(rows)), _DPI, facecolor=_PAPER)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(1 + len(rows), 6, height_ratios=[5.0, *[2.0] * len(rows)],
                               left=0.03, right=0.985, top=0.945, bottom=0.01, wspace=0.03,
                               hspace=0.12)
    figure.suptitle(scene.name, color=_INK, x=0.03, ha='left', weight='bold')
    _draw_plan(figure.add_subplot(grid[0, :4]), scene, _cameras(scene, preparation),
               in_order=preparation is not None)
    _write_numbers(figure.add_subplot(grid[0, 4:]), numbers_of(scene, preparation))
    span = DepthRange.of([view.depth for view in shown])
    for row, views in enumerate(rows, 1):
        for column, view in enumerate(views):
            cells = [figure.add_subplot(grid[row, 3 * column + k]) for k in range(3)]
            _draw_view(cells, view, span)
    figure.savefig(path, facecolor=_PAPER)


def numbers_of(scene: Scene, preparation: Preparation | None) -> dict[str, str]:
    """Return what the page says in words: counts, sizes, shares of measured and guessed depth."""
    views = _recorded(scene)
    sizes = sorted({(view.intrinsics.width, view.intrinsics.height) for view in views})
    known = np.mean([np.mean(~np.isnan(view.depth)) for view in views])
    measured = np.mean([view.measured().mean() for view in views])
    numbers = {'static views': str(len(scene.views)), 'moving frames': str(len(scene.frames)),
               'size': ', '.join(f'{width}x{height}' for width, height in sizes[:3]),
               'depth measured': f'{measured:.1%}', 'depth guessed': f'{known - measured:.1%}',
               'camera height': f'{scene.spawn.camera_height:.2f} m'}
    if preparation is not None:
        roles = [picture.role for picture in preparation.pictures]
        numbers['recording'] = f'{preparation.source}, {len(roles)} pictures'
        numbers.update({f'pictures {role.value}': str(roles.count(role))
                        for role in Role if role in roles})
        numbers.update(_as_text(preparation.numbers))
    return numbers


def _as_text(numbers: Mapping[str, Any]) -> dict[str, str]:
    return {name.replace('_', ' '): f'{value:.4g}' if isinstance(value, float) else str(value)
            for name, value in numbers.items() if isinstance(value, (int, float, str))}


def _recorded(scene: Scene) -> list[View]:
    """Return the views in which a person recognises the recording: whole pictures."""
    return list(scene.views) or [frame[0] for frame in scene.frames]


def _spread(views: Sequence[View], most: int) -> list[View]:
    chosen = np.unique(np.linspace(0, len(views) - 1, min(most, len(views))).round().astype(int))
    return [views[index] for index in chosen]


def _cameras(scene: Scene, preparation: Preparation | None) -> list[tuple[Role, F64]]:
    """Return role and pose of every camera, in the order of the recording."""
    if preparation is None or not any(it.T_map_cam is not None for it in preparation.pictures):
        return [(Role.VIEW, view.T_map_cam) for view in _recorded(scene)]
    return [(picture.role, picture.T_map_cam) for picture in preparation.pictures
            if picture.T_map_cam is not None]


def _draw_plan(axes: Axes, scene: Scene, cameras: Sequence[tuple[Role, F64]],
               in_order: bool) -> None:
    """Draw the place and the cameras from above, x to the right, metres."""
    positions = np.array([T[:3, 3] for _, T in cameras])
    ceiling = positions[:, 2].max() + _OVERHEAD_M
    points, colours = _points(_spread(_recorded(scene), 24))
    low = points[:, 2] < ceiling
    order = np.argsort(points[low, 2])
    x, y = points[low][order, :2].T
    axes.scatter(x, y, s=1.8, c=colours[low][order] / 255.0, linewidths=0,
                 rasterized=True)
    if in_order:
        axes.plot(*positions[:, :2].T, color=_INK, linewidth=0.8)
    for role in _CAMERA_INK:
        poses = np.array([T for it, T in cameras if it is role])
        if len(poses):
            x, y, dx, dy = np.concatenate([poses[:, :2, 3], poses[:, :2, 2]], axis=1).T
            axes.quiver(x, y, dx, dy, color=_CAMERA_INK[role],
                        angles='xy', scale=30, width=0.003, label=f'{role.value} ({len(poses)})')
    # What a few wild points say must not shrink the place to a dot.
    box = np.percentile(np.concatenate([points[low, :2], positions[:, :2]]), (1, 99), axis=0)
    box = np.array([np.minimum(box[0], positions[:, :2].min(0)),
                    np.maximum(box[1], positions[:, :2].max(0))])
    margin = 0.05 * np.ptp(box, axis=0).max() + 1e-3
    axes.set_xlim(box[0, 0] - margin, box[1, 0] + margin)
    axes.set_ylim(box[0, 1] - margin, box[1, 1] + margin)
    axes.set_aspect('equal', adjustable='box', anchor='W')
    axes.set_facecolor('#000000')
    axes.set_title('from above, metres', color=_QUIET, fontsize=9, loc='left')
    axes.tick_params(colors=_QUIET, labelsize=8)
    axes.legend(loc='lower right', fontsize=8, labelcolor=_INK, facecolor=_PAPER)


def _points(views: Sequence[View]) -> tuple[F64, U8]:
    """Return points (N, 3) of the map and their colours (N, 3)."""
    points, colours = [], []
    for view in views:
        height, width = view.depth.shape
        step = max(1, round((height * width * len(views) / _POINTS) ** 0.5))
        rows, columns = np.arange(0, height, step), np.arange(0, width, step)
        local = unproject(view.depth[::step, ::step], view.intrinsics.K, rows, columns)
        known = np.isfinite(local).all(axis=-1)
        points.append(local[known] @ view.T_map_cam[:3, :3].T + view.T_map_cam[:3, 3])
        colours.append(view.rgb[::step, ::step][known])
    return np.concatenate(points), np.concatenate(colours)


def _write_numbers(axes: Axes, numbers: Mapping[str, str]) -> None:
    axes.axis('off')
    line = min(0.055, 0.97 / len(numbers))
    for index, (name, value) in enumerate(numbers.items()):
        y = 1.0 - line * (index + 0.5)
        axes.text(0.03, y, name, color=_QUIET, fontsize=9, transform=axes.transAxes)
        axes.text(0.45, y, value, color=_INK, fontsize=9, transform=axes.transAxes)


def _draw_view(cells: Sequence[Axes], view: View, span: DepthRange) -> None:
    """Draw colour, depth and trust beside each other."""
    trust = np.where(view.measured(), np.uint8(255), np.uint8(0))
    if view.confidence is not None:
        trust = np.where(np.isnan(view.depth), np.uint8(0), view.confidence)
    for axes, pixels, title in zip(cells, (view.rgb, colour_depth(view.depth, span), trust),
                                   (view.name, f'depth {span.near:.1f} to {span.far:.1f} m',
                                    'trust (black: a guess)')):
        axes.imshow(pixels, cmap='gray', vmin=0, vmax=255, interpolation='antialiased')
        axes.set_title(title, color=_QUIET, fontsize=8, loc='left', pad=2)
        axes.axis('off')
