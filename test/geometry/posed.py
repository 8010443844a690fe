# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Small views of known geometry."""

from typing import NamedTuple

from inspatio_ros.geometry.warp_cpu import Camera
import numpy as np

HEIGHT, WIDTH = 48, 64
K = np.array([[60.0, 0.0, 31.0], [0.0, 58.0, 24.5], [0.0, 0.0, 1.0]])


class Posed(NamedTuple):
    """An RGB-D picture and its camera."""

    rgb: np.ndarray
    depth: np.ndarray
    camera: Camera


def moved(x: float = 0.0, y: float = 0.0, z: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    """Return a camera-to-world pose: position in metres, yaw in radians about the y axis."""
    T = np.eye(4)
    c, s = np.cos(yaw), np.sin(yaw)
    T[:3, :3] = [[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]]
    T[:3, 3] = x, y, z
    return T


def textured(seed: int = 0) -> np.ndarray:
    """Return a smooth coloured picture, so that resampling errors stay small."""
    v, u = np.mgrid[0:HEIGHT, 0:WIDTH]
    phase = np.random.default_rng(seed).uniform(0.0, 6.0, 3)
    waves = [128 + 100 * np.sin(0.15 * u + 0.11 * v + p) for p in phase]
    return np.stack(waves, axis=-1).astype(np.uint8)
