# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Package inspatio_ros (ament_python)."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = 'inspatio_ros'
SHARE = f'share/{NAME}'


def tree(folder: str) -> list[tuple[str, list[str]]]:
    """
    Return the data_files of a folder and of all below it, installed into the share folder.

    :param folder: folder beside this file; installed under the same name.
    """
    files: dict[str, list[str]] = {}
    for path in sorted(Path(folder).rglob('*')):
        if path.is_file() and '__pycache__' not in path.parts:
            files.setdefault(f'{SHARE}/{path.parent.as_posix()}', []).append(path.as_posix())
    return sorted(files.items())


setup(
    name=NAME,
    version='0.1.0',
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['py.typed', 'view/page/*', 'weights/star_tiny/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (SHARE, ['package.xml']),
        *tree('launch'),
        *tree('config'),
        *tree('scenes'),
    ],
    python_requires='>=3.10',
    install_requires=['setuptools'],
    extras_require={'test': ['pytest']},
    zip_safe=False,
    maintainer='inspatio_ros contributors',
    maintainer_email='maintainers@inspatio-ros.invalid',
    description='A world that a robot can drive through, as a ROS 2 sensor',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'world_node = inspatio_ros.cli.world:main',
            'loopback_simulator = inspatio_ros.cli.world:loopback',
            'inspatio = inspatio_ros.cli.main:main',
        ],
        'pytest11': ['inspatio_golden = inspatio_ros.bags.comparing.pytest_plugin'],
    },
)
