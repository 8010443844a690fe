# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`inspatio evaluate model`: a generator against the truth, and what there is without it."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TYPE_CHECKING

from inspatio_ros.cli.bench import machine
from inspatio_ros.cli.output import print_json, progress, stage, write_json

if TYPE_CHECKING:
    from inspatio_ros.contracts import U8
    from inspatio_ros.engine.stream import StarModels
    from inspatio_ros.evaluation.model_disturbances import Disturbance
    from inspatio_ros.evaluation.model_networks import FeatureNetwork
    from inspatio_ros.evaluation.model_scores import TrialScore
    from inspatio_ros.evaluation.model_trials import Trial
    from inspatio_ros.scene.scene import Scene

EXAMPLES = """\
  inspatio evaluate model --weights star-tiny/ --out report/
      a generator in places that nothing was trained on: likeness, drift, loops, camera, lag
  inspatio evaluate model recording/ --weights star-tiny/ --only views
      fewer trials, and each view of an RGB-D folder held out once
  inspatio evaluate model --worlds 4
      no generator: the warp and the classical fillings alone
"""

NAME = 'star'
KINDS = ('views', 'drift', 'loop', 'lag')
# Which held-out place each is tried in, from the last one on: views have the first ones.
_PLACES = {'drift': 63, 'loop': 62, 'lag': 61}
_SMALLEST, _MULTIPLE = 32, 16
_JSON, _TABLE = 'report.json', 'report.md'
# Rows of the drawing with pictures, of each kind of trial.
_STRIPS = 4


