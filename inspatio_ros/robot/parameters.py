# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Every parameter of a driven world, in one dataclass.

A field's metadata holds unit, range, choices, description and when it may change. Nested
dataclasses become dotted names (`mount.x`). `config/world.yaml` holds values only.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
import math

from inspatio_ros.robot.clock import MODES
from inspatio_ros.robot.names import ALONE, CAMERA, prefix_of, why_not_cameras, why_not_robots
from inspatio_ros.robot.scenes import check_scene, named_scenes, why_not_scenes
from inspatio_ros.robot.spec import fixed, live, setup
from inspatio_ros.robot.tables import CameraTable, Image, InitialPose, Mount, RobotTable
from inspatio_ros.robot.tables import why_not_size

VIEW = "the camera's field of view, all around with scan.full_circle"


@dataclass(frozen=True)
class LimitsGroup:
    """Commands beyond these are dropped."""

    linear: float = live(5.0, 'Largest speed', unit='m/s', low=0.001, high=100.0)
    angular: float = live(6.0, 'Largest turn rate', unit='rad/s', low=0.001, high=100.0)


@dataclass(frozen=True)
class Render:
    """How the world is drawn; handed to the world as it is opened."""

    backend: str = setup('auto', 'Renderer', choices=('auto', 'numba', 'torch'))
    threads: int = setup(0, 'Render threads; 0 = all cores', low=0, high=256)
    max_views: int = setup(8, 'Most source views used for one frame', low=1, high=64)
    ahead: bool = live(True, 'Begin a frame before its stamp, so that it is ready when the stamp '
                             'has come; commands then act from the next frame on. Twist only')


# Of a smaller picture a generator makes nothing.
_SMALLEST_PAINTED = 64


def _why_not_size(value: int) -> str:
    if 0 < value < _SMALLEST_PAINTED:
        return f'must be at least {_SMALLEST_PAINTED} px, or 0, got {value:g}'
    return ''


@dataclass(frozen=True)
class Imagination:
    """What paints the parts of the world that no view has seen. Names without a prefix."""

    generator: str = setup('auto', 'What paints what no view has seen; none = the scene alone, '
                                   'auto = star where there are cores to spare (4)',
                           choices=('none', 'star', 'auto'))
    weights_dir: str = setup('', "Folder with the generator's weights; empty = the small ones of "
                                 'this package', may_be_empty=True)
    precision: str = setup('bf16', "Numbers that the generator's network computes with",
                           choices=('bf16', 'fp8', 'fp32'))
    compile: bool = setup(  # noqa: A003  the parameter's name
        True, 'Compile the generator as the world is opened: minutes the first time, kept for '
              'the next')
    block_latents: int = setup(0, 'Latents of one block, each four frames; 0 = as the weights '
                                  'were trained', low=0, high=21)
    generator_width: int = setup(0, 'Width that is painted, a multiple of 16; 0 = as the weights '
                                    'were trained', unit='px', low=0, high=2048, step=16,
                                 check=_why_not_size)
    generator_height: int = setup(0, 'Height that is painted, likewise', unit='px', low=0,
                                  high=2048, step=16, check=_why_not_size)
    prompt: str = setup('', 'What the place looks like, in words; the small weights of this '
                            'package read none', may_be_empty=True)
    seed: int = setup(0, 'Of the noise that pictures are made from', low=0, high=2 ** 31 - 1)
    lockstep: bool = setup(False, 'Every frame waits for the generator: none is published that '
                                  'it has not painted, at whatever rate it can. So it is '
                                  'anyway where clock is lockstep')

    @property
    def keeps_scene(self) -> bool:
        """Whether there may be no room for a second world beside this one while it runs."""
        return self.generator != 'none' and self.weights_dir != ''


@dataclass(frozen=True)
class Scan:
    """The planar scan that is made of the depth."""

    publish: bool = live(True, 'Publish the scan')
    rate: float = live(0.0, 'Scans; 0 = at every tick', unit='Hz', low=0.0, high=240.0)
    frame: str = fixed('base_scan', 'Frame of the scan: under the camera, level with the base, '
                                    'x where the camera looks')
    publish_tf: bool = setup(True, 'Publish TF base -> scan; off when a URDF has such a frame')
    full_circle: bool = live(False, 'Scan all around, with virtual depth cameras at the frame of '
                                    'the scan, instead of what the first camera sees')
    min_height: float = live(0.15, 'Of the band that is scanned, over the base', unit='m',
                             low=-100.0, high=100.0)
    max_height: float = live(0.6, 'Of the band that is scanned, over the base', unit='m',
                             low=-100.0, high=100.0)
    angle_min: float = live(math.nan, 'First beam', unit='rad', low=-math.pi, high=math.pi,
                            nan_means=VIEW)
    angle_max: float = live(math.nan, 'Last beam', unit='rad', low=-math.pi, high=math.pi,
                            nan_means=VIEW)
    angle_increment: float = live(math.nan, 'Between beams', unit='rad', low=0.001, high=1.0,
                                  nan_means='a pixel in the middle of the picture')
    range_min: float = live(0.05, 'Nearer is -inf', unit='m', low=0.0, high=1000.0)
    range_max: float = live(10.0, 'Farther is +inf; NaN where it was not seen as far as '
                                  'this', unit='m', low=0.01, high=1000.0)
    use_inf: bool = live(True, 'What is farther than range_max is +inf; false: 0.1 m less than '
                               'range_max')
    noise_std: float = live(0.0, 'Standard deviation of the noise of what is measured', unit='m',
                            low=0.0, high=10.0)
    noise_seed: int = live(0, 'Of that noise; the same stamps get the same', low=0,
                           high=2 ** 31 - 1)


