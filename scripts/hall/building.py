# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Materials of the building: floor, walls, roof, doors, pillars, signs. Colours are sRGB 0..1."""

from __future__ import annotations

from hall import layout
from hall.paint import F32, Patch, shade
import numpy as np

YELLOW, GREY, DARK = (0.86, 0.66, 0.08), (0.42, 0.44, 0.46), (0.09, 0.09, 0.10)


def floor(p: Patch) -> F32:
    """Power-floated concrete with paint, joints, tyre marks and the mat of the moving box."""
    if p.key != '+z':
        return p.flat(0.3, 0.3, 0.3)
    image = p.flat(0.53, 0.52, 0.50)
    cloud, fine = p.noise(1.6, 6), p.noise(0.03, 3)
    image = shade(image, 0.04 * cloud + 0.016 * fine)
    image *= 1.0 + 0.012 * p.noise(2.5, 2)[..., None] * np.array([1.0, 0.2, -1.0], np.float32)
    stains = np.clip(p.noise(0.7, 5) - 1.35, 0.0, 1.0)
    image = shade(image, -0.22 * stains)
    x0, y0 = -0.5 * p.face.width, 0.5 * p.face.height  # the middle of the floor is the origin
    for joint in (-4.0, 0.0, 4.0):
        image = shade(image, -0.5 * p.rect(joint - x0 - 0.004, 0, joint - x0 + 0.004, 99))
    for joint in (-2.0, 2.0):
        image = shade(image, -0.5 * p.rect(0, y0 - joint - 0.004, 99, y0 - joint + 0.004))
    image = _tyres(p, image, x0, y0)
    _paint_lines(p, image, x0, y0)
    _mat(p, image, x0, y0)
    grit = (p.rng.random((p.rows, p.columns)) > 0.9985).astype(np.float32)
    return shade(image, -0.35 * grit)


def _tyres(p: Patch, image: F32, x0: float, y0: float) -> F32:
    dark = np.zeros((p.rows, p.columns), np.float32)
    for y, amplitude, phase in ((-1.55, 0.12, 0.3), (-2.3, 0.16, 1.2), (1.7, 0.1, 2.0),
                                (2.5, 0.14, 0.9)):
        way = y0 - y - amplitude * np.sin(0.7 * p.u + phase)
        dark += np.exp(-((p.v - way) / 0.045) ** 2)
    rub = np.clip(0.55 + 0.45 * p.noise(0.5, 5, stretch=4.0), 0.0, 1.0)
    return shade(image, -0.15 * np.minimum(dark, 1.0) * rub)


def _paint_lines(p: Patch, image: F32, x0: float, y0: float) -> None:
    worn = np.clip(1.25 + 0.55 * p.noise(0.25, 6), 0.0, 1.0) * 0.93
    paint = np.zeros_like(worn)
    for a, b, c, d, _ in layout.LINES:
        paint = np.maximum(paint, p.rect(a - x0, y0 - d, c - x0, y0 - b))
    p.mix(image, paint * worn, *YELLOW)
    white = np.zeros_like(paint)
    for x, y, way in ((-2.6, -1.95, 1), (2.9, 2.05, -1)):
        u, v = x - x0, y0 - y
        white = np.maximum(white, p.rect(min(u, u - 0.6 * way), v - 0.06,
                                         max(u, u - 0.6 * way), v + 0.06))
        white = np.maximum(white, p.polygon([(u, v - 0.2), (u + 0.38 * way, v), (u, v + 0.2)]))
    for k in range(5):  # a crossing in front of the doorway
        v = y0 + 1.42 + 0.28 * k
        white = np.maximum(white, p.rect(5.05 - x0, v, 5.85 - x0, v + 0.14))
    p.mix(image, white * worn, 0.88, 0.87, 0.84)


def _mat(p: Patch, image: F32, x0: float, y0: float) -> None:
    a, b, c, d = layout.MAT
    inside = p.rect(a - x0, y0 - d, c - x0, y0 - b)
    rim = inside - p.rect(a - x0 + 0.07, y0 - d + 0.07, c - x0 - 0.07, y0 - b - 0.07)
    ribs = 0.5 + 0.5 * np.sin(2.0 * np.pi * p.u / 0.04)
    dust = 0.02 * p.noise(0.3, 5)
    rubber = np.clip(0.135 + 0.025 * ribs + dust, 0.0, 1.0)
    image += inside[..., None] * (rubber[..., None] - image)
    p.mix(image, rim * p.stripes(0.2), *YELLOW)


