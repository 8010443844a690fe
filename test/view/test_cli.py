# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The commands as users start them: refusals in one line, and a page that ends with its world."""

import os
from pathlib import Path
import signal
import socket
import time
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from inspatio_ros.cli.view import address
import pytest

PAINTED = Path(__file__).parents[1] / 'ros' / 'painted_node.py'


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as taken:
        return taken.getsockname()[1]


def answers(url):
    try:
        return urlopen(url, timeout=5.0).status
    except HTTPError as error:
        return error.code
    except URLError:
        return None


def wait_until(condition, timeout_s=20.0):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize('host, token, expected', [
    ('127.0.0.1', None, 'http://127.0.0.1:80/'), ('::1', None, 'http://[::1]:80/'),
    ('192.168.0.7', 'secret12', 'http://192.168.0.7:80/?token=secret12'),
    ('0.0.0.0', 'secret12', f'http://{socket.gethostname()}:80/?token=secret12')])
def test_the_address_is_one_to_open(host, token, expected):
    assert address(host, 80, token) == expected


def test_a_port_in_use_is_said_in_one_line(command):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = taken.getsockname()[1]
        process = command('view', '--port', str(port))
        out, err = process.communicate(timeout=30.0)
    assert process.returncode == 2 and out == ''
    assert f'port {port} of 127.0.0.1 is in use' in err and err.count('\n') == 1, err


@pytest.mark.parametrize('words, said', [
    (['--token', 'short'], 'at least 8'), (['--port', '70000'], 'from 0 to 65535'),
    (['--host', '203.0.113.7', '--token', 'longenough'], 'cannot listen on 203.0.113.7'),
    (['--namespace', 'no name'], 'namespace'), (['--node', '/a b'], 'name'),
    (['--ros-args', '-r', 'broken'], 'broken')])
def test_what_cannot_work_is_refused(command, words, said):
    process = command('view', *words)
    err = process.communicate(timeout=30.0)[1]
    assert process.returncode == 2 and said in err and 'Traceback' not in err, err


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(viewer, number):
    process, url = viewer('/nobody')
    assert answers(url) == 200
    process.send_signal(number)
    err = process.communicate(timeout=10.0)[1]
    assert process.returncode == 0 and err == ''


def test_other_machines_need_the_token(viewer):
    process, url = viewer('/nobody', '--host', '0.0.0.0')
    local = url.replace(socket.gethostname(), '127.0.0.1')
    plain = local.partition('?')[0]
    assert len(local.partition('?token=')[2]) == 32
    assert answers(plain) == 403
    assert answers(f'{plain}?token=wrong') == 403
    process.terminate()


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGKILL])
def test_the_page_of_a_world_ends_with_it_however_it_ends(command, number):
    port = free_port()
    url = f'http://127.0.0.1:{port}/'
    process = command('--view', str(port), '--ros-args', '-r', '__ns:=/paged', script=PAINTED)
    wait_until(lambda: answers(url) == 200)
    assert url in process.stdout.readline()
    begin = time.monotonic()
    os.kill(process.pid, number)
    process.wait(timeout=10.0)
    if number == signal.SIGINT:
        assert process.returncode == 0
        assert time.monotonic() - begin < 3.0
    wait_until(lambda: answers(url) is None, timeout_s=5.0)
