# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What moves the robot: velocity commands, odometry or poses, and teleports.

A source takes messages, of whichever library, drops and counts the bad ones, and answers where the
robot is at an instant. Messages may come and be asked about in different threads: every public
method takes the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
import threading
import time
from typing import Any

from inspatio_ros.contracts import CameraTrack, F64, I64
from inspatio_ros.motion.counts import Counts, Verdict
from inspatio_ros.motion.drive import Drive, Limits, Motion
from inspatio_ros.motion.track import PoseTrack
from inspatio_ros.motion.transforms import inverse, pose_matrix
from inspatio_ros.robot import distro, messages
from inspatio_ros.robot.parameters import WorldParameters
import numpy as np

# Constant velocity says nothing about a later time.
_LONGEST_PREDICTION_S = 2.0

# Farther from the origin there is no place: numbers lose what a robot is long.
FARTHEST_M = 1e6

# Of names that come from outside, no more is logged.
_LONGEST_NAME = 60

Report = Callable[[str, Verdict, str], None]
Clock = Callable[[], int]
InstantOf = Callable[[int], int]


def same_instant(stamp_ns: int) -> int:
    """Return the instant of a stamp where stamps are the time that the world lives by."""
    return stamp_ns


def stamped_cmd_vel(choice: str) -> bool:
    """
    Return whether cmd_vel is TwistStamped.

    :param choice: parameter enable_stamped_cmd_vel: auto, true or false.
    """
    if choice != 'auto':
        return choice == 'true'
    return distro.nav2_stamps_cmd_vel()


class TwistSource:
    """
    Velocity commands, integrated.

    :param T_map_odom: (4, 4) where the robot starts in the map.
    :param clock: returns nanoseconds, the time it is.
    :param report: called with every message that was dropped: topic, verdict, detail.
    :param instant_of: returns the time, as of that clock, that a stamp means; 0 remains 0.
    """

    topic = 'cmd_vel'
    queue = 10

    def __init__(self, parameters: WorldParameters, T_map_odom: F64, clock: Clock,
                 report: Report, instant_of: InstantOf = same_instant) -> None:
        self.kind = ('TwistStamped' if stamped_cmd_vel(parameters.enable_stamped_cmd_vel)
                     else 'Twist')
        self._clock = clock
        self._report = report
        self._instant_of = instant_of
        self._lock = threading.Lock()
        self._T_start = T_map_odom
        self.T_map_odom = T_map_odom
        self.heard_ns: int | None = None  # stamp of the newest message that was used
        self._drive = Drive(_limits(parameters), parameters.cmd_vel_timeout)
        self._unshown_s: float | None = None  # when the oldest command came that no tick shows

    def take(self, message: Any) -> None:
        """Take a Twist or a TwistStamped."""
        if hasattr(message, 'header'):
            self._take(messages.stamp_ns_of(message.header.stamp), message.twist)
        else:
            self._take(0, message)

    def motion_at(self, now_ns: int) -> Motion | None:
        """Return the motion at this instant, which is now."""
        with self._lock:
            return self._drive.advance_to(now_ns)

    def show(self, stamp_ns: int) -> float | None:
        """
        Say that a tick shows what was commanded up to this instant.

        :returns: when the oldest of these commands came, monotonic seconds; None: there is none
            that an earlier tick did not show.
        """
        with self._lock:
            if self.heard_ns is None or self.heard_ns > stamp_ns:
                return None
            came_s, self._unshown_s = self._unshown_s, None
            return came_s

    def predict(self, stamps_ns: I64, T_base_cam: F64) -> CameraTrack | None:
        """
        Return where the camera is going to be in the map, if no further command arrives.

        :param stamps_ns: (N,) nanoseconds, strictly increasing.
        :param T_base_cam: (4, 4) optical frame in the base frame.
        """
        with self._lock:
            track = self._drive.predict(stamps_ns, T_base_cam)
            return CameraTrack(track.stamps_ns, self.T_map_odom @ track.T_map_cam)

    def teleport(self, T_map_base: F64, now_ns: int) -> None:
        """Put the robot elsewhere, at rest: odometry stays continuous, the map moves under it."""
        with self._lock:
            T_odom_base = self._drive.advance_to(now_ns).T_odom_base
            self._drive.teleport(T_odom_base, now_ns)
            self.T_map_odom = T_map_base @ inverse(T_odom_base)

    def reset(self, T_map_odom: F64 | None = None, now_ns: int | None = None) -> None:
        """
        Go back to the start, at rest.

        :param T_map_odom: (4, 4) another start from now on.
        :param now_ns: commands stamped before it no longer count; None: time begins again.
        """
        with self._lock:
            self._drive.reset(now_ns)
            self._T_start = self._T_start if T_map_odom is None else T_map_odom
            self.T_map_odom = self._T_start
            self.heard_ns = self._unshown_s = None

    def reconfigure(self, parameters: WorldParameters) -> None:
        """Take new limits."""
        with self._lock:
            self._drive.limits = _limits(parameters)

    def counts(self) -> dict[str, Counts]:
        """Return the counters of each topic."""
        return {'cmd_vel': self._drive.counts}

    def clock_jumps(self) -> int:
        """Return how often the clock fell back."""
        return self._drive.clock_jumps

    def _take(self, stamp_ns: int, twist: Any) -> None:
        linear, angular = messages.twist_vectors_of(twist)
        with self._lock:
            stamp_ns, now_ns = self._instant_of(stamp_ns), self._clock()
            verdict = self._drive.set_twist(stamp_ns, linear, angular, now_ns)
            if verdict.used:
                self.heard_ns = stamp_ns or now_ns
                self._unshown_s = self._unshown_s or time.monotonic()
        if not verdict.used:
            self._report('cmd_vel', verdict, f'linear {linear.tolist()} m/s, angular '
                         f'{angular.tolist()} rad/s, {_age(stamp_ns, now_ns)}')


