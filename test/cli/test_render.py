# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From a scene on disk and a trajectory file to a video; the world is analytic."""

import json
import math

import av
from inspatio_ros.cli import main as entry
from inspatio_ros.cli import render
from inspatio_ros.cli.depth_picture import colour_depth, DepthRange
from inspatio_ros.contracts import Intrinsics, Outputs, SensorFrame, Spawn
from inspatio_ros.motion.transforms import inverse, pose_rpy, spawn_camera, T_base_cam
from inspatio_ros.scene.format import save_scene
from inspatio_ros.scene.scene import Scene, TimeMode, View
import numpy as np
import pytest

CAMERA = Intrinsics.from_hfov(64, 48, math.radians(80))
WALL_X = 4.0


class WallWorld:
    """A wall at x = 4 m in map, checkered red and green with a metre to the field."""

    spawn = Spawn()

    def __init__(self):
        self.seen = []
        self.closed = self.resets = 0

    def observe(self, stamp_ns, T_map_cam, intrinsics, outputs=Outputs.ALL):
        self.seen.append((stamp_ns, T_map_cam.copy(), intrinsics, outputs))
        v, u = np.mgrid[:intrinsics.height, :intrinsics.width].astype(float)
        rays = np.stack([(u - intrinsics.cx) / intrinsics.fx, (v - intrinsics.cy) / intrinsics.fy,
                         np.ones_like(u)], axis=-1) @ T_map_cam[:3, :3].T
        with np.errstate(divide='ignore', invalid='ignore'):
            depth = (WALL_X - T_map_cam[0, 3]) / rays[..., 0]
        depth = np.where(depth > 0, depth, np.nan).astype(np.float32)
        hit = T_map_cam[:3, 3] + depth[..., None] * rays
        odd = np.floor(np.nan_to_num(hit[..., 1:].sum(axis=-1))).astype(int) % 2
        rgb = np.zeros((*depth.shape, 3), np.uint8)
        rgb[..., 0], rgb[..., 1] = 200 * odd, 200 * (1 - odd)
        return SensorFrame(stamp_ns, T_map_cam, intrinsics, rgb, depth, None, 0.25)

    def reset(self):
        self.resets += 1

    def close(self):
        self.closed += 1


def view(name, T_map_cam):
    rgb = np.zeros((48, 64, 3), np.uint8)
    return View(rgb, np.full((48, 64), 3.0, np.float32), CAMERA, T_map_cam, name)


START = pose_rpy(0.5, 0.0, 1.2) @ T_base_cam()


@pytest.fixture
def still(tmp_path):
    save_scene(Scene('wall', views=(view('a', START),), spawn=Spawn(x=-1.0, camera_height=0.6)),
               tmp_path / 'scene')
    return tmp_path / 'scene'


@pytest.fixture
def moving(tmp_path):
    frames = tuple((view('f', pose_rpy(0.5, 0.1 * i, 1.2) @ T_base_cam()),) for i in range(6))
    save_scene(Scene('clip', frames=frames, fps=12.0, time_mode=TimeMode.ONCE),
               tmp_path / 'clip')
    return tmp_path / 'clip'


@pytest.fixture
def filmed(tmp_path):
    """Run the command on a wall; return the world, the frames and where they are."""
    def go(scene, trajectory, *options):
        path = tmp_path / 'path.txt'
        path.write_text(trajectory)
        world = WallWorld()
        args = entry.command_parser('render').parse_args(
            [str(scene), str(path), str(tmp_path / 'out.mp4'), *options])
        assert render.run(args, lambda scene, args: world) == 0
        with av.open(str(tmp_path / 'out.mp4')) as container:
            frames = [f.to_ndarray(format='rgb24') for f in container.decode(video=0)]
            rate = container.streams.video[0].average_rate
        return world, frames, rate
    return go


def cameras(world):
    return [T for _, T, _, outputs in world.seen if outputs is Outputs.ALL]


ZOOM = '0\n0\n0 1\n'


