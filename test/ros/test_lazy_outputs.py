# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What nobody subscribes to is neither rendered nor computed. One node in this process."""

import time

from inspatio_ros.contracts import Outputs
from inspatio_ros.robot import compression, frames
import pytest
from rig import JPEG, PNG, POINTS, SCAN


@pytest.fixture
def made(monkeypatch):
    """Return what is computed from now on, by name."""
    made = []

    def counted(kind, name):
        real = getattr(kind, name)
        monkeypatch.setattr(kind, name, lambda *args: (made.append(name), real(*args))[1])

    for kind, name in ((frames.Scanner, 'ranges'), (frames.Clouds, 'points'),
                       (compression, 'jpeg_of'), (compression, 'compressed_depth_of')):
        counted(kind, name)
    return made


def test_nothing_is_computed_for_nobody_nor_between_due_ticks(make_rig, made):
    rig = make_rig(scan__rate=2.0)
    rig.listen('odom')
    warm_up = len(rig.world.asked)
    rig.fresh('odom')
    assert len(rig.world.asked) == warm_up and not made

    rig.listen(SCAN)
    time.sleep(1.5)
    assert set(made) == {'ranges'}
    asked = rig.world.asked[warm_up:]
    assert not [outputs for outputs in asked if Outputs.RGB in outputs]
    assert len(asked) < 10, 'ticks without a scan were rendered'

    for topic, name, output in ((PNG, 'compressed_depth_of', Outputs.DEPTH),
                                (JPEG, 'jpeg_of', Outputs.RGB), (POINTS, 'points', Outputs.RGB)):
        assert name not in made
        rig.listen(topic)
        assert name in made and output in rig.world.asked[-1]
