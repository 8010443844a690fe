# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Say how good the pictures are: `inspatio evaluate rgbd DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

from inspatio_ros.cli.output import print_json, progress

SUMMARY = 'novel views against real ones: PSNR, depth error, holes'
EXAMPLES = """\
examples:
  inspatio evaluate rgbd recording/            table of every pair of neighbouring views
  inspatio evaluate rgbd recording/ --json     the same as one JSON object

An RGB-D folder holds color_N.png, depth_N.png (uint16), camera.json and poses.txt, N from 1. Each
view is warped into the next and back and compared with the real one where both depths agree.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('what', choices=('rgbd',), help='what is evaluated')
    parser.add_argument('folder', type=Path, help='RGB-D folder, or any scene with static views')
    parser.add_argument('--backend', choices=('numba', 'torch'), default='numba',
                        help='which warp (default: numba, the one of the sensor)')
    parser.add_argument('--json', action='store_true', help='one JSON object on stdout')


def run(args: argparse.Namespace) -> int:
    """Evaluate an RGB-D folder."""
    from inspatio_ros.engine.renderer import CpuRenderer, TorchRenderer
    from inspatio_ros.evaluation import rgbd
    from inspatio_ros.scene.detect import open_scene

    scene = open_scene(args.folder)
    renderer = CpuRenderer(1) if args.backend == 'numba' else TorchRenderer()
    views = scene.views
    pairs = list(progress(rgbd.evaluate_pairs(views, renderer), 2 * len(views) - 2, 'pairs',
                          'pair'))
    holes = list(progress(rgbd.evaluate_holes(views, renderer), len(views), 'holes', 'view'))
    figures = rgbd.summary(scene, pairs, holes)
    if args.json:
        print_json(figures)
        return 0
    print(' source  target   PSNR dB   depth error   coverage')
    for pair in pairs:
        print(f'{pair.source:7d} {pair.target:7d} {pair.psnr_db:9.2f} {pair.depth_rel:12.2%} '
              f'{pair.coverage:10.1%}')
    print(f'   mean         {figures["mean_psnr_db"]:9.2f} {figures["mean_depth_rel"]:12.2%}')
    print(f'holes in surfaces after {rgbd.FORWARD_M} m forward: '
          + ', '.join(f'{hole:.2%}' for hole in holes))
    return 0