def test_colour_is_left_and_depth_is_right(still, filmed):
    world, frames, rate = filmed(still, ZOOM, '--frames', '5', '--near', '2', '--far', '4')
    assert (len(frames), rate, frames[0].shape) == (5, 24, (48, 128, 3))
    first = WallWorld().observe(0, START, CAMERA)
    assert np.abs(frames[0][:, :64].astype(int) - first.rgb).mean() < 20
    # The wall comes nearer: from blue towards red.
    middle = [frame[20:28, 92:100].reshape(-1, 3).mean(axis=0) for frame in frames]
    assert middle[-1][0] > middle[0][0] + 20
    assert world.closed == 1


def test_keyframes_start_at_the_first_view(still, filmed):
    world, _, _ = filmed(still, ZOOM, '--frames', '3')
    got = cameras(world)
    assert got[0] == pytest.approx(START)
    assert got[2] == pytest.approx(pose_rpy(1.5, 0.0, 1.2) @ T_base_cam())


def test_keyframes_can_start_at_the_spawn(still, filmed):
    world, _, _ = filmed(still, ZOOM, '--frames', '3', '--start', 'spawn')
    assert cameras(world)[0] == pytest.approx(spawn_camera(Spawn(x=-1.0, camera_height=0.6)))


def test_rotation_only_stays(still, filmed):
    world, _, _ = filmed(still, '0\n0 20\n2\n', '--frames', '4', '--rotation-only')
    assert all(T[:3, 3] == pytest.approx(START[:3, 3]) for T in cameras(world))
    assert np.abs(cameras(world)[-1] - START).max() > 0.3


def test_length_follows_the_rule_of_the_trajectory(still, filmed):
    assert len(filmed(still, ZOOM)[1]) == 121
    assert len(filmed(still, '0\n0 120\n1\n')[1]) == 151


def test_a_moving_scene_gives_its_rate_and_its_time(moving, filmed):
    world, _, rate = filmed(moving, ZOOM, '--frames', '4')
    assert rate == 12
    stamps = [stamp for stamp, _, _, outputs in world.seen if outputs is Outputs.ALL]
    assert stamps == [0, 83_333_333, 166_666_667, 250_000_000]


def test_relative_to_source_rides_along(moving, filmed):
    still = [T[1, 3] for T in cameras(filmed(moving, ZOOM, '--frames', '6')[0])]
    along = [T[1, 3] for T in
             cameras(filmed(moving, ZOOM, '--frames', '6', '--relative-to-source')[0])]
    assert still == pytest.approx([0.0] * 6)
    assert along == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])


def rows(poses):
    return '\n'.join(' '.join(repr(float(x)) for x in inverse(T).ravel()) for T in poses)


def test_matrices_are_cameras_in_the_map(still, filmed):
    poses = [START, pose_rpy(1.0, 2.0, 1.0, yaw=0.3) @ T_base_cam()]
    world, frames, _ = filmed(still, rows(poses))
    assert len(frames) == 2
    assert np.array(cameras(world)) == pytest.approx(np.array(poses))


def test_matrices_are_thinned_or_bounced(still, filmed):
    poses = [pose_rpy(0.1 * i, 0.0, 1.0) @ T_base_cam() for i in range(3)]
    x = [T[0, 3] for T in cameras(filmed(still, rows(poses), '--frames', '5')[0])]
    assert x == pytest.approx([0.0, 0.1, 0.2, 0.1, 0.0])


@pytest.mark.parametrize('option', ['--rotation-only', '--relative-to-source'])
def test_matrices_have_no_options_of_keyframes(still, filmed, option):
    with pytest.raises(ValueError, match=f'{option} is for keyframes'):
        filmed(still, rows([START]), option)


def test_another_aspect_does_not_distort(still, filmed):
    world, frames, _ = filmed(still, ZOOM, '--frames', '1', '--size', '96x40')
    used = world.seen[-1][2]
    assert frames[0].shape == (40, 192, 3)
    assert used.fx == pytest.approx(used.fy) == pytest.approx(1.5 * CAMERA.fx)
    assert (used.cx, used.cy) == pytest.approx((47.5, 19.5))


