# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Materials with something to read on: signs, posters, cabinets, the table's things."""

from __future__ import annotations

from hall.paint import F32, Patch, shade
from hall.things import wood
import numpy as np


def _is_front(p: Patch) -> bool:
    """Return whether this is a large side of a thin thing."""
    return p.upright and p.face.width > 0.2


def _triangle(p: Patch, image: F32) -> None:
    w, h = p.face.width, p.face.height
    for inset, rgb in ((0.06, (0.05, 0.05, 0.05)), (0.105, (0.92, 0.72, 0.05))):
        a, b = inset, 0.866 * (w - 2 * inset)
        top = 0.5 * h - 0.5 * b
        p.mix(image, p.polygon([(w / 2, top), (w - a, top + b), (a, top + b)]), *rgb)


def sign(p: Patch) -> F32:
    """Safety signs."""
    w, h = p.face.width, p.face.height
    if not _is_front(p):
        return p.flat(0.7, 0.7, 0.7)
    if p.arg == 'exit':
        image = p.flat(0.02, 0.45, 0.25)
        p.mix(image, p.text('EXIT', 0.38 * w, 0.5 * h, 0.13), 0.95, 0.97, 0.95)
        u, v = 0.78 * w, 0.5 * h
        p.mix(image, p.rect(u - 0.02, v - 0.075, u + 0.02, v + 0.02), 0.95, 0.97, 0.95)
        p.mix(image, p.polygon([(u - 0.06, v + 0.015), (u + 0.06, v + 0.015), (u, v + 0.085)]),
              0.95, 0.97, 0.95)
    elif p.arg == 'extinguisher':
        image = p.flat(0.74, 0.06, 0.06)
        p.mix(image, p.rect(0.42 * w, 0.35 * h, 0.62 * w, 0.85 * h, 0.01), 0.95, 0.94, 0.92)
        p.mix(image, p.rect(0.48 * w, 0.2 * h, 0.56 * w, 0.36 * h), 0.95, 0.94, 0.92)
        p.mix(image, p.rect(0.28 * w, 0.2 * h, 0.56 * w, 0.25 * h), 0.95, 0.94, 0.92)
        p.mix(image, p.rect(0.26 * w, 0.2 * h, 0.31 * w, 0.5 * h), 0.95, 0.94, 0.92)
    else:
        image = p.flat(0.88, 0.87, 0.84)
        _triangle(p, image)
        if p.arg == 'voltage':
            u, v = 0.5 * w, 0.56 * h
            p.mix(image, p.polygon([(u + 0.03, v - 0.12), (u - 0.045, v + 0.015), (u, v + 0.005),
                                    (u - 0.02, v + 0.1), (u + 0.05, v - 0.03),
                                    (u + 0.005, v - 0.02)]),
                  0.05, 0.05, 0.05)
        else:
            u, v = 0.5 * w, 0.58 * h
            p.mix(image, p.rect(u - 0.08, v - 0.02, u + 0.03, v + 0.05), 0.05, 0.05, 0.05)
            p.mix(image, p.rect(u - 0.05, v - 0.08, u - 0.035, v), 0.05, 0.05, 0.05)
            p.mix(image, p.rect(u + 0.04, v - 0.09, u + 0.052, v + 0.065), 0.05, 0.05, 0.05)
            p.mix(image, p.rect(u + 0.04, v + 0.052, u + 0.11, v + 0.065), 0.05, 0.05, 0.05)
            for shift in (-0.055, 0.01):
                p.mix(image, p.disc(u + shift, v + 0.055, 0.022), 0.05, 0.05, 0.05)
    return shade(image, -0.15 * p.edges(0.006))


def poster(p: Patch) -> F32:
    """Print a notice: a heading, a diagram, lines of text."""
    w, h = p.face.width, p.face.height
    if not _is_front(p):
        return p.flat(0.85, 0.85, 0.85)
    image = p.flat(0.92, 0.91, 0.88)
    p.mix(image, p.rect(0, 0, w, 0.17 * h), 0.10, 0.27, 0.52)
    p.mix(image, p.text(p.arg, 0.5 * w, 0.09 * h, 0.08 * h), 0.95, 0.95, 0.95)
    for k in range(3):
        v = (0.24 + 0.14 * k) * h
        rgb = ((0.10, 0.35, 0.62), (0.80, 0.60, 0.05), (0.70, 0.10, 0.10))[k]
        p.mix(image, p.disc(0.16 * w, v + 0.04 * h, 0.05 * h), *rgb)
        for j in range(2):
            y = v + (0.015 + 0.04 * j) * h
            p.mix(image, 0.8 * p.rect(0.3 * w, y, w * p.rng.uniform(0.7, 0.92), y + 0.015 * h),
                  0.2, 0.2, 0.22)
    p.mix(image, p.rect(0.1 * w, 0.68 * h, 0.9 * w, 0.94 * h), 0.78, 0.82, 0.84)
    for _ in range(9):
        u, v = p.rng.uniform(0.13, 0.75) * w, p.rng.uniform(0.70, 0.88) * h
        p.mix(image, 0.8 * p.rect(u, v, u + 0.1 * w, v + 0.03 * h), 0.3, 0.4, 0.5)
    return shade(image, -0.3 * p.edges(0.008))