@dataclass(frozen=True)
class ModelOptions:
    """
    What somebody asks of `evaluate model`; see `add_model_arguments`.

    :param only: kinds of trials in made-up places.
    :param size: (width, height), pixels.
    :param command_noise: metres and degrees.
    """

    weights: Path | None = None
    only: Sequence[str] = KINDS
    worlds: int = 8
    blocks: int = 20
    away: Sequence[float] = (10.0, 30.0, 60.0)
    size: tuple[int, int] = (320, 192)
    steps: Sequence[int] | None = None
    seed: int = 0
    depth_noise: float = 0.0
    command_noise: tuple[float, float] = (0.0, 0.0)
    drop: float = 0.0
    network: Sequence[str] = ()
    out: Path | None = None

    def __post_init__(self) -> None:
        if min(self.size) < _SMALLEST or any(it % _MULTIPLE for it in self.size):
            raise ValueError(f'--size {self.size[0]}x{self.size[1]}: both have to be multiples of '
                             f'{_MULTIPLE}, from {_SMALLEST} on')
        if self.worlds < 1 or self.blocks < 2 or not min(self.away) > 0.0:
            raise ValueError('--worlds must be at least 1, --blocks at least 2, --away > 0 s; got '
                             f'{self.worlds}, {self.blocks} and {self.away}')
        if self.network and self.weights is None:
            raise ValueError('--network judges what a generator paints: give --weights, too')
        if self.network and 'views' not in self.only:
            raise ValueError('--network judges videos of a second camera: --only has no views')

    def disturbance(self) -> Disturbance:
        """Return what the trials are disturbed by."""
        from inspatio_ros.evaluation.model_disturbances import Disturbance
        return Disturbance(self.depth_noise, *self.command_noise, self.drop)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments; options that are not given are not in the result."""
    parser.add_argument('folder', type=Path, nargs='*',
                        help='RGB-D folders, or scenes with static views, each of which is held '
                             'out once')
    group = parser.add_argument_group('the generator and its trials',
                                      argument_default=argparse.SUPPRESS)
    group.add_argument('--weights', type=Path, metavar='DIR',
                       help='the generator: a folder that `train export` filled, or the public '
                            'release; without it only what there is without a generator')
    group.add_argument('--only', nargs='+', choices=KINDS, metavar='KIND',
                       help=f'which trials in made-up places: {", ".join(KINDS)} (default: all)')
    group.add_argument('--worlds', type=int, metavar='N',
                       help='how many places a second camera is tried in (default: 8)')
    group.add_argument('--blocks', type=int, metavar='N',
                       help='that drift is measured over (default: 20)')
    group.add_argument('--away', type=float, nargs='+', metavar='S',
                       help='after which the camera is back (default: 10 30 60)')
    group.add_argument('--size', type=_pixels, metavar='WxH',
                       help='pixels, multiples of 16 (default: 320x192)')
    group.add_argument('--steps', type=int, nargs='+', metavar='T',
                       help='steps of the generator, from 1000 down (default: its own)')
    group.add_argument('--seed', type=int, help="of the generator's noise (default: 0)")
    group.add_argument('--depth-noise', type=float, metavar='SHARE',
                       help="error of the recording's depth, 0.05 = 5 %% (default: 0)")
    group.add_argument('--command-noise', type=float, nargs=2, metavar=('M', 'DEG'),
                       help='error of every commanded pose (default: 0 0)')
    group.add_argument('--drop', type=float, metavar='SHARE',
                       help='of the commands that are lost (default: 0)')
    group.add_argument('--network', action='append', metavar='FIGURE=FILE',
                       help='also fid, fvd, lpips, vbench.X or worldscore.X, by a network of '
                            'yours as TorchScript; may be given again')
    group.add_argument('--out', type=Path, metavar='DIR',
                       help='write report.json, report.md and drawings here')


def run_model(args: argparse.Namespace) -> int:
    """
    Try a generator, print or write what came out.

    :raises ValueError: arguments, weights or folders that cannot be used.
    """
    from inspatio_ros.evaluation.model_networks import open_networks
    from inspatio_ros.evaluation.model_report import markdown, report
    from inspatio_ros.scene.detect import open_scene
    asked = ModelOptions(**{field.name: getattr(args, field.name)
                            for field in fields(ModelOptions) if hasattr(args, field.name)})
    networks = open_networks(asked.network)
    scenes = [open_scene(folder) for folder in args.folder]
    if asked.out is not None:
        asked.out.mkdir(parents=True, exist_ok=True)
    models = (None if asked.weights is None
              else open_models(asked.weights, asked.size, asked.steps))
    run = _Run(models, asked, keep_videos=bool(networks))
    for trial in progress(_trials(asked, scenes), _count(asked, scenes), 'trials', 'trial'):
        run.try_at(trial)
    record = report(run.scores, _about(asked, models))
    record['networks'] = run.network_figures(networks)
    if asked.out is not None:
        _write(asked.out, record, run)
    if args.json:
        print_json(record)
    else:
        print(markdown(record), end='')
    return 0


def open_models(folder: Path, size: tuple[int, int], steps: Sequence[int] | None) -> StarModels:
    """
    Load a generator, whichever it is.

    :param size: (width, height) that it paints.
    :raises ValueError: weights that are missing or do not fit.
    """
    from inspatio_ros.engine.exported import is_exported, open_exported
    if is_exported(folder):
        return open_exported(folder, size, steps)
    if steps is not None:
        raise ValueError('--steps is for generators that were trained here')
    import torch
    from inspatio_ros.cli.star_world import load_models
    from inspatio_ros.robot.parameters import Imagination
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    return load_models(Imagination(weights_dir=str(folder), generator_width=size[0],
                                   generator_height=size[1]), device)


class _Run:
    """Tries one generator at one trial after the other, and keeps what is reported."""

    def __init__(self, models: StarModels | None, asked: ModelOptions,
                 keep_videos: bool) -> None:
        self.scores: list[TrialScore] = []
        self.strips: dict[str, dict[str, U8]] = {}
        self._models, self._seed, self._keep = models, asked.seed, keep_videos
        self._tried: Counter[str] = Counter()
        self._disturbance = asked.disturbance()
        self._videos: list[tuple[U8, U8]] = []

    def try_at(self, trial: Trial) -> None:
        from inspatio_ros.evaluation.model_disturbances import disturbed
        from inspatio_ros.evaluation.model_painters import paint, paint_classical
        from inspatio_ros.evaluation.model_scores import score_trial, TRUTH
        given = disturbed(trial, self._disturbance, self._seed)
        with stage('warp and fill', 'frame') as bar:
            classical = paint_classical(given, bar)
        painted = {}
        if self._models is not None:
            with stage('generator', 'frame') as bar:
                painted[NAME] = paint(given, self._models, self._seed, bar)
            if self._keep and trial.kind == 'views':
                self._videos.append((painted[NAME].rgb, trial.rgb))
        self.scores += score_trial(trial, classical, painted)
        self._tried[trial.kind] += 1
        if self._tried[trial.kind] <= _STRIPS:
            self.strips[trial.name] = {
                **{name: it.rgb[-1] for name, it in {**classical.painted, **painted}.items()},
                TRUTH: trial.rgb[-1]}

    def network_figures(self, networks: Sequence[FeatureNetwork]) -> dict[str, float]:
        from inspatio_ros.evaluation.model_networks import figures_of
        return figures_of(networks, [painted for painted, _ in self._videos],
                          [true for _, true in self._videos])


def _trials(asked: ModelOptions, scenes: Sequence[Scene]) -> Iterator[Trial]:
    """Make the trials one after the other: rendering the truth takes its time."""
    from inspatio_ros.evaluation import model_trials as trials
    for scene in scenes:
        yield from trials.folder_trials(scene, asked.size)
    if 'views' in asked.only:
        for place in range(asked.worlds):
            yield trials.clip_trial(trials.held_out_seed(place), size=asked.size)
    if 'drift' in asked.only:
        yield trials.drift_trial(trials.held_out_seed(_PLACES['drift']), asked.blocks, asked.size)
    if 'loop' in asked.only:
        for away_s in asked.away:
            yield trials.loop_trial(trials.held_out_seed(_PLACES['loop']), away_s, asked.size)
    if 'lag' in asked.only:
        yield trials.lag_trial(trials.held_out_seed(_PLACES['lag']), asked.size)


def _count(asked: ModelOptions, scenes: Sequence[Scene]) -> int:
    counts = {'views': asked.worlds, 'drift': 1, 'loop': len(asked.away), 'lag': 1}
    return (sum(counts[kind] for kind in asked.only) + sum(len(it.views) for it in scenes))


def _pixels(text: str) -> tuple[int, int]:
    width, height = text.split('x')
    return int(width), int(height)


def _about(asked: ModelOptions, models: StarModels | None) -> dict[str, Any]:
    import torch
    name = 'none' if asked.weights is None else asked.weights.resolve().name
    about: dict[str, Any] = {'generator': name, 'size': f'{asked.size[0]}x{asked.size[1]}',
                             'seed': asked.seed, 'machine': machine(),
                             **{f'disturbed: {name}': value for name, value
                                in vars(asked.disturbance()).items() if value}}
    if models is not None:
        about['steps'] = ', '.join(map(str, models.config.steps))
        about['threads'] = torch.get_num_threads()
    return about


def _write(out: Path, record: dict[str, Any], run: _Run) -> None:
    from inspatio_ros.evaluation import model_report
    write_json(out / _JSON, record)
    (out / _TABLE).write_text(model_report.markdown(record))
    model_report.draw_blocks(run.scores, out / 'drift.png')
    model_report.draw_likeness(record['means'], out / 'likeness.png')
    model_report.draw_strips(run.strips, out / 'pictures.png')
