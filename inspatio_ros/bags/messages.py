# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The messages of robot.messages in the classes that bags are written with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from inspatio_ros.bags.typestore import typestore
from inspatio_ros.contracts import F32, F64
from inspatio_ros.robot.messages import Messages
import numpy as np
import numpy.typing as npt


class BagLibrary:
    """Messages as rosbags writes them."""

    def kind(self, name: str) -> Callable[..., Any]:
        """Return the class of a message, e.g. of `sensor_msgs/msg/Image`."""
        found: Callable[..., Any] = typestore().types[name]
        return found

    def octets(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Return the pixels themselves."""
        return pixels.reshape(-1).view(np.uint8)

    def floats(self, numbers: F32) -> F32:
        """Return the numbers themselves."""
        return numbers

    def doubles(self, numbers: Sequence[float]) -> F64:
        """Return an array."""
        return np.array(numbers, dtype=np.float64)

    def octet(self, number: int) -> int:
        """Return a `byte`, which is a number here."""
        return int(number)


messages = Messages(BagLibrary())


def clock_of(stamp: Any) -> Any:
    """Return a rosgraph_msgs/Clock."""
    return typestore().types['rosgraph_msgs/msg/Clock'](clock=stamp)
