# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Say how good the pictures are: `inspatio evaluate rgbd DIR`, `scene SCENE` or `model`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import math
from pathlib import Path
from typing import Any

from inspatio_ros.cli.evaluate_model import (add_model_arguments, EXAMPLES as MODEL_EXAMPLES,
                                             run_model)
from inspatio_ros.cli.output import print_json, progress

SUMMARY = 'novel views, a scene or a generator against the truth: PSNR, depth, poses, drift'
EXAMPLES = f"""\
examples:
  inspatio evaluate rgbd recording/                   table of every pair of neighbouring views
  inspatio evaluate rgbd recording/ --json            the same as one JSON object
  inspatio evaluate scene my_scene/ --truth truth/    poses, depth and held-out views
{MODEL_EXAMPLES}\

An RGB-D folder holds color_N.png, depth_N.png (uint16), camera.json and poses.txt, N from 1. Each
view is warped into the next and back and compared with the real one where both depths agree.

A truth folder holds any of camera.json, poses_3x4.txt (camera to world, row N is picture N),
depth_N.png, and color_N.png or one video; N counts the pictures of the recording from 1. Poses are
compared after the similarity (Sim3) that fits best, depth in the scale of the truth where the
scene has measured it, and the pictures that `prepare --hold-out` kept away (else every fifth view)
with what the rest of the scene shows at their poses.

A generator is tried in made-up places of seeds that are never trained on, beside the warp that it
is given and the classical fillings: docs/evaluation.md says what each figure means.
"""

_JSON = 'one JSON object on stdout'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('--json', action='store_true', help=_JSON)
    what = parser.add_subparsers(dest='what', required=True, metavar='rgbd|scene|model')
    for name, text in (('rgbd', 'views of an RGB-D folder against each other'),
                       ('scene', 'a scene against the truth of its recording')):
        one = what.add_parser(name, help=text, description=text)
        one.add_argument('folder', type=Path, help='RGB-D folder, or any scene with static views')
        one.add_argument('--truth', type=Path, metavar='DIR',
                         help='scene: folder with what is known for certain')
        one.add_argument('--backend', choices=('numba', 'torch'), default='numba',
                         help='rgbd: which warp (default: numba, the one of the sensor)')
        one.add_argument('--json', action='store_true', default=argparse.SUPPRESS, help=_JSON)
    text = 'a generator in places that nothing was trained on'
    model = what.add_parser('model', help=text, description=text)
    add_model_arguments(model)
    model.add_argument('--json', action='store_true', default=argparse.SUPPRESS, help=_JSON)


def run(args: argparse.Namespace) -> int:
    """Evaluate an RGB-D folder, a scene or a generator."""
    if args.what == 'model':
        return run_model(args)
    if (args.what == 'scene') != (args.truth is not None):
        raise ValueError('evaluate scene takes --truth DIR, evaluate rgbd takes none')
    return _scene(args) if args.what == 'scene' else _rgbd(args)


def _rgbd(args: argparse.Namespace) -> int:
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


def _scene(args: argparse.Namespace) -> int:
    from inspatio_ros.evaluation import scene as evaluation
    from inspatio_ros.evaluation.truth import read_truth
    from inspatio_ros.scene.detect import open_scene
    from inspatio_ros.scene.preparation import load_preparation

    truth = read_truth(args.truth)
    scene, preparation = open_scene(args.folder), load_preparation(args.folder)
    shots = evaluation.shots_of(scene, preparation)
    lost = len(preparation.pictures) - len(shots) if preparation else 0
    poses = evaluation.evaluate_poses(shots, truth)
    scale = poses.similarity.scale if poses else math.nan
    if math.isnan(scale):
        scale = evaluation.scale_of_depth(shots, truth)
    depths = list(progress(evaluation.evaluate_depth(shots, truth, scale),
                           len(evaluation.with_true_depth(shots, truth)), 'depth', 'map'))
    if truth.has_colour():
        import torch
        torch.set_num_threads(1)  # small pictures: more threads wait for each other
    views = list(progress(evaluation.evaluate_held_out(scene, shots, truth),
                          sum(shot.held_out for shot in shots), 'held-out views', 'view'))
    figures = evaluation.summary(shots, lost, truth, poses, scale, depths, views)
    if args.json:
        print_json(figures)
    else:
        print('\n'.join(_scene_table(figures)))
    return 0


def _scene_table(figures: dict[str, Any]) -> Iterator[str]:
    """Return a line for each figure that the truth tells."""
    yield f'pictures with a pose        {figures["frames"]}, {figures["lost"]} without'
    rows = (
        ('rotation', 'rotation_deg', '{rotation_deg:.3f} degrees median, '
         '{rotation_max_deg:.3f} worst, after Sim3'),
        ('translation', 'translation_ratio', '{translation_ratio:.3%} of the path (RMSE '
         '{translation_rmse:.4g} of {path_length:.4g})'),
        ('focal length', 'focal_ratio', '{focal_ratio:.4f} of the true one'),
        ('depth', 'depth_abs_rel', 'AbsRel {depth_abs_rel:.2%}, delta < 1.25 '
         '{depth_delta_1_25:.2%}, {depth_coverage:.1%} of the pixels measured '
         '({depth_maps} maps)'),
        ('held-out views', 'psnr_db', '{psnr_db:.2f} dB, SSIM {ssim:.3f} on the '
         '{coverage:.1%} that are seen ({held_out} views)'))
    for name, key, text in rows:
        shown = 'no figure: the truth or the scene lacks it' if math.isnan(
            figures[key]) else text.format(**figures)
        yield f'{name:27} {shown}'
