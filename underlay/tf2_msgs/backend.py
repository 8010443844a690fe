# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
scikit-build-core, with the build requirements of the distro that INSPATIO_ROS names.

What the CMake code of the generators needs is declared by none of their wheels, and differs between
distros: requires-DISTRO.txt.
"""

import os
from pathlib import Path
from typing import Any

from scikit_build_core import build
from scikit_build_core.build import build_wheel, prepare_metadata_for_build_wheel

__all__ = ['build_wheel', 'get_requires_for_build_wheel', 'prepare_metadata_for_build_wheel']


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Return what scikit-build-core asks for (CMake, ninja) and what the generators need."""
    path = Path(__file__).parent / f'requires-{os.environ.get("INSPATIO_ROS") or "kilted"}.txt'
    lines = [line for line in path.read_text().splitlines() if not line.startswith('#')]
    return build.get_requires_for_build_wheel(config_settings) + lines
