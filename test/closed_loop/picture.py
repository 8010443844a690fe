# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Draw one drive through the hall from above, at the moment when the robot is next to the box.

    PYTHONPATH=. python3 test/closed_loop/picture.py SEED OUT.png
"""

from dataclasses import dataclass
import itertools
import math
from pathlib import Path
import sys

from hall_run import box_at, OBSTACLES, ROBOT_RADIUS_M, Run, run_of
from hall_world import world_and_robot
import matplotlib
from matplotlib.axes import Axes
import matplotlib.pyplot as plt
import numpy as np
from robot_node import Instant, Robot

RATE_HZ, LONGEST_S = 12.0, 120.0
MARK_S = 2.0
# The size of a cell of the grid, in square points of the picture.
_CELL_PT2 = 5.0
HALL_X, HALL_Y = (-6.25, 6.25), (-4.25, 4.25)


@dataclass(frozen=True)
class Sight:
    """
    What the robot knew at one instant, all in the map, metres.

    :param scan: (N, 2) where the beams ended.
    :param free: (N, 2) places seen to be free.
    :param expected: (N, 2) places where something may come.
    :param path: (N, 2) what it meant to do.
    """

    scan: np.ndarray
    free: np.ndarray
    expected: np.ndarray
    path: np.ndarray


def sight_of(robot: Robot, run: Run) -> Sight:
    """Return what a robot knows; its odometry begins where the run does."""
    head = robot.head
    grid, sweep = head.grid, head.sweep
    angles = sweep.yaw + sweep.first_rad + sweep.step_rad * np.arange(len(sweep.ranges))
    ended = np.isfinite(sweep.ranges)
    ahead = np.stack([np.cos(angles), np.sin(angles)], axis=-1)[ended]
    met = (sweep.x, sweep.y) + sweep.ranges[ended, None] * ahead
    known = ~(grid.unknown() | grid.standing())
    path = np.zeros((0, 2)) if head.path is None else head.path
    return Sight(*(in_map(run, points) for points in (
        met, grid.point_of(np.argwhere(known)), grid.point_of(np.argwhere(grid.expected())),
        path)))


def in_map(run: Run, points: np.ndarray) -> np.ndarray:
    """Return (N, 2) points of odom in the map."""
    x, y, yaw = run.start
    turn = np.array([[math.cos(yaw), math.sin(yaw)], [-math.sin(yaw), math.cos(yaw)]])
    return points @ turn + (x, y)


def drive(run: Run) -> tuple[list[Instant], int, Sight]:
    """Return a drive, the index of the instant nearest to the box, and what was known then."""
    nearest_m, nearest, sight, instants = math.inf, 0, None, []
    with world_and_robot(run, RATE_HZ) as robot:
        for it in itertools.islice(robot.drive(iter([run.goal]), run.wait_s),
                                   round(LONGEST_S * RATE_HZ)):
            instants.append(it)
            box = box_at((it.stamp_ns - instants[0].stamp_ns) * 1e-9)
            distance = math.hypot(it.x - box.centre[0], it.y - box.centre[1])
            if distance < nearest_m and robot.head.goal is not None:
                nearest_m, nearest, sight = distance, len(instants) - 1, sight_of(robot, run)
    return instants, nearest, sight


def draw(axes: Axes, run: Run, instants: list[Instant], nearest: int, sight: Sight) -> None:
    """Draw all that happened."""
    axes.set_facecolor('#d8d8d8')
    axes.scatter(*sight.free.T, s=_CELL_PT2, marker='s', color='white', linewidths=0)
    axes.scatter(*sight.expected.T, s=_CELL_PT2, marker='s', color='#ffd9a8', linewidths=0,
                 label='something moved here')
    for solid in OBSTACLES:
        outline(axes, solid, facecolor='#9aa3ad', edgecolor='#6b747d', linewidth=0.4)
    time_s = (instants[nearest].stamp_ns - instants[0].stamp_ns) * 1e-9
    outline(axes, box_at(time_s), facecolor='#e4572e', edgecolor='black', linewidth=0.8,
            label='the moving box', zorder=4)
    track = np.array([(it.x, it.y) for it in instants])
    axes.plot(*track.T, color='#1f6feb', linewidth=1.6, label='driven', zorder=5)
    axes.plot(*sight.path.T, color='#1f6feb', linewidth=0.9, linestyle=':', zorder=5,
              label='planned now')
    axes.scatter(*sight.scan.T, s=3, color='#0a7d33', linewidths=0, label='scan', zorder=6)
    for it in instants[::round(MARK_S * RATE_HZ)]:
        axes.add_patch(plt.Circle((it.x, it.y), ROBOT_RADIUS_M, fill=False, color='#1f6feb',
                                  alpha=0.35, linewidth=0.6, zorder=5))
    here = instants[nearest]
    axes.add_patch(plt.Circle((here.x, here.y), ROBOT_RADIUS_M, color='#1f6feb', zorder=7))
    axes.plot([here.x, here.x + ROBOT_RADIUS_M * math.cos(here.yaw)],
              [here.y, here.y + ROBOT_RADIUS_M * math.sin(here.yaw)], color='white', zorder=8)
    axes.plot(*run.goal, marker='*', color='#1f6feb', markersize=11, markeredgecolor='white',
              linestyle='none', label='goal', zorder=8)
    axes.set(xlim=HALL_X, ylim=HALL_Y, aspect='equal', xlabel='x, m', ylabel='y, m')
    axes.legend(loc='center', bbox_to_anchor=(0.42, 0.74), ncols=3, fontsize=8, framealpha=0.0)


def outline(axes: Axes, solid: object, **style: object) -> None:
    """Draw where a solid stands on the floor."""
    half = 0.5 * np.asarray(solid.size)
    if solid.shape == 'cylinder':
        axes.add_patch(plt.Circle(solid.centre[:2], half[0], **style))
        return
    corners = np.array([(1, 1, 0), (1, -1, 0), (-1, -1, 0), (-1, 1, 0)]) * half
    axes.add_patch(plt.Polygon((corners @ solid.rotation.T + solid.centre)[:, :2], **style))


def main() -> None:
    """Drive and draw."""
    seed, out = int(sys.argv[1]), Path(sys.argv[2])
    matplotlib.use('Agg')
    run = run_of(seed)
    figure, axes = plt.subplots(figsize=(7.2, 5.0), dpi=100, layout='constrained')
    draw(axes, run, *drive(run))
    figure.savefig(out)


if __name__ == '__main__':
    main()
