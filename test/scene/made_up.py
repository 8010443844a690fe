# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Made-up recordings as views."""

from dataclasses import replace

import cv2
from inspatio_ros.scene.scene import View
from inspatio_ros.scene.synthetic.procedural import ProceduralClip
import numpy as np


def views_of(clip: ProceduralClip) -> list[View]:
    """Return the frames of a clip with the depth that is true."""
    return [View(rgb, depth, clip.intrinsics, T, f'frame {index}') for index, (rgb, depth, T)
            in enumerate(zip(clip.rgb, clip.depth, clip.T_world_cam))]


def as_of_a_sensor(views: list[View], seed: int, depth_noise: float = 0.01) -> list[View]:
    """Add noise to colour and depth, and another exposure to every frame."""
    rng = np.random.default_rng(seed)
    noisy = []
    for view in views:
        rgb = view.rgb * rng.uniform(0.85, 1.15) + rng.normal(0.0, 4.0, view.rgb.shape)
        depth = view.depth * (1.0 + rng.normal(0.0, depth_noise, view.depth.shape))
        noisy.append(replace(view, rgb=np.clip(rgb, 0, 255).astype(np.uint8),
                             depth=depth.astype(np.float32)))
    return noisy


def with_shine(views: list[View], seed: int) -> list[View]:
    """Put a highlight into every frame, where no other has one: its depth is not confirmed."""
    rng = np.random.default_rng(seed)
    shining = []
    for view in views:
        height, width = view.depth.shape
        spot = np.zeros((height, width), np.uint8)
        centre = (int(rng.integers(20, width - 20)), int(rng.integers(20, height - 20)))
        cv2.circle(spot, centre, int(rng.integers(8, 14)), 1, cv2.FILLED)
        assert view.confidence is not None
        shining.append(replace(view, rgb=np.where(spot[..., None] > 0, np.uint8(255), view.rgb),
                               confidence=np.where(spot > 0, np.uint8(0), view.confidence)))
    return shining


def as_if_estimated(views: list[View], moving: list[np.ndarray], seed: int) -> list[View]:
    """
    Spoil depth as stereo over time does.

    It is a little wrong everywhere, unknown at edges, and unknown or nonsense on what moves; what
    is unknown is guessed from what is around it, with confidence 0.
    """
    rng = np.random.default_rng(seed)
    return [replace(view, **_estimated(view, mask, rng)) for view, mask in zip(views, moving)]


def _estimated(view: View, moving: np.ndarray, rng: np.random.Generator) -> dict:
    height, width = view.depth.shape
    bent = cv2.resize(rng.normal(0.0, 0.01, (6, 8)), (width, height),
                      interpolation=cv2.INTER_CUBIC)
    depth = view.depth * (1.0 + bent + rng.normal(0.0, 0.005, view.depth.shape))
    around = cv2.dilate(moving.astype(np.uint8), np.ones((3, 3))).astype(bool)
    coarse = rng.uniform(0.5, 1.5, (height // 8, width // 8))
    nonsense = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    depth = np.where(around & (nonsense < 0.8), depth * nonsense, depth)
    edge = cv2.morphologyEx(view.depth, cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0.1 * view.depth
    unknown = edge | (around & (nonsense >= 0.8)) | (rng.random(edge.shape) < 0.1)
    known = (~unknown).astype(np.float64)
    guess = cv2.blur(depth * known, (21, 21)) / np.maximum(cv2.blur(known, (21, 21)), 1e-6)
    depth = np.where(unknown, guess, depth)
    return {'depth': np.where(depth > 0.05, depth, np.nan).astype(np.float32),
            'confidence': np.where(unknown, 0, 200).astype(np.uint8)}
