# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A scene with a generator: what is shown, and what becomes of a generator in trouble."""

from dataclasses import replace
from itertools import product
import subprocess
import sys
import time

from inspatio_ros.contracts import CameraTrack, CameraView, GeneratorState, Intrinsics, Outputs
from inspatio_ros.engine.imagination import ImaginationSettings, ImaginedWorld
from inspatio_ros.engine.imaginer import NotFiniteError
from inspatio_ros.engine.painter import PainterSettings
from inspatio_ros.engine.world import SceneWorld, WorldSettings
from inspatio_ros.evaluation.image import psnr_db
from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.scene.scene import Scene
import numpy as np
import pytest
from rooms import CAMERA, pose, room, trace, view
from true_imaginer import PERIOD_NS, TrueImaginer

SECOND = 1_000_000_000
# Shows the room behind the camera of most tests: what is seen in front is imagined.
BEHIND = Scene('behind', (view('back', pose(-1.0, 0.0, np.pi)),))
HERE = pose(-0.8, 0.0, 0.0)
PATIENT = {'late_s': 600.0}


def settings(lockstep: bool = False, blend_s: float = 0.25, **painter) -> ImaginationSettings:
    return ImaginationSettings(WorldSettings(threads=1),
                               PainterSettings(lockstep=lockstep, **{**PATIENT, **painter}),
                               blend_s)


