# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The message types that bags are written with."""

from __future__ import annotations

from functools import cache

from rosbags.typesys import get_typestore, Stores
from rosbags.typesys.store import Typestore

# Newest first. A bag brings its own definitions; these are for what is written.
_WANTED = ('ROS2_KILTED', 'LATEST')


@cache
def typestore() -> Typestore:
    """Return the types of the newest ROS 2 distribution that the package supports."""
    known = {store.name: store for store in Stores}
    return get_typestore(next(known[name] for name in _WANTED if name in known))