def banner(p: Patch) -> F32:
    """Large letters on a plate."""
    image = p.flat(0.90, 0.89, 0.85)
    if _is_front(p):
        p.mix(image, p.text(p.arg, 0.5 * p.face.width, 0.5 * p.face.height,
                            0.36 * p.face.height), 0.10, 0.16, 0.28)
        p.mix(image, (p.edges(0.03) > 0.5).astype(np.float32), 0.10, 0.16, 0.28)
    return image


def whiteboard(p: Patch) -> F32:
    """Paint a board with notes, magnets and a table of shifts."""
    w, h = p.face.width, p.face.height
    image = shade(p.flat(0.90, 0.91, 0.91), 0.01 * p.noise(0.3))
    if not _is_front(p):
        return image
    for k in range(6):
        v = (0.2 + 0.12 * k) * h
        p.mix(image, 0.8 * p.rect(0.08 * w, v, 0.55 * w, v + 0.006), 0.15, 0.2, 0.4)
        for j in range(4):
            if p.rng.random() < 0.75:
                u = (0.1 + 0.115 * j) * w
                p.mix(image, 0.7 * p.rect(u, v + 0.03, u + 0.08 * w * p.rng.random(), v + 0.05),
                      *((0.1, 0.3, 0.6), (0.7, 0.1, 0.1), (0.1, 0.1, 0.12))[p.rng.integers(3)])
    p.mix(image, p.text('SHIFT PLAN', 0.3 * w, 0.1 * h, 0.07), 0.1, 0.12, 0.2)
    for u, v, rgb in ((0.66, 0.15, (0.93, 0.86, 0.42)), (0.80, 0.2, (0.60, 0.82, 0.62)),
                      (0.70, 0.52, (0.92, 0.66, 0.60)), (0.84, 0.58, (0.90, 0.90, 0.86))):
        p.mix(image, p.rect(u * w, v * h, u * w + 0.16, v * h + 0.2), *rgb)
        for k in range(4):
            y = v * h + 0.04 + 0.035 * k
            p.mix(image, 0.7 * p.rect(u * w + 0.02, y, u * w + 0.12, y + 0.008), 0.2, 0.2, 0.25)
    p.mix(image, (p.edges(0.05) > 0.5).astype(np.float32), 0.62, 0.63, 0.64)
    return image


def cabinet(p: Patch) -> F32:
    """Electrical cabinet: two doors, handles, a warning sign, vents."""
    w, h = p.face.width, p.face.height
    image = shade(p.flat(0.70, 0.70, 0.67), 0.015 * p.noise(0.3, 4))
    if p.upright and w > 0.5:
        image = shade(image, -0.55 * p.rect(0.5 * w - 0.003, 0.03, 0.5 * w + 0.003, h - 0.03))
        for u in (0.5 * w - 0.05, 0.5 * w + 0.03):
            p.mix(image, p.rect(u, 0.45 * h, u + 0.02, 0.55 * h), 0.12, 0.12, 0.13)
        for k in range(8):
            image = shade(image, -0.5 * p.rect(0.12 * w, 0.82 * h + 0.025 * k, 0.38 * w,
                                               0.82 * h + 0.025 * k + 0.008))
        u, v = 0.25 * w, 0.28 * h
        p.mix(image, p.polygon([(u, v - 0.1), (u + 0.1, v + 0.07), (u - 0.1, v + 0.07)]),
              0.92, 0.72, 0.05)
        for k, rgb in enumerate(((0.1, 0.55, 0.2), (0.7, 0.1, 0.1), (0.85, 0.7, 0.1))):
            p.mix(image, p.disc(0.66 * w + 0.07 * k, 0.2 * h, 0.018), *rgb)
    return shade(image, -0.3 * p.edges(0.012))


