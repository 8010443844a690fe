# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A bag larger than memory is no trouble: what is held follows the views, not the bag."""

import subprocess
import sys

from inspatio_ros.motion.transforms import pose_rpy, T_base_cam
from inspatio_ros.scene.scene import View
from make_bag import Recording
import numpy as np
import pytest

SIZE = 240, 320
# The first import brings code and libraries into memory; the second is what is measured.
IMPORT = """
from pathlib import Path
import re
import sys
from inspatio_ros.bags.scenes.importer import read_bag
from inspatio_ros.bags.scenes.keyframes import Motion
from inspatio_ros.bags.scenes.options import BagOptions


def memory(name):
    status = Path('/proc/self/status').read_text()
    return int(re.search(rf'{name}:\\s+(\\d+) kB', status)[1]) / 1e3


options = BagOptions(motion=Motion(most=4))
read_bag(Path(sys.argv[1]), options)
Path('/proc/self/clear_refs').write_text('5')  # the peak starts again
before = memory('VmRSS')
scene = read_bag(Path(sys.argv[2]), options).scene
print(len(scene.views), memory('VmHWM') - before)
"""


class Drive(Recording):
    """A drive of any length through one picture; 0.54 MB a picture."""

    def __init__(self, views, count):
        super().__init__(views)
        self.count = count

    def events(self):
        """Yield the events, so that the test itself needs no memory either."""
        view, period_ns = self.views[0], 100_000_000
        for k in range(self.count):
            self.views = [View(view.rgb, view.depth, view.intrinsics,
                               pose_rpy(2.0 * k / self.count) @ view.T_map_cam, 'view')]
            self.begin_ns += period_ns
            yield from super().events()[k > 0:]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_memory_does_not_grow_with_the_bag(tmp_path, checkout, storage):
    from inspatio_ros.contracts import Intrinsics
    rng = np.random.default_rng(1)
    view = View(rng.integers(0, 255, (*SIZE, 3), np.uint8), np.full(SIZE, 2.0, np.float32),
                Intrinsics.from_hfov(SIZE[1], SIZE[0], 1.0), T_base_cam(z=1.0), 'view')
    short, long = (Drive([view], count).write(tmp_path / f'bag_{count}', storage)
                   for count in (5, 400))
    size_mb = sum(path.stat().st_size for path in long.iterdir()) / 1e6
    done = subprocess.run([sys.executable, '-c', IMPORT, str(short), str(long)], cwd=checkout,
                          check=True, capture_output=True, text=True)
    views, grown_mb = map(float, done.stdout.split())
    print(f'{storage}: a bag of {size_mb:.0f} MB, {views:.0f} views: {grown_mb:.1f} MB more')
    assert 1 < views <= 4
    assert size_mb > 200
    assert grown_mb < 0.1 * size_mb
