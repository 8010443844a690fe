# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The history of poses: order, bounds, interpolation, prediction."""

import math

from inspatio_ros.motion.counts import Verdict
from inspatio_ros.motion.drive import Limits
from inspatio_ros.motion.track import PoseTrack
from inspatio_ros.motion.transforms import interpolate, pose_rpy, T_base_cam
from inspatio_ros.motion.twists import exp_twist
import numpy as np
import pytest

S = 1_000_000_000
MS = 1_000_000
T0 = 1_700_000_000 * S
TWIST = np.array([1.0, -0.1, 0.05, 0.1, 0.2, 1.5])
START = pose_rpy(3.0, -2.0, 0.5, 0.1, 0.2, 2.0)


def pose_after(t_s):
    return START @ exp_twist(TWIST, t_s)


def driven(period_ms=20, seconds=1.0, **kwargs):
    """Return a track that moved at TWIST from T0 on."""
    track = PoseTrack(**kwargs)
    for i in range(round(seconds * 1000 / period_ms) + 1):
        assert track.push(T0 + i * period_ms * MS, pose_after(i * period_ms * 1e-3)).used
    return track


def test_an_empty_track_knows_nothing():
    track = PoseTrack()
    assert track.lookup(T0) is None
    assert track.predict([T0]) is None
    assert track.newest_ns is None
    assert len(track) == 0
    assert not track.twist().any()


def test_samples_come_back_exactly():
    track = driven()
    assert np.array_equal(track.lookup(T0 + 400 * MS), pose_after(0.4))
    assert np.array_equal(track.lookup(T0), START)


def test_between_samples_is_interpolated():
    track = driven()
    between = track.lookup(T0 + 405 * MS)
    assert between == pytest.approx(interpolate(pose_after(0.4), pose_after(0.42), 0.25))
    assert np.abs(between - pose_after(0.405)).max() < 1e-4  # chord against arc


def test_before_the_history_is_unknown():
    assert driven().lookup(T0 - 1) is None
    assert driven().predict([T0 - 1, T0]) is None


def test_beyond_the_newest_is_carried_up_to_the_bound():
    track = driven(max_extrapolation_s=0.1)
    assert track.lookup(T0 + 1100 * MS) == pytest.approx(pose_after(1.1), abs=1e-11)
    assert track.lookup(T0 + 1100 * MS + 1) is None


def test_a_single_pose_is_carried_without_motion():
    track = PoseTrack()
    track.push(T0, START)
    assert track.lookup(T0 + 100 * MS) == pytest.approx(START)


def test_the_velocity_of_the_source_is_believed():
    track = PoseTrack()
    track.push(T0, START, twist=TWIST)
    assert np.array_equal(track.twist(), TWIST)
    assert track.lookup(T0 + 100 * MS) == pytest.approx(pose_after(0.1))


def test_a_velocity_can_be_given():
    track = driven()
    back = np.array([-1.0, 0, 0, 0, 0, 0])
    assert track.lookup(T0 + 1100 * MS, back) == pytest.approx(
        pose_after(1.0) @ pose_rpy(-0.1))
    assert np.array_equal(track.lookup(T0 + 400 * MS, back), pose_after(0.4))


@pytest.mark.parametrize('period_ms', [1, 5, 20, 100, 400])
def test_the_velocity_is_found_at_any_rate(period_ms):
    assert driven(period_ms).twist() == pytest.approx(TWIST, abs=1e-9)


def test_a_stop_is_believed_within_the_window():
    track = driven()
    for i in range(1, 16):
        track.push(T0 + S + i * 20 * MS, pose_after(1.0))
    assert track.twist() == pytest.approx(np.zeros(6), abs=1e-12)


def test_older_is_ignored_and_equal_replaces():
    track = driven(seconds=0.1)
    assert track.push(T0 + 99 * MS, START) is Verdict.STALE
    other = pose_rpy(9.0)
    assert track.push(T0 + 100 * MS, other) is Verdict.USED
    assert np.array_equal(track.lookup(T0 + 100 * MS), other)
    assert len(track) == 6
    assert track.counts.as_dict() == {'received': 8, 'used': 7, 'rejected.stale': 1}