class TrackSource:
    """
    Poses from outside: odometry, or poses in the map or in odom.

    Poses keep the frame that they came in, so that a teleport moves odometry's origin and leaves
    a pose in the map where it is.

    :param T_map_odom: (4, 4) odometry's origin in the map.
    :param clock: returns nanoseconds, the time it is.
    :param report: called with every message that was dropped: topic, verdict, detail.
    :param instant_of: returns the time, as of that clock, that a stamp means; 0 remains 0.
    """

    queue = 50

    def __init__(self, parameters: WorldParameters, T_map_odom: F64, clock: Clock,
                 report: Report, instant_of: InstantOf = same_instant) -> None:
        by_odometry = parameters.motion_source == 'odometry'
        self.topic = 'odom_in' if by_odometry else 'pose'
        self.kind = 'Odometry' if by_odometry else parameters.pose_type
        self._clock = clock
        self._parameters = parameters
        self._report = report
        self._instant_of = instant_of
        self._lock = threading.Lock()
        self._T_start = T_map_odom
        self.T_map_odom = T_map_odom
        self.heard_ns: int | None = None  # stamp of the newest message that was used
        self._limits = _limits(parameters)
        self._track = PoseTrack(max_extrapolation_s=parameters.pose_timeout,
                                max_prediction_s=_LONGEST_PREDICTION_S,
                                limits=self._limits)
        self._parent = ''  # frame of the poses in the track
        self._T_teleport: F64 | None = None  # where the next odometry is to be in the map

    def take(self, message: Any) -> None:
        """Take an Odometry, a PoseStamped or a PoseWithCovarianceStamped."""
        if hasattr(message, 'twist'):
            self._take_odometry(message)
        else:
            pose = message.pose if hasattr(message.pose, 'position') else message.pose.pose
            self._take(message.header, pose, None, Verdict.USED, '')

    def motion_at(self, now_ns: int) -> Motion | None:
        """Return the motion at this instant, which is now; None if nobody knows."""
        with self._lock:
            T_odom_base = self._find(now_ns)
            if T_odom_base is None:
                return None
            twist = self._track.twist()
            return Motion(now_ns, T_odom_base, twist[:3], twist[3:])

    def why_unknown(self, now_ns: int) -> str:
        """Return why nobody knows where the robot is at this instant."""
        with self._lock:
            newest_ns = self._track.newest_ns
        if newest_ns is None:
            return f'nothing has come on {self.topic}'
        return (f'the newest message on {self.topic} is {(now_ns - newest_ns) * 1e-9:.2f} s old '
                f'(pose_timeout {self._parameters.pose_timeout:g} s)')

    def predict(self, stamps_ns: I64, T_base_cam: F64) -> CameraTrack | None:
        """
        Return where the camera is going to be in the map, at constant velocity.

        :param stamps_ns: (N,) nanoseconds, strictly increasing; those too far ahead are left out.
        :param T_base_cam: (4, 4) optical frame in the base frame.
        :returns: None if the pose is not known at the first stamp.
        """
        with self._lock:
            newest_ns = self._track.newest_ns
            if newest_ns is None:
                return None
            known = stamps_ns[stamps_ns <= newest_ns + round(_LONGEST_PREDICTION_S * 1e9)]
            track = self._track.predict(known)
            if track is None:
                return None
            T_map_base = (self.T_map_odom @ track.T_map_cam
                          if self._parent == self._parameters.odom_frame else track.T_map_cam)
            return CameraTrack(track.stamps_ns, T_map_base @ T_base_cam)

    def teleport(self, T_map_base: F64, now_ns: int) -> None:
        """
        Put the robot elsewhere in the map.

        Odometry goes on from there, also if it has yet to come; a pose in the map wins.
        """
        with self._lock:
            T_odom_base = self._odometry_at(now_ns)
            if T_odom_base is not None:
                self.T_map_odom = T_map_base @ inverse(T_odom_base)
                return
            self._parent = self._parameters.map_frame
            self._track.place(now_ns, T_map_base)
            self._T_teleport = T_map_base

    def reset(self, T_map_odom: F64 | None = None, now_ns: int | None = None) -> None:
        """
        Go back to the start. Odometry goes on from there; a pose in the map wins.

        :param T_map_odom: (4, 4) another start from now on.
        :param now_ns: the clock; None: time begins again, and no pose of before counts.
        """
        with self._lock:
            self._T_start = self._T_start if T_map_odom is None else T_map_odom
            self.heard_ns = None
            T_odom_base = None if now_ns is None else self._odometry_at(now_ns)
            if T_odom_base is not None:
                self.T_map_odom = self._T_start @ inverse(T_odom_base)
                return
            self._track.clear()
            self.T_map_odom = self._T_start
            self._T_teleport = self._T_start

    def reconfigure(self, parameters: WorldParameters) -> None:
        """Take new limits."""
        with self._lock:
            self._limits = self._track.limits = _limits(parameters)

    def counts(self) -> dict[str, Counts]:
        """Return the counters of each topic."""
        return {self.topic: self._track.counts}

    def clock_jumps(self) -> int:
        """Return how often the clock fell back."""
        return self._track.clock_jumps

    def _take_odometry(self, message: Any) -> None:
        linear, angular = messages.twist_vectors_of(message.twist.twist)
        verdict, detail = self._limits.judge(linear, angular), ''
        if not verdict.used:
            detail = f'linear {linear.tolist()} m/s, angular {angular.tolist()} rad/s'
        elif frame_of(message.child_frame_id) not in ('', self._parameters.base_frame):
            verdict = Verdict.BAD_FRAME
            detail = (f'child_frame_id {shown(message.child_frame_id)} is not base_frame '
                      f'{self._parameters.base_frame!r}')
        self._take(message.header, message.pose.pose, np.concatenate([linear, angular]),
                   verdict, detail)

    def _take(self, header: Any, pose: Any, twist: F64 | None, verdict: Verdict,
              detail: str) -> None:
        parent = frame_of(header.frame_id)
        p = self._parameters
        if verdict.used and (why_not := _unknown_frame(header.frame_id, p)):
            verdict, detail = Verdict.BAD_FRAME, why_not
        T = None
        if verdict.used:
            verdict, detail, T = judged_pose(pose)
        with self._lock:
            if T is None:
                self._track.counts.note(verdict)
            else:
                verdict, detail = self._push(parent, messages.stamp_ns_of(header.stamp), T, twist)
        if not verdict.used:
            self._report(self.topic, verdict, detail)

    def _push(self, parent: str, stamp_ns: int, T: F64,
              twist: F64 | None) -> tuple[Verdict, str]:
        stamp_ns, now_ns = self._instant_of(stamp_ns), self._clock()
        verdict = self._track.push(stamp_ns, T, twist, now_ns, anew=parent != self._parent)
        if not verdict.used:
            return verdict, _age(stamp_ns, now_ns)
        self.heard_ns = stamp_ns or now_ns
        self._settle(parent, T)
        return verdict, _age(stamp_ns, now_ns)

    def _settle(self, parent: str, T: F64) -> None:
        """
        Note which frame the poses are in; a teleport that waited for one is done.

        :param T: (4, 4) the newest pose.
        """
        self._parent = parent
        if self._T_teleport is not None:
            if parent == self._parameters.odom_frame:
                self.T_map_odom = self._T_teleport @ inverse(T)
            self._T_teleport = None

    def _find(self, now_ns: int) -> F64 | None:
        """Return the robot in odom at this instant, which is now; None if nobody knows."""
        self._track.watch_clock(now_ns)
        T_parent_base = self._track.lookup(now_ns)
        return None if T_parent_base is None else self._in_odom(T_parent_base)

    def _odometry_at(self, stamp_ns: int) -> F64 | None:
        """Return the robot in odom, None if it is not known there."""
        if self._parent != self._parameters.odom_frame:
            return None
        return self._track.lookup(stamp_ns)

    def _in_odom(self, T_parent_base: F64) -> F64:
        if self._parent == self._parameters.odom_frame:
            return T_parent_base
        return inverse(self.T_map_odom) @ T_parent_base


