# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The services of simulation_interfaces (2.1), where that package is installed.

They do what ~/pause, ~/step, ~/reset, `initialpose` and the parameter `scene` do, by the names
that tools for simulators know. The list of features is the list of what works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
import importlib
from pathlib import Path
import re
from typing import Any
from urllib.parse import unquote, urlparse

from inspatio_ros.motion.transforms import pose_rpy
from inspatio_ros.robot.clock import WorldTime
from inspatio_ros.robot.parameters import folder_of, parameters_of, WorldParameters
from inspatio_ros.robot.scenes import named_scenes
from inspatio_ros.robot.sources import frame_of, judged_pose
from inspatio_ros.ros.messages import messages
from inspatio_ros.ros.sensor_loop import SensorLoop
from inspatio_ros.ros.step import Busy
from rclpy.node import Node
from rclpy.parameter import Parameter

# What a robot is called that has no name because it is the only one.
ROBOT = 'robot'
SPAWN = 'spawn'
# The name of the scene that comes with the package, and what it is loaded by.
BUNDLED = 'hall'
BUNDLED_URI = 'inspatio:hall'
# The node answers nobody else meanwhile.
MOST_STEPS = 240


@dataclass(frozen=True)
class Face:
    """What the services see of a node."""

    node: Node
    time: WorldTime
    find_loop: Callable[[], SensorLoop | None]
    find_state: Callable[[], str]
    settings: Callable[[], WorldParameters]
    opening: Callable[[], bool]  # whether a scene that was asked for elsewhere is being opened