def test_who_stands_goes_on_where_no_message_came():
    track = PoseTrack()
    track.push(T0, START, now_ns=T0)
    for stamp_ns in (T0 + 5 * S, T0 + 5 * S, T0 + 4 * S):
        track.stand(stamp_ns, START)
    assert len(track) == 2 and track.newest_ns == T0 + 5 * S
    assert track.counts.as_dict() == {'received': 1, 'used': 1}
    assert not track.twist().any()
    np.testing.assert_allclose(track.predict([T0 + 6 * S]).T_map_cam, [START], atol=1e-12)
    track.stand(T0 + 5 * S, pose_rpy(9.0), anew=True)
    assert len(track) == 1 and track.lookup(T0 + 5 * S)[0, 3] == 9.0


def test_without_a_clock_stamps_that_fall_back_far_clear_once():
    track = driven()
    assert track.push(5 * S, START).used
    assert track.push(6 * S, START).used
    assert (len(track), track.clock_jumps) == (2, 1)


def test_with_a_clock_a_stale_pose_is_only_stale():
    track = PoseTrack()
    track.push(T0, START, now_ns=T0)
    assert track.push(T0 - 30 * S, pose_rpy(9.0), now_ns=T0 + 1) is Verdict.STALE
    assert np.array_equal(track.lookup(T0), START)
    assert track.clock_jumps == 0


def test_a_clock_that_falls_back_clears_once():
    track = PoseTrack()
    track.push(T0, START, now_ns=T0)
    assert track.watch_clock(5 * S)
    assert not track.watch_clock(5 * S + 1)
    assert track.lookup(T0) is None
    assert track.push(5 * S, START, now_ns=5 * S + 2).used
    assert track.clock_jumps == 1


def test_a_clock_that_trembles_clears_nothing():
    track = driven()
    assert not track.watch_clock(T0 + S - 400 * MS)
    assert len(track) == 51


def test_a_stamp_from_far_ahead_does_not_block_the_next():
    track = PoseTrack()
    assert track.push(T0 + 3600 * S, START, now_ns=T0) is Verdict.FUTURE
    assert track.push(T0, START, now_ns=T0).used


def test_a_zero_stamp_counts_as_now():
    track = PoseTrack()
    assert track.push(0, START, now_ns=T0).used
    assert track.newest_ns == T0


@pytest.mark.parametrize(('T', 'twist', 'verdict'), [
    (np.full((4, 4), math.nan), None, Verdict.NOT_FINITE),
    (START + np.inf, None, Verdict.NOT_FINITE),
    (START, [0, 0, math.nan, 0, 0, 0], Verdict.NOT_FINITE),
    (np.diag([1.0, 1.0, -1.0, 1.0]), None, Verdict.NOT_RIGID),
    (2.0 * np.eye(4), None, Verdict.NOT_RIGID),
    (np.eye(3), None, Verdict.NOT_RIGID)])
def test_a_bad_pose_changes_nothing_and_is_counted(T, twist, verdict):
    track = driven()
    assert track.push(T0 + 1020 * MS, T, twist) is verdict
    assert track.newest_ns == T0 + S
    assert track.counts.rejected == {verdict: 1}
    assert track.counts.received == track.counts.used + 1


def test_a_bad_pose_cannot_move_the_clock():
    track = driven()
    track.push(5, np.full((4, 4), math.nan))
    assert len(track) == 51


def test_history_is_bounded():
    track = driven(capacity=10)
    assert len(track) == 10
    assert track.lookup(T0 + 820 * MS) is not None
    assert track.lookup(T0 + 819 * MS) is None


def test_clear_forgets_poses_but_not_counts():
    track = driven()
    track.clear()
    assert track.lookup(T0 + S) is None
    assert track.counts.used == 51
    assert track.push(T0, START).used


def test_a_pose_that_begins_anew_must_be_good_to_clear():
    track = driven()
    now_ns = T0 + S
    for stamp_ns, T in ((T0 - S, START), (T0 + 60 * S, START), (T0 + S, 2.0 * np.eye(4))):
        assert not track.push(stamp_ns, T, now_ns=now_ns, anew=True).used
    assert len(track) == 51
    assert track.push(T0 + S + MS, START, now_ns=now_ns, anew=True).used
    assert len(track) == 1