def judged_pose(pose: Any) -> tuple[Verdict, str, F64 | None]:
    """
    Return the matrix of a pose message, or why there is none.

    :returns: (verdict, detail, (4, 4) or None).
    """
    p, q = pose.position, pose.orientation
    return judged_numbers((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))


def judged_numbers(position: Sequence[float],
                   q_xyzw: Sequence[float]) -> tuple[Verdict, str, F64 | None]:
    """
    Return the matrix of a pose, or why there is none.

    :param position: 3 numbers, metres.
    :param q_xyzw: 4 numbers.
    :returns: (verdict, detail, (4, 4) or None).
    """
    numbers = f'position {tuple(position)}, xyzw {tuple(q_xyzw)}'
    if not np.isfinite((*position, *q_xyzw)).all():
        return Verdict.NOT_FINITE, numbers, None
    if max(map(abs, position)) > FARTHEST_M:
        return Verdict.OVER_LIMIT, numbers, None
    try:
        with np.errstate(over='ignore'):  # a huge quaternion is not of unit length either
            return Verdict.USED, '', pose_matrix(position, q_xyzw)
    except ValueError as error:
        return Verdict.NOT_RIGID, str(error), None


def judged_initial_pose(message: Any, parameters: WorldParameters,
                        ) -> tuple[Verdict, str, F64 | None]:
    """
    Return where a PoseWithCovarianceStamped puts the robot, or why it does not.

    :returns: (verdict, detail, (4, 4) in the frame of the header or None).
    """
    verdict, detail, T = judged_pose(message.pose.pose)
    if verdict.used and (why_not := _unknown_frame(message.header.frame_id, parameters)):
        return Verdict.BAD_FRAME, why_not, None
    return verdict, detail, T


