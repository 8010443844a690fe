# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Bags of RGB-D scenes as a robot would have recorded them, whole or with something wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
import io
from pathlib import Path
import struct

from inspatio_ros.bags.typestore import typestore
from inspatio_ros.bags.writing import BagWriter, LATCHED, offered
from inspatio_ros.motion.transforms import inverse, pose_rpy, quaternion_xyzw, T_base_cam
import numpy as np
from PIL import Image
from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability
from rosbags.interfaces import QosTime
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

STORE = typestore()
COLOR, DEPTH = '/camera/color/image_raw', '/camera/depth/image_raw'
COLOR_INFO, DEPTH_INFO = '/camera/color/camera_info', '/camera/depth/camera_info'
FRAME = 'camera_optical_frame'
IMAGE, INFO = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CameraInfo'
COMPRESSED = 'sensor_msgs/msg/CompressedImage'
TF = 'tf2_msgs/msg/TFMessage'
PLUGINS = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
_FOREVER = QosTime(9223372036, 854775807)
_STATIC = Qos(QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL,
              _FOREVER, _FOREVER, QosLiveliness.AUTOMATIC, _FOREVER, False)
NS = 1_000_000_000


def msg(kind, **fields):
    """Build a message of `package/Name`."""
    package, name = kind.split('/')
    return STORE.types[f'{package}/msg/{name}'](**fields)


