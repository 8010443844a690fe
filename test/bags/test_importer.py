# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A bag becomes the scene that was recorded, in the map of the recording; or an error says why."""

from dataclasses import replace

from inspatio_ros.bags.choice import Wish
from inspatio_ros.bags.scenes.exposure import brightened
from inspatio_ros.bags.scenes.importer import read_bag
from inspatio_ros.bags.scenes.keyframes import Motion
from inspatio_ros.bags.scenes.options import BagOptions
from inspatio_ros.contracts import Intrinsics
from inspatio_ros.engine.renderer import CpuRenderer
from inspatio_ros.evaluation.rgbd import evaluate_pairs
from inspatio_ros.motion.transforms import inverse, pose_rpy, quaternion_xyzw, T_LINK_OPTICAL
from inspatio_ros.scene.detect import open_scene
from inspatio_ros.scene.preparation import load_preparation, Role, save_preparation
from make_bag import (COLOR, COLOR_INFO, COMPRESSED, compressed, DEPTH, DEPTH_INFO, encoded, FRAME,
                      header, image, INFO, info, msg, NS, odometry, pose, Recording, TF, tf,
                      transform, with_header)
import numpy as np
import pytest

EVERY = Motion(step_m=0.01)


@pytest.fixture
def recording(views):
    return Recording(list(views))


def without(*topics):
    return lambda events: [event for event in events if event[1] not in topics]


def assert_same_views(found, expected, pose_atol=1e-9):
    assert len(found) == len(expected)
    for view, other in zip(found, expected):
        assert np.array_equal(view.rgb, other.rgb)
        assert np.array_equal(view.depth, other.depth, equal_nan=True)
        assert view.intrinsics == other.intrinsics
        assert np.allclose(view.T_map_cam, other.T_map_cam, rtol=0.0, atol=pose_atol)


@pytest.mark.parametrize('storage, compression', [
    ('mcap', 'none'), ('mcap', 'message'), ('mcap', 'file'), ('mcap', 'storage'),
    ('sqlite3', 'none'), ('sqlite3', 'message'), ('sqlite3', 'file'), ('own', 'none')])
def test_a_bag_becomes_the_scene_that_was_recorded(recording, tmp_path, views, storage,
                                                   compression):
    imported = read_bag(recording.write(tmp_path / 'drive', storage, compression=compression))
    assert_same_views(imported.scene.views, views)
    assert imported.scene.name == 'drive'
    assert [view.name for view in imported.scene.views] == [f'frame {i}' for i in range(8)]
    assert f'poses from TF map -> {FRAME}' in imported.notes
    assert 'used as' in imported.table and COLOR in imported.table


def test_the_spawn_is_on_the_floor_under_the_first_camera(recording, tmp_path, views):
    spawn = read_bag(recording.write(tmp_path / 'bag')).scene.spawn
    T = views[0].T_map_cam
    assert (spawn.x, spawn.y) == pytest.approx(tuple(T[:2, 3]))
    assert spawn.z == pytest.approx(0.0, abs=0.05)  # the floor of the room
    assert spawn.z + spawn.camera_height == pytest.approx(T[2, 3])
    assert np.hypot(np.cos(spawn.yaw) - T[0, 2], np.sin(spawn.yaw) - T[1, 2]) < 0.3


def test_a_given_camera_height_places_the_spawn(recording, tmp_path, views):
    scene = read_bag(recording.write(tmp_path / 'bag'), BagOptions(camera_height_m=0.7)).scene
    assert scene.spawn.camera_height == 0.7
    assert scene.spawn.z == pytest.approx(views[0].T_map_cam[2, 3] - 0.7)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3', 'own'])