@dataclass(frozen=True)
class Points:
    """The point cloud that is made of depth and colour."""

    rate: float = live(0.0, 'Clouds; 0 = at every tick', unit='Hz', low=0.0, high=240.0)
    stride: int = live(4, 'Of the pixels, every so many along and down', low=1, high=256)
    min_range: float = live(0.0, 'Nearer to the camera is left out', unit='m', low=0.0,
                            high=1000.0)
    max_range: float = live(math.inf, 'Farther from the camera is left out', unit='m', low=0.01,
                            high=math.inf)
    min_height: float = live(-math.inf, 'Lower over the base is left out', unit='m',
                             low=-math.inf, high=math.inf)
    max_height: float = live(math.inf, 'Higher over the base is left out', unit='m',
                             low=-math.inf, high=math.inf)


@dataclass(frozen=True)
class Compressed:
    """Compressed pictures; defaults are those of image_transport's plugins."""

    jpeg_quality: int = live(95, 'Of compressed colour', unit='%', low=1, high=100)
    png_level: int = live(1, 'How hard compressed depth is compressed', low=0, high=9)
    depth_max: float = live(10.0, 'Compressed depth in metres (32FC1) says nothing beyond',
                            unit='m', low=0.1, high=1000.0)
    depth_quantization: float = live(100.0, 'Compressed depth in metres (32FC1): the more, the '
                                            'finer far away, and the farther is nearest',
                                     low=1.0, high=1000.0)


@dataclass(frozen=True)
class WorldParameters:
    """All parameters of the node."""

    scene: str = live('', 'Scene folder, or one of `scenes`; empty = the bundled hall. Changed '
                          'while the node runs, the robot goes to the start of the new one',
                      may_be_empty=True)
    scenes: tuple[str, ...] = live(('',), 'Scenes that have a name: NAME=FOLDER, or a folder, '
                                          'which is called by its own', check=why_not_scenes)
    motion_source: str = fixed('twist', 'What moves the robot',
                               choices=('twist', 'odometry', 'pose', 'tf'))
    pose_type: str = fixed('PoseStamped', 'Message type of the topic `pose`',
                           choices=('PoseStamped', 'PoseWithCovarianceStamped'))
    enable_stamped_cmd_vel: str = fixed(
        'auto', "cmd_vel is TwistStamped; auto = Nav2's default of this ROS distribution",
        choices=('auto', 'true', 'false'), bool_or_text=True)
    autostart: bool = fixed(True, 'Configure and activate without a lifecycle manager')
    rate: float = live(24.0, 'Frames', unit='Hz', low=0.1, high=240.0)
    motion_rate: float = live(0.0, 'TF and odometry between ticks; 0 = at ticks alone, as in '
                                   'lockstep', unit='Hz', low=0.0, high=500.0)
    odom_rate: float = live(0.0, 'Odometry; 0 = with every TF', unit='Hz', low=0.0, high=500.0)
    clock: str = fixed('wall', 'What time it is: that of others (wall; with use_sim_time, '
                               "/clock), speed_factor times real time (scaled), or the ticks' "
                               'own (lockstep). The last two are published on /clock',
                       choices=MODES)
    speed_factor: float = live(1.0, 'Seconds of clock scaled per second', low=0.01, high=100.0)
    tick_on: str = live('input', 'In lockstep a tick is taken once what moves the robot has '
                                 'answered the last one (input), at once (free), or on ~/step '
                                 'alone (step)', choices=('input', 'free', 'step'))
    tick_timeout: float = live(1.0, 'In lockstep on input, a tick that nothing answers is '
                                    'followed by the next after so long; 0 = never', unit='s',
                               low=0.0, high=3600.0)
    tick_rate: float = live(0.0, 'In lockstep, at most so many ticks per second of real time; '
                                 '0 = as many as there can be', unit='Hz', low=0.0, high=1000.0)
    save_dir: str = fixed('', 'Folder of ~/save_view; empty = inspatio_views in ROS_HOME or '
                              '~/.ros', may_be_empty=True)
    cmd_vel_timeout: float = setup(1.0, 'Silence after which the robot stops', unit='s',
                                   low=0.01, high=60.0)
    pose_timeout: float = setup(0.5, 'Silence of odometry or pose after which the robot is lost',
                                unit='s', low=0.01, high=60.0)
    depth_encoding: str = live('32FC1', 'Depth: metres (32FC1) or millimetres (16UC1)',
                               choices=('32FC1', '16UC1'))
    min_range: float = live(0.0, 'Nearer depth is published as -inf', unit='m',
                            low=0.0, high=1000.0)
    max_range: float = live(math.inf, 'Farther depth is published as +inf', unit='m',
                            low=0.01, high=math.inf)
    fill_depth: bool = setup(False, 'Give what no view has seen a depth; false leaves it NaN')
    max_unobserved_ratio: float = live(0.5, 'Share of unseen pixels that is worth a warning',
                                       low=0.0, high=1.0)
    map_frame: str = fixed('map', 'World frame')
    odom_frame: str = fixed('odom', 'Odometry frame')
    base_frame: str = fixed('base_footprint', 'Robot frame')
    camera_frame: str = fixed('camera_link', 'Camera frame, x forward')
    optical_frame: str = fixed('camera_optical_frame', 'Camera frame, z forward; of the images')
    publish_map_odom_tf: bool = live(True, 'Publish TF map -> odom')
    publish_mount_tf: bool = setup(True, 'Publish TF base -> camera; off when a URDF does it. The '
                                         "scan's is scan.publish_tf")
    cameras: tuple[str, ...] = fixed(
        (CAMERA,), f'Names of the cameras, the first of which makes the scan. {CAMERA} is '
                   f'described by image and mount, any other one by a table of its name',
        check=why_not_cameras)
    robots: tuple[str, ...] = fixed(
        (ALONE,), 'Names of the robots: of their namespaces, and of all their frames but the map; '
                  "[''] = one robot without a name", check=why_not_robots)
    robot_size: tuple[float, ...] = live(
        (0.6, 0.4, 0.5), 'Length, width and height of the box that other robots see', unit='m',
        check=why_not_size)
    imagination: Imagination = dataclasses.field(default_factory=Imagination,
                                                 metadata={'prefix': ''})
    image: Image = dataclasses.field(default_factory=Image)
    mount: Mount = dataclasses.field(default_factory=Mount)
    initial_pose: InitialPose = dataclasses.field(default_factory=InitialPose)
    limits: LimitsGroup = dataclasses.field(default_factory=LimitsGroup)
    render: Render = dataclasses.field(default_factory=Render)
    scan: Scan = dataclasses.field(default_factory=Scan)
    points: Points = dataclasses.field(default_factory=Points)
    compressed: Compressed = dataclasses.field(default_factory=Compressed)
    camera_tables: tuple[tuple[str, CameraTable], ...] = dataclasses.field(
        default=(), metadata={'tables': CameraTable, 'of': 'cameras'})
    robot_tables: tuple[tuple[str, RobotTable], ...] = dataclasses.field(
        default=(), metadata={'tables': RobotTable, 'of': 'robots'})


