# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Materials of racks, goods and furniture. Colours are sRGB 0..1."""

from __future__ import annotations

from hall.paint import F32, Patch, shade
import numpy as np

COLOURS = {
    'blue': (0.10, 0.28, 0.58), 'grey': (0.45, 0.47, 0.49), 'red': (0.66, 0.11, 0.09),
    'green': (0.12, 0.42, 0.24), 'yellow': (0.85, 0.64, 0.10), 'white': (0.85, 0.85, 0.83),
    'steel': (0.62, 0.63, 0.64), 'black': (0.08, 0.08, 0.09),
}
_MAKERS = ('NORDWERK', 'ALMA', 'KORIN', 'HELIX', 'TERRANO', 'BASALT', 'OVA', 'LUMEN', 'PICO',
           'FJELL', 'ARBOR', 'MISTRAL')
_PRINT = ((0.16, 0.13, 0.11), (0.10, 0.20, 0.42), (0.55, 0.12, 0.10), (0.10, 0.32, 0.20))


def _label(p: Patch, image: F32, u: float, v: float, w: float, h: float) -> None:
    """Stick a white address label with bars and lines on."""
    p.mix(image, p.rect(u, v, u + w, v + h), 0.91, 0.90, 0.87)
    x, end = u + 0.08 * w, u + 0.92 * w
    while x < end:
        bar = 0.0022 * p.rng.integers(1, 5)
        p.mix(image, 0.9 * p.rect(x, v + 0.55 * h, min(x + bar, end), v + 0.9 * h), 0.1, 0.1, 0.1)
        x += bar + 0.0022 * p.rng.integers(1, 4)
    for k in range(3):
        y = v + (0.13 + 0.13 * k) * h
        p.mix(image, 0.8 * p.rect(u + 0.08 * w, y, u + w * p.rng.uniform(0.4, 0.85), y + 0.05 * h),
              0.2, 0.2, 0.22)


def carton(p: Patch) -> F32:
    """Corrugated board: flutes, tape, print, a label, worn edges."""
    whole = p.seeded(p.arg) if p.arg else p.whole
    w, h = p.face.width, p.face.height
    kind = whole.random()
    tone = 1.0 + 0.09 * whole.standard_normal()
    base = np.array([0.66, 0.505, 0.345]) * tone if kind < 0.84 else np.array([0.83, 0.81, 0.77])
    ink = _PRINT[int(whole.integers(len(_PRINT)))]
    maker = _MAKERS[int(whole.integers(len(_MAKERS)))]
    broad = whole.random() < 0.22
    style = whole.random()
    image = shade(p.flat(*base), 0.03 * p.noise(0.25, 5) + 0.02 * p.noise(0.008, 2)
                  + 0.012 * np.sin(2 * np.pi * p.u / 0.0085))
    if not p.upright:
        p.mix(image, 0.8 * p.rect(0, 0.5 * h - 0.028, w, 0.5 * h + 0.028), 0.60, 0.47, 0.30)
        return shade(image, -0.5 * p.rect(0, 0.5 * h - 0.002, w, 0.5 * h + 0.002)
                     - 0.15 * p.edges(0.012))
    tape = (0.57, 0.42, 0.25) if kind < 0.84 else (0.72, 0.70, 0.64)
    if style < 0.7:
        p.mix(image, 0.75 * p.rect(0.5 * w - 0.028, 0, 0.5 * w + 0.028, 0.24 * h), *tape)
    if broad:
        p.mix(image, 0.92 * p.rect(0, 0.56 * h, w, 0.82 * h), *ink)
        size = min(0.17 * h, 0.9 * w / (0.95 * len(maker)))
        p.mix(image, 0.92 * p.text(maker, 0.5 * w, 0.69 * h, size), 0.88, 0.86, 0.80)
    else:
        size = min(0.16 * h, 0.075, 0.8 * w / (0.95 * len(maker)))
        p.mix(image, 0.85 * p.text(maker, 0.5 * w, 0.36 * h, size), *ink)
    if style > 0.35 and h > 0.16 and w > 0.2:
        _label(p, image, 0.06 * w + 0.4 * w * p.rng.random(), (0.5 if not broad else 0.1) * h,
               min(0.13, 0.42 * w), min(0.09, 0.4 * h))
    if style < 0.5 and h > 0.2 and not broad:
        for k in range(2):  # this side up
            u, v = w - 0.05 - 0.05 * k, h - 0.06
            p.mix(image, 0.85 * p.polygon([(u - 0.018, v), (u, v - 0.03), (u + 0.018, v)]), *ink)
            p.mix(image, 0.85 * p.rect(u - 0.006, v, u + 0.006, v + 0.03), *ink)
    dents = np.clip(p.noise(0.12, 4) - 1.4, 0, 1)
    return shade(image, -0.10 * dents - 0.20 * p.edges(0.010) * (1.0 + 0.3 * p.noise(0.05, 3)))