class _Refused(Exception):
    """A request that is not done: result code, and why."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


def offer_simulation(face: Face) -> bool:
    """Offer the services; return whether the package is installed."""
    try:
        msg, srv = (importlib.import_module(f'simulation_interfaces.{part}')
                    for part in ('msg', 'srv'))
    except ImportError:
        return False
    _Simulation(face, msg, srv)
    return True


class _Simulation:
    """
    Answers, for as long as the node lives.

    :param msg: module simulation_interfaces.msg.
    :param srv: module simulation_interfaces.srv.
    """

    def __init__(self, face: Face, msg: Any, srv: Any) -> None:
        self._face = face
        self._msg, self._srv = msg, srv
        self._stopped = False  # paused at the start: nothing has moved since
        for name in ('GetSimulatorFeatures', 'GetSimulationState', 'SetSimulationState',
                     'ResetSimulation', 'StepSimulation', 'GetEntities', 'GetEntityState',
                     'SetEntityState', 'GetNamedPoses', 'GetAvailableWorlds', 'GetCurrentWorld',
                     'LoadWorld'):
            snake = re.sub(r'(?<!^)(?=[A-Z])', '_', name).lower()
            face.node.create_service(getattr(srv, name), snake,
                                     self._guarded(getattr(self, f'_{snake}')))

    def _guarded(self, answer: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
        def guarded(request: Any, response: Any) -> Any:
            codes = self._msg.Result
            code, why = codes.RESULT_OK, ''
            try:
                answer(request, response)
            except _Refused as refused:
                code, why = refused.code, str(refused)
            except (Busy, OSError, ValueError) as error:
                code, why = codes.RESULT_OPERATION_FAILED, str(error)
            except Exception as error:  # noqa: B902  a callback boundary: the node goes on
                code = codes.RESULT_OPERATION_FAILED
                why = f'{type(error).__name__}: {error}'
            if hasattr(response, 'result'):
                response.result.result, response.result.error_message = code, why
            return response
        return guarded

    # ---- features, state, time

    def _get_simulator_features(self, request: Any, response: Any) -> None:
        f = self._msg.SimulatorFeatures
        features = [
            f.NAMED_POSES, f.ENTITY_STATE_GETTING, f.ENTITY_STATE_SETTING, f.SIMULATION_RESET,
            f.SIMULATION_RESET_STATE, f.SIMULATION_STATE_GETTING, f.SIMULATION_STATE_SETTING,
            f.SIMULATION_STATE_PAUSE, f.STEP_SIMULATION_SINGLE, f.STEP_SIMULATION_MULTIPLE,
            f.WORLD_LOADING, f.WORLD_INFO_GETTING, f.AVAILABLE_WORLDS]
        if self._rewinds:
            features.append(f.SIMULATION_RESET_TIME)
        response.features.features = sorted(features)
        response.features.custom_info = (
            f'inspatio_ros: entities are robots; at most {MOST_STEPS} steps a call; worlds are '
            f'scene folders')

    def _get_simulation_state(self, request: Any, response: Any) -> None:
        s, loop = self._msg.SimulationState, self._face.find_loop()
        if loop is None:
            response.state.state = s.STATE_NO_WORLD
        elif self._face.find_state() != 'active' or loop.paused and self._stopped:
            response.state.state = s.STATE_STOPPED
        else:
            response.state.state = s.STATE_PAUSED if loop.paused else s.STATE_PLAYING

    def _set_simulation_state(self, request: Any, response: Any) -> None:
        s, loop, wanted = self._msg.SimulationState, self._active(), request.state.state
        current = self._srv.GetSimulationState.Response()
        self._get_simulation_state(None, current)
        if wanted not in (s.STATE_STOPPED, s.STATE_PLAYING, s.STATE_PAUSED):
            raise _Refused(self._msg.Result.RESULT_FEATURE_UNSUPPORTED,
                           'only stopped, playing and paused can be asked for')
        if wanted == current.state.state:
            raise _Refused(self._srv.SetSimulationState.Response.ALREADY_IN_TARGET_STATE,
                           'it is in this state already')
        if wanted == s.STATE_PLAYING:
            loop.resume()
            self._stopped = False
            return
        loop.pause()
        if wanted == s.STATE_STOPPED:
            loop.reset()
        self._stopped = wanted == s.STATE_STOPPED

    def _reset_simulation(self, request: Any, response: Any) -> None:
        kind, scope = self._srv.ResetSimulation.Request, request.scope
        everything = scope in (kind.SCOPE_DEFAULT, kind.SCOPE_ALL)
        if not everything and scope & kind.SCOPE_TIME and not self._rewinds:
            raise _Refused(self._msg.Result.RESULT_FEATURE_UNSUPPORTED,
                           'time begins again only where clock is lockstep')
        both = kind.SCOPE_TIME | kind.SCOPE_STATE
        if not everything and self._rewinds and 0 != scope & both != both:
            raise _Refused(self._msg.Result.RESULT_FEATURE_UNSUPPORTED,
                           'in lockstep time and state begin again together')
        if everything or scope & both:
            self._loop().reset()

    def _step_simulation(self, request: Any, response: Any) -> None:
        loop = self._active()
        if not 1 <= request.steps <= MOST_STEPS:
            raise ValueError(f'steps must lie in 1..{MOST_STEPS}, got {request.steps}')
        if not loop.paused:
            raise ValueError('the simulation is not paused')
        self._stopped = False
        for _ in range(request.steps):
            loop.step()

    # ---- the robot

    def _get_entities(self, request: Any, response: Any) -> None:
        filters = request.filters
        if filters.categories or filters.tags.tags or filters.bounds.points:
            raise _Refused(self._msg.Result.RESULT_FEATURE_UNSUPPORTED,
                           'entities can be filtered by name only')
        try:
            response.entities = [name for name in self._entities()
                                 if re.search(filters.filter, name)]
        except re.error as error:
            raise ValueError(f'filter {filters.filter!r}: {error}') from error

    def _get_entity_state(self, request: Any, response: Any) -> None:
        robot = self._robot(request.entity)
        moment = self._loop().where(robot)
        if moment is None:
            raise ValueError('the pose of the robot is unknown')
        stamp = messages.time_of(self._face.time.stamp_ns())
        state = response.state
        state.header = messages.header_of(stamp, self._face.settings().map_frame)
        state.pose = messages.pose_message_of(moment.T_map_base)
        # In the frame of the header, as the message has it; odometry has them in the base's.
        R = moment.T_map_base[:3, :3]
        for vector, numbers in ((state.twist.linear, R @ moment.motion.linear),
                                (state.twist.angular, R @ moment.motion.angular)):
            vector.x, vector.y, vector.z = numbers.tolist()

    def _set_entity_state(self, request: Any, response: Any) -> None:
        robot = self._robot(request.entity)
        p = parameters_of(robot, self._face.settings())
        frame = frame_of(request.state.header.frame_id)
        if request.set_twist or request.set_acceleration:
            raise _Refused(self._msg.Result.RESULT_FEATURE_UNSUPPORTED,
                           'only the pose can be set; what moves the robot comes by topic')
        if not request.set_pose:
            return
        verdict, detail, T = judged_pose(request.state.pose)
        if T is None:
            raise _Refused(self._srv.SetEntityState.Response.INVALID_POSE,
                           f'{verdict.value}: {detail}')
        if frame not in ('', p.map_frame, p.odom_frame):
            raise ValueError(f'frame_id {frame!r} is neither {p.map_frame!r} nor '
                             f'{p.odom_frame!r}')
        self._loop().teleport(T, in_odom=frame == p.odom_frame, robot=robot)
        self._stopped = False

    def _get_named_poses(self, request: Any, response: Any) -> None:
        tags = request.tags
        if tags.tags and not (any if tags.filter_mode == tags.FILTER_MODE_ANY else all)(
                tag == SPAWN for tag in tags.tags):
            return
        spawn = self._loop().spawn
        T = pose_rpy(spawn.x, spawn.y, spawn.z, yaw=spawn.yaw)
        response.poses = [self._msg.NamedPose(
            name=SPAWN, description='where a robot starts', tags=[SPAWN],
            pose=messages.pose_message_of(T))]

    # ---- worlds

    def _get_available_worlds(self, request: Any, response: Any) -> None:
        if request.additional_sources or request.filter.tags:
            raise _Refused(self._msg.Result.RESULT_FEATURE_UNSUPPORTED,
                           'worlds are those of the parameter scenes; they have no tags')
        scenes = named_scenes(self._face.settings().scenes)
        response.worlds = [self._world(name, folder)
                           for name, folder in {BUNDLED: '', **scenes}.items()]

    def _get_current_world(self, request: Any, response: Any) -> None:
        if self._face.find_loop() is None:
            raise _Refused(self._srv.GetCurrentWorld.Response.NO_WORLD_LOADED, 'no world is open')
        response.world = self._current()

    def _load_world(self, request: Any, response: Any) -> None:
        answers, loop = self._srv.LoadWorld.Response, self._active()
        if not request.world_resource.uri:
            if request.world_resource.resource_string:
                raise _Refused(answers.UNSUPPORTED_FORMAT, 'a scene is a folder: give its uri')
            raise _Refused(answers.NO_RESOURCE, 'no uri')
        scene = _scene_of(request.world_resource.uri, self._face.settings().scenes)
        if scene is None:
            raise _Refused(answers.UNSUPPORTED_FORMAT,
                           f'{request.world_resource.uri!r} names no folder on this machine')
        if self._face.opening():
            raise _Refused(self._msg.Result.RESULT_INCORRECT_STATE,
                           'another scene is being opened: ask again when it is shown')
        was_paused = loop.paused
        loop.pause()
        result = self._face.node.set_parameters_atomically([Parameter('scene', value=scene)])
        if not result.successful:
            if not was_paused:
                loop.resume()
            raise _Refused(answers.RESOURCE_PARSE_ERROR, result.reason)
        loop.reset()
        self._stopped = True
        response.world = self._current()

    def _current(self) -> Any:
        p = self._face.settings()
        return self._world(p.scene or BUNDLED, folder_of(p))

    def _world(self, name: str, folder: str) -> Any:
        uri = Path(folder).absolute().as_uri() if folder else BUNDLED_URI
        return self._msg.WorldResource(name=name,
                                       world_resource=self._msg.Resource(uri=uri))

    # ---- what the node is just now

    @property
    def _rewinds(self) -> bool:
        return self._face.settings().clock == 'lockstep'

    def _loop(self) -> SensorLoop:
        loop = self._face.find_loop()
        if loop is None:
            raise _Refused(self._msg.Result.RESULT_INCORRECT_STATE,
                           f'the node is {self._face.find_state()}')
        return loop

    def _active(self) -> SensorLoop:
        loop = self._loop()
        if self._face.find_state() != 'active':
            raise _Refused(self._msg.Result.RESULT_INCORRECT_STATE,
                           f'the node is {self._face.find_state()}')
        return loop

    def _entities(self) -> dict[str, str]:
        """Return what each robot is called here, and elsewhere."""
        return {robot or ROBOT: robot for robot in self._face.settings().robots}

    def _robot(self, entity: str) -> str:
        """Return the robot that an entity is."""
        entities = self._entities()
        if entity not in entities:
            raise _Refused(self._msg.Result.RESULT_NOT_FOUND,
                           f'no entity {entity!r}; there is {", ".join(map(repr, entities))}')
        return entities[entity]


def _scene_of(uri: str, scenes: Iterable[str]) -> str | None:
    """Return the parameter `scene` of a uri, a path or a name; None if it is none of them."""
    if uri == BUNDLED_URI:
        return ''
    parsed = urlparse(uri)
    if not parsed.scheme:
        return uri
    if parsed.scheme != 'file' or parsed.netloc not in ('', 'localhost'):
        return None
    folder = unquote(parsed.path)
    names = {str(Path(it).absolute()): name for name, it in named_scenes(scenes).items()}
    return names.get(folder, folder)
