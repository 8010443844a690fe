# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The node: the robot's motion in, a live RGB-D camera out.

Two threads: the executor's, for all callbacks, which are here, and the sensor loop's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
import gc
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped
from inspatio_ros.contracts import F64, GeneratorState, GeneratorStatus, WorldBackend
from inspatio_ros.motion.counts import Counts, Verdict
from inspatio_ros.robot import health as health_of
from inspatio_ros.robot.clock import open_time, OwnTime
from inspatio_ros.robot.health import Level
from inspatio_ros.robot.parameters import cameras_of, folder_of
from inspatio_ros.robot.parameters import parameters_of as parameters_of_robot
from inspatio_ros.robot.parameters import request_of, WorldParameters, WorldRequest
from inspatio_ros.robot.robots import open_robots, Robot, Source
from inspatio_ros.robot.sensor import Sensor, start_of
from inspatio_ros.robot.sources import frame_of, judged_initial_pose, Report
from inspatio_ros.ros import parameters as parameters_of
from inspatio_ros.ros.clock_publisher import ClockPublisher
from inspatio_ros.ros.control import Control
from inspatio_ros.ros.masters import Masters
from inspatio_ros.ros.messages import messages
from inspatio_ros.ros.motion_sources import open_source, subscribe
from inspatio_ros.ros.patient_parameters import Changes, Opening, PatientParameters
from inspatio_ros.ros.publishers import Publishers, send
from inspatio_ros.ros.sensor_loop import SensorLoop
from inspatio_ros.ros.simulation import Face, offer_simulation
from inspatio_ros.ros.step import Busy
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from rclpy.task import Future

OpenWorld = Callable[[WorldRequest], WorldBackend]
SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


@dataclass(frozen=True)
class Opened:
    """What a configured node holds."""

    sensor: Sensor
    robots: tuple[tuple[Robot, Publishers], ...]
    loop: SensorLoop
    subscriptions: tuple[Subscription, ...]


