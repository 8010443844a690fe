# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The node: the robot's motion in, a live RGB-D camera out.

Two threads: the executor's, for all callbacks, and the sensor loop's. A timer tells the loop when
to look; a loop that is late skips, it never queues. Motion has a lock of its own, so that commands
and teleports are taken while a frame renders; what changes the world or the outputs waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import gc
import math
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped
from inspatio_ros.contracts import F64, Outputs, SensorFrame, WorldBackend
from inspatio_ros.motion.counts import Counts, Verdict
from inspatio_ros.motion.drive import Motion
from inspatio_ros.ros import health as health_of
from inspatio_ros.ros import messages, parameters as parameters_of
from inspatio_ros.ros.motion_sources import frame_of, judged_pose, open_source
from inspatio_ros.ros.motion_sources import TrackSource, TwistSource
from inspatio_ros.ros.parameters import request_of, WorldRequest
from inspatio_ros.ros.publishers import Publishers
from inspatio_ros.ros.sensor import Sensor, start_of
from inspatio_ros.ros.worker import Worker
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType, ROSClock
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from rclpy.timer import Timer
from std_srvs.srv import Trigger

OpenWorld = Callable[[WorldRequest], WorldBackend]
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


# A clock that falls back by less than this is late, not reset: the tick is skipped.
CLOCK_JUMP_NS = 500_000_000


# A frame is begun as long before its stamp as all but a tenth of the last ones took, but at most
# this share of the period.
_USUALLY = 0.9
_LONGEST_LEAD = 0.6


@dataclass(frozen=True)
class Moment:
    """
    What a tick is about.

    :param stamp_ns: the instant.
    :param motion: of the robot, at that instant.
    :param T_map_odom: (4, 4), likewise.
    """

    stamp_ns: int
    motion: Motion
    T_map_odom: F64

    @property
    def T_map_base(self) -> F64:
        """Return the robot's pose in the map."""
        return self.T_map_odom @ self.motion.T_odom_base


@dataclass(frozen=True)
class Opened:
    """What a configured node holds."""

    sensor: Sensor
    source: TwistSource | TrackSource
    publishers: Publishers
    teleports: Subscription