def still(start_ns: int = 0, T=HERE) -> CameraTrack:
    stamps_ns = start_ns + np.arange(0, 2 * SECOND, SECOND // 50)
    return CameraTrack(stamps_ns, np.stack([T] * len(stamps_ns)))


def until(condition, seconds: float = 20.0) -> None:
    """Wait for another thread."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, 'waited in vain'
        time.sleep(0.002)


@pytest.fixture
def open_world():
    worlds = []

    def open_one(imaginer, scene: Scene = BEHIND, **options) -> ImaginedWorld:
        worlds.append(ImaginedWorld(scene, imaginer, settings(**options)))
        return worlds[-1]

    yield open_one
    for world in worlds:
        world.close()


def look(world, stamp_ns: int, T=HERE, camera: Intrinsics = CAMERA):
    return world.observe(stamp_ns, T, camera)


def begin(world, blocks: int = 1) -> None:
    """Look once, say that the camera stays, and wait until that is painted."""
    world.expect(still())
    look(world, 0)
    until(lambda: world.status().blocks >= blocks)


def same(a, b) -> bool:
    return all(getattr(a, name).tobytes() == getattr(b, name).tobytes()
               for name in ('rgb', 'depth', 'observed'))


# What is shown.

def test_in_lockstep_every_frame_is_a_painted_one(open_world) -> None:
    imaginer = TrueImaginer()
    world = open_world(imaginer, lockstep=True)
    for k in range(25):
        stamp_ns, T = 7 * SECOND + k * PERIOD_NS, pose(-0.8 + 0.01 * k, 0.0, 0.02 * k)
        stamps = np.arange(20)
        track = CameraTrack(stamp_ns + PERIOD_NS * stamps, np.stack([
            pose(-0.8 + 0.01 * (k + i), 0.0, 0.02 * (k + i)) for i in stamps]))
        world.expect(track)
        frame = look(world, stamp_ns, T)
        rgb, depth = trace(T)
        assert (frame.observed == 128).mean() > 0.99
        assert psnr_db(frame.rgb, rgb, frame.observed == 128) > 40.0
        np.testing.assert_allclose(frame.depth, depth, rtol=1e-3)
    assert [len(track.stamps_ns) for track in imaginer.tracks] == [9, 12, 12]
    stamps_ns = np.concatenate([track.stamps_ns for track in imaginer.tracks])
    np.testing.assert_array_equal(stamps_ns, np.arange(33) * PERIOD_NS)


def test_a_painted_frame_at_its_own_pose_comes_out_as_it_is(open_world) -> None:
    world = open_world(TrueImaginer(), lockstep=True)
    frame = look(world, 0)
    rgb, depth = trace(HERE)
    np.testing.assert_array_equal(frame.rgb, rgb)
    np.testing.assert_allclose(frame.depth, depth, rtol=1e-5)
    assert (frame.observed == 128).all() and frame.unobserved_ratio == 0.0


def test_observed_says_where_a_pixel_is_from(open_world) -> None:
    # Imagined on the right, known on the left, neither in between.
    T, fisheye = pose(-0.8, 0.0, 0.5 * np.pi), Intrinsics.from_hfov(96, 72, 2.4)
    world = open_world(TrueImaginer())
    begin(world)
    scene = SceneWorld(BEHIND, WorldSettings(threads=1)).observe(0, T, fisheye)
    frame = look(world, 0, T, fisheye)
    assert set(np.unique(frame.observed)) == {0, 128, 255}
    assert ((frame.observed == 255) <= (scene.observed == 255)).all()
    assert ((frame.observed == 0) <= (scene.observed == 0)).all()
    assert frame.unobserved_ratio == pytest.approx((frame.observed == 0).mean())


class ComposingImaginer(TrueImaginer):
    """Paints the truth in a colour of its own; says that it took what is seen from the scene."""

    def imagine(self, track):
        block = super().imagine(track)
        return replace(block, rgb=block.rgb // 2, composed=True)


@pytest.mark.parametrize('fill_depth', [False, True])
def test_a_generator_that_composes_paints_only_what_the_scene_lacks(open_world,
                                                                    fill_depth) -> None:
    T, wide = pose(-0.8, 0.0, 0.5 * np.pi), Intrinsics.from_hfov(96, 72, 2.4)
    ahead = Scene('ahead', (view('ahead', pose(-0.8, 0.0, 0.5 * np.pi)),))
    options = WorldSettings(threads=1, fill_depth=fill_depth)
    scene = SceneWorld(ahead, options).observe(0, T, wide)
    world = ImaginedWorld(ahead, ComposingImaginer(wide), replace(settings(lockstep=True),
                                                                  world=options))
    try:
        world.expect(still(T=T))
        frame = look(world, 0, T, wide)
    finally:
        world.close()
    seen = scene.observed == 255
    assert 0.1 < seen.mean() < 0.9
    for name in ('rgb', 'depth', 'observed'):  # what the scene shows, it shows as before
        np.testing.assert_array_equal(getattr(frame, name)[seen], getattr(scene, name)[seen])
    assert (frame.observed[~seen] == 128).mean() > 0.99
    true = trace(T, wide)[0] // 2
    assert np.median(np.abs(frame.rgb.astype(int) - true)[~seen]) < 3
    # Its depth is a guess: it is given only where guesses are asked for.
    assert np.isfinite(frame.depth[~seen]).mean() == (1.0 if fill_depth else 0.0)


def test_only_what_is_asked_for_is_made(open_world) -> None:
    world = open_world(TrueImaginer(), lockstep=True)
    composing = open_world(ComposingImaginer(), lockstep=True)
    for world, outputs in product((world, composing), (
            Outputs.RGB, Outputs.DEPTH, Outputs.OBSERVED, Outputs.NONE)):
        frame = world.observe(0, HERE, CAMERA, outputs)
        assert (frame.rgb is not None) == (Outputs.RGB in outputs)
        assert (frame.depth is not None) == (Outputs.DEPTH in outputs)
        assert (frame.observed is not None) == (Outputs.OBSERVED in outputs)


@pytest.mark.parametrize('lockstep', [False, True])
def test_all_cameras_see_what_is_painted_for_the_first(open_world, lockstep: bool) -> None:
    views = [CameraView(HERE, CAMERA), CameraView(pose(-0.8, 0.1, 0.2), CAMERA.scaled(48, 36)),
             CameraView(HERE, CAMERA, Outputs.RGB)]
    frames = []
    for imaginer in (TrueImaginer(), TrueImaginer()):
        world = open_world(imaginer, lockstep=lockstep)
        begin(world)
        frames.append(world.observe_all(SECOND // 50, views) if not frames else
                      [look(world, SECOND // 50, view.T_map_cam, view.intrinsics)
                       for view in views])
        np.testing.assert_array_equal(imaginer.tracks[0].T_map_cam[0], HERE)
    for one, other in zip(frames[0][:2], frames[1]):
        assert same(one, other) and (one.observed == 128).mean() > 0.5
    assert frames[0][2].rgb.tobytes() == frames[1][2].rgb.tobytes()


def test_frames_of_the_future_are_not_shown(open_world) -> None:
    imaginer = TrueImaginer()
    world = open_world(imaginer)
    look(world, 0)
    world.expect(still(SECOND))
    until(lambda: world.status().blocks == 1)
    assert not (look(world, SECOND - 1).observed == 128).any()
    assert (look(world, SECOND).observed == 128).all()


def test_what_only_an_earlier_block_has_shown_is_remembered(open_world) -> None:
    class Guessing(TrueImaginer):
        """Knows no depth for sure."""

        def imagine(self, track):
            block = super().imagine(track)
            block.seen[:] = False
            return block

    world = open_world(Guessing(), lockstep=True)
    look(world, 0)
    around = pose(-0.8, 0.0, np.pi)
    world.expect(still(SECOND, around))
    look(world, SECOND, around)
    world.expect(still(2 * SECOND, around))
    frame = look(world, 2 * SECOND, HERE)
    rgb, _ = trace(HERE)
    known = frame.observed == 128
    assert known.mean() > 0.9 and psnr_db(frame.rgb, rgb, known) > 35.0


# Figures.

WIDE = Intrinsics.from_hfov(160, 120, 1.4)
# 5 degrees and 10 cm beside the true camera.
BESIDE = pose_rpy(0.06, 0.0, -0.08) @ pose_rpy(pitch=np.deg2rad(5.0))


def way(time_s: float) -> np.ndarray:
    return pose(-0.8 + 0.3 * time_s, 0.1 * np.sin(time_s), -0.3 + 0.4 * time_s)


def drive(world, imaginer, beside, delay_s: float) -> list:
    """Drive for two seconds; blocks are painted beside the way and come late."""
    frames, due_s, painted = [], None, 0
    for k in range(60):
        now_s = k / 30 + 0.013
        if due_s is not None and now_s >= due_s - 1e-9:
            imaginer.gate.release()
            due_s, painted = None, painted + 1
            until(lambda: world.status().blocks >= painted)
        ahead_s = np.arange(0.0, 1.6, 0.02)
        world.expect(CameraTrack(np.round((now_s + ahead_s) * 1e9).astype(np.int64),
                                 np.stack([way(now_s + s) @ beside for s in ahead_s])))
        if imaginer.gate and due_s is None and k and imaginer.begun.acquire(timeout=0.05):
            due_s = now_s + delay_s
        frames.append(look(world, round(now_s * 1e9), way(now_s), WIDE))
    return frames


def displacement(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return how far each patch of a picture lies from where it belongs, pixels (Lucas-Kanade)."""
    image, truth = (picture.astype(np.float64).sum(axis=2) for picture in (image, truth))
    dy, dx = np.gradient(truth)
    rest = image - truth

    def box(x: np.ndarray) -> np.ndarray:
        padded = np.pad(np.where(mask, x, 0.0), ((9, 8), (9, 8))).cumsum(0).cumsum(1)
        return padded[17:, 17:] - padded[:-17, 17:] - padded[17:, :-17] + padded[:-17, :-17]

    xx, xy, yy = box(dx * dx), box(dx * dy), box(dy * dy)
    xt, yt = box(dx * rest), box(dy * rest)
    determinant = xx * yy - xy * xy
    clear = mask & (determinant > 0.02 * (xx + yy) ** 2) & (xx + yy > 100.0)
    with np.errstate(divide='ignore', invalid='ignore'):
        u, v = (yy * xt - xy * yt) / determinant, (xx * yt - xy * xt) / determinant
    return np.hypot(u, v)[clear]


def test_the_displacement_that_is_measured_is_right() -> None:
    T = way(1.0)
    shifted = Intrinsics(160, 120, WIDE.fx, WIDE.fy, WIDE.cx + 0.5, WIDE.cy)
    found = displacement(trace(T, shifted)[0], trace(T, WIDE)[0], np.ones((120, 160), np.bool_))
    assert np.median(found) == pytest.approx(0.5, abs=0.1)


def test_late_and_mispredicted_frames_are_shown_where_they_belong(open_world) -> None:
    prompt, late = TrueImaginer(WIDE), TrueImaginer(WIDE, gated=True)
    undelayed = drive(open_world(prompt, lockstep=True), prompt, np.eye(4), 0.0)
    delayed = drive(open_world(late), late, BESIDE, 0.5)
    losses, errors, covered = [], [], []
    for k in range(20, 60):
        T = way(k / 30 + 0.013)
        truth, _ = trace(T, WIDE)
        both = (undelayed[k].observed == 128) & (delayed[k].observed == 128)
        losses.append(psnr_db(undelayed[k].rgb, truth, both)
                      - psnr_db(delayed[k].rgb, truth, both))
        errors.append(np.median(displacement(delayed[k].rgb, truth, both)))
        covered.append(both.mean())
    print(f'loss {np.mean(losses):.2f} dB (max {np.max(losses):.2f}), displacement '
          f'{np.median(errors):.3f} px (max {np.max(errors):.3f}), covered {np.mean(covered):.2f}')
    assert np.mean(covered) > 0.6
    assert np.mean(losses) < 1.0
    assert np.median(errors) < 0.05 and np.max(errors) < 0.2


@pytest.mark.parametrize('blend_s, smooth', [(0.25, True), (0.0, False)])
def test_there_is_no_jump_where_blocks_meet(open_world, blend_s: float, smooth: bool) -> None:
    # Blocks differ in brightness by 8 levels and look from either side; frames flicker by 2.
    imaginer = TrueImaginer(WIDE, colour=lambda block, frame: 8 * (block % 2) + 2 * (frame % 2))
    world = open_world(imaginer, lockstep=True, blend_s=blend_s)
    pictures, first = [], []
    for k in range(9 + 4 * 12):
        block = len(imaginer.tracks)
        beside = BESIDE if block % 2 else pose_rpy(-0.06, 0.0, 0.08)
        world.expect(still(k * PERIOD_NS, way(0.0) @ beside))
        frame = look(world, k * PERIOD_NS, way(0.0), WIDE)
        pictures.append((frame.rgb.astype(np.int64), frame.observed == 128))
        first += [k] * (len(imaginer.tracks) - block)
    step = [float(np.abs(a - b)[was & here].mean())
            for (a, was), (b, here) in zip(pictures, pictures[1:])]
    across = [step[k - 1] for k in first[1:]]
    # Inside: where only the frames themselves differ, and no fade is under way.
    inside = [step[k - 1] for start in first[1:] for k in range(start + 7, start + 12)]
    fading = [step[k - 1] for start in first[1:] for k in range(start + 1, start + 7)]
    ratio = np.mean(across) / np.mean(inside)
    print(f'blend {blend_s} s: across {np.mean(across):.2f}, inside {np.mean(inside):.2f}, '
          f'fading at most {np.max(fading):.2f}, ratio {ratio:.2f}')
    assert (ratio <= 1.5) == smooth
    assert not smooth or np.max(fading) <= 1.5 * np.mean(inside) + 2.0


# Time, tracks, resets.

def test_the_newest_track_wins(open_world) -> None:
    imaginer = TrueImaginer(gated=True)
    world = open_world(imaginer)
    look(world, 0)
    world.expect(still(0))
    assert imaginer.begun.acquire(timeout=20.0)
    for k in range(1, 6):
        world.expect(still(k * SECOND // 5, pose(-0.8, 0.0, 0.1 * k)))
    imaginer.gate.release()
    assert imaginer.begun.acquire(timeout=20.0)
    np.testing.assert_allclose(imaginer.tracks[1].T_map_cam[0], pose(-0.8, 0.0, 0.5), atol=1e-12)
    status = world.status()
    assert status.blocks == 1 and status.replaced == 4 and status.frames == 9
    assert status.state == GeneratorState.PAINTING and not status.faulty
    assert status.size == (72, 96) and status.latency_s >= 0.0
    # The block after it: twelve frames, and a second to paint them.
    assert status.lookahead_s == pytest.approx(1.0 + 13 * PERIOD_NS * 1e-9, abs=0.05)


def test_a_track_before_the_first_picture_waits_for_it(open_world) -> None:
    imaginer = TrueImaginer()
    world = open_world(imaginer)
    world.expect(still(100 * SECOND))
    time.sleep(0.05)
    assert not imaginer.tracks
    look(world, 100 * SECOND)
    until(lambda: world.status().blocks == 1)
    assert imaginer.tracks[0].stamps_ns[0] == 0


def test_a_track_without_poses_is_passed_over(open_world) -> None:
    world = open_world(TrueImaginer())
    look(world, 0)
    world.expect(CameraTrack(np.zeros(0, np.int64), np.zeros((0, 4, 4))))
    assert world.status().state == GeneratorState.WAITING


def test_a_reset_flushes_what_was_imagined_and_what_is_under_way(open_world) -> None:
    imaginer = TrueImaginer(gated=True)
    imaginer.heeds_cancel = False
    world = open_world(imaginer)
    look(world, 0)
    world.expect(still())
    imaginer.gate.release()
    until(lambda: world.status().blocks == 1)
    assert (look(world, 0).observed == 128).any()
    world.expect(still(SECOND))
    assert imaginer.begun.acquire(timeout=20.0) and imaginer.begun.acquire(timeout=20.0)
    world.reset()
    assert not (look(world, 5 * SECOND).observed == 128).any()
    imaginer.gate.release()
    until(lambda: world.status().flushed == 1)
    assert not (look(world, 6 * SECOND).observed == 128).any()
    world.expect(still(6 * SECOND))
    imaginer.gate.release()
    until(lambda: world.status().blocks == 2)
    assert imaginer.resets == 1 and imaginer.cancels == 1
    assert len(imaginer.tracks[-1].stamps_ns) == 9  # a first block
    assert (look(world, 6 * SECOND).observed == 128).any()


def test_a_scene_can_be_switched_in_the_middle_of_a_block(open_world) -> None:
    old = TrueImaginer(gated=True)
    world = open_world(old)
    look(world, 0)
    world.expect(still())
    assert old.begun.acquire(timeout=20.0)
    begin_s = time.monotonic()
    world.close()
    assert time.monotonic() - begin_s < 0.9 and old.closed
    assert world.status().state == GeneratorState.CLOSED
    new = open_world(TrueImaginer(), room())
    begin(new)
    assert (look(new, 0).observed == 128).mean() > 0.9


# A generator in trouble.

def scene_alone(T=HERE):
    return SceneWorld(BEHIND, WorldSettings(threads=1)).observe(0, T, CAMERA)


def test_a_generator_that_raises_costs_no_picture_and_is_tried_again(open_world) -> None:
    imaginer = TrueImaginer(errors=[RuntimeError('no luck'), ValueError('nor now')])
    world = open_world(imaginer, backoff_s=0.05)
    world.expect(still())
    assert same(look(world, 0), scene_alone())
    until(lambda: world.status().failures == 1)
    status = world.status()
    assert status.state == GeneratorState.FAILED and status.faulty
    assert status.reason == 'RuntimeError: no luck' and status.retry_in_s <= 0.05
    assert same(look(world, 0), scene_alone())
    world.expect(still())
    until(lambda: world.status().failures == 2)
    assert world.status().retry_in_s <= 0.1  # twice as long
    world.expect(still())
    until(lambda: world.status().blocks == 1)
    assert imaginer.resets == 1  # it failed twice in a row: its memory may have been at fault
    assert not world.status().faulty and world.status().reason == ''
    assert (look(world, 0).observed == 128).all()


def test_nothing_is_tried_before_its_time(open_world) -> None:
    imaginer = TrueImaginer(errors=[RuntimeError('no luck')])
    world = open_world(imaginer, backoff_s=100.0, max_backoff_s=200.0)
    look(world, 0)
    world.expect(still())
    until(lambda: world.status().failures == 1)
    world.expect(still())
    time.sleep(0.1)
    assert len(imaginer.tracks) == 1 and 90.0 < world.status().retry_in_s <= 100.0
    world.reset()  # a fresh start does not wait
    world.expect(still())
    look(world, 0)
    until(lambda: world.status().blocks == 1)


def test_blocks_with_nan_are_dropped_and_reported(open_world) -> None:
    world = open_world(TrueImaginer(errors=[NotFiniteError('block 0 is not finite')]),
                       backoff_s=0.01)
    look(world, 0)
    world.expect(still())
    until(lambda: world.status().not_finite == 1)
    assert world.status().reason == 'NotFiniteError: block 0 is not finite'
    assert same(look(world, 0), scene_alone())


def test_poses_that_are_not_finite_fail_and_harm_nothing(open_world) -> None:
    world = open_world(TrueImaginer(), backoff_s=0.01)
    look(world, 0)
    world.expect(CameraTrack(np.array([0, SECOND]), np.full((2, 4, 4), np.nan)))
    until(lambda: world.status().failures == 1)
    world.expect(still())
    until(lambda: world.status().blocks == 1)


def test_out_of_memory_makes_pictures_smaller(open_world) -> None:
    imaginer = TrueImaginer(errors=[MemoryError('at 96x72')])
    world = open_world(imaginer)
    look(world, 0)
    world.expect(still())
    until(lambda: world.status().out_of_memory == 1)
    world.expect(still())
    until(lambda: world.status().blocks == 1)
    status = world.status()
    assert status.size == (36, 48) and not status.faulty
    assert status.reason == 'out of memory (at 96x72): painting 48x36'
    frame = look(world, 0)
    assert frame.rgb.shape == (72, 96, 3) and (frame.observed == 128).mean() > 0.8


def test_out_of_memory_at_the_smallest_size_is_tried_again_later(open_world) -> None:
    imaginer = TrueImaginer(CAMERA.scaled(24, 18), errors=[MemoryError('at 24x18')])
    world = open_world(imaginer, backoff_s=0.05)
    look(world, 0)
    world.expect(still())
    until(lambda: world.status().failures == 1)
    assert world.status().state == GeneratorState.FAILED
    assert world.status().reason == 'MemoryError: at 24x18' and imaginer.shrinks == 0
    world.expect(still())
    until(lambda: world.status().blocks == 1)


def test_a_generator_that_hangs_is_called_late_and_left_behind(open_world) -> None:
    imaginer = TrueImaginer(gated=True)
    imaginer.heeds_cancel = False
    world = open_world(imaginer, late_s=0.05, join_s=0.2)
    look(world, 0)
    world.expect(still())
    until(lambda: world.status().state == GeneratorState.LATE)
    assert 'a block is not ready after 0.' in world.status().reason and world.status().faulty
    assert same(look(world, SECOND), scene_alone())
    begin_s = time.monotonic()
    world.close()
    assert time.monotonic() - begin_s < 2.0 and not imaginer.closed
    imaginer.gate.release()
    until(lambda: imaginer.closed)


def test_a_generator_that_is_beyond_help_is_reported(open_world) -> None:
    imaginer = TrueImaginer(gated=True)
    world = open_world(imaginer, lockstep=True)
    imaginer.block_frames = None
    imaginer.gate.release()
    assert same(look(world, 0), scene_alone())
    assert 'the generator has ended: TypeError' in world.status().reason
    world.reset()
    assert same(look(world, SECOND), scene_alone())
    assert world.status().faulty


def test_lockstep_goes_on_without_a_generator_that_fails_or_hangs(open_world) -> None:
    world = open_world(TrueImaginer(errors=[RuntimeError('a'), RuntimeError('b')]),
                       lockstep=True)
    assert same(look(world, 0), scene_alone())
    assert world.status().failures == 1
    assert same(look(world, 1), scene_alone())
    assert (look(world, 2).observed == 128).all() and world.status().failures == 2
    hanging = open_world(TrueImaginer(gated=True), lockstep=True, wait_s=0.05)
    assert same(look(hanging, 0), scene_alone())


def test_lockstep_waits_while_pictures_become_smaller(open_world) -> None:
    world = open_world(TrueImaginer(errors=[MemoryError('a'), MemoryError('b')]), lockstep=True)
    assert (look(world, 0).observed == 128).mean() > 0.8
    assert world.status().size == (18, 24) and world.status().out_of_memory == 2


def test_the_same_input_gives_the_same_bytes(open_world) -> None:
    from inspatio_ros.engine.star_imaginer import StarImaginer
    from tiny_models import tiny_models
    models = tiny_models()

    def run(world) -> list:
        frames = []
        for k in range(24):
            stamp_ns = k * SECOND // 30
            world.expect(still(stamp_ns, way(k / 30)))
            frames.append(look(world, stamp_ns, way(k / 30)))
        assert world.status().failures == 0
        return frames

    worlds = [open_world(StarImaginer(models, room(), seed=4), room(), lockstep=True)
              for _ in range(2)]
    first, second = run(worlds[0]), run(worlds[1])
    worlds[0].reset()
    again = run(worlds[0])
    assert worlds[0].status().blocks == 2 * worlds[1].status().blocks == 4
    assert all(same(a, b) and same(a, c) for a, b, c in zip(first, second, again))
    assert (first[-1].observed == 128).any()


def test_an_imagined_world_itself_loads_no_torch() -> None:
    code = ('import sys; import inspatio_ros.engine.imagination; '
            'assert "torch" not in sys.modules, "torch was imported"')
    subprocess.run([sys.executable, '-c', code], check=True, timeout=60)


@pytest.mark.parametrize('kind, bad, reason', [
    (ImaginationSettings, {'blend_s': -0.1}, 'blend_s must be finite and >= 0'),
    (ImaginationSettings, {'imagined_views': 0}, 'imagined_views must lie in 1..2, got 0'),
    (ImaginationSettings, {'remembered_blocks': 65}, 'remembered_blocks must lie in 0..64'),
    (ImaginationSettings, {'remembered_views': -1}, 'remembered_views must lie in 0..8'),
    (PainterSettings, {'backoff_s': 0.0}, 'painter.backoff_s must be finite and > 0'),
    (PainterSettings, {'join_s': float('nan')}, 'painter.join_s must be finite and > 0')])
def test_bad_settings_are_refused(kind, bad: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        kind(**bad)