def locker(p: Patch) -> F32:
    """Three narrow steel doors."""
    w, h = p.face.width, p.face.height
    image = shade(p.flat(0.50, 0.56, 0.60), 0.015 * p.noise(0.3, 4))
    if p.upright and w > 1.0:
        for k in range(3):
            u = k * w / 3
            image = shade(image, -0.6 * p.rect(u - 0.004, 0, u + 0.004, h))
            for j in range(5):
                v = 0.15 + 0.03 * j
                image = shade(image, -0.5 * p.rect(u + 0.12, v, u + w / 3 - 0.12, v + 0.01))
            p.mix(image, p.rect(u + 0.05, 0.5 * h, u + 0.07, 0.5 * h + 0.09), 0.15, 0.15, 0.16)
    return shade(image, -0.25 * p.edges(0.012))


def monitor(p: Patch) -> F32:
    """Paint a screen with a stock list; the frame around it."""
    w, h = p.face.width, p.face.height
    image = p.flat(0.05, 0.05, 0.055)
    if p.key == '-y':
        p.mix(image, p.rect(0.015, 0.015, w - 0.015, h - 0.03), 0.80, 0.84, 0.88)
        p.mix(image, p.rect(0.015, 0.015, w - 0.015, 0.05), 0.10, 0.30, 0.55)
        for k in range(9):
            v = 0.07 + 0.028 * k
            for u, reach in ((0.03, 0.1), (0.2, 0.22), (0.47, 0.1)):
                p.mix(image, p.rect(u, v, u + reach * p.rng.uniform(0.5, 1.0), v + 0.01),
                      0.25, 0.3, 0.36)
    return image


def toolbox(p: Patch) -> F32:
    """Paint a red steel toolbox with drawers."""
    w, h = p.face.width, p.face.height
    image = shade(p.flat(0.62, 0.10, 0.08), 0.02 * p.noise(0.1, 4))
    if p.upright:
        for k in range(1, 3):
            image = shade(image, -0.6 * p.rect(0, k * h / 3, w, k * h / 3 + 0.006))
            p.mix(image, p.rect(0.3 * w, k * h / 3 - 0.035, 0.7 * w, k * h / 3 - 0.02),
                  0.65, 0.65, 0.66)
    else:
        p.mix(image, p.rect(0.25 * w, 0.45 * h, 0.75 * w, 0.55 * h), 0.1, 0.1, 0.1)
    return shade(image, -0.25 * p.edges(0.008))


def book(p: Patch) -> F32:
    """Paint a ledger."""
    if p.upright:
        return shade(p.flat(0.85, 0.83, 0.76), 0.1 * np.sin(p.v * 2000.0) + np.zeros_like(p.u))
    return shade(p.flat(0.14, 0.20, 0.34), -0.2 * p.edges(0.01) + 0.03 * p.noise(0.02))


def spool(p: Patch) -> F32:
    """Cable on a spool."""
    if p.upright:
        turn = 0.25 * np.sin(2 * np.pi * p.v / 0.018) + np.zeros_like(p.u)
        return shade(p.flat(0.75, 0.36, 0.08), turn)
    return wood(p)


def bin_(p: Patch) -> F32:
    """Paint a waste bin of green plastic."""
    w, h = p.face.width, p.face.height
    image = shade(p.flat(0.13, 0.34, 0.22), 0.03 * p.noise(0.1, 4))
    if p.upright:
        image = shade(image, -0.5 * p.rect(0, 0.13, w, 0.145) + 0.15 * p.rect(0, 0, w, 0.1))
        p.mix(image, p.rect(0.5 * w - 0.11, 0.4 * h, 0.5 * w + 0.11, 0.4 * h + 0.16),
              0.85, 0.86, 0.82)
        p.mix(image, p.text('PAPER', 0.5 * w, 0.4 * h + 0.08, 0.045), 0.1, 0.3, 0.2)
    return shade(image, -0.2 * p.edges(0.01))


def extinguisher(p: Patch) -> F32:
    """Red bottle with a label and a black valve."""
    w, h = p.face.width, p.face.height
    image = shade(p.flat(0.72, 0.05, 0.05), 0.02 * p.noise(0.1, 4))
    if p.upright:
        p.mix(image, p.rect(0, 0, w, 0.12 * h), 0.08, 0.08, 0.08)
        for share in (0.1, 0.6):
            p.mix(image, p.rect(share * w, 0.35 * h, (share + 0.3) * w, 0.7 * h), 0.9, 0.88, 0.8)
    return image
