# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The tf2_msgs that a machine without a distro builds talks to every real ROS 2."""

import pytest

rclpy = pytest.importorskip('rclpy', reason='no ROS 2 here')

from tf2_msgs.action import LookupTransform  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402
from tf2_msgs.srv import FrameGraph  # noqa: E402

TF_MESSAGE_HASH = 'RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087'


def test_type_hash_on_the_wire_is_that_of_the_distros():
    context = rclpy.Context()
    rclpy.init(context=context)
    try:
        node = rclpy.create_node('test_underlay', context=context)
        node.create_publisher(TFMessage, 'tf', 1)
        info, = node.get_publishers_info_by_topic('tf')
        assert str(info.topic_type_hash) == TF_MESSAGE_HASH
        node.destroy_node()
    finally:
        rclpy.shutdown(context=context)


def test_service_and_action_are_there():
    assert FrameGraph.Response(frame_yaml='odom: {}').frame_yaml == 'odom: {}'
    assert LookupTransform.Goal(target_frame='map').target_frame == 'map'