class WorldNode(LifecycleNode):
    """
    A world that can be driven through.

    :param open_world: returns the world that a request asks for; its ValueError or OSError says
        what is wrong with it.
    :param as_loopback: begin with the defaults of nav2_loopback_sim.
    :param kwargs: as of a node (parameter_overrides, namespace, ...).
    :raises ValueError: a bad parameter at start.
    """

    _clock_topic: ClockPublisher | None = None  # also where the parameters are no good

    def __init__(self, open_world: OpenWorld, as_loopback: bool = False, **kwargs: Any) -> None:
        super().__init__('world_node', **kwargs)
        self._open_world = open_world
        self._settings = parameters_of.declare(self, as_loopback)
        self._health = health_of.Health()
        self._throttle = health_of.Throttle()
        self._state = 'unconfigured'
        self._opened: Opened | None = None
        self._opening: Opening | None = None  # of the world that comes next
        self._teleport_counts: defaultdict[str, Counts] = defaultdict(Counts)
        self._generator_faulty = False  # when diagnostics last looked
        self._masters = Masters(self)
        p = self._settings
        self._time = open_time(p.clock, p.speed_factor, self._clock_ns)
        if isinstance(self._time, OwnTime):
            self._clock_topic = ClockPublisher(self, self._time, self._health)
        Control(self, self._loop, lambda: self._state, self._time, p.save_dir)
        offer_simulation(Face(self, self._time, self._loop, lambda: self._state,
                              lambda: self._settings, lambda: self._opening is not None))
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics',
                                                  QoSProfile(depth=10))
        self.create_timer(1.0, self._on_diagnostics, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.add_on_set_parameters_callback(self._on_parameters)
        self._wake = self.create_guard_condition(_nothing)
        PatientParameters(self, self._prepare, self._abandon)

    @property
    def autostart(self) -> bool:
        """Return whether the node configures and activates itself."""
        return self._settings.autostart

    @property
    def first_look(self) -> tuple[str, str]:
        """Return the names of the first robot and of its first camera."""
        return self._settings.robots[0], self._settings.cameras[0]

    def start(self) -> bool:
        """Configure and activate; return whether that worked."""
        return self.trigger_configure() == SUCCESS and self.trigger_activate() == SUCCESS

    def release(self) -> None:
        """Stop the loop, leave the network and free the world; harmless when there is none."""
        self._abandon()
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.loop.stop()
            for subscription in opened.subscriptions:
                self.destroy_subscription(subscription)
            for _, publishers in opened.robots:
                publishers.destroy()
            opened.sensor.world.close()
        gc.unfreeze()
        gc.collect()

    def destroy_node(self) -> None:
        """Stop telling the time and leave the network."""
        if self._clock_topic is not None:
            self._clock_topic.close()
        super().destroy_node()

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
        before = [*self.publishers, *self.subscriptions]
        try:
            self._opened = self._connect(world)
        except BaseException:
            world.close()
            self._disconnect_all_but(before)
            raise
        self._health.error = ''
        gc.collect()
        gc.freeze()  # what lives now lives as long as the node: no collection walks it again

    def _connect(self, world: WorldBackend) -> Opened:
        """Put robots into a world, and them on the network."""
        sensor = Sensor(world, self._settings)
        robots = open_robots(self._settings, sensor.spawn, self._open_source, self._on_dropped)
        sensor.warm_up(robots[0].start(sensor.spawn))
        outlets = tuple((robot, Publishers(self, robot, self._health)) for robot in robots)
        loop = SensorLoop(self, sensor, outlets, self._settings, self._health, self._warn,
                          self._time, self._clock_topic.tell if self._clock_topic else _nothing)
        return Opened(sensor, outlets, loop, tuple(
            subscription for robot in robots for subscription in self._inputs(robot, loop)))

    def _disconnect_all_but(self, kept: Sequence[Any]) -> None:
        """Take what was connected in vain off the network."""
        for publisher in [it for it in self.publishers if it not in kept]:
            self.destroy_publisher(publisher)
        for subscription in [it for it in self.subscriptions if it not in kept]:
            self.destroy_subscription(subscription)

    def _open_source(self, parameters: WorldParameters, T_map_odom: F64,
                     report: Report) -> Source:
        return open_source(parameters, T_map_odom, self._time, report)

    def _inputs(self, robot: Robot, loop: SensorLoop) -> list[Subscription]:
        """Subscribe to what moves a robot, and to where it is put."""
        def on_initial_pose(message: PoseWithCovarianceStamped) -> None:
            self._on_initial_pose(robot, message)

        return [*subscribe(self, robot.source, loop.nudge, robot.prefix),
                self.create_subscription(PoseWithCovarianceStamped, f'{robot.prefix}initialpose',
                                         on_initial_pose, QoSProfile(depth=10))]

    def _failed(self, reason: str) -> TransitionCallbackReturn:
        self._health.error = reason
        self.get_logger().error(f'cannot configure: {reason}')
        self.release()
        return FAILURE

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start the sensor loop."""
        assert self._opened is not None, 'only a configured node is activated'
        self._send_mounts()
        self._opened.loop.start()
        self._state = 'active'
        self._say_hello()
        return SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop the sensor loop; a frame in the making still goes out before this returns."""
        if self._opened is not None:
            self._opened.loop.stop()
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

    # ---- inputs

    def _on_initial_pose(self, robot: Robot, message: PoseWithCovarianceStamped) -> None:
        p, frame = robot.parameters, frame_of(message.header.frame_id)
        verdict, detail, T = judged_initial_pose(message, p)
        self._teleport_counts[f'{robot.prefix}initialpose'].note(verdict)
        if not verdict.used or T is None:
            return self._on_dropped(f'{robot.prefix}initialpose', verdict, detail)
        if self._opened is None:
            return
        T = self._opened.loop.teleport(T, in_odom=frame == p.odom_frame, robot=robot.name)
        x, y, z = T[:3, 3]
        self.get_logger().info(f'{robot.prefix}moved to x {x:.2f} y {y:.2f} z {z:.2f} m in '
                               f'{p.map_frame}')

    def _on_dropped(self, topic: str, verdict: Verdict, detail: str) -> None:
        self._warn(f'{topic}/{verdict.value}', f'{topic}: message dropped, {verdict.value}: '
                                               f'{detail}')

    def _on_parameters(self, changes: list[Parameter[Any]]) -> SetParametersResult:
        new, answer = parameters_of.changed(self._settings, changes, self._opened is not None)
        if not answer.successful:
            return answer
        if self._opened is not None:
            try:
                self._apply(new, self._opened)
            except (Busy, OSError, ValueError) as error:
                return SetParametersResult(successful=False, reason=str(error))
            except Exception as error:  # noqa: B902  a callback boundary: the old world goes on
                return SetParametersResult(successful=False,
                                           reason=f'{type(error).__name__}: {error}')
        old, self._settings = self._settings, new
        if self._state == 'active' and (cameras_of(new), new.scan, folder_of(new)) != (
                cameras_of(old), old.scan, folder_of(old)):
            self._send_mounts()
        return answer

    def _apply(self, new: WorldParameters, opened: Opened) -> None:
        """Change what can change while there is a world; raises why it does not."""
        if folder_of(new) == folder_of(self._settings):
            opened.loop.reconfigure(new)
            return
        if new.imagination.keeps_scene:
            raise ValueError('scene can change only while the node is unconfigured where a '
                             'generator has weights of its own')
        self._enter(new, opened)

    def _enter(self, new: WorldParameters, opened: Opened) -> None:
        """
        Open another world, and go there; the old one stays until then.

        :raises Busy: yet another one is being opened, and would be entered after this one.
        """
        opening, request = self._opening, request_of(new)
        if opening is None:
            world = self._open_warm(new)  # asked for in this process: nobody waits elsewhere
        elif opening.done.done() and opening.request == request:
            world = opening.take()
        else:
            raise Busy('another scene is being opened: ask again when it is shown')
        try:
            left = opened.loop.enter(world, new)
        except BaseException:
            world.close()
            raise
        left.close()
        gc.collect()  # what is frozen is not walked

    def _open_warm(self, new: WorldParameters) -> WorldBackend:
        """Open a world, and render once where its first robot starts."""
        world = self._open_world(request_of(new))
        try:
            sensor = Sensor(world, new)
            first = parameters_of_robot(new.robots[0], new)
            sensor.warm_up(start_of(first.initial_pose, sensor.spawn))
        except BaseException:
            world.close()
            raise
        return world

    def _prepare(self, changes: Changes) -> Future[None] | None:
        """Begin to open the world that changes ask for; the node goes on meanwhile."""
        new, answer = parameters_of.changed(self._settings, changes, self._opened is not None)
        if self._opened is None or not answer.successful or not self._moves(new):
            return None
        self.get_logger().info(f'opening {new.scene or "the bundled scene"}')
        try:
            request = request_of(new)
        except ValueError:
            return None  # who applies it says why not
        self._opening = Opening(request, partial(self._open_warm, new), self._wake.trigger)
        return self._opening.done

    def _moves(self, new: WorldParameters) -> bool:
        """Return whether these parameters lead into another world, and can."""
        return (folder_of(new) != folder_of(self._settings)
                and not new.imagination.keeps_scene)

    def _abandon(self) -> None:
        """Let go of a world that was opened and is not needed."""
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.abandon()

    # ---- what the node says

    def _say_hello(self) -> None:
        p = self._settings
        if self._opened is not None:
            cameras = ', '.join(f'{name} {it.intrinsics.width}x{it.intrinsics.height}'
                                for name, it in self._opened.sensor.rig.items())
            driven = ', '.join(f'{robot.prefix}{robot.source.topic} ({robot.source.kind})'
                               for robot, _ in self._opened.robots)
            self.get_logger().info(f'{p.scene or "the bundled scene"}: {cameras} at {p.rate:g} '
                                   f'Hz, driven by {driven}')

    def _send_mounts(self) -> None:
        if self._opened is not None:
            stamp = messages.time_of(self._time.stamp_ns())
            for _, publishers in self._opened.robots:
                publishers.motion.send_mounts(self._opened.sensor.rig, stamp)

    def _on_diagnostics(self) -> None:
        if not self.context.ok():
            return
        try:
            self._send_diagnostics()
        except Exception as error:  # noqa: B902  a callback boundary: the node goes on
            self._health.drop('diagnostics_failed')
            if self.context.ok():
                self._warn('diagnostics', f'no diagnostics: {type(error).__name__}: {error}')

    def _send_diagnostics(self) -> None:
        name, scene = self.get_fully_qualified_name(), self._settings.scene or 'bundled scene'
        opened = self._opened
        statuses = [messages.status_of(f'{name}: sensor', scene, *self._judged(opened))]
        if opened is not None:
            opened.loop.look_at_holes()
            generator = opened.sensor.world.status()
            if generator.state is not GeneratorState.NONE:
                statuses.append(messages.status_of(
                    f'{name}: generator', self._settings.imagination.generator,
                    self._judged_generator(generator), health_of.generator_values(generator)))
        header = messages.header_of(messages.time_of(self._time.stamp_ns()), '')
        send(self, self._health, self._diagnostics, messages.diagnostics_of(statuses, header))

    def _judged(self, opened: Opened | None) -> tuple[tuple[Level, str], dict[str, str]]:
        p, h = self._settings, self._health
        rate_hz = h.rate_hz()
        inputs: dict[str, Counts] = {}
        for robot in [] if opened is None else opened.loop.robots:
            topic = f'{robot.prefix}initialpose'
            inputs.update({topic: self._teleport_counts[topic], **robot.counts()})
        state = 'paused' if opened is not None and opened.loop.paused else self._state
        values = health_of.sensor_values(h, state, rate_hz, h.stage_values(), inputs)
        values.update(self._time_values(opened) | health_of.memory_values())
        doubts = [] if opened is None else self._masters.doubts(opened.loop.robots)
        # In lockstep ticks come when they come: pace 0.
        return health_of.verdict_of(h, state, rate_hz, p.rate * self._time.pace,
                                    p.max_unobserved_ratio, doubts), values

    def _time_values(self, opened: Opened | None) -> dict[str, str]:
        unanswered = None if opened is None else opened.loop.unanswered
        values = health_of.time_values(self._settings, self._time.now_ns(), unanswered)
        if self._clock_topic is not None and (others := self._clock_topic.others()) > 0:
            values['clock.others'] = str(others)
            self._warn('clock', f'{others} others publish /clock: time will jump')
        return values

    def _judged_generator(self, status: GeneratorStatus) -> tuple[Level, str]:
        """Return level and message; a fault is logged as it begins, and its end."""
        if status.faulty is not self._generator_faulty:
            self._generator_faulty = status.faulty
            if status.faulty:
                self.get_logger().error(f'generator {status.state.value}: {status.reason}')
            else:
                self.get_logger().info('the generator is well again')
        return health_of.generator_verdict_of(status)

    def _loop(self) -> SensorLoop | None:
        return None if self._opened is None else self._opened.loop

    def _clock_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _warn(self, key: str, text: str) -> None:
        if self._throttle(key):
            self.get_logger().warning(text)


def _nothing() -> None:
    """Do nothing: others tell the time, or being woken was enough."""
