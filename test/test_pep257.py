# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""All docstrings pass ament_pep257."""

from pathlib import Path

import pytest

FOLDERS = ('inspatio_ros', 'test', 'launch', 'scripts', 'setup.py')


def test_pep257(checkout: Path):
    main = pytest.importorskip('ament_pep257.main', reason='ament_pep257 is not installed')
    paths = [str(checkout / name) for name in FOLDERS if (checkout / name).exists()]
    assert main.main(argv=paths) == 0
