# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All Python code passes ament_flake8."""

from pathlib import Path

import pytest

FOLDERS = ('inspatio_ros', 'test', 'launch', 'scripts', 'setup.py')


def test_flake8(checkout: Path):
    main = pytest.importorskip('ament_flake8.main', reason='ament_flake8 is not installed')
    paths = [str(checkout / name) for name in FOLDERS if (checkout / name).exists()]
    code, errors = main.main_with_errors(argv=paths)
    assert code == 0, '\n'.join(errors)