def plaster(p: Patch) -> F32:
    """Painted wall: washable grey-green below, off-white above, dirt near the floor."""
    if not p.upright:
        return shade(p.flat(0.80, 0.79, 0.75), 0.02 * p.noise(0.3))
    image = shade(p.flat(0.86, 0.85, 0.81), 0.006 * p.noise(1.2, 5) + 0.012 * p.noise(0.012, 2))
    z = p.z_map() + np.zeros_like(p.u)
    p.mix(image, np.clip((1.2 - z) / 0.004 + 0.5, 0, 1).astype(np.float32), 0.52, 0.58, 0.56)
    p.mix(image, (np.abs(z - 1.215) < 0.015).astype(np.float32), 0.25, 0.33, 0.36)
    image = shade(image, 0.012 * p.noise(0.02, 2))
    scuffs = np.clip(p.noise(0.5, 6, stretch=3.0) - 0.9, 0, 1) * np.clip(1.1 - z, 0, 1)
    image = shade(image, -0.35 * scuffs - 0.22 * np.exp(-z / 0.12))
    p.mix(image, (z < 0.09).astype(np.float32), 0.26, 0.28, 0.29)
    return image


def brick(p: Patch) -> F32:
    """Lay bricks in running bond, each brick of its own tone, raked joints."""
    if not p.upright:
        return p.flat(0.45, 0.3, 0.25)
    long, tall, joint = 0.25, 0.077, 0.011
    row = np.floor(p.v / tall).astype(int)
    shifted = p.u + 0.5 * long * (row % 2)
    column = np.floor(shifted / long).astype(int)
    tone = p.rng.standard_normal((row.max() + 1, column.max() + 2)).astype(np.float32)
    tint = p.rng.standard_normal((row.max() + 1, column.max() + 2)).astype(np.float32)
    tone, tint = tone[row, column], tint[row, column]
    image = p.flat(0.57, 0.335, 0.255)
    image = shade(image, 0.11 * tone + 0.07 * p.noise(0.05, 5) + 0.04 * p.noise(1.5, 2))
    image[..., 0] *= 1.0 + 0.04 * tint
    wobble = 0.0015 * p.noise(0.03, 3)
    du = np.minimum(shifted % long, long - shifted % long)
    dv = np.minimum(p.v % tall, tall - p.v % tall)
    gap = np.minimum(du, dv) + wobble
    mortar = np.clip((0.5 * joint - gap) / 0.003 + 0.5, 0, 1).astype(np.float32)
    # Light comes from above: the upper rim of a brick is bright, the joint under it dark.
    rim = np.clip(1.0 - np.abs((p.v % tall) - 0.5 * joint - 0.004) / 0.005, 0, 1)
    image = shade(image, (0.10 * rim).astype(np.float32) * (1.0 - mortar))
    p.mix(image, mortar, 0.60, 0.57, 0.53)
    image = shade(image, -0.18 * mortar * ((p.v % tall) > 0.5 * tall) + 0.03 * p.noise(0.02, 2))
    z = p.z_map()
    return shade(image, -0.25 * np.exp(-z / 0.15) + np.zeros_like(p.u))


def roomwall(p: Patch) -> F32:
    """Smooth wall of the next room, with a skirting board."""
    image = shade(p.flat(0.78, 0.80, 0.78), 0.012 * p.noise(0.4, 5))
    if p.upright:
        z = p.z_map() + np.zeros_like(p.u)
        p.mix(image, (z < 1.0).astype(np.float32), 0.42, 0.55, 0.62)
        p.mix(image, (z < 0.1).astype(np.float32), 0.25, 0.22, 0.2)
    return image


def tiles(p: Patch) -> F32:
    """Floor tiles of 30 cm."""
    size = 0.3
    i, j = np.floor(p.v / size).astype(int), np.floor(p.u / size).astype(int)
    tone = p.rng.standard_normal((i.max() + 1, j.max() + 1)).astype(np.float32)[i, j]
    image = shade(p.flat(0.66, 0.62, 0.56), 0.03 * tone + 0.03 * p.noise(0.1, 5))
    gap = np.minimum(np.minimum(p.u % size, size - p.u % size),
                     np.minimum(p.v % size, size - p.v % size))
    return shade(image, -0.4 * (gap < 0.004))


def ceiling(p: Patch) -> F32:
    """Trapezoid steel sheet."""
    image = p.flat(0.74, 0.75, 0.75)
    if p.key == '+z':
        return image
    phase = (p.u / 0.25) % 1.0
    rib = np.interp(phase, [0, 0.1, 0.14, 0.45, 0.5, 0.6, 0.64, 0.95, 1.0],
                    [-0.16, -0.2, 0, 0, 0.12, -0.05, -0.16, -0.16, -0.16])
    seam = (np.abs((p.v % 2.0) - 1.0) < 0.006) * -0.25
    return shade(image, (rib + seam).astype(np.float32) + 0.015 * p.noise(0.6, 4))


def girder(p: Patch) -> F32:
    """Painted steel beam: flanges on top and below, a web between."""
    image = shade(p.flat(0.44, 0.47, 0.50), 0.03 * p.noise(0.3, 4))
    if p.upright:
        flange = (p.v < 0.03) | (p.v > p.face.height - 0.03)
        image = shade(image, np.where(flange, 0.12, -0.22) + np.zeros_like(p.u))
        image = shade(image, -0.3 * (np.abs(p.v - 0.036) < 0.005) + np.zeros_like(p.u))
    return image