@dataclass(frozen=True)
class WorldRequest:
    """
    What the node asks of whoever opens worlds.

    :param scene: scene folder; empty = the bundled one.
    :param threads: render threads; 0 = all cores.
    :param imagination: the generator and its settings.
    """

    scene: str
    backend: str
    threads: int
    max_views: int
    fill_depth: bool
    imagination: Imagination


def folder_of(parameters: WorldParameters) -> str:
    """Return the folder of the scene; empty = the bundled one."""
    return named_scenes(parameters.scenes).get(parameters.scene, parameters.scene)


def request_of(parameters: WorldParameters) -> WorldRequest:
    """
    Return the world that the parameters ask for.

    :raises ValueError: a scene that is neither a folder nor one of those that have a name.
    """
    check_scene(parameters.scene, named_scenes(parameters.scenes))
    render, imagination = parameters.render, parameters.imagination
    if parameters.clock == 'lockstep':
        imagination = dataclasses.replace(imagination, lockstep=True)
    return WorldRequest(folder_of(parameters), render.backend, render.threads, render.max_views,
                        parameters.fill_depth, imagination)


def cameras_of(parameters: WorldParameters) -> dict[str, CameraTable]:
    """Return what each camera of a robot is, in the order of `cameras`."""
    p, tables = parameters, dict(parameters.camera_tables)
    single = CameraTable(p.image, p.mount, 0.0, p.camera_frame, p.optical_frame)
    return {name: tables.get(name, single) for name in p.cameras}


def parameters_of(robot: str, parameters: WorldParameters) -> WorldParameters:
    """
    Return the parameters as they are for one of the robots.

    Its frames have its name before them, but for the map's; it starts where its table says.

    :param robot: one of `robots`.
    """
    p, prefix, table = parameters, prefix_of(robot), dict(parameters.robot_tables).get(robot)
    if table is None:
        return p
    cameras = tuple((name, dataclasses.replace(
        it, link_frame=prefix + it.link_frame, optical_frame=prefix + it.optical_frame))
        for name, it in p.camera_tables)
    return dataclasses.replace(
        p, odom_frame=prefix + p.odom_frame, base_frame=prefix + p.base_frame,
        camera_frame=prefix + p.camera_frame, optical_frame=prefix + p.optical_frame,
        scan=dataclasses.replace(p.scan, frame=prefix + p.scan.frame),
        initial_pose=table.initial_pose, robot_size=table.size, camera_tables=cameras)
