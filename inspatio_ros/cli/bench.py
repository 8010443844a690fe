# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure on this machine: `inspatio bench sensor`, `bench ros`, `bench star`, `bench train`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
import platform
import subprocess
import sys
from typing import Any

from inspatio_ros.cli import bench_ros, bench_sensor, bench_star, bench_train
from inspatio_ros.cli.output import print_json, write_json

SUMMARY = 'how fast it is here: the renderer, the node over DDS, the generator, or its training'
EXAMPLES = """\
examples:
  inspatio bench sensor                  milliseconds per frame and stage, numba against torch
  inspatio bench ros                     the node drives for 30 s, a second process listens
  inspatio bench ros --soak 10           ten minutes of all sorts of use: is anything lost or left?
  inspatio bench star                    the generator with random weights, stage by stage
  inspatio bench train jdmd-1.3b         does training fit here, and how long is a step?
  inspatio bench sensor --json           one JSON object on stdout
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    what = parser.add_subparsers(dest='what', required=True, metavar='sensor|ros|star|train')
    for name, module, text in (('sensor', bench_sensor, 'one rendered frame, stage by stage'),
                               ('ros', bench_ros, 'the node, from stamp to callback'),
                               ('star', bench_star, 'the generator, random weights'),
                               ('train', bench_train, 'a step of training, random weights')):
        sub = what.add_parser(name, help=text, description=text)
        module.add_arguments(sub)
        sub.add_argument('--json', action='store_true', help='one JSON object on stdout')
        sub.set_defaults(bench=module)


def run(args: argparse.Namespace) -> int:
    """Measure and print."""
    result = args.bench.run(args)
    result['machine'] = {**machine(), **result.get('machine', {})}
    if getattr(args, 'json_out', None):
        write_json(args.json_out, result)
    if args.json:
        print_json(result)
        return 0
    print(args.bench.table(result))
    print(', '.join(f'{key} {value}' for key, value in result['machine'].items()))
    return 0


def machine() -> dict[str, Any]:
    """Return what a figure depends on: processor, versions, commit and command."""
    from importlib import metadata
    cpu = next((line.split(':', 1)[1].strip() for line in _lines('/proc/cpuinfo')
                if line.startswith('model name')), platform.machine())
    versions = {}
    for package in ('numpy', 'numba', 'torch'):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = 'not installed'
    return {'cpu': cpu, 'cores': os.cpu_count(), 'system': platform.platform(),
            'python': platform.python_version(), **versions, 'commit': _commit(),
            'command': ' '.join(['inspatio', *sys.argv[1:]])}


def _commit() -> str:
    try:
        return subprocess.run(
            ['git', '-C', str(Path(__file__).parent), 'describe', '--always', '--dirty'],
            capture_output=True, text=True, check=True, timeout=5.0).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return 'unknown'


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
