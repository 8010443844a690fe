# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A node on the painted world and a listener beside it, over real rclpy and DDS."""

from collections import defaultdict
import itertools
import threading
import time

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseWithCovarianceStamped, TwistStamped
from inspatio_ros.robot.messages import stamp_ns_of
from inspatio_ros.ros.world_node import WorldNode
from nav_msgs.msg import Odometry
import numpy as np
from painted_world import PaintedWorld
import pytest
from rcl_interfaces.srv import DescribeParameters, SetParameters
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

COLOR, DEPTH, OBSERVED = 'camera/color/image_raw', 'camera/depth/image_raw', 'camera/observed'
COLOR_INFO, DEPTH_INFO = 'camera/color/camera_info', 'camera/depth/camera_info'
SCAN, POINTS = 'scan', 'camera/points'
JPEG, PNG = f'{COLOR}/compressed', f'{DEPTH}/compressedDepth'
TYPES = {COLOR: Image, DEPTH: Image, OBSERVED: Image, COLOR_INFO: CameraInfo,
         DEPTH_INFO: CameraInfo, SCAN: LaserScan, POINTS: PointCloud2, JPEG: CompressedImage,
         PNG: CompressedImage, 'tf': TFMessage, 'tf_static': TFMessage, 'odom': Odometry,
         'diagnostics': DiagnosticArray, 'clock': Clock}
_NUMBERS = itertools.count()


