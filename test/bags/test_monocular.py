# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A bag with colour alone becomes a scene as a video does; poses that it has are kept."""

from contextlib import contextmanager

from inspatio_ros.bags.choice import Wish
from inspatio_ros.bags.scenes.importer import read_bag
from inspatio_ros.bags.scenes.options import BagOptions
from inspatio_ros.scene.preparation import Role
from inspatio_ros.scene.scene import View
from inspatio_ros.scene.synthetic.procedural import procedural_clip
from make_bag import COLOR, DEPTH, DEPTH_INFO, image, NS, Recording, TF, tf, transform
import numpy as np
import pytest


@pytest.fixture(scope='module')
def walk():
    """Return a clip that is dense enough to measure depth in."""
    clip = procedural_clip(5, frames=16, size=(256, 192))
    return [View(rgb, depth, clip.intrinsics, T, f'frame {i}')
            for i, (rgb, depth, T) in enumerate(zip(clip.rgb, clip.depth, clip.T_world_cam))]


def without_depth(events):
    return [event for event in events if event[1] not in (DEPTH, DEPTH_INFO)]


def test_depth_is_found_for_the_poses_of_the_bag(walk, tmp_path):
    bag = Recording(walk, period_s=0.1).write(tmp_path / 'bag', change=without_depth)
    imported = read_bag(bag, BagOptions(out=tmp_path / 'scene', hold_out=8))
    assert imported.notes[0].startswith(
        f'no depth in the bag: found from the pictures of {COLOR}; poses from TF map -> ')
    held = [it.index for it in imported.preparation.pictures if it.role is Role.HELD_OUT]
    assert held == [7, 15]
    truth = {view.name: view for view in walk}
    assert [view.name for view in imported.scene.views] == [
        view.name for view in walk if view.name not in ('frame 7', 'frame 15')]
    for view in imported.scene.views:
        other = truth[view.name]
        assert np.abs(view.rgb.astype(int) - other.rgb).mean() < 1.0
        assert np.allclose(view.T_map_cam, other.T_map_cam, atol=1e-6)
        sure = view.confidence > 0
        assert sure.mean() > 0.2
        assert np.median(np.abs(view.depth / other.depth - 1.0)[sure]) < 0.02
    for picture in imported.preparation.pictures:
        assert np.allclose(picture.T_map_cam, walk[picture.index].T_map_cam, atol=1e-6)
    assert imported.work is not None and imported.work.folder.is_dir()


def test_work_that_was_interrupted_goes_on(walk, tmp_path):
    begun = []

    @contextmanager
    def stage(name):
        begun.append(name)
        if name == interrupted:
            raise KeyboardInterrupt
        yield lambda done, total: None

    bag = Recording(walk[:10], period_s=0.1).write(tmp_path / 'bag', change=without_depth)
    options, interrupted = BagOptions(out=tmp_path / 'scene'), 'depth'
    with pytest.raises(KeyboardInterrupt):
        read_bag(bag, options, stage)
    assert 'decode' in begun
    begun.clear()
    interrupted = None
    imported = read_bag(bag, options, stage)
    assert 'decode' not in begun and imported.work.resumed
    imported.work.remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['bag']


def test_pictures_without_a_pose_are_left_out(walk, tmp_path):
    def change(events):
        late = sorted({event[0] for event in events})[3:]
        return [event for event in without_depth(events)
                if event[1] != '/tf' or event[0] in late]

    bag = Recording(walk, period_s=0.1).write(tmp_path / 'bag', change=change)
    imported = read_bag(bag, BagOptions(out=tmp_path / 'scene'))
    assert '3 of 16 pictures dropped: their pose is not known' in imported.notes
    assert [view.name for view in imported.scene.views] == [view.name for view in walk[3:]]


def test_what_moves_is_shown_at_the_time_of_its_picture(tmp_path):
    """The first poses are missing, and the camera pauses: time is that of the stamps."""
    clip = procedural_clip(1, 12, (192, 144), moving=True, fps=4.0)
    views = [View(rgb, depth, clip.intrinsics, T, f'frame {i}')
             for i, (rgb, depth, T) in enumerate(zip(clip.rgb, clip.depth, clip.T_world_cam))]
    paused = [0.25 * i + (0.5 if i > 6 else 0.0) for i in range(12)]

    class Pausing(Recording):

        def stamps(self):
            return [self.begin_ns + round(s * NS) for s in paused]

    def change(events):
        late = sorted({event[0] for event in events})[2:]
        return [event for event in without_depth(events)
                if event[1] != '/tf' or event[0] in late]

    bag = Pausing(views).write(tmp_path / 'bag', change=change)
    imported = read_bag(bag, BagOptions(out=tmp_path / 'scene'))
    scene = imported.scene
    assert [it.index for it in imported.preparation.pictures] == list(range(2, 12))
    for picture in imported.preparation.pictures:
        assert picture.stamp_s == pytest.approx(paused[picture.index])
        moving, = scene.views_at(picture.stamp_s)[len(scene.views):]
        assert moving.name.startswith(f'frame {picture.index} ')
    before, = scene.views_at(0.0)[len(scene.views):]
    assert before.name.startswith('frame 2 ')


def test_poses_that_are_known_for_no_picture_are_refused(walk, tmp_path):
    def change(events):
        return [event for event in without_depth(events)
                if event[1] != '/tf' or event[0] == recording.stamps()[0] + 1] + [
            (recording.begin_ns - 1, '/tf', TF, tf(transform(
                np.eye(4), 'odom', 'base_link', recording.begin_ns - NS)))]

    recording = Recording(walk, period_s=0.1)
    bag = recording.write(tmp_path / 'bag', change=change)
    with pytest.raises(ValueError, match=f'{COLOR}: the pose of none of its 16 pictures is known'):
        read_bag(bag, BagOptions(Wish(poses='tf:odom'), out=tmp_path / 'scene'))


def test_a_camera_that_stands_is_refused_with_the_name_of_the_bag(walk, tmp_path):
    recording = Recording(walk, color=lambda view, t: image(walk[0].rgb, 'rgb8', t))
    bag = recording.write(tmp_path / 'bag', change=lambda events: [
        event for event in without_depth(events) if event[1] not in ('/tf', '/tf_static')])
    with pytest.raises(ValueError, match=f'^{bag}: .*the camera stands still') as caught:
        read_bag(bag, BagOptions(out=tmp_path / 'scene'))
    assert '.mkv' not in str(caught.value)
    assert not (tmp_path / 'scene.footage.partial').exists()


def test_pictures_of_changing_size_are_refused(walk, tmp_path):
    sizes = iter(range(len(walk)))
    recording = Recording(walk, color=lambda view, t: image(
        view.rgb[:-2] if next(sizes) > 9 else view.rgb, 'rgb8', t))
    bag = recording.write(tmp_path / 'bag', change=without_depth)
    with pytest.raises(ValueError, match=f'{COLOR}: message 10: the picture is 256x190 pixels, '
                                         'its camera is 256x192'):
        read_bag(bag, BagOptions(out=tmp_path / 'scene'))
