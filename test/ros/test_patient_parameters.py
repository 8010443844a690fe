# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The services that set parameters: those that a node has, with answers that may take a while."""

import threading

from inspatio_ros.ros.patient_parameters import PatientParameters
import pytest
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.task import Future


@pytest.fixture
def node():
    """Return a node with a parameter, in a context of its own."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('patient', context=context, namespace='patient_parameters')
    node.declare_parameter('rate', 24.0)
    yield node
    node.destroy_node()
    context.try_shutdown()


def test_services_are_those_that_the_node_has(node):
    # What a client that found the old ones asks of them as the node starts would be lost.
    services = list(node.services)
    PatientParameters(node, lambda changes: None, lambda: None)
    assert list(node.services) == services
    patient = [it for it in services if it.callback_group is not node.default_callback_group]
    assert sorted(it.srv_name.rpartition('/')[2] for it in patient) == [
        'set_parameters', 'set_parameters_atomically']


def test_others_are_served_while_an_answer_waits(node):
    ready, asked = Future(), threading.Event()

    def prepare(changes):
        asked.set()
        return ready

    PatientParameters(node, prepare, lambda: None)
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    client = node.create_client(SetParameters, 'patient/set_parameters')
    assert client.wait_for_service(timeout_sec=10.0)
    served = []
    node.create_timer(0.01, lambda: served.append(asked.is_set()))
    answer = client.call_async(SetParameters.Request(
        parameters=[Parameter('rate', value=12.0).to_parameter_msg()]))
    spin(executor, lambda: served[-3:] == [True, True, True])
    assert not answer.done() and node.get_parameter('rate').value == 24.0
    ready.set_result(None)
    spin(executor, answer.done)
    assert answer.result().results[0].successful and node.get_parameter('rate').value == 12.0
    executor.shutdown()


def spin(executor, condition):
    for _ in range(2000):
        if condition():
            return
        executor.spin_once(timeout_sec=0.01)
    raise AssertionError('nothing came')