def crate(p: Patch) -> F32:
    """Plastic stacking box: ribs, a handle, a card."""
    rgb = COLOURS[p.arg]
    w, h = p.face.width, p.face.height
    image = shade(p.flat(*rgb), 0.02 * p.noise(0.1, 4))
    if not p.upright:
        inside = p.rect(0.02, 0.02, w - 0.02, h - 0.02)
        p.mix(image, 0.75 * inside, 0.07, 0.07, 0.07)
        return image
    image = shade(image, 0.20 * p.rect(0, 0, w, 0.035) - 0.45 * p.rect(0, 0.037, w, 0.045))
    count = max(2, round(w / 0.11))
    for k in range(1, count):
        u = k * w / count
        image = shade(image, 0.16 * p.rect(u - 0.008, 0.045, u, h)
                      - 0.30 * p.rect(u, 0.045, u + 0.008, h))
    u = 0.5 * w
    p.mix(image, p.rect(u - 0.06, 0.065, u + 0.06, 0.1, 0.006), 0.05, 0.05, 0.055)
    p.mix(image, p.rect(u - 0.055, 0.6 * h, u + 0.055, 0.6 * h + 0.06), 0.88, 0.87, 0.82)
    p.mix(image, 0.9 * p.text(f'{p.whole.integers(100, 999)}', u, 0.6 * h + 0.03, 0.03),
          0.1, 0.1, 0.12)
    return shade(image, -0.25 * p.edges(0.008))


def tin(p: Patch) -> F32:
    """Paint a bucket or a drum: beads, a lid, a label around."""
    rgb = COLOURS[p.arg]
    w, h = p.face.width, p.face.height
    image = shade(p.flat(*rgb), 0.02 * p.noise(0.1, 4))
    if not p.upright:
        r = np.hypot(p.u - 0.5 * w, p.v - 0.5 * h)
        image = shade(image, np.where(r > 0.45 * w, 0.15, -0.12) - 0.4 * (
            np.abs(r - 0.44 * w) < 0.006))
        return shade(image, -0.4 * p.disc(0.7 * w, 0.5 * h, 0.03))
    beads = (0.06, 0.94) if h < 0.5 else (0.03, 0.35, 0.65, 0.97)
    for share in beads:
        v = share * h
        image = shade(image, 0.22 * p.rect(0, v - 0.016, w, v - 0.002, 0.008)
                      - 0.30 * p.rect(0, v + 0.002, w, v + 0.014, 0.008))
    ink = _PRINT[int(p.whole.integers(len(_PRINT)))]
    maker = _MAKERS[int(p.whole.integers(len(_MAKERS)))]
    band = (0.25, 0.8) if h < 0.5 else (0.40, 0.60)
    if p.arg in ('white', 'steel'):
        p.mix(image, 0.95 * p.rect(0, band[0] * h, w, band[1] * h), *ink)
    for share in (0.05, 0.30, 0.55, 0.80):
        u = share * w
        wide, tall = 0.2 * w, 0.8 * (band[1] - band[0]) * h
        v = 0.5 * (band[0] + band[1]) * h
        p.mix(image, p.rect(u, v - 0.5 * tall, u + wide, v + 0.5 * tall), 0.90, 0.89, 0.85)
        p.mix(image, 0.9 * p.text(maker, u + 0.5 * wide, v - 0.1 * tall,
                                  min(0.3 * tall, 0.9 * wide / (0.95 * len(maker)))), *ink)
        p.mix(image, 0.6 * p.rect(u + 0.1 * wide, v + 0.2 * tall, u + 0.7 * wide, v + 0.26 * tall),
              0.2, 0.2, 0.2)
    rust = np.clip(p.noise(0.12, 6) - 1.7, 0, 1) * (h > 0.5)
    p.mix(image, 0.7 * rust, 0.36, 0.19, 0.10)
    return image


