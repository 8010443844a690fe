# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The package is what colcon, rosdep and ros2 launch expect of it."""

import configparser
import importlib.util
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys

import pytest

NAME = 'inspatio_ros'
EXECUTABLES = {'world_node', 'inspatio', 'loopback_simulator'}
SHARE_FOLDERS = ('launch', 'config', 'scenes')


@pytest.fixture(scope='module')
def installed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a copy of the package with colcon and return the prefix of the package."""
    if not importlib.util.find_spec('colcon_core') or not importlib.util.find_spec('colcon_ros'):
        pytest.skip('colcon is not installed')
    base = tmp_path_factory.mktemp('workspace')
    source = base / 'src' / NAME
    ignore = shutil.ignore_patterns('__pycache__')
    for name in (NAME, 'resource', *SHARE_FOLDERS):
        if (checkout / name).is_dir():
            shutil.copytree(checkout / name, source / name, ignore=ignore)
    for name in ('package.xml', 'setup.py', 'setup.cfg'):
        shutil.copy(checkout / name, source)
    colcon(base, 'build', '--base-paths', 'src')
    assert colcon(base, 'list', '--base-paths', 'src').split()[-1] == '(ros.ament_python)'
    return base / 'install' / NAME


def colcon(base: Path, *arguments: str) -> str:
    # Not the `colcon` on PATH: executables get the Python that builds them.
    command = [sys.executable, '-m', 'colcon', '--log-base', 'log', *arguments]
    done = subprocess.run(command, cwd=base, capture_output=True, text=True,
                          env={**os.environ, 'PYTHONWARNINGS': 'ignore'})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob('*') if path.is_file() and '__pycache__' not in path.parts}


def test_package_xml_is_valid(checkout: Path):
    package = pytest.importorskip('catkin_pkg.package', reason='catkin_pkg is not installed')
    warnings: list[str] = []
    manifest = package.parse_package(str(checkout / 'package.xml'), warnings=warnings)
    manifest.validate()
    assert warnings == []
    assert (manifest.name, manifest.package_format) == (NAME, 3)
    assert manifest.get_build_type() == 'ament_python'
    assert [str(licence) for licence in manifest.licenses] == ['Apache-2.0']
    assert {'ament_flake8', 'ament_pep257', 'python3-pytest'} <= {
        depend.name for depend in manifest.test_depends}


def test_versions_are_equal(checkout: Path):
    xml = re.search(r'<version>(.+?)</version>', (checkout / 'package.xml').read_text())
    setup = re.search(r"^    version='(.+?)',", (checkout / 'setup.py').read_text(), re.MULTILINE)
    changelog = (checkout / 'CHANGELOG.rst').read_text()
    newest = re.search(r'^(\d+\.\d+\.\d+) \(\d{4}-\d{2}-\d{2}\)\n-+$', changelog, re.MULTILINE)
    assert xml and setup and newest
    assert xml[1] == setup[1] == newest[1]


def test_executables_go_where_ros2_looks_for_them(checkout: Path):
    config = configparser.ConfigParser()
    config.read(checkout / 'setup.cfg')
    assert config['install']['install_scripts'] == f'$base/lib/{NAME}'
    assert config['develop']['script_dir'] == f'$base/lib/{NAME}'


def test_licence_is_there_in_full(checkout: Path):
    text = (checkout / 'LICENSE').read_text()
    assert 'Apache License' in text and 'END OF TERMS AND CONDITIONS' in text


def test_every_file_has_its_header(checkout: Path):
    files = [path for folder in (NAME, 'launch', 'scripts', 'test')
             for path in (checkout / folder).rglob('*.py')]
    wrong = [str(path) for path in files if path.stat().st_size and not re.match(
        r'(#!.*\n)?# Copyright \d{4} .*\n# SPDX-License-Identifier: Apache-2.0\n',
        path.read_text())]
    assert not wrong, '\n'.join(wrong)


def test_colcon_installs_executables_that_start(installed: Path, tmp_path: Path):
    folder = installed / 'lib' / NAME
    assert {path.name for path in folder.iterdir()} == EXECUTABLES
    modules, = installed.glob('lib/python3*/site-packages')
    for name in EXECUTABLES:
        done = subprocess.run([folder / name, '--help'], cwd=tmp_path, capture_output=True,
                              text=True, env={**os.environ, 'PYTHONPATH': str(modules)})
        assert done.returncode == 0, done.stderr
        assert 'usage' in done.stdout


def test_colcon_installs_share_and_modules_whole(checkout: Path, installed: Path):
    share = installed / 'share' / NAME
    for name in SHARE_FOLDERS:
        assert tree(share / name) == tree(checkout / name) != {}, name
    assert (share / 'package.xml').is_file()
    assert (installed / 'share/ament_index/resource_index/packages' / NAME).is_file()
    modules, = installed.glob(f'lib/python3*/site-packages/{NAME}')
    assert set(tree(checkout / NAME)) <= set(tree(modules))


def test_underlay_stays_out_of_workspaces(checkout: Path):
    assert (checkout / 'underlay/tf2_msgs/COLCON_IGNORE').exists()