def test_a_real_recording_renders_like_its_folder(shared_dir, tmp_path, storage):
    """The figure of dining_rgbd: within 0.1 dB of the import of the RGB-D folder."""
    folder = open_scene(shared_dir / 'data' / 'dining_rgbd')
    bag = Recording(list(folder.views)).write(tmp_path / 'bag', storage)
    renderer = CpuRenderer(1)
    pairs = zip(evaluate_pairs(folder.views, renderer),
                evaluate_pairs(read_bag(bag).scene.views, renderer), strict=True)
    differences = [from_bag.psnr_db - from_folder.psnr_db for from_folder, from_bag in pairs]
    print('PSNR of a bag minus that of its folder, dB:', np.round(differences, 4))
    assert np.abs(differences).max() < 0.1


@pytest.mark.parametrize('encoding', ['png', 'jpeg'])
def test_compressed_pictures(recording, tmp_path, views, encoding):
    options = {} if encoding == 'png' else {'quality': 95, 'subsampling': 0}

    def color(view, t):
        return compressed(encoded(view.rgb, encoding, **options), f'rgb8; {encoding}', t)

    def depth(view, t):
        millimetres = np.rint(view.depth * 1000).astype(np.uint16)
        return compressed(with_header(encoded(millimetres, 'png')), '16UC1; compressedDepth png',
                          t)

    recording.color, recording.depth = color, depth
    recording.color_type = recording.depth_type = COMPRESSED
    for found, view in zip(read_bag(recording.write(tmp_path / 'bag')).scene.views, views):
        assert np.abs(found.depth - view.depth).max() <= 0.00051
        error = np.abs(found.rgb.astype(int) - view.rgb)
        assert error.max() == 0 if encoding == 'png' else error.mean() < 3.0


def in_place_of_tf(topic, kind, message):
    """Replace /tf by poses of base_link on a topic."""
    def change(events):
        return [(log, topic, kind, message(m.transforms[0])) if name == '/tf' else
                (log, name, k, m) for log, name, k, m in events]
    return change