def wood(p: Patch, tone: tuple[float, float, float] = (0.62, 0.45, 0.28)) -> F32:
    """Varnished planks along the longer side."""
    along = p.face.width >= p.face.height
    grain = p.noise(0.012, 3, stretch=25.0) if along else p.noise(0.3, 6, stretch=0.04)
    image = shade(p.flat(*tone), 0.07 * grain + 0.03 * p.noise(0.5, 3))
    across = p.v if along else p.u
    image = shade(image, -0.35 * (np.abs((across % 0.15) - 0.075) < 0.0022)
                  + np.zeros((p.rows, p.columns), np.float32))
    return shade(image, -0.15 * p.edges(0.006))


def pallet(p: Patch) -> F32:
    """Rough boards with gaps."""
    image = wood(p, (0.60, 0.50, 0.37))
    if p.key in ('+z', '-z'):
        return shade(image, -0.85 * (np.abs((p.v % 0.16) - 0.08) < 0.016)
                     + np.zeros((p.rows, p.columns), np.float32))
    return shade(image, 0.08 * p.noise(0.05, 4))


def chipboard(p: Patch) -> F32:
    """Pressed chips."""
    return shade(p.flat(0.66, 0.54, 0.38), 0.10 * p.noise(0.012, 2) + 0.03 * p.noise(0.3))


def upright(p: Patch) -> F32:
    """Blue rack post with punched slots."""
    image = shade(p.flat(0.08, 0.22, 0.48), 0.03 * p.noise(0.1, 4))
    if p.upright:
        for u in (0.3 * p.face.width, 0.7 * p.face.width):
            slot = (np.abs(p.u - u) < 0.006) & (np.abs((p.v % 0.05) - 0.025) < 0.013)
            p.mix(image, slot.astype(np.float32), 0.03, 0.03, 0.04)
        chips = np.clip(p.noise(0.06, 5) - 1.9, 0, 1) * (p.z_map() < 0.8)
        p.mix(image, 0.8 * chips, 0.45, 0.44, 0.43)
    return shade(image, 0.12 * p.edges(0.005))


def beam(p: Patch) -> F32:
    """Orange rack beam with end plates and place numbers."""
    w, h = p.face.width, p.face.height
    image = shade(p.flat(0.83, 0.36, 0.07), 0.03 * p.noise(0.2, 4))
    if not p.upright or w < 0.5:
        return image
    image = shade(image, 0.10 * p.rect(0, 0, w, 0.2 * h) - 0.18 * p.rect(0, 0.85 * h, w, h))
    count = 4
    for k in range(count):
        u = (k + 0.5) * w / count
        p.mix(image, p.rect(u - 0.07, 0.2 * h, u + 0.07, 0.8 * h), 0.92, 0.91, 0.86)
        code = f'{p.whole.integers(10, 99)}-{k + 1:02d}'
        p.mix(image, 0.9 * p.text(code, u, 0.5 * h, 0.4 * h), 0.08, 0.08, 0.09)
    for u in (0.0, w - 0.05):
        image = shade(image, -0.2 * p.rect(u, 0, u + 0.05, h))
    return image


def endpanel(p: Patch) -> F32:
    """Sheet at the end of a rack with the letter of the aisle."""
    w, h = p.face.width, p.face.height
    image = shade(p.flat(0.12, 0.25, 0.46), 0.02 * p.noise(0.3, 4))
    if w < 0.2 or not p.upright:
        return image
    for v in (0.36 * h, 0.68 * h):
        image = shade(image, -0.35 * p.rect(0, v, w, v + 0.006))
    p.mix(image, p.rect(0.5 * w - 0.18, 0.08 * h, 0.5 * w + 0.18, 0.08 * h + 0.36),
          0.90, 0.89, 0.84)
    letter = {'north': 'C', 'aisle_s': 'A', 'aisle_n': 'B'}[p.arg]
    p.mix(image, 0.95 * p.text(letter, 0.5 * w, 0.08 * h + 0.18, 0.24), 0.08, 0.09, 0.12)
    p.mix(image, p.rect(0, h - 0.42, w, h - 0.1) * p.stripes(0.2), 0.86, 0.66, 0.08)
    return shade(image, -0.1 * p.edges(0.01) + 0.02 * p.noise(0.02, 2))


