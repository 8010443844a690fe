# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What all tests share: a ROS domain of their own, few threads, shared data, reasons to skip."""

import fcntl
import importlib.util
import os
from pathlib import Path
import sys
import tempfile
from typing import TextIO

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]

# Test files of two folders may share a name (importlib mode); what they share lies beside them.
sys.path += [str(folder) for folder in (CHECKOUT / 'test').iterdir() if folder.is_dir()]


def _lock_domain() -> tuple[int, TextIO | None]:
    """Return a ROS domain that no other test run of this machine uses, and the lock on it."""
    for domain in range(1, 101):  # above 101 the ports meet those that Linux hands out
        path = Path(tempfile.gettempdir()) / f'inspatio-test-domain-{os.getuid()}-{domain}'
        lock = path.open('w')
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return domain, lock
        except BlockingIOError:
            lock.close()
    return os.getpid() % 101, None


# Before anything imports rclpy, torch or numba.
_DOMAIN, _LOCK = _lock_domain()
os.environ['ROS_DOMAIN_ID'] = str(_DOMAIN)
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ.pop('ROS_LOCALHOST_ONLY', None)  # later ones than Humble warn of it, whatever it says
if os.environ.get('ROS_DISTRO') == 'humble':
    os.environ['ROS_LOCALHOST_ONLY'] = '1'
os.environ['OMP_NUM_THREADS'] = '1'
os.environ['OPENBLAS_NUM_THREADS'] = '1'
os.environ.setdefault('NUMBA_NUM_THREADS', '2')


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption('--slow', action='store_true', help='also run tests that take minutes')


def _no_distro() -> str:
    """Return why a test that needs a distro cannot run here, or nothing."""
    from inspatio_ros.robot import distro
    if not distro.is_sourced():
        return 'no ROS 2 distro is sourced'
    missing = [name for name in ('launch_ros', 'launch_pytest', 'tf2_ros')
               if not importlib.util.find_spec(name)]
    return f'the distro lacks {", ".join(missing)}' if missing else ''


def _no_gpu() -> str:
    """Return why a test that needs a CUDA device cannot run here, or nothing."""
    if not Path('/dev/nvidiactl').exists():
        return 'no CUDA device'
    import torch
    return '' if torch.cuda.is_available() else 'this torch has no CUDA device'


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    reasons = {
        'gpu': _no_gpu,
        'distro': _no_distro,
        'slow': lambda: '' if config.getoption('--slow') else 'takes minutes: give --slow',
    }
    for marker, find_reason in reasons.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        reason = find_reason() if marked else ''
        if reason:
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope='session')
def checkout() -> Path:
    """Return the folder that holds package.xml."""
    return CHECKOUT


@pytest.fixture(scope='session')
def shared_dir() -> Path:
    """Return the folder with the data that is not part of the project."""
    folder = Path(os.environ.get('INSPATIO_SHARED') or CHECKOUT.parent / 'shared')
    if not folder.is_dir():
        pytest.skip(f'no shared data: {folder} is missing (INSPATIO_SHARED names it)')
    return folder