def header(stamp_ns, frame=FRAME):
    stamp = msg('builtin_interfaces/Time', sec=int(stamp_ns // NS), nanosec=int(stamp_ns % NS))
    return msg('std_msgs/Header', stamp=stamp, frame_id=frame)


def image(pixels, encoding, stamp_ns=0, frame=FRAME, padding=0):
    """Build an Image; `padding` bytes follow each row."""
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(pixels.shape[0], -1)
    data = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return msg('sensor_msgs/Image', header=header(stamp_ns, frame), height=pixels.shape[0],
               width=pixels.shape[1], encoding=encoding, is_bigendian=0,
               step=data.shape[1], data=data.ravel())


def compressed(data, kind, stamp_ns=0, frame=FRAME):
    return msg('sensor_msgs/CompressedImage', header=header(stamp_ns, frame), format=kind,
               data=np.frombuffer(data, np.uint8))


def encoded(pixels, kind, **options):
    """Return the bytes of a PNG or JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def with_header(payload, A=0.0, B=0.0):
    """Return what compressedDepth puts before a picture, and the picture."""
    return struct.pack('<iff', 0, A, B) + payload


def info(camera, stamp_ns=0, frame=FRAME, d=(0.0,) * 5, model='plumb_bob', r=None, tx=0.0,
         k=None):
    """Build a CameraInfo; `tx` is P[3]."""
    K = camera.K if k is None else k
    P = np.hstack([camera.K, [[tx], [0.0], [0.0]]])
    roi = msg('sensor_msgs/RegionOfInterest', x_offset=0, y_offset=0, height=0, width=0,
              do_rectify=False)
    return msg('sensor_msgs/CameraInfo', header=header(stamp_ns, frame), height=camera.height,
               width=camera.width, distortion_model=model, d=np.array(d, float), k=K.ravel(),
               r=(np.eye(3) if r is None else r).ravel(), p=P.ravel(), binning_x=0, binning_y=0,
               roi=roi)


def pose(T):
    x, y, z = T[:3, 3]
    q = quaternion_xyzw(T)
    return msg('geometry_msgs/Pose', position=msg('geometry_msgs/Point', x=x, y=y, z=z),
               orientation=msg('geometry_msgs/Quaternion', x=q[0], y=q[1], z=q[2], w=q[3]))


def transform(T, parent, child, stamp_ns=0):
    x, y, z = T[:3, 3]
    q = quaternion_xyzw(T) if np.isfinite(T).all() else np.full(4, np.nan)
    return msg('geometry_msgs/TransformStamped', header=header(stamp_ns, parent),
               child_frame_id=child, transform=msg(
                   'geometry_msgs/Transform',
                   translation=msg('geometry_msgs/Vector3', x=x, y=y, z=z),
                   rotation=msg('geometry_msgs/Quaternion', x=q[0], y=q[1], z=q[2], w=q[3])))


def tf(*transforms):
    return msg('tf2_msgs/TFMessage', transforms=list(transforms))


def odometry(T, stamp_ns, fixed='odom', child='base_link'):
    zero = msg('geometry_msgs/Vector3', x=0.0, y=0.0, z=0.0)
    twist = msg('geometry_msgs/Twist', linear=zero, angular=zero)
    return msg('nav_msgs/Odometry', header=header(stamp_ns, fixed), child_frame_id=child,
               pose=msg('geometry_msgs/PoseWithCovariance', pose=pose(T),
                        covariance=np.zeros(36)),
               twist=msg('geometry_msgs/TwistWithCovariance', twist=twist,
                         covariance=np.zeros(36)))


def write_bag(path, events, storage='mcap', compression='none'):
    """
    Write (log_ns, topic, type, message) in this order.

    :param storage: of rosbags: mcap or sqlite3; `own` is the package's writer.
    :param compression: of rosbags: none, message, file or storage.
    """
    path = Path(path)
    if storage == 'own':
        return _write_own(path, events)
    bag = Writer(path, version=9, storage_plugin=PLUGINS[storage])
    bag.set_compression(CompressionMode[compression.upper()], CompressionFormat.ZSTD)
    with bag as writer:
        connections = {}
        for log_ns, topic, kind, message in events:
            if topic not in connections:
                qos = [_STATIC] if topic == '/tf_static' else []
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE,
                                                           offered_qos_profiles=qos)
            data = message if isinstance(message, bytes) else STORE.serialize_cdr(message, kind)
            writer.write(connections[topic], int(log_ns), data)
    return path


def _write_own(path, events):
    topics = set()
    with BagWriter(path) as writer:
        for log_ns, topic, kind, message in events:
            if topic not in topics:
                writer.add_topic(topic, kind, LATCHED if topic == '/tf_static' else offered())
                topics.add(topic)
            writer.write(topic, int(log_ns), message)
    return path


@dataclass
class Recording:
    """
    A robot that carries a camera through a scene.

    Its fields are what a test may change before `events` are made.
    """

    views: list
    period_s: float = 0.5
    begin_ns: int = 1_700_000_000 * NS
    mount: np.ndarray = field(default_factory=lambda: T_base_cam(0.1, 0.0, 0.4))
    color: Callable = lambda view, t: image(view.rgb, 'rgb8', t)
    depth: Callable = lambda view, t: image(view.depth, '32FC1', t)
    color_type: str = IMAGE
    depth_type: str = IMAGE
    depth_delay_s: float = 0.0

    def stamps(self):
        return [self.begin_ns + round(i * self.period_s * NS) for i in range(len(self.views))]

    def events(self):
        """Return all messages in the order of their recording."""
        events = [(self.begin_ns, '/tf_static', TF, tf(
            transform(self.mount, 'base_link', FRAME, self.begin_ns),
            transform(pose_rpy(), 'map', 'odom', self.begin_ns)))]
        for view, t in zip(self.views, self.stamps()):
            T_odom_base = view.T_map_cam @ inverse(self.mount)
            later = t + round(self.depth_delay_s * NS)
            events += [
                (t, '/tf', TF, tf(transform(T_odom_base, 'odom', 'base_link', t))),
                (t, COLOR_INFO, INFO, info(view.intrinsics, t)),
                (t, COLOR, self.color_type, self.color(view, t)),
                (later, DEPTH_INFO, INFO, info(view.intrinsics, later)),
                (later, DEPTH, self.depth_type, self.depth(view, later))]
        return events

    def write(self, path, storage='mcap', change=lambda events: events, compression='none'):
        """Write the bag; `change` may edit the list of events."""
        return write_bag(path, change(self.events()), storage, compression)
