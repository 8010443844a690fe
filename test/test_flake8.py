# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All Python code passes ament_flake8."""

from pathlib import Path
import subprocess
import sys

import pytest

FOLDERS = ('inspatio_ros', 'test', 'launch', 'scripts', 'setup.py')


def test_flake8(checkout: Path):
    pytest.importorskip('ament_flake8', reason='ament_flake8 is not installed')
    paths = [name for name in FOLDERS if (checkout / name).exists()]
    done = subprocess.run([sys.executable, '-m', 'ament_flake8.main', *paths], cwd=checkout,
                          capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    assert done.returncode == 0, '\n'.join(
        line for line in lines if line and not line.startswith(('checking ', '* ', 'INFO')))