def test_a_field_of_view_can_be_chosen(still, filmed):
    world, _, _ = filmed(still, ZOOM, '--frames', '1', '--hfov', '90')
    assert world.seen[-1][2].fx == pytest.approx(32.0)


def test_looking_ahead_for_the_colours_leaves_no_trace(still, filmed):
    world, frames, _ = filmed(still, ZOOM, '--frames', '20')
    assert [outputs for *_, outputs in world.seen].count(Outputs.DEPTH) == 9
    assert world.resets == 1
    assert len(frames) == 20


def test_json_is_all_there_is_on_stdout(still, filmed, capsys):
    filmed(still, ZOOM, '--frames', '2', '--json')
    report = json.loads(capsys.readouterr().out)
    assert report['frames'] == 2
    assert (report['width'], report['height']) == (128, 48)
    assert report['mean_unobserved_ratio'] == 0.25


def test_bundled_trajectories_have_names():
    for name in ('orbit', 'zoom', 'look_around'):
        assert render.find_trajectory(name).name == f'{name}.txt'
    with pytest.raises(FileNotFoundError, match='bundled ones are look_around, orbit, zoom'):
        render.find_trajectory('orbti')


@pytest.mark.parametrize(('options', 'says'), [
    (['--frames', '0'], '--frames must be >= 1, got 0'),
    (['--fps', '0'], '--fps must lie between'), (['--fps', 'nan'], '--fps must lie between'),
    (['--hfov', '180'], '--hfov must lie between'), (['--hfov', 'nan'], '--hfov'),
    (['--near', '5', '--far', '2'], 'depth range')])
def test_a_bad_option_is_refused_before_anything_is_written(still, filmed, tmp_path, options,
                                                            says):
    with pytest.raises(ValueError, match=says):
        filmed(still, ZOOM, *options)
    assert not (tmp_path / 'out.mp4').exists()


@pytest.mark.parametrize('size', ['641x480', '0x0', '640', '640x', '-2x4', '99999x2', 'axb'])
def test_a_bad_size_is_a_usage_error(size, capsys):
    with pytest.raises(SystemExit) as left:
        entry.main(['render', 's', 't', 'o.mp4', f'--size={size}'])
    assert left.value.code == 2
    assert 'even numbers from 16 to 8192' in capsys.readouterr().err


def test_errors_of_the_command_line_are_one_line(still, tmp_path, capsys):
    path = tmp_path / 'path.txt'
    path.write_text('0\nx\n1\n')
    out = str(tmp_path / 'out.mp4')
    for words, says in (
            ([str(still), str(path), out], "path.txt:2: 'x' is not a number"),
            ([str(tmp_path / 'gone'), 'orbit', out], 'gone'),
            ([str(still), 'gone.txt', out], 'gone.txt: no such trajectory file'),
            ([str(still), 'orbit', str(tmp_path / 'out.gif')], 'must end in .mp4')):
        assert entry.main(['render', *words]) == 2
        shown = capsys.readouterr()
        assert says in shown.err
        assert shown.err.count('\n') == 1
        assert shown.out == ''


def test_the_real_world_shows_the_scene(still, tmp_path, capsys):
    """Through the entry point and the engine: a grey wall that is 3 m away, then 2 m."""
    path, out = tmp_path / 'path.txt', tmp_path / 'out.mp4'
    path.write_text(ZOOM)
    assert entry.main(['render', str(still), str(path), str(out), '--frames', '3', '--near', '1',
                       '--far', '4', '--threads', '1', '--json']) == 0
    assert json.loads(capsys.readouterr().out)['max_unobserved_ratio'] < 0.05
    with av.open(str(out)) as container:
        frames = [f.to_ndarray(format='rgb24') for f in container.decode(video=0)]
    span = DepthRange(1.0, 4.0)
    for frame, depth in ((frames[0], 3.0), (frames[2], 2.0)):
        want = colour_depth(np.full((1, 1), depth, np.float32), span)[0, 0].astype(int)
        assert np.abs(frame[20:28, 92:100].reshape(-1, 3).mean(axis=0) - want).max() < 8
