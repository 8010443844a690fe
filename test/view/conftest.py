# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Skip where the page cannot be served; nodes, viewers and browsers that end with their tests."""

import importlib.util
import os
import subprocess
import sys

import pytest

collect_ignore_glob = []
if not all(importlib.util.find_spec(name) for name in ('aiohttp', 'rclpy', 'tf2_msgs')):
    collect_ignore_glob.append('test_*.py')
else:
    from rig import make_rig  # noqa: F401  a fixture


@pytest.fixture(scope='module')
def command(checkout):
    """Return a function that runs a command of the package; no process outlives the module."""
    processes = []

    def start(*words, script=None):
        path = os.pathsep.join(filter(None, [str(checkout), os.environ.get('PYTHONPATH')]))
        program = [str(script)] if script else ['-m', 'inspatio_ros']
        processes.append(subprocess.Popen(
            [sys.executable, *program, *words], env={**os.environ, 'PYTHONPATH': path},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return processes[-1]

    yield start
    for process in processes:
        if process.poll() is None:
            process.terminate()
        try:
            process.communicate(timeout=5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture(scope='module')
def viewer(command):
    """Return a function that starts `inspatio view` for a rig and returns (process, address)."""
    def start(namespace, *words):
        ours = [word for name in ('tf', 'tf_static', 'diagnostics')
                for word in ('-r', f'/{name}:={namespace}/{name}')]
        process = command('view', '--port', '0', '--namespace', namespace, *words,
                          '--ros-args', *ours)
        line = process.stdout.readline()
        assert 'http://' in line, process.communicate()
        return process, line.split()[-1]
    return start


@pytest.fixture(scope='module')
def make_browser(tmp_path_factory):
    """Return a function that starts a Chromium."""
    from chromium import Chromium, find
    if find() is None:
        pytest.skip('no Chromium is installed (Debian: chromium)')
    browsers = []

    def make(**options):
        browsers.append(Chromium(tmp_path_factory.mktemp('chromium'), **options))
        return browsers[-1]

    yield make
    for browser in browsers:
        browser.close()