def backpanel(p: Patch) -> F32:
    """Sheet between two racks."""
    image = shade(p.flat(0.55, 0.57, 0.58), 0.03 * p.noise(0.3, 4))
    return shade(image, -0.3 * ((p.u % 0.65) < 0.006) + np.zeros((p.rows, p.columns), np.float32))


def roll(p: Patch) -> F32:
    """Paint a roll of kraft paper."""
    w = p.face.width
    image = shade(p.flat(0.70, 0.58, 0.43), 0.03 * p.noise(0.15, 5))
    if p.upright:
        return shade(image, -0.2 * (np.abs(p.u - 0.3 * w) < 0.003)
                     + np.zeros((p.rows, p.columns), np.float32))
    r = np.hypot(p.u - 0.5 * w, p.v - 0.5 * w)
    image = shade(image, 0.08 * np.sin(2 * np.pi * r / 0.011) + 0.05 * np.sin(r * 90.0))
    p.mix(image, p.disc(0.5 * w, 0.5 * w, 0.05), 0.06, 0.05, 0.05)
    return image


def mover(p: Patch) -> F32:
    """Paint the moving box, a driverless cart: panels in a dark frame, a bumper, a light band."""
    w, h = p.face.width, p.face.height
    image = shade(p.flat(0.03, 0.50, 0.50), 0.02 * p.noise(0.2, 4) + 0.01 * p.noise(0.01, 2))
    dark, rim = (0.075, 0.08, 0.085), 0.028
    if not p.upright:
        p.mix(image, 1.0 - p.rect(rim, rim, w - rim, h - rim), *dark)
        p.mix(image, p.rect(0.12, 0.12, w - 0.12, h - 0.12), 0.17, 0.175, 0.18)
        grip = 0.5 + 0.5 * np.sin(2 * np.pi * p.u / 0.03) * np.sin(2 * np.pi * p.v / 0.03)
        return shade(image, 0.10 * grip * p.rect(0.12, 0.12, w - 0.12, h - 0.12)
                     - 0.15 * p.edges(0.01))
    low = h - 0.115  # where the bumper begins
    seam = p.rect(rim, rim, w - rim, low) - p.rect(rim + 0.004, rim + 0.004, w - rim - 0.004,
                                                   low - 0.004)
    p.mix(image, 1.0 - p.rect(rim, rim, w - rim, low), *dark)
    image = shade(image, -0.7 * seam - 0.6 * p.rect(0.5 * w - 0.002, 0.30, 0.5 * w + 0.002, low))
    p.mix(image, p.rect(rim, 0.105, w - rim, 0.15), 0.88, 0.88, 0.85)
    p.mix(image, 0.95 * p.text('AGV 07', 0.18, 0.225, 0.055), 0.90, 0.90, 0.87)
    for k in range(6):  # vents
        image = shade(image, -0.75 * p.rect(w - 0.22, 0.19 + 0.014 * k, w - 0.07,
                                            0.197 + 0.014 * k))
    for u in (0.055, w - 0.055):  # screws
        for v in (0.06, low - 0.03):
            p.mix(image, p.disc(u, v, 0.008), 0.55, 0.56, 0.56)
    p.mix(image, p.rect(0.5 * w - 0.07, 0.35, 0.5 * w + 0.07, 0.385, 0.006), 0.06, 0.06, 0.065)
    p.mix(image, p.rect(rim, low - 0.045, w - rim, low - 0.01) * p.stripes(0.07),
          0.86, 0.66, 0.08)
    p.mix(image, p.rect(0.02, h - 0.085, w - 0.02, h - 0.035, 0.01), 0.16, 0.16, 0.165)
    scratches = np.clip(p.noise(0.08, 5, stretch=5.0) - 2.0, 0, 1)
    p.mix(image, 0.5 * scratches, 0.30, 0.33, 0.33)
    return shade(image, 0.10 * p.edges(0.004) - 0.10 * (p.v / h) ** 3)