def matrix(it):
    T = np.eye(4)
    q = it.transform.rotation
    w, x, y, z = q.w, q.x, q.y, q.z
    T[:3, :3] = [[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                 [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                 [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]]
    t = it.transform.translation
    T[:3, 3] = t.x, t.y, t.z
    return T


def stamp_of(it):
    return it.header.stamp.sec * NS + it.header.stamp.nanosec


def stamped(it):
    return msg('geometry_msgs/PoseStamped', header=header(stamp_of(it), 'odom'),
               pose=pose(matrix(it)))


def with_covariance(it):
    inner = msg('geometry_msgs/PoseWithCovariance', pose=pose(matrix(it)),
                covariance=np.zeros(36))
    return msg('geometry_msgs/PoseWithCovarianceStamped', header=header(stamp_of(it), 'odom'),
               pose=inner)


def as_odometry(it):
    return odometry(matrix(it), stamp_of(it))


@pytest.mark.parametrize('kind, message, wish', [
    ('nav_msgs/msg/Odometry', as_odometry, None),
    ('nav_msgs/msg/Odometry', as_odometry, '/robot'),
    ('geometry_msgs/msg/PoseStamped', stamped, '/robot'),
    ('geometry_msgs/msg/PoseStamped', stamped, 'robot:base_link'),
    ('geometry_msgs/msg/PoseWithCovarianceStamped', with_covariance, '/robot'),
])
def test_poses_from_a_topic(recording, tmp_path, views, kind, message, wish):
    bag = recording.write(tmp_path / 'bag', change=in_place_of_tf('/robot', kind, message))
    imported = read_bag(bag, BagOptions(Wish(poses=wish)))
    assert_same_views(imported.scene.views, views)
    assert imported.notes[0] == f'poses from /robot (odom -> base_link), TF base_link -> {FRAME}'


def test_poses_of_the_camera_itself_need_no_tf(recording, tmp_path, views):
    def change(events):
        kept = without('/tf', '/tf_static')(events)
        return kept + [(t, '/slam', 'geometry_msgs/msg/PoseStamped', msg(
            'geometry_msgs/PoseStamped', header=header(t, 'map'), pose=pose(view.T_map_cam)))
            for view, t in zip(views, recording.stamps())]

    bag = recording.write(tmp_path / 'bag', change=change)
    with pytest.raises(ValueError, match=f'--poses /slam:{FRAME} if they are of the camera'):
        read_bag(bag, BagOptions(Wish(poses='/slam')))
    assert_same_views(read_bag(bag, BagOptions(Wish(poses=f'/slam:{FRAME}'))).scene.views, views)


def test_a_path_holds_all_poses(recording, tmp_path, views):
    def change(events):
        poses = [stamped(m.transforms[0]) for _, name, _, m in events if name == '/tf']
        return without('/tf')(events) + [
            (recording.stamps()[k] + 1, '/path', 'nav_msgs/msg/Path',
             msg('nav_msgs/Path', header=header(0, 'odom'), poses=poses[:k + 1]))
            for k in range(len(poses))]

    bag = recording.write(tmp_path / 'bag', change=change)
    with pytest.raises(ValueError, match='nothing says where the camera was'):
        read_bag(bag)  # it might be a plan
    assert_same_views(read_bag(bag, BagOptions(Wish(poses='/path'))).scene.views, views)


def test_tf_in_a_frame_that_is_named(recording, tmp_path, views):
    shift = pose_rpy(3.0, -1.0, yaw=0.7)

    def change(events):
        return [(log, name, kind, tf(*message.transforms[:1], transform(
            shift, 'map', 'odom', log)) if name == '/tf_static' else message)
            for log, name, kind, message in events]

    bag = recording.write(tmp_path / 'bag', change=change)
    for wish, T in (('tf:odom', np.eye(4)), ('tf:map', shift), (None, shift)):
        moved = [replace(view, T_map_cam=T @ view.T_map_cam) for view in views]
        assert_same_views(read_bag(bag, BagOptions(Wish(poses=wish))).scene.views, moved)


def test_the_root_of_the_tree_is_a_fixed_frame_of_any_name(recording, tmp_path, views):
    def change(events):
        return [(log, name, kind, tf(message.transforms[0]) if name == '/tf_static' else
                 tf(transform(matrix(message.transforms[0]), 'vicon', 'base_link', log))
                 if name == '/tf' else message) for log, name, kind, message in events]

    imported = read_bag(recording.write(tmp_path / 'bag', change=change))
    assert_same_views(imported.scene.views, views)
    assert any('the scene keeps the frame vicon' in note for note in imported.notes)


def test_a_frame_that_is_not_upright_is_levelled(recording, tmp_path, views):
    """The world of a visual odometry is its first camera: z ahead."""
    def change(events):
        return [(t, '/vo', 'geometry_msgs/msg/PoseStamped', msg(
            'geometry_msgs/PoseStamped', header=header(t, 'camera_init'),
            pose=pose(inverse(views[0].T_map_cam) @ view.T_map_cam)))
            for view, t in zip(views, recording.stamps())] + without('/tf', '/tf_static')(events)

    bag = recording.write(tmp_path / 'bag', change=change)
    imported = read_bag(bag, BagOptions(Wish(poses=f'/vo:{FRAME}')))
    assert any('z of camera_init is not up, so the scene is levelled' in note
               for note in imported.notes)
    T = [view.T_map_cam for view in imported.scene.views]
    for found, view in zip(T, views, strict=True):
        assert np.allclose(inverse(T[0]) @ found, inverse(views[0].T_map_cam) @ view.T_map_cam,
                           atol=1e-6)
        assert found[2, 3] == pytest.approx(view.T_map_cam[2, 3], abs=0.1)
    assert np.array_equal(T[1], imported.preparation.pictures[1].T_map_cam)


def test_a_map_that_is_known_for_few_pictures_gives_way(recording, tmp_path, views):
    def change(events):
        changed = [(log, name, kind, tf(message.transforms[0]) if name == '/tf_static' else
                    message) for log, name, kind, message in events]
        return changed + [(t, '/tf', TF, tf(transform(pose_rpy(1.0), 'map', 'odom', t)))
                          for t in recording.stamps()[-2:]]

    imported = read_bag(recording.write(tmp_path / 'bag', change=change))
    assert imported.notes[0] == (
        f'poses from TF odom -> {FRAME} (TF map -> {FRAME} is known for 25% of the pictures only)')
    assert_same_views(imported.scene.views, views)


@pytest.mark.parametrize('wrong, words', [
    ({'max_offset_s': -0.1}, 'max-offset must be finite and >= 0 s'),
    ({'max_gap_s': 0.0}, 'max-gap must be finite and > 0 s'),
    ({'hold_out': 1}, 'hold-out must be at least 2, got 1')])
def test_options_that_make_no_sense(wrong, words):
    with pytest.raises(ValueError, match=words):
        BagOptions(**wrong)


def test_pictures_between_transforms_get_a_pose_between(recording, tmp_path, views):
    """TF runs at another rate than the camera: here 0.1 s before and after each picture."""
    def change(events):
        changed = []
        for log, name, kind, message in events:
            if name != '/tf':
                changed.append((log, name, kind, message))
                continue
            T = matrix(message.transforms[0])
            for sign in (-1, 1):
                t = log + sign * NS // 10
                changed.append((t, name, kind, tf(transform(
                    T @ pose_rpy(sign * 0.1, yaw=sign * 0.05), 'odom', 'base_link', t))))
        return changed

    found = read_bag(recording.write(tmp_path / 'bag', change=change), BagOptions(motion=EVERY))
    assert_same_views(found.scene.views, views, pose_atol=1e-3)


def test_depth_of_another_camera_is_registered(recording, clip, tmp_path, views):
    """A depth camera beside the colour camera, wider, turned, and 10 ms late."""
    camera = Intrinsics.from_hfov(200, 150, 1.3)
    T_color_depth = pose_rpy(-0.06, 0.01, 0.0, yaw=0.03)
    by_stamp = dict(zip(recording.stamps(), views))

    def change(events):
        changed = [(recording.begin_ns, '/tf_static', TF, tf(
            transform(T_color_depth, FRAME, 'depth_frame', recording.begin_ns)))]
        for log, name, kind, message in events:
            if name == DEPTH:
                view = by_stamp[log - NS // 100]
                depth = clip.world.render(view.T_map_cam @ T_color_depth, camera).depth
                message = image(depth, '32FC1', log, 'depth_frame')
            elif name == DEPTH_INFO:
                message = info(camera, log, 'depth_frame')
            changed.append((log, name, kind, message))
            if name == '/tf':  # the robot stands until depth is taken
                for later in (10, 100):
                    changed.append((log + later * NS // 1000, '/tf', TF, tf(transform(
                        matrix(message.transforms[0]), 'odom', 'base_link',
                        log + later * NS // 1000))))
        return changed

    recording.depth_delay_s = 0.01
    imported = read_bag(recording.write(tmp_path / 'bag', change=change))
    assert f'{DEPTH}: registered to colour from depth_frame' in imported.notes
    for found, view in zip(imported.scene.views, views, strict=True):
        known = np.isfinite(found.depth)
        assert known[10:-10, 20:-20].mean() > 0.9
        error = np.abs(found.depth / view.depth - 1.0)[known]
        assert np.median(error) < 0.005


def test_depth_that_comes_late_is_moved_to_the_pose_of_colour(recording, clip, tmp_path, views):
    """Depth 15 ms late on a robot at 8 m/s shows the place from 12 cm further on."""
    ahead = pose_rpy(0.0, 0.0, 0.12)  # of the camera, which looks along z

    def depth(view, t):
        late = clip.world.render(view.T_map_cam @ ahead, view.intrinsics).depth
        return image(late, '32FC1', t)

    def change(events):
        changed = []
        for log, name, kind, message in events:
            changed.append((log, name, kind, message))
            if name == '/tf':
                T = matrix(message.transforms[0]) @ recording.mount @ ahead @ inverse(
                    recording.mount)
                later = log + 15 * NS // 1000
                changed.append((later, name, kind, tf(transform(T, 'odom', 'base_link', later))))
        return changed

    recording.depth, recording.depth_delay_s = depth, 0.015
    found = read_bag(recording.write(tmp_path / 'bag', change=change)).scene.views
    for got, view, raw in zip(found, views, [depth(view, 0) for view in views], strict=True):
        unmoved = np.frombuffer(raw.data, np.float32).reshape(view.depth.shape)
        known = np.isfinite(got.depth)
        assert known.mean() > 0.8
        error = np.median(np.abs(got.depth - view.depth)[known])
        assert error < 0.2 * np.median(np.abs(unmoved - view.depth))


def test_distortion_is_taken_out(recording, clip, tmp_path, views):
    import cv2
    D = np.array([-0.25, 0.08, 0.001, -0.001, 0.0])
    camera = clip.intrinsics
    v, u = np.mgrid[0:camera.height, 0:camera.width].astype(np.float64)
    # Where the pixels of the distorted picture lie in the straight one.
    straight = cv2.undistortPoints(np.stack((u, v), -1).reshape(-1, 1, 2), camera.K, D, None,
                                   None, camera.K).reshape(*u.shape, 2).astype(np.float32)

    def bent(picture, how):
        return cv2.remap(picture, straight[..., 0], straight[..., 1], how,
                         borderMode=cv2.BORDER_REPLICATE)

    recording.color = lambda view, t: image(bent(view.rgb, cv2.INTER_CUBIC), 'rgb8', t)
    recording.depth = lambda view, t: image(bent(view.depth, cv2.INTER_NEAREST), '32FC1', t)

    def change(events):
        return [(log, name, kind, info(camera, log, d=D) if kind == INFO else message)
                for log, name, kind, message in events]

    imported = read_bag(recording.write(tmp_path / 'bag', change=change))
    assert f'{COLOR}: distortion (plumb_bob) taken out' in imported.notes
    inner = np.s_[15:-15, 20:-20]
    for found, view in zip(imported.scene.views, views, strict=True):
        bent_error = np.abs(bent(view.rgb, cv2.INTER_CUBIC)[inner].astype(int)
                            - view.rgb[inner]).mean()
        error = np.abs(found.rgb[inner].astype(int) - view.rgb[inner]).mean()
        assert error < 0.5 * bent_error
        assert np.median(np.abs(found.depth / view.depth - 1.0)[inner]) < 0.01


def test_rectified_topics_are_left_alone(recording, tmp_path, views):
    rectified = '/camera/color/image_rect'

    def change(events):
        return [(log, rectified if name == COLOR else name, kind,
                 info(views[0].intrinsics, log, d=[-0.3, 0.1, 0, 0, 0], k=np.diag([9., 9., 1.]))
                 if name == COLOR_INFO else message) for log, name, kind, message in events]

    imported = read_bag(recording.write(tmp_path / 'bag', change=change))
    assert_same_views(imported.scene.views, views)
    assert not any('distortion' in note for note in imported.notes)


GAINS = (1.0, 0.8, 0.7, 0.75, 0.9, 1.0, 0.85, 0.7)


def test_exposure_that_changes_is_told_and_evened_on_request(recording, tmp_path, views):
    gain_of = {view.name: gain for view, gain in zip(views, GAINS)}
    recording.color = lambda view, t: image(brightened(view.rgb, gain_of[view.name]), 'rgb8', t)
    bag = recording.write(tmp_path / 'bag')
    left, evened = (read_bag(bag, BagOptions(match_exposure=match)) for match in (False, True))
    told = [note for note in left.notes if 'exposure changes' in note]
    assert 'left as recorded, --match-exposure evens it out' in told[0]
    assert left.preparation.numbers['exposure_spread'] == pytest.approx(1.0 / 0.7 - 1.0, rel=0.1)
    found = np.array(evened.preparation.numbers['exposure_gains']) * GAINS
    assert found == pytest.approx(np.full(8, found.mean()), rel=0.03)
    assert np.array_equal(left.scene.views[2].rgb, brightened(views[2].rgb, 0.7))


def test_even_exposure_is_not_worth_a_word(recording, tmp_path):
    imported = read_bag(recording.write(tmp_path / 'bag'), BagOptions(match_exposure=True))
    assert not any('exposure' in note for note in imported.notes)


def test_the_preparation_says_what_became_of_every_picture(recording, tmp_path, views):
    def change(events):  # the last picture has no depth
        return [event for event in events
                if not (event[1] == DEPTH and event[0] == recording.stamps()[-1])]

    step = np.linalg.norm(views[2].T_map_cam[:3, 3] - views[0].T_map_cam[:3, 3])
    options = BagOptions(motion=Motion(step_m=0.9 * step, turn_deg=90.0), hold_out=3)
    imported = read_bag(recording.write(tmp_path / 'bag', change=change), options)
    save_preparation(tmp_path, imported.preparation)
    loaded = load_preparation(tmp_path)
    roles = [picture.role for picture in loaded.pictures]
    assert [k for k, role in enumerate(roles) if role is Role.HELD_OUT] == [2, 5]
    assert roles[7] is Role.LOST and loaded.pictures[7].T_map_cam is None
    assert Role.UNUSED in roles
    names = [picture.name for picture in loaded.pictures if picture.role is Role.VIEW]
    assert names == [view.name for view in imported.scene.views]
    assert [picture.stamp_s for picture in loaded.pictures] == pytest.approx(
        [0.5 * k for k in range(8)])
    for picture, view in zip(loaded.pictures[:7], views):
        assert np.allclose(picture.T_map_cam, view.T_map_cam, atol=1e-9)
    assert loaded.numbers['dropped'] == {f'with no {DEPTH} within 0.02 s': 1}
    assert f'1 of 8 pictures dropped: 1 with no {DEPTH} within 0.02 s' in imported.notes


def test_a_part_of_a_bag(recording, tmp_path, views):
    bag = recording.write(tmp_path / 'bag')
    found = read_bag(bag, BagOptions(from_s=0.9, to_s=2.6)).scene.views
    assert_same_views(found, views[2:6])
    with pytest.raises(ValueError, match='--from 2.0 s is not before --to 1.0 s'):
        read_bag(bag, BagOptions(from_s=2.0, to_s=1.0))
    with pytest.raises(ValueError, match='--from must be finite and >= 0 s'):
        read_bag(bag, BagOptions(from_s=-1.0))
    with pytest.raises(ValueError, match=f'{COLOR} has no picture in this part of the bag'):
        read_bag(bag, BagOptions(from_s=60.0))


def test_a_camera_that_says_once_what_it_is(recording, tmp_path, views):
    """Infos that are latched are recorded at the beginning, before the part that is read."""
    def change(events):
        return [event for event in events
                if event[2] != INFO or event[0] == recording.begin_ns]

    bag = recording.write(tmp_path / 'bag', change=change)
    assert_same_views(read_bag(bag, BagOptions(from_s=1.2)).scene.views, views[3:])


def test_a_camera_that_nobody_describes_can_be_given(recording, tmp_path, views):
    bag = recording.write(tmp_path / 'bag', change=without(COLOR_INFO, DEPTH_INFO))
    with pytest.raises(ValueError, match=f'nothing describes the camera of {COLOR}: looked for '
                                         f'{COLOR_INFO}, the bag has none.*--intrinsics'):
        read_bag(bag)
    imported = read_bag(bag, BagOptions(camera=views[0].intrinsics))
    assert_same_views(imported.scene.views, views)
    assert f'{DEPTH}: has no CameraInfo, that of colour is assumed' in imported.notes


def nan_poses(events, share):
    """Make the transforms of a share of the pictures NaN."""
    moving = [event for event in events if event[1] == '/tf']
    for event in moving[:round(share * len(moving))]:
        event[3].transforms[0].transform.translation.x = float('nan')
    return events


def test_nan_poses_cost_their_pictures_only(recording, tmp_path, views):
    imported = read_bag(recording.write(tmp_path / 'bag',
                                        change=lambda events: nan_poses(events, 0.25)))
    assert_same_views(imported.scene.views, views[2:])
    assert '2 of 8 pictures dropped: 2 before the first transform odom -> base_link' in (
        imported.notes)
    assert '2 poses of odom -> base_link are not finite or no unit quaternion' in imported.notes


def backwards(events, topic):
    """Let the stamps of a topic fall back by a minute in the middle; time of recording goes on."""
    chosen = [event for event in events if event[1] == topic]
    for event in chosen[len(chosen) // 2:]:
        it = event[3].transforms[0] if topic == '/tf' else event[3]
        it.header.stamp.sec -= 60
    return events


def resized(events):
    """Let the pictures shrink in the middle, not their CameraInfo."""
    chosen = [k for k, event in enumerate(events) if event[1] == COLOR]
    for k in chosen[4:]:
        log, name, kind, _ = events[k]
        events[k] = (log, name, kind, image(np.zeros((60, 80, 3), np.uint8), 'rgb8', log))
    return events


def rescaled(events):
    """Let the CameraInfo shrink in the middle."""
    chosen = [k for k, event in enumerate(events) if event[1] == COLOR_INFO]
    for k in chosen[4:]:
        log, name, kind, _ = events[k]
        events[k] = (log, name, kind, info(Intrinsics(80, 60, 62.0, 62.0, 39.5, 29.5), log))
    return events


def elsewhere(events):
    """Put the depth into a frame that TF does not know."""
    return [(log, name, kind, info(Intrinsics(160, 120, 90.0, 90.0, 80.0, 60.0), log, 'lonely')
             if name == DEPTH_INFO else message) for log, name, kind, message in events]


@pytest.mark.parametrize('change, wish, words', [
    (without(COLOR), Wish(), 'no colour pictures found: looked for .* --color; the bag '
     f'holds .*{DEPTH} .8 sensor_msgs/msg/Image'),
    (without(DEPTH), Wish(), f'found colour \\({COLOR}\\) but nothing that says how far things are'
     f'.*--depth or --right; the bag holds .*{COLOR} .8 sensor_msgs'),
    (without(), Wish(color='/nothing'), '--color: there is no topic /nothing; the bag holds '),
    (without(), Wish(color='/tf'), '--color: /tf is tf2_msgs/msg/TFMessage, expected sensor_msgs'),
    (without(), Wish(depth='/none'), '--depth: there is no topic /none'),
    (without(), Wish(info=COLOR), f'--info: {COLOR} is sensor_msgs/msg/Image, expected'),
    (without(), Wish(poses='/none'), '--poses /none: there is no such topic; topics with poses '
     'are not in the bag; tf:FRAME'),
    (without(), Wish(poses=COLOR), f'--poses {COLOR}: it is sensor_msgs/msg/Image with 8'),
    (without(), Wish(poses='tf:moon'), f'TF does not connect moon with the camera {FRAME}; the '
     f'frames of TF are base_link, {FRAME}, map, odom'),
    (without(), Wish(poses='tf'), 'expected tf:FRAME, TOPIC or TOPIC:FRAME'),
    (without('/tf', '/tf_static'), Wish(), 'nothing says where the camera was: looked for TF map '
     '| odom | world.*there is no TF'),
    (without('/tf_static'), Wish(), 'nothing says where the camera was.*base_link, odom'),
    (lambda events: nan_poses(events, 1.0), Wish(),
     'nothing says where.*8 poses of odom -> base_link are not finite'),
    (lambda events: backwards(events, COLOR), Wish(),
     f'{COLOR}: time goes backwards by 59.500 s.*--from and --to.*message 4'),
    (lambda events: backwards(events, '/tf'), Wish(), 'odom -> base_link: time goes backwards'),
    (lambda events: backwards(events, DEPTH), Wish(), f'{DEPTH}: time goes backwards'),
    (resized, Wish(), f'{COLOR}: message 4: the picture is 80x60 pixels, its camera is 160x120'),
    (rescaled, Wish(), f'{COLOR_INFO}: message 4: the camera changes: 80x60.*before 160x120'),
    (elsewhere, Wish(), f'depth is in the frame lonely, colour in {FRAME}, and TF does not '
     'connect'),
])
def test_bad_bags_say_what_is_wrong(recording, tmp_path, change, wish, words):
    bag = recording.write(tmp_path / 'bag', change=change)
    with pytest.raises(ValueError, match=words) as caught:
        read_bag(bag, BagOptions(wish))
    assert str(caught.value).startswith(str(bag))


def test_depth_that_is_not_synchronised(recording, tmp_path):
    recording.depth_delay_s = 0.15
    bag = recording.write(tmp_path / 'bag')
    with pytest.raises(ValueError, match=f'no picture of {COLOR} can be used: 8 of 8 pictures '
                                         f'dropped: 8 with no {DEPTH} within 0.02 s; the nearest '
                                         f'message of {DEPTH} is 0.150 s away'):
        read_bag(bag)
    with pytest.raises(ValueError, match='8 in a gap|after the last'):
        read_bag(bag, BagOptions(max_offset_s=0.2, max_gap_s=0.1))
    assert len(read_bag(bag, BagOptions(max_offset_s=0.2)).scene.views) == 7


def test_a_torn_bag_gives_the_pictures_before_the_end(recording, tmp_path, views):
    bag = Recording(list(views) * 3).write(tmp_path / 'bag')  # 3 MB: three chunks
    file = bag / 'bag.mcap'
    file.write_bytes(file.read_bytes()[:1_500_000])
    (bag / 'metadata.yaml').unlink()
    imported = read_bag(bag)
    assert 0 < imported.preparation.numbers['pictures'] < 24
    found = imported.scene.views
    assert_same_views(found, views[:len(found)])


def test_topics_are_guessed_among_many(recording, tmp_path, views):
    """Infra, masks, compressed twins and a second camera are not what is wanted."""
    small = np.zeros((4, 4), np.uint8)

    def change(events):
        decoys = [('/camera/infra1/image_rect_raw', image(small, 'mono8')),
                  ('/camera/color/mask', image(small, 'mono8')),
                  ('/camera/depth/confidence', image(small, 'mono8')),
                  ('/rear/image_raw', image(small, 'mono8'))]
        return [(recording.begin_ns + k, name, 'sensor_msgs/msg/Image', message)
                for k in range(30) for name, message in decoys] + events

    assert_same_views(read_bag(recording.write(tmp_path / 'bag', change=change)).scene.views,
                      views)


def test_floors_that_lean_against_z_are_told_of(recording, tmp_path, views):
    tilt = pose_rpy(roll=0.2)

    def change(events):
        return [(log, name, kind, tf(*message.transforms[:1], transform(tilt, 'map', 'odom', log))
                 if name == '/tf_static' else message) for log, name, kind, message in events]

    notes = read_bag(recording.write(tmp_path / 'bag', change=change)).notes
    assert any('tilted by 11 degrees against z of map' in note for note in notes)


def test_a_camera_frame_that_is_not_optical_is_told_of(recording, tmp_path, views):
    """A driver stamps its pictures with camera_link: x ahead, z up."""
    recording.mount = recording.mount @ inverse(T_LINK_OPTICAL)
    flat = [replace(view, T_map_cam=view.T_map_cam @ inverse(T_LINK_OPTICAL)) for view in views]
    notes = read_bag(replace(recording, views=flat).write(tmp_path / 'bag')).notes
    assert any('the frame of the camera an optical one' in note for note in notes)


def test_infos_without_a_frame_take_that_of_the_pictures(recording, tmp_path, views):
    def change(events):
        for _, _, kind, message in events:
            if kind == INFO:
                message.header.frame_id = ''
        return events

    assert_same_views(read_bag(recording.write(tmp_path / 'bag', change=change)).scene.views,
                      views)


def test_quaternions_of_the_test_bags_are_right():
    """The helper that reads transforms back agrees with the one that writes them."""
    T = pose_rpy(1.0, 2.0, 3.0, 0.4, -0.5, 2.5)
    assert np.allclose(matrix(transform(T, 'a', 'b')), T, atol=1e-12)
    assert quaternion_xyzw(T)[3] >= 0.0