@pytest.mark.parametrize('jump', [pose_rpy(10.0), pose_rpy(yaw=2.0)])
@pytest.mark.parametrize('after_ms', [0, 20])
def test_a_jump_is_no_speed(jump, after_ms):
    track = driven(limits=Limits(5.0, 6.0))
    assert len(track) == 51
    there = pose_after(1.0) @ jump
    assert track.push(T0 + S + after_ms * MS, there).used
    assert not track.twist().any()
    assert np.array_equal(track.lookup(T0 + 1100 * MS), there)
    for i in range(1, 4):
        track.push(T0 + S + (after_ms + 20 * i) * MS, there @ exp_twist(TWIST, 0.02 * i))
    assert len(track) == 4
    assert track.twist() == pytest.approx(TWIST, abs=1e-9), 'goes on from there'


def test_poses_in_a_burst_are_neither_a_jump_nor_a_speed():
    track = PoseTrack(limits=Limits(5.0, 6.0))
    track.push(T0, pose_rpy(0.0))
    track.push(T0 + MS // 10, pose_rpy(0.02))  # 200 m/s by its stamps
    assert len(track) == 2
    assert not track.twist().any()


def test_the_velocity_of_the_source_is_believed_across_a_jump():
    track = driven(limits=Limits(5.0, 6.0))
    track.push(T0 + 1020 * MS, pose_rpy(50.0), twist=TWIST)
    assert np.array_equal(track.twist(), TWIST)


def test_the_track_owns_its_poses():
    track, mine = PoseTrack(), START.copy()
    track.push(T0, mine)
    mine[0, 3] = 99.0
    track.lookup(T0)[0, 3] = 98.0
    assert np.array_equal(track.lookup(T0), START)


def block_ahead():
    return T0 + 1040 * MS + np.arange(12) * (S // 24)


def test_a_block_is_predicted_along_the_arc():
    T_bc = T_base_cam(0.1, 0.0, 0.5, pitch=0.2)
    track = driven(T_base_cam=T_bc).predict(block_ahead())
    for stamp, T in zip(track.stamps_ns.tolist(), track.T_map_cam):
        assert T == pytest.approx(pose_after((stamp - T0) * 1e-9) @ T_bc, abs=1e-10)


def test_a_block_that_begins_in_the_history_uses_it():
    stamps = [T0 + 500 * MS, T0 + 1000 * MS, T0 + 1100 * MS]
    poses = driven().predict(stamps, twist=np.zeros(6)).T_map_cam
    assert np.array_equal(poses[0], pose_after(0.5))
    assert np.array_equal(poses[1], pose_after(1.0))
    assert np.array_equal(poses[2], pose_after(1.0))


def test_prediction_has_a_bound():
    track = driven(max_prediction_s=1.0)
    assert track.predict([T0 + 2 * S]) is not None
    assert track.predict([T0 + 2 * S + 1]) is None
    assert track.predict([]) is None


def test_prediction_does_not_depend_on_the_map_frame():
    T_other = pose_rpy(1.0, 2.0, 3.0, 0.3, 0.2, 0.1)
    there = PoseTrack()
    for i in range(10):
        there.push(T0 + i * 20 * MS, T_other @ pose_after(i * 0.02))
    here = driven(seconds=0.18)
    stamps = T0 + S + np.arange(3)
    assert there.predict(stamps).T_map_cam == pytest.approx(
        T_other @ here.predict(stamps).T_map_cam)


def test_prediction_survives_noise():
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(50):
        track = PoseTrack()
        for i in range(20):
            noise = exp_twist(1e-3 * rng.normal(size=6))
            track.push(T0 + i * 20 * MS, pose_after(i * 0.02) @ noise)
        last = track.predict([T0 + 880 * MS]).T_map_cam[0]
        errors.append(np.linalg.norm(last[:3, 3] - pose_after(0.88)[:3, 3]))
    assert np.mean(errors) < 0.01  # half a second ahead at 1 m/s, 1 mm and 1 mrad of noise


@pytest.mark.parametrize(('field', 'value'), [
    ('capacity', 1), ('max_extrapolation_s', -1.0), ('max_prediction_s', math.nan)])
def test_a_bound_that_is_none_is_refused(field, value):
    with pytest.raises(ValueError, match=field):
        PoseTrack(**{field: value})
