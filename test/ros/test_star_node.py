# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The node on a scene with a real generator, a tiny one: it paints what is published."""

import time

from inspatio_ros.contracts import OBSERVED_IMAGINED
from inspatio_ros.engine.imagination import ImaginationSettings, ImaginedWorld
from inspatio_ros.engine.painter import PainterSettings
from inspatio_ros.engine.star_imaginer import StarImaginer
from inspatio_ros.engine.world import WorldSettings
import numpy as np
import pytest
from rig import DEPTH, OBSERVED, pixels_of
from rooms import room
from tiny_models import tiny_models


class Stumbling(StarImaginer):
    """A generator that can be made to fail."""

    fails = False

    def imagine(self, track):
        """Fail, or paint."""
        if self.fails:
            raise RuntimeError('the driver fell over')
        return super().imagine(track)


def stage(make_rig, lockstep):
    """Return a rig and its generator."""
    imaginer = Stumbling(tiny_models(), room())
    world = ImaginedWorld(room(), imaginer, ImaginationSettings(
        world=WorldSettings(threads=1), painter=PainterSettings(lockstep=lockstep)))
    rig = make_rig(world=world, rate=5.0, image__width=96, image__height=64)
    rig.listen(OBSERVED, DEPTH, 'diagnostics')
    return rig, imaginer


def generator(rig):
    return next((status for status in rig.got['diagnostics'][-1].status
                 if status.name.endswith(': generator')), None)


@pytest.mark.parametrize('lockstep', [False, True])
def test_imagined_pixels_are_published_and_a_failure_costs_no_picture(make_rig, lockstep):
    rig, imaginer = stage(make_rig, lockstep)
    rig.drive(turn=0.5)
    rig.wait(lambda: rig.got[OBSERVED] and OBSERVED_IMAGINED in pixels_of(rig.got[OBSERVED][-1]),
             timeout_s=20.0, what='an imagined pixel')
    rig.wait(lambda: any(value.key == 'blocks' and int(value.value) > 0
                         for value in generator(rig).values))
    imaginer.fails = True
    rig.wait(lambda: rig.drive(turn=0.5) or generator(rig).level == bytes([2]), timeout_s=20.0)
    assert 'the driver fell over' in generator(rig).message
    count = len(rig.got[DEPTH])
    time.sleep(2.0)
    assert len(rig.got[DEPTH]) - count >= 5
    imaginer.fails = False
    rig.wait(lambda: generator(rig).level == bytes([0]), timeout_s=20.0)


def test_lockstep_shows_nothing_that_is_not_painted(make_rig):
    rig, _ = stage(make_rig, lockstep=True)
    rig.drive(turn=0.5)
    rig.wait(lambda: len(rig.got[OBSERVED]) > 5, timeout_s=30.0, what='six frames')
    for message in list(rig.got[OBSERVED]):
        assert np.mean(pixels_of(message) == OBSERVED_IMAGINED) > 0.5
