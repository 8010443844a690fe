# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What earlier frames of a recording show, and what has moved since."""

from inspatio_ros.contracts import CameraTrack
from inspatio_ros.engine.conditioning import Conditioner, filled_render
from inspatio_ros.engine.recall import LOOKED_BACK_S, Recall
from inspatio_ros.scene.scene import Scene, TimeMode, View
import numpy as np
import pytest
from rooms import CAMERA, pose, trace, view
import torch

FPS = 10.0
STEP = round(LOOKED_BACK_S[0] * FPS)
BOX = (slice(25, 60), slice(30, 60))


def with_box(name, T):
    """Return a view of the room with a red box before its middle, one metre away."""
    rgb, depth = trace(T)
    rgb[BOX], depth[BOX] = (250, 0, 0), 1.0
    return View(rgb, depth, CAMERA, T, name)


def recording(views):
    return Scene('recording', frames=tuple((it,) for it in views), fps=FPS,
                 time_mode=TimeMode.ONCE)


def test_a_camera_that_turned_away_remembers_what_it_saw():
    turned = recording([view(f'{k}', pose(-1.0, 0.0, 0.05 * k)) for k in range(2 * STEP)])
    T = pose(-1.0, 0.0, 0.0)
    rgb, disparity = Recall(turned, CAMERA).look(STEP, 0, T)
    true, depth = trace(T)
    shown = disparity > 0.0
    assert shown.mean() > 0.95
    assert np.median(np.abs(rgb.astype(int) - true)[shown]) <= 2
    assert np.median(np.abs(1.0 / disparity[shown] - depth[shown])) < 1e-2


def test_what_stood_there_has_left():
    T = pose(-1.0, 0.0, 0.0)
    scene = recording([with_box('there', T)] * STEP + [view('gone', T)] * STEP)
    rgb, disparity = Recall(scene, CAMERA).look(STEP, 0, T)
    shown = disparity > 0.0
    assert not (shown & (rgb[..., 0] > 240) & (rgb[..., 1] < 10)).any(), 'a ghost'
    assert 0.1 < (~shown).mean() < 0.35, 'nobody knows what is behind it'


def test_behind_whoever_comes_is_what_was_there():
    T = pose(-1.0, 0.0, 0.0)
    scene = recording([view('free', T)] * STEP + [with_box('there', T)] * STEP)
    aside = pose(-1.0, 0.4, 0.0)
    stamps_ns = np.array([round(STEP / FPS * 1e9)])
    condition = Conditioner(scene, CAMERA).condition(CameraTrack(stamps_ns, aside[None]), [1],
                                                     recall=True)
    known = condition.mask_T1HW[0, 0].numpy() > 0.0
    assert condition.recalled is not None
    recalled = (condition.recalled.disparity_THW[0].numpy() > 0.0) & ~known
    assert recalled.sum() > 300
    true = trace(aside)[0]
    filled = ((filled_render(condition)[0] + 1.0) * 127.5).permute(1, 2, 0).numpy()
    assert np.median(np.abs(filled - true)[recalled]) < 3.0
    told = condition.told_T1HW[0, 0].numpy()
    assert set(np.unique(told)) == {0.0, 0.5, 1.0}
    assert np.array_equal(told == 1.0, known) and np.array_equal(told == 0.5, recalled)


def test_the_first_frame_has_nothing_to_recall():
    scene = recording([view('0', pose(-1.0, 0.0, 0.0))] * 3)
    rgb, disparity = Recall(scene, CAMERA).look(0, 0, pose(-1.0, 0.0, 0.0))
    assert rgb.shape == (72, 96, 3) and not disparity.any()


@pytest.mark.parametrize('recall', [False, True])
def test_still_scenes_and_those_who_do_not_ask_are_spared(recall):
    still = Scene('still', (view('0', pose(-1.0, 0.0, 0.0)),))
    track = CameraTrack(np.array([0]), pose(-1.0, 0.1, 0.0)[None])
    condition = Conditioner(still, CAMERA).condition(track, [1], recall=recall)
    assert condition.recalled is None
    assert torch.equal(condition.told_T1HW, condition.mask_T1HW)


def test_recorded_pictures_may_be_larger_and_places_fewer():
    large = CAMERA.scaled(192, 144)
    T = pose(-1.0, 0.0, 0.0)
    rgb, depth = trace(T, large)
    scene = recording([View(rgb, depth, large, T, f'{k}') for k in range(2 * STEP)])
    found, disparity = Recall(scene, CAMERA).look(STEP, 3, T)
    assert (disparity > 0.0).mean() > 0.95
    assert np.median(np.abs(found.astype(int) - trace(T)[0])) < 5


def test_no_part_of_what_left_stays_where_nobody_looks():
    """The box stood there, half of it out of sight by now: that half has left as well."""
    T, turned = pose(-1.0, 0.0, 0.0), pose(-1.0, 0.0, 0.45)
    now = view('gone', turned)
    scene = recording([with_box('there', T)] * STEP + [now] * STEP)
    rgb, disparity = Recall(scene, CAMERA).look(STEP, 0, T)
    shown = disparity > 0.0
    # The present view shows the left part of where it was, and not the right part.
    right = shown[BOX][:, -8:]
    assert not (shown & (rgb[..., 0] > 240) & (rgb[..., 1] < 10)).any(), 'a ghost'
    assert not right.any()
    assert shown[5:20].mean() > 0.5, 'the wall, as far away as before, stays'


def test_what_moves_may_be_out_of_sight():
    """A static view fills the picture, the moving camera looks elsewhere: nothing is recalled."""
    T = pose(-1.0, 0.0, 0.0)
    scene = Scene('both', (view('static', T),),
                  tuple((view(f'{k}', pose(-1.0, 0.0, np.pi)),) for k in range(2 * STEP)), FPS,
                  TimeMode.ONCE)
    stamps_ns = np.array([round(STEP / FPS * 1e9)])
    condition = Conditioner(scene, CAMERA, max_views=1).condition(
        CameraTrack(stamps_ns, T[None]), [1], recall=True)
    assert condition.recalled is not None and not condition.recalled.disparity_THW.any()