def pillar(p: Patch) -> F32:
    """Fair-faced concrete, warning stripes at the height of a fork lift."""
    image = shade(p.flat(0.60, 0.59, 0.57), 0.05 * p.noise(0.4, 6) + 0.02 * p.noise(0.01, 2))
    if not p.upright:
        return image
    pores = np.clip(p.noise(0.02, 2) - 2.3, 0, 1)
    image = shade(image, -0.5 * pores)
    z = p.z_map() + np.zeros_like(p.u)
    image = shade(image, -0.3 * (np.abs(((z - 0.2) % 1.0) - 0.5) < 0.003))
    band = ((z < 1.1) & (z > 0.04)).astype(np.float32)
    worn = np.clip(1.2 + 0.45 * p.noise(0.2, 6), 0, 1) * band
    p.mix(image, worn, *YELLOW)
    p.mix(image, worn * p.stripes(0.28), *DARK)
    return shade(image, -0.25 * np.exp(-z / 0.08))


def hazard(p: Patch) -> F32:
    """Yellow and black warning stripes."""
    image = p.flat(*YELLOW)
    p.mix(image, p.stripes(0.24), *DARK)
    return shade(image, 0.05 * p.noise(0.2, 5) - 0.15 * p.edges(0.008))


def shutter(p: Patch) -> F32:
    """Roller shutter of steel slats."""
    image = shade(p.flat(0.62, 0.66, 0.70), 0.02 * p.noise(0.5, 4))
    phase = (p.v / 0.095) % 1.0
    slat = np.interp(phase, [0, 0.08, 0.2, 0.6, 0.88, 1.0], [-0.45, 0.1, 0.12, 0.0, -0.12, -0.4])
    image = shade(image, slat.astype(np.float32) + np.zeros_like(p.u))
    if p.upright:
        z = p.z_map() + np.zeros_like(p.u)
        p.mix(image, (z < 0.14).astype(np.float32), *DARK)
        p.mix(image, ((z < 0.12) & (z > 0.03)).astype(np.float32) * p.stripes(0.2), *YELLOW)
        image = shade(image, -0.2 * np.exp(-z / 0.3) * np.clip(p.noise(0.2, 5), 0, 1))
    return image


def door(p: Patch) -> F32:
    """Paint a wooden door with a handle and a kick plate."""
    image = shade(p.flat(0.50, 0.34, 0.20), 0.08 * p.noise(0.05, 5, stretch=0.06))
    h = p.face.height
    p.mix(image, p.rect(0.05, h - 0.3, p.face.width - 0.05, h - 0.05), 0.6, 0.61, 0.62)
    p.mix(image, p.rect(0.06, 1.0, 0.2, 1.03), 0.75, 0.75, 0.76)
    p.mix(image, p.rect(0.25, 0.25, p.face.width - 0.25, 0.85), 0.72, 0.82, 0.86)
    return shade(image, -0.4 * p.edges(0.012))


def sky(p: Patch) -> F32:
    """Paint what the window shows: bright haze over the roofs across the yard (it shines)."""
    w = p.v / p.face.height
    image = p.flat(1.0, 1.0, 1.0) * np.array([0.80, 0.90, 1.0], np.float32)
    image = image * (1.0 + 0.12 * (1.0 - w))[..., None]
    cloud = np.clip(0.5 + 0.35 * p.noise(0.6, 5, stretch=2.5), 0, 1)
    p.mix(image, 0.5 * cloud, 1.12, 1.12, 1.12)
    roofs = 0.80 + 0.05 * np.sign(np.sin(p.u * 2.3)) + 0.03 * np.sign(np.sin(p.u * 5.1 + 1.0))
    p.mix(image, (w > roofs).astype(np.float32), 0.52, 0.58, 0.64)
    return image


def metal(red: float, green: float, blue: float):  # type: ignore[no-untyped-def]
    """Return the material of a plain painted or bare part."""
    def paint(p: Patch) -> F32:
        image = shade(p.flat(red, green, blue), 0.03 * p.noise(0.2, 5) + 0.015 * p.noise(0.01, 2))
        return shade(image, -0.12 * p.edges(0.01))
    return paint


def duct(p: Patch) -> F32:
    """Galvanised spiral duct."""
    image = shade(p.flat(0.66, 0.68, 0.69), 0.04 * p.noise(0.06, 4))
    phase = ((p.v + 0.12 * p.u / p.face.width) / 0.12) % 1.0
    seam = np.interp(phase, [0, 0.06, 0.12, 0.2, 1], [-0.25, 0.18, -0.1, 0, 0])
    return shade(image, seam.astype(np.float32))