class Rig:
    """
    One node in a namespace of its own.

    :param start: whether the node configures and activates itself.
    :param world: what is opened, or a function that opens it, or the exception that it raises.
    :param parameters: overrides, dotted names with __ for the dot. Commands are TwistStamped on
        every distribution, unless these say otherwise.
    """

    def __init__(self, start=True, world=None, **parameters):
        """Bring both nodes up."""
        parameters = {'enable_stamped_cmd_vel': True, **parameters}
        self.world = world or PaintedWorld()
        self.requests = []
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.namespace = f'/rig{next(_NUMBERS)}'
        private = ['tf', 'tf_static', 'diagnostics']
        if parameters.get('clock', 'wall') != 'wall':
            private.append('clock')
        tf = ['--ros-args', *(word for name in private for word in ('-r', f'/{name}:={name}'))]
        self.node = WorldNode(
            self._open, context=self.context, namespace=self.namespace, cli_args=tf,
            parameter_overrides=[Parameter(name.replace('__', '.'), value=value)
                                 for name, value in parameters.items()])
        self.listener = rclpy.create_node('listener', context=self.context,
                                          namespace=self.namespace)
        self.got = defaultdict(list)    # topic -> messages
        self.order = []                 # (topic, stamp_ns) as they came
        self._publishers = {}
        self._executors = [SingleThreadedExecutor(context=self.context) for _ in range(2)]
        self._threads = []
        for executor, node in zip(self._executors, (self.node, self.listener)):
            executor.add_node(node)
            self._threads.append(threading.Thread(target=executor.spin, daemon=True))
        if start:
            assert self.node.start()
        for thread in self._threads:
            thread.start()

    def _open(self, request):
        self.requests.append(request)
        if isinstance(self.world, Exception):
            raise self.world
        if callable(self.world):
            return self.world(request)
        self.world.closed = False
        return self.world

    def close(self):
        """Take both nodes down."""
        for executor in self._executors:
            executor.shutdown(timeout_sec=2.0)
        for thread in self._threads:
            thread.join(timeout=2.0)
        self.node.release()
        self.listener.destroy_node()
        self.node.destroy_node()
        self.context.try_shutdown()

    def in_thread_of(self, node, work, *args):
        """
        Do something in the thread that spins a node, and return what comes of it.

        That thread may die of a publisher, subscription or client that another one destroys.
        """
        task = self._executors[node is self.listener].create_task(work, *args)
        self.wait(task.done)
        return task.result()

    def listen(self, *topics):
        """Subscribe and wait for the first message of each."""
        self.subscribe(*topics)
        self.wait(lambda: all(self.got[topic] for topic in topics))

    def subscribe(self, *topics):
        """Keep what arrives from now on."""
        for topic in topics:
            qos = QoSProfile(depth=200)
            if topic == 'tf_static':
                qos.durability = DurabilityPolicy.TRANSIENT_LOCAL
            self.listener.create_subscription(kind_of(topic), topic, self._keep(topic), qos)

    def _keep(self, topic):
        def keep(message):
            self.got[topic].append(message)
            if topic == 'clock':
                stamp = message.clock
            else:
                stamp = (message.transforms[0] if 'tf' in topic else message).header.stamp
            self.order.append((topic, stamp_ns_of(stamp)))
        return keep

    def wait(self, condition, timeout_s=8.0, what='it'):
        """Wait until something is so."""
        end = time.monotonic() + timeout_s
        while not (result := condition()):
            assert time.monotonic() < end, f'waited {timeout_s} s for {what}'
            time.sleep(0.01)
        return result

    def fresh(self, topic, after_ns=None):
        """Return the first message of a topic whose tick began after now (or after a stamp)."""
        after_ns = self.now_ns() if after_ns is None else after_ns
        return self.wait(lambda: next(
            (m for m in self.got[topic][-100:] if stamp_ns_of(m.header.stamp) > after_ns), None),
            what=topic)

    def now_ns(self):
        """Return the node's time."""
        return self.node.get_clock().now().nanoseconds

    def publish(self, topic, message):
        """Publish, once the node listens."""
        key = (topic, type(message))
        if key not in self._publishers:
            publisher = self.listener.create_publisher(type(message), topic, 10)
            self._publishers[key] = publisher
            self.wait(lambda: publisher.get_subscription_count() > 0, what=f'a reader of {topic}')
        self._publishers[key].publish(message)

    def drive(self, forward=0.0, turn=0.0, up=0.0, stamp_ns=0, robot=''):
        """Send one velocity command; a robot that is not alone is called with a slash behind."""
        message = TwistStamped()
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10 ** 9)
        message.twist.linear.x, message.twist.linear.z = forward, up
        message.twist.angular.z = turn
        self.publish(f'{robot}cmd_vel', message)

    def teleport(self, x, y, yaw=0.0, frame='map', robot='', **numbers):
        """Send an initialpose; numbers replace single fields of the quaternion or position."""
        message = PoseWithCovarianceStamped()
        message.header.frame_id = frame
        pose = message.pose.pose
        pose.position.x, pose.position.y = x, y
        pose.orientation.z, pose.orientation.w = np.sin(yaw / 2.0), np.cos(yaw / 2.0)
        for name, value in numbers.items():
            setattr(pose.orientation, name, value)
        self.publish(f'{robot}initialpose', message)

    def call(self, kind, service, request):
        """Call a service and return its response."""
        client = self.listener.create_client(kind, service)
        assert client.wait_for_service(timeout_sec=5.0), service
        future = client.call_async(request)
        self.wait(future.done, what=service)
        self.in_thread_of(self.listener, self.listener.destroy_client, client)
        return future.result()

    def reset(self):
        """Call ~/reset."""
        return self.trigger('reset')

    def trigger(self, name):
        """Call one of the services that steer the node."""
        return self.call(Trigger, f'world_node/{name}', Trigger.Request())

    def set_parameter(self, name, value):
        """Set one parameter over its service and return the result."""
        request = SetParameters.Request()
        request.parameters = [Parameter(name, value=value).to_parameter_msg()]
        return self.call(SetParameters, 'world_node/set_parameters', request).results[0]

    def describe(self, *names):
        """Return the descriptors of parameters."""
        request = DescribeParameters.Request(names=names)
        return self.call(DescribeParameters, 'world_node/describe_parameters',
                         request).descriptors

    def diagnostic(self, key, predicate=bool, timeout_s=8.0):
        """Wait until a value of /diagnostics is as wanted and return it."""
        def find():
            values = self.values()
            return key in values and predicate(values[key]) and (values[key],)
        return self.wait(find, timeout_s, f'diagnostics {key}: {self.values()}')[0]

    def values(self):
        """Return the newest values of /diagnostics."""
        if not self.got['diagnostics']:
            return {}
        return {v.key: v.value for v in self.got['diagnostics'][-1].status[0].values}


def kind_of(topic):
    """Return the type of a topic, of whichever camera or robot."""
    return next(kind for name, kind in TYPES.items()
                if f'/{topic}'.endswith('/' + name.removeprefix('camera/')))


@pytest.fixture(scope='module')
def make_rig():
    """Return a function that makes nodes which are taken down at the end of the module."""
    rigs = []

    def make(**options):
        rigs.append(Rig(**options))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


def pixels_of(message):
    """Return an image as numpy, the way a subscriber without cv_bridge would."""
    dtype, channels = {'rgb8': (np.uint8, 3), 'mono8': (np.uint8, 1), '32FC1': (np.float32, 1),
                       '16UC1': (np.uint16, 1)}[message.encoding]
    flat = np.frombuffer(message.data, dtype=dtype)
    shape = (message.height, message.width) + ((3,) if channels == 3 else ())
    return flat.reshape(shape)


def camera_position(depth_message):
    """Return where the camera was, from what the painted world wrote into the depth image."""
    return pixels_of(depth_message).ravel()[:3].astype(np.float64)