class WorldNode(LifecycleNode):
    """
    A world that can be driven through.

    :param open_world: returns the world that a request asks for; its ValueError or OSError says
        what is wrong with it.
    :param kwargs: as of a node (parameter_overrides, namespace, ...).
    :raises ValueError: a bad parameter at start.
    """

    def __init__(self, open_world: OpenWorld, **kwargs: Any) -> None:
        super().__init__('world_node', **kwargs)
        self._open_world = open_world
        self._settings = parameters_of.declare(self)
        self._health = health_of.Health()
        self._throttle = health_of.Throttle()
        self._state = 'unconfigured'
        self._world_lock = threading.Lock()  # around all that touches the world or the outputs
        self._opened: Opened | None = None
        self._tick_timer: Timer | None = None
        self._worker: Worker | None = None
        self._motion_lock = threading.Lock()  # around a teleport and what that makes us forget
        self._teleport_counts = Counts()
        self._forget = False                 # the world forgets before the next frame
        self._last_ns: int | None = None     # stamp of the newest tick
        self._look_at_holes = False          # the next frame says how much was never seen,
        self._ratio_is_free = False          # unless every frame does
        self.create_service(Trigger, '~/reset', self._on_reset)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics',
                                                  QoSProfile(depth=10))
        self.create_timer(1.0, self._on_diagnostics, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.add_on_set_parameters_callback(self._on_parameters)

    @property
    def autostart(self) -> bool:
        """Return whether the node configures and activates itself."""
        return self._settings.autostart

    def start(self) -> bool:
        """Configure and activate; return whether that worked."""
        return self.trigger_configure() == SUCCESS and self.trigger_activate() == SUCCESS

    def release(self) -> None:
        """Stop the loop, leave the network and free the world; harmless when there is none."""
        self._stop_ticking()
        with self._world_lock:
            opened, self._opened = self._opened, None
            if opened is not None:
                opened.source.destroy()
                opened.publishers.destroy()
                self.destroy_subscription(opened.teleports)
                opened.sensor.world.close()
        gc.unfreeze()
        gc.collect()

    # ---- lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Open the world and go on the network."""
        try:
            self._configure()
        except (ValueError, OSError, ImportError) as error:
            return self._failed(str(error))
        except Exception as error:  # noqa: B902  a callback boundary: stay alive, say why
            return self._failed(f'{type(error).__name__}: {error}')
        self._state = 'inactive'
        return SUCCESS

    def _configure(self) -> None:
        world = self._open_world(request_of(self._settings))
        try:
            sensor = Sensor(world, self._settings)
            T_map_base = start_of(self._settings.initial_pose, sensor.spawn)
            sensor.warm_up(T_map_base)
        except BaseException:
            world.close()
            raise
        self._opened = Opened(
            sensor,
            open_source(self, self._settings, T_map_base, self._on_dropped),
            Publishers(self, self._settings, self._health),
            self.create_subscription(PoseWithCovarianceStamped, 'initialpose',
                                     self._on_initial_pose, QoSProfile(depth=10)))
        self._health.error = ''
        gc.collect()
        gc.freeze()  # what lives now lives as long as the node: no collection walks it again

    def _failed(self, reason: str) -> TransitionCallbackReturn:
        self._health.error = reason
        self.get_logger().error(f'cannot configure: {reason}')
        self.release()
        return FAILURE

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the sensor loop."""
        self._last_ns = None
        self._forget = True
        self._send_mount()
        self._worker = Worker(self._look_around)
        self._tick_timer = self.create_timer(1.0 / self._settings.rate, self._worker.tell)
        self._state = 'active'
        self._say_hello()
        return SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the sensor loop; a frame in the making still goes out before this returns."""
        self._stop_ticking()
        self._state = 'inactive'
        return SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the world and leave the network."""
        self.release()
        self._state = 'unconfigured'
        return SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything."""
        self.release()
        self._state = 'finalized'
        return SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything; the node can be configured again."""
        self.release()
        self._state = 'unconfigured'
        return SUCCESS

    def _stop_ticking(self) -> None:
        if self._tick_timer is not None:
            self.destroy_timer(self._tick_timer)
            self._tick_timer = None
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    # ---- the sensor loop

    def _look_around(self) -> None:
        try:
            with self._world_lock:
                if self._opened is not None and self.context.ok():
                    self._tick(self._opened)
        except Exception as error:  # noqa: B902  a thread boundary: the loop goes on
            self._health.drop('frame_failed')
            self._health.error = f'{type(error).__name__}: {error}'
            self._warn('frame', f'a frame failed: {self._health.error}')

    def _tick(self, opened: Opened) -> None:
        lead_ns = self._lead_ns(opened)
        if lead_ns == 0 or not self._tick_ahead(opened, lead_ns):
            self._tick_now(opened)
        self._health.error = ''

    def _tick_now(self, opened: Opened) -> None:
        moment = self._begin(opened, 0)
        if moment is not None:
            self._send_motion(opened, moment)
            frame = self._look(opened, moment)
            self._send_frame(opened, moment, frame)

    def _tick_ahead(self, opened: Opened, lead_ns: int) -> bool:
        """
        Render for an instant to come and publish when it has come.

        The node drives the robot itself, so the pose of that instant is what it says it is: a
        command that arrives meanwhile acts from the next frame on.

        :returns: False if the robot was put elsewhere meanwhile: nothing was published.
        """
        moment = self._begin(opened, lead_ns)
        if moment is None:
            return True
        frame = self._look(opened, moment)
        time.sleep(max(0, moment.stamp_ns - self.get_clock().now().nanoseconds) * 1e-9)
        if self._forget:
            return False
        self._send_motion(opened, moment)
        self._send_frame(opened, moment, frame)
        return True

    def _lead_ns(self, opened: Opened) -> int:
        """Return how long before its stamp a frame is begun; 0 where its pose is not ours."""
        clock = self.get_clock()
        if not (self._settings.render.ahead and isinstance(opened.source, TwistSource)
                and opened.publishers.wanted() is not Outputs.NONE
                and isinstance(clock, ROSClock) and not clock.ros_time_is_active):
            return 0
        usual_s = self._health.usual_s('render', _USUALLY)
        return round(1e9 * min(usual_s, _LONGEST_LEAD / self._settings.rate))

    def _begin(self, opened: Opened, lead_ns: int) -> Moment | None:
        with self._motion_lock:
            stamp_ns = self.get_clock().now().nanoseconds + lead_ns
            if not self._in_order(stamp_ns):
                return None
            motion, T_map_odom = opened.source.motion_at(stamp_ns), opened.source.T_map_odom
            if motion is None:
                self._lost()
                return None
            if self._forget:
                opened.sensor.world.reset()
                self._forget = False
        return Moment(stamp_ns, motion, T_map_odom)

    def _send_motion(self, opened: Opened, moment: Moment) -> None:
        stamp = messages.time_of(moment.stamp_ns)
        opened.publishers.send_motion(stamp, moment.motion, moment.T_map_odom, self._settings)
        opened.publishers.send_infos(stamp, opened.sensor.intrinsics)

    def _send_frame(self, opened: Opened, moment: Moment, frame: SensorFrame | None) -> None:
        if frame is not None:
            stamp = messages.time_of(moment.stamp_ns)
            opened.publishers.send_frame(stamp, frame, self._settings)
        self._health.ticks += 1

    def _look(self, opened: Opened, moment: Moment) -> SensorFrame | None:
        wanted = opened.publishers.wanted()
        if wanted is Outputs.NONE:
            return None
        if self._look_at_holes:
            wanted |= Outputs.OBSERVED
        with self._health.stage('render'):
            frame = opened.sensor.look(moment.stamp_ns, moment.T_map_base, wanted)
        if not math.isnan(frame.unobserved_ratio):
            self._health.unobserved_ratio = frame.unobserved_ratio
            self._look_at_holes = False
            self._ratio_is_free |= Outputs.OBSERVED not in wanted
        return frame

    def _in_order(self, stamp_ns: int) -> bool:
        """Return whether this tick is newer than the last; start over if the clock was reset."""
        last_ns = self._last_ns
        if last_ns is not None and last_ns - CLOCK_JUMP_NS <= stamp_ns <= last_ns:
            self._health.drop('clock_stood')
            return False
        self._last_ns = stamp_ns
        if last_ns is None:
            return True
        if stamp_ns < last_ns:
            self._forget = True
            self.get_logger().warning(
                f'the clock jumped back by {(last_ns - stamp_ns) * 1e-9:.3f} s: buffers cleared')
            return True
        skipped = round((stamp_ns - last_ns) * 1e-9 * self._settings.rate) - 1
        if skipped > 0:
            self._health.drop('tick_skipped', skipped)
        return True

    def _lost(self) -> None:
        self._health.drop('pose_unknown')
        self._warn('pose', f'{self._settings.motion_source}: the pose of the robot is unknown, '
                           f'nothing is published')

    # ---- inputs

    def _on_initial_pose(self, message: PoseWithCovarianceStamped) -> None:
        p, frame = self._settings, frame_of(message.header.frame_id)
        verdict, detail, T = judged_pose(message.pose.pose)
        if verdict.used and frame not in (p.map_frame, p.odom_frame):
            verdict = Verdict.BAD_FRAME
            detail = (f'frame_id {message.header.frame_id!r} is neither {p.map_frame!r} '
                      f'nor {p.odom_frame!r}')
        self._teleport_counts.note(verdict)
        if not verdict.used or T is None:
            return self._on_dropped('initialpose', verdict, detail)
        if self._opened is None:
            return
        source = self._opened.source
        with self._motion_lock:
            if frame == p.odom_frame:
                T = source.T_map_odom @ T
            source.teleport(T, self.get_clock().now().nanoseconds)
            self._forget = True
        x, y, z = T[:3, 3]
        self.get_logger().info(f'moved to x {x:.2f} y {y:.2f} z {z:.2f} m in {p.map_frame}')

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._opened is None:
            response.success, response.message = False, f'the node is {self._state}'
            return response
        with self._motion_lock:
            self._opened.source.reset()
            self._forget = True
        response.success, response.message = True, 'back at the start'
        return response

    def _on_dropped(self, topic: str, verdict: Verdict, detail: str) -> None:
        self._warn(f'{topic}/{verdict.value}', f'{topic}: message dropped, {verdict.value}: '
                                               f'{detail}')

    def _on_parameters(self, changes: list[Parameter[Any]]) -> SetParametersResult:
        new, answer = parameters_of.changed(self._settings, changes, self._opened is not None)
        if not answer.successful:
            return answer
        with self._world_lock:
            old, self._settings = self._settings, new
            if self._opened is not None:
                self._opened.sensor.reconfigure(new)
                self._opened.source.reconfigure(new)
            if self._tick_timer is not None and new.rate != old.rate:
                self._tick_timer.timer_period_ns = round(1e9 / new.rate)
        if self._state == 'active' and new.mount != old.mount:
            self._send_mount()
        return answer

    # ---- what the node says

    def _say_hello(self) -> None:
        p = self._settings
        if self._opened is not None:
            camera, heard = self._opened.sensor.intrinsics, self._opened.source.listens_to
            self.get_logger().info(f'{p.scene or "the bundled scene"}: {camera.width}x'
                                   f'{camera.height} at {p.rate:g} Hz, driven by {heard}')

    def _send_mount(self) -> None:
        if self._opened is not None and self._settings.publish_mount_tf:
            stamp = self.get_clock().now().to_msg()
            self._opened.publishers.send_mount(self._opened.sensor.T_base_link, stamp)

    def _on_diagnostics(self) -> None:
        if not self.context.ok():
            return
        p, h = self._settings, self._health
        rate_hz = h.rate_hz()
        level, message = health_of.verdict_of(h, self._state, rate_hz, p.rate,
                                              p.max_unobserved_ratio)
        values = {'state': self._state, 'rate_hz': f'{rate_hz:.2f}', **h.stage_values(),
                  'ticks': str(h.ticks), 'unobserved_ratio': f'{h.unobserved_ratio:.4f}'}
        values.update({f'drops.{reason}': str(n) for reason, n in h.drops.items()})
        inputs = {'initialpose': self._teleport_counts}
        if (opened := self._opened) is not None:
            inputs.update(opened.source.counts())
        for topic, counts in inputs.items():
            values.update({f'{topic}.{key}': str(n) for key, n in counts.as_dict().items()})
        self._look_at_holes = not self._ratio_is_free
        header = messages.header_of(self.get_clock().now().to_msg(), '')
        self._diagnostics.publish(health_of.diagnostics_of(
            f'{self.get_fully_qualified_name()}: sensor', p.scene or 'bundled scene', header,
            level, message, values))

    def _warn(self, key: str, text: str) -> None:
        if self._throttle(key):
            self.get_logger().warning(text)
