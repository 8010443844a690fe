# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Run the node as a process on the painted world.

A scene named `missing` fails to open, one named `slow` takes ten seconds.
"""

import argparse
import sys
import time

from inspatio_ros.cli import world
from painted_world import PaintedWorld


def open_painted(request):
    """Open the painted world."""
    if request.scene.endswith('missing'):
        raise ValueError(f'{request.scene}/scene.json: no such file')
    if request.scene.endswith('slow'):
        time.sleep(10.0)
    return PaintedWorld(delay_s=0.005)


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    world.add_arguments(parser)
    code = world.run(parser.parse_args(), open_painted)
    print('torch' if 'torch' in sys.modules else 'thin', flush=True)
    sys.exit(code)
