# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes of a bag are wrong: a scene comes out or one error, and never anything else."""

from inspatio_ros.bags.scenes.importer import read_bag
from inspatio_ros.contracts import Intrinsics
from inspatio_ros.motion.transforms import pose_rpy, T_base_cam
from inspatio_ros.scene.scene import View
from make_bag import Recording
import numpy as np
import pytest

CASES = 40
CAMERA = Intrinsics.from_hfov(32, 24, 1.0)


def cut(data, rng):
    return data[:rng.integers(len(data))]


def altered(data, rng):
    """Change a few single bytes."""
    harmed = bytearray(data)
    for place in rng.integers(len(data), size=rng.integers(1, 10)):
        harmed[place] = rng.integers(256)
    return bytes(harmed)


def blotted(data, rng):
    """Overwrite up to a kilobyte with zeros or ones."""
    begin, length = rng.integers(len(data)), rng.integers(4, 1000)
    end = min(begin + length, len(data))
    return data[:begin] + bytes([rng.choice([0, 255])]) * (end - begin) + data[end:]


@pytest.mark.filterwarnings('ignore::RuntimeWarning')  # coordinates may be nonsense as well
@pytest.mark.parametrize('storage, compression', [
    ('mcap', 'none'), ('mcap', 'storage'), ('sqlite3', 'none'), ('own', 'none')])
@pytest.mark.parametrize('harm', [cut, altered, blotted])
def test_damage_never_escapes(tmp_path, storage, compression, harm):
    rng = np.random.default_rng([ord(letter) for letter in harm.__name__ + storage])
    views = [View(rng.integers(0, 255, (24, 32, 3), np.uint8), np.full((24, 32), 2.0, np.float32),
                  CAMERA, pose_rpy(0.3 * i) @ T_base_cam(z=1.0), f'view {i}') for i in range(4)]
    bag = Recording(views).write(tmp_path / 'bag', storage, compression=compression)
    file = next(path for path in bag.iterdir() if path.suffix in ('.mcap', '.db3'))
    data, refused = file.read_bytes(), 0
    for case in range(CASES):
        file.write_bytes(harm(data, rng))
        path = (bag, file)[case % 2]
        try:
            read_bag(path)
        except ValueError as error:
            assert str(error).startswith(str(bag))
            refused += 1
    assert 0 < refused
