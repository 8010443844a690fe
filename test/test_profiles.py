# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The Fast DDS profile for one machine keeps every receiving port on 127.0.0.1."""

import os
from pathlib import Path
import re
import subprocess
import sys

import pytest

LIST_PORTS = """
import os
from inspatio_ros.cli import surroundings
import rclpy
surroundings.use_fastdds_profile()
rclpy.init()
node = rclpy.create_node('ports')
mine = {os.readlink(link.path) for link in os.scandir('/proc/self/fd') if link.is_symlink()
        and os.path.lexists(link.path)}
print(node.context.get_domain_id())
for line in open('/proc/net/udp').readlines()[1:]:
    words = line.split()
    if f'socket:[{words[9]}]' in mine:
        address, port = words[1].split(':')
        print('.'.join(str(byte) for byte in bytes.fromhex(address)[::-1]), int(port, 16))
"""


def test_profiles_differ_in_the_interface_alone(checkout: Path):
    texts = [(checkout / 'config' / name).read_text()
             for name in ('fastdds.xml', 'fastdds_localhost.xml')]
    both = [re.sub(r'<!--.*?-->|\s+', '', text, flags=re.DOTALL) for text in texts]
    white_list = '<interfaceWhiteList><address>127.0.0.1</address></interfaceWhiteList>'
    assert white_list in both[1]
    assert both[0] == both[1].replace(white_list, '')


def test_well_known_ports_are_on_the_loopback_only(checkout: Path):
    rclpy = pytest.importorskip('rclpy', reason='no ROS 2 here')
    if rclpy.get_rmw_implementation_identifier() != 'rmw_fastrtps_cpp':
        pytest.skip('ROS 2 speaks through something else than Fast DDS here')
    env = {name: value for name, value in os.environ.items() if 'PROFILES_FILE' not in name}
    done = subprocess.run([sys.executable, '-c', LIST_PORTS], capture_output=True, text=True,
                          env={**env, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}, cwd=checkout)
    assert done.returncode == 0, done.stderr
    domain, *lines = done.stdout.splitlines()
    base = 7400 + 250 * int(domain)
    ports = [line.split() for line in lines]
    receiving = [(address, int(port)) for address, port in ports if 0 <= int(port) - base < 250]
    assert receiving
    assert {address for address, _ in receiving} == {'127.0.0.1'}
