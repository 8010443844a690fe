# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The package passes mypy with the settings of setup.cfg."""

from pathlib import Path
import subprocess
import sys

from inspatio_ros.robot import distro
import pytest


def test_mypy(checkout: Path):
    if not distro.rclpy_is_typed():
        pytest.skip('the type hints of this rclpy are not whole: Kilted is checked against')
    pytest.importorskip('mypy', reason='mypy is not installed')
    command = [sys.executable, '-m', 'mypy', '--config-file', 'setup.cfg']
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
