# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The pytest plugin as a user meets it: other pytest processes, with the package installed."""

import os
from pathlib import Path
import subprocess
import sys

from drives import Drive
from inspatio_ros.motion.transforms import pose_rpy
import pytest

HEAVY = {'numpy', 'rosbags', 'torch', 'numba', 'scipy', 'cv2', 'rclpy', 'PIL'}


class Moved(Drive):
    """A drive that ends 2 cm further left."""

    def place(self, index):
        return super().place(index) @ pose_rpy(y=0.002 * index)


@pytest.fixture(scope='module')
def metadata(checkout, tmp_path_factory):
    """Return a folder with the entry points of setup.py, as an installation has it."""
    folder = tmp_path_factory.mktemp('metadata')
    subprocess.run([sys.executable, 'setup.py', '-q', 'egg_info', '--egg-base', str(folder)],
                   cwd=checkout, check=True, capture_output=True)
    return folder


@pytest.fixture
def user(tmp_path, checkout, metadata):
    """Return what runs pytest in a folder of a user, with the package installed."""
    folder = tmp_path / 'user'
    folder.mkdir()
    Drive().write(folder / 'same')
    Moved().write(folder / 'moved')

    def run(*words, **env):
        path = os.pathsep.join((str(checkout), str(metadata)))
        return subprocess.run(
            [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *words], cwd=folder,
            capture_output=True, text=True, env={**os.environ, 'PYTHONPATH': path, **env})
    run.folder = folder
    return run


def write_test(user, text, name='test_drive.py'):
    (user.folder / name).write_text(text)


FIVE_LINES = """\
import os

def test_drive(inspatio_golden):
    bag = os.environ['BAG']  # whatever makes a recording
    inspatio_golden(bag, 'psnr=40 depth=0.01 pose=0.01 angle=0.1')
"""


def test_five_lines_are_a_regression_test(user):
    write_test(user, FIVE_LINES)
    done = user(BAG='same')
    assert done.returncode == 1
    manifest = user.folder / 'golden' / 'test_drive.test_drive.json'
    assert f'{manifest} does not exist yet; pytest --inspatio-update-golden writes it' in \
        done.stdout
    assert not manifest.exists()
    assert user('--inspatio-update-golden', BAG='same').returncode == 0
    assert manifest.is_file()
    assert user(BAG='same').returncode == 0
    done = user(BAG='moved')
    assert done.returncode == 1
    assert '/odom                                   12      12  DIFFERENT  pose 0.022 m' in \
        done.stdout
    assert 'first: message 6 at 1700000000.600000000 s: pose.pose: pose 0.012 m' in done.stdout
    assert 'Traceback' not in done.stdout and 'pytest_plugin.py' not in done.stdout
    assert user('--inspatio-update-golden', BAG='moved').returncode == 0
    assert user(BAG='moved').returncode == 0


def test_each_test_has_its_own_manifest(user):
    write_test(user, """\
import pytest

class TestDrives:
    @pytest.mark.parametrize('bag', ['same', 'moved'])
    def test_one(self, inspatio_golden, bag):
        inspatio_golden(bag)

def test_two(inspatio_golden):
    inspatio_golden('same', topics=['/odom'])
    inspatio_golden('moved', ignore=['/camera/*'])
    inspatio_golden('same', golden='elsewhere/tf.json', topics=['/tf'])
""")
    assert user('--inspatio-update-golden').returncode == 0
    assert user().returncode == 0
    found = {str(path.relative_to(user.folder)) for path in user.folder.rglob('*.json')}
    assert found == {'golden/test_drive.TestDrives.test_one.same.json',
                     'golden/test_drive.TestDrives.test_one.moved.json',
                     'golden/test_drive.test_two.json', 'golden/test_drive.test_two.2.json',
                     'elsewhere/tf.json'}


def test_a_bag_serves_as_well(user):
    write_test(user, """\
def test_tight(inspatio_golden):
    inspatio_golden('moved', ['pose=0.01', 'angle=1'], golden='same')

def test_loose(inspatio_golden):
    inspatio_golden('moved', ['pose=0.03', 'angle=1'], golden='same')
""")
    done = user()
    assert '1 failed, 1 passed' in done.stdout and 'is not what' in done.stdout


def test_what_cannot_be_used_fails_with_one_line(user):
    write_test(user, """\
def test_bag(inspatio_golden):
    inspatio_golden('nowhere', golden='same')

def test_tolerance(inspatio_golden):
    inspatio_golden('same', 'pse=1', golden='same')

def test_topic(inspatio_golden):
    inspatio_golden('same', golden='same', topics=['/odo'])

def test_manifest(inspatio_golden):
    inspatio_golden('same', golden='broken.json')
""")
    (user.folder / 'broken.json').write_text('{')
    done = user()
    assert '4 failed' in done.stdout
    for told in ('nowhere: there is no such bag', "there is no 'pse'; did you mean pose?",
                 'no topic is called /odo; did you mean /odom?', 'is no valid JSON file'):
        assert told in done.stdout
    assert 'Traceback' not in done.stdout and 'pytest_plugin.py' not in done.stdout


def test_a_test_that_does_not_use_it_pays_nothing(user):
    write_test(user, f"""\
import sys

def test_nothing():
    assert not {HEAVY!r} & set(sys.modules), 'loaded'
    assert 'inspatio_ros.bags.comparing.pytest_plugin' in sys.modules
""")
    done = user('-p', 'no:launch_testing')
    assert done.returncode == 0, done.stdout


def test_the_fixture_and_the_option_explain_themselves(user):
    write_test(user, 'def test_nothing():\n    pass\n')
    assert 'Compare recordings with manifests' in user('--fixtures').stdout
    assert '--inspatio-update-golden' in user('--help').stdout


def test_the_documentation_shows_what_works(user, checkout: Path):
    """The fixture's example of the documentation is one that runs."""
    text = (checkout / 'docs' / 'regression_tests.md').read_text()
    example = text.split('```python\n', 1)[1].split('```', 1)[0]
    assert 'inspatio_golden' in example
    write_test(user, example)
    write_test(user, """\
from pathlib import Path
import shutil

def drive_around(folder: Path) -> Path:
    return shutil.copytree('same', folder / 'drive')
""", 'my_robot.py')
    assert user('--inspatio-update-golden').returncode == 0
    assert user().returncode == 0