def frame_of(frame_id: str) -> str:
    """Return a frame name without the slash that tf1 wrote before it."""
    return frame_id.removeprefix('/')


def _unknown_frame(frame_id: str, p: WorldParameters) -> str:
    """Return why a pose cannot be in this frame, or nothing."""
    if frame_of(frame_id) in (p.map_frame, p.odom_frame):
        return ''
    return f'frame_id {shown(frame_id)} is neither {p.map_frame!r} nor {p.odom_frame!r}'


def shown(name: str) -> str:
    """Return a name that came from outside, in quotes and not too long for a log."""
    return repr(name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + '...')


def open_source(parameters: WorldParameters, T_map_odom: F64, clock: Clock, report: Report,
                instant_of: InstantOf = same_instant) -> TwistSource | TrackSource:
    """Return the source that the parameters ask for."""
    kind = TwistSource if parameters.motion_source == 'twist' else TrackSource
    return kind(parameters, T_map_odom, clock, report, instant_of)


def _age(stamp_ns: int, now_ns: int) -> str:
    return f'stamped {(now_ns - stamp_ns) * 1e-9:.3f} s ago' if stamp_ns else 'not stamped'


def _limits(parameters: WorldParameters) -> Limits:
    return Limits(parameters.limits.linear, parameters.limits.angular)
