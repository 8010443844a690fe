# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Make data, train the generator, take weights out of a run."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any, TYPE_CHECKING

if TYPE_CHECKING:
    from inspatio_ros.training.data.writing import Job, Written

SUMMARY = 'train the generator: data, stages, weights'

EXAMPLES = """\
the whole way to a small generator, on one machine:
  inspatio train data procedural data/pixels --seeds 0-199 --workers 2
      made-up places seen by three cameras at once; goes on where it was interrupted
  inspatio train autoencoder runs/codec data=data/pixels
      the small autoencoder
  inspatio train export runs/codec codec.safetensors
  inspatio train encode data/latents --pixels data/pixels --codec codec.safetensors
      clips as the denoiser sees them, once and for all steps
  inspatio train teacher_v2v runs/v2v data=data/latents
  inspatio train teacher_t2v runs/t2v data=data/latents
  inspatio train causal_init runs/init data=data/latents init=runs/v2v
  inspatio train jdmd runs/star data=data/latents init=runs/init \\
        teacher_v2v=runs/v2v teacher_t2v=runs/t2v
  inspatio train export runs/star star.safetensors

Every number of a recipe is a key; `--keys` shows them all:
  inspatio train jdmd --keys
  inspatio train jdmd runs/quick data=data/latents loop.steps=50 stage.student.lr=1e-4

A run that was stopped goes on when it is started again, with the same losses as if it had not
been. Its folder holds checkpoints (step-N), losses.jsonl, pictures/ and tensorboard/.
Several processes: torchrun --nproc-per-node 8 -m inspatio_ros train jdmd-1.3b RUN data=...
"""

RECIPES = {
    'autoencoder': 'the small autoencoder, from pixels',
    'teacher_v2v': 'sees whole clips, is told the recording and its warp',
    'teacher_t2v': 'sees whole clips, is told nothing',
    'causal_init': 'the student learns to go on from block to block',
    'star_tiny': 'causal_init as the generator that comes with the package learnt last',
    'jdmd': 'the student is distilled from both teachers',
    'teacher_v2v-1.3b': 'the same at the published size',
    'causal_init-1.3b': 'the same at the published size',
    'jdmd-1.3b': 'the same at the published size'}
DATA = {
    'procedural': 'made-up places by seed: rooms, corridors, shelves, people',
    're10k': 'camera files of RealEstate10K with the videos beside them',
    'recammaster': 'MultiCamVideo, the data set of ReCamMaster',
    'unreal': 'folders of rgb, depth and poses as an engine renders them',
    'video': 'any video with its depth: warped to a near view and back'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    verbs = parser.add_subparsers(dest='what', required=True, metavar='RECIPE|data|encode|export')
    for name, text in RECIPES.items():
        _add_recipe(verbs.add_parser(name, help=text, description=text))
    data = verbs.add_parser('data', help='write clips as shards of pixels')
    _add_data(data)
    encode = verbs.add_parser('encode', help='shards of pixels -> shards of latents')
    encode.add_argument('out', type=Path, metavar='OUT', help='dataset to write or to go on with')
    encode.add_argument('--pixels', type=Path, nargs='+', required=True, metavar='DIR')
    encode.add_argument('--codec', type=Path, required=True, metavar='FILE|DIR', help=(
        'the frozen autoencoder, or the folder with the Wan VAE (latents of 1.3b)'))
    encode.add_argument('--latents', type=int, default=9, help='of a clip (default: 9)')
    encode.add_argument('--depth-noise', type=float, default=0.0, metavar='SHARE',
                        help='error that is put on depth, e.g. 0.05 (default: 0)')
    encode.add_argument('--depth-holes', type=float, default=0.0, metavar='SHARE',
                        help="share of the source's depth that is lost in regions, e.g. 0.1, "
                             'besides its edges; colours stay (default: 0)')
    encode.add_argument('--seed', type=int, default=0, help='of that error and the holes')
    encode.add_argument('--fill', action='store_true',
                        help='fill the holes of the warp, with what earlier frames of the '
                             'recording show and then from their far side, instead of black')
    _add_writing(encode)
    export = verbs.add_parser('export', help='take the averaged weights out of a run')
    export.add_argument('run_folder', type=Path, metavar='RUN', help='a run or a checkpoint')
    export.add_argument('out', type=Path, metavar='OUT.safetensors')
    export.add_argument('--half', action='store_true', help='16 bits a weight')


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('words', nargs='*', metavar='RUN KEY=VALUE', help=(
        'folder of the run, which is continued if it is there, and keys: data=DIR[,DIR] to learn '
        'from, validation=DIR[,DIR] to look at (default: the same), threads=N of the CPU '
        '(default: all), and the numbers of the recipe'))
    parser.add_argument('--keys', action='store_true', help='show the numbers and leave')


def _add_data(parser: argparse.ArgumentParser) -> None:
    kinds = ', '.join(f'{name} ({text})' for name, text in DATA.items())
    parser.add_argument('kind', choices=tuple(DATA), metavar='KIND', help=kinds)
    parser.add_argument('out', type=Path, metavar='OUT', help='dataset to write or to go on with')
    parser.add_argument('--input', type=Path, metavar='DIR', help='what to read; not procedural')
    parser.add_argument('--seeds', type=_range, default=range(200), metavar='A-B',
                        help='of the places (default: 0-199)')
    parser.add_argument('--held-out', action='store_true',
                        help='the places that are kept for measuring, and no others')
    parser.add_argument('--frames', type=int, default=45, help='of a clip (default: 45)')
    parser.add_argument('--size', type=_size, default=(320, 192), metavar='WxH',
                        help='of a picture (default: 320x192)')
    parser.add_argument('--still', action='store_true',
                        help='procedural: nothing moves, and one to three RGB-D views are known '
                             'instead of a recording')
    parser.add_argument('--cameras', type=int,
                        help='at once (default: 3; with --still 2, besides the views)')
    parser.add_argument('--fps', type=float, default=15.0, help='pictures per second')
    _add_writing(parser)


def _add_writing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--workers', type=int, default=1, help='processes (default: 1)')
    parser.add_argument('--json', action='store_true', help='print what was done as one object')


def _range(text: str) -> range:
    first, _, last = text.partition('-')
    try:
        found = range(int(first), int(last or first) + 1)
    except ValueError:
        found = range(0)
    if not found:
        raise argparse.ArgumentTypeError(f'expected A-B, for example 0-199, got {text!r}')
    return found


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split('x'))
    except ValueError:
        width = height = 0
    if min(width, height) < 1:
        raise argparse.ArgumentTypeError(f'expected WxH, for example 320x192, got {text!r}')
    return width, height


def run(args: argparse.Namespace) -> int:
    """
    Do one step of the way.

    :raises ValueError: what the user can get wrong.
    :raises OSError: a file that cannot be written, a worker that died.
    """
    if args.what == 'data':
        return _write_data(args)
    if args.what == 'encode':
        return _encode(args)
    if args.what == 'export':
        return _export(args)
    return _train(args)


def _train(args: argparse.Namespace) -> int:
    from inspatio_ros.training.building import Folders, open_trainer
    from inspatio_ros.training.distributed import joined
    from inspatio_ros.training.recipes import keys, recipe
    from inspatio_ros.training.stages.stage import NotFiniteError
    import torch
    run, own, changes = _sorted(args.words)
    chosen = recipe(args.what, changes)
    if args.keys:
        for key, value in keys(chosen):
            print(f'{key}={_text(value)}')
        return 0
    if run is None or not own['data']:
        raise ValueError(f'a run needs a folder and data=DIR; see inspatio train {args.what} '
                         '--help')
    if own['threads']:
        torch.set_num_threads(int(own['threads'][0]))
    folders = Folders(run, [Path(it) for it in own['data']],
                      [Path(it) for it in own['validation']])
    with joined() as party:
        trainer = open_trainer(args.what, chosen, folders, party)
        try:
            figures = trainer.run()
        except NotFiniteError as error:
            raise ValueError(str(error)) from error
    shown = ', '.join(f'{name} {value:.4g}' for name, value in figures.items())
    logging.getLogger(__name__).info('%s: %d steps done; %s', run, trainer.step, shown)
    return 0


def _sorted(words: list[str]) -> tuple[Path | None, dict[str, list[str]], list[str]]:
    """
    Return the run's folder, the keys of this command and those of the recipe.

    :raises ValueError: two folders, threads that are no number.
    """
    own: dict[str, list[str]] = {'data': [], 'validation': [], 'threads': []}
    places, changes = [], []
    for word in words:
        key, equals, text = word.partition('=')
        if not equals:
            places.append(word)
        elif key in own:
            own[key] = text.split(',')
        else:
            changes.append(word)
    if len(places) > 1:
        raise ValueError(f'one folder for the run, got {", ".join(places)}')
    if own['threads'] and not (own['threads'][0].isdecimal() and int(own['threads'][0])):
        raise ValueError(f'threads must be a whole number from 1 on, got {own["threads"][0]!r}')
    return Path(places[0]) if places else None, own, changes


def _text(value: Any) -> str:
    return ','.join(map(str, value)) if isinstance(value, tuple) else str(value)


def _write_data(args: argparse.Namespace) -> int:
    from inspatio_ros.training.data.shards import PIXELS
    if args.kind == 'procedural':
        from inspatio_ros.scene.synthetic.held_out import HELD_OUT_SEEDS
        from inspatio_ros.training.data.procedural import procedural_jobs, ProceduralSettings
        width, height = args.size
        cameras = (2 if args.still else 3) if args.cameras is None else args.cameras
        settings = ProceduralSettings(args.frames, width, height, cameras, args.fps, args.still)
        seeds = HELD_OUT_SEEDS if args.held_out and args.seeds == range(200) else args.seeds
        return _write(args, PIXELS, settings.manifest(),
                      procedural_jobs(seeds, settings, args.held_out))
    if args.still:
        raise ValueError(f'--still is of procedural places, not of {args.kind}')
    if args.input is None:
        raise ValueError(f'{args.kind} needs --input DIR')
    from inspatio_ros.training.data.recorded import recorded_jobs, RecordedSettings
    recorded = RecordedSettings(args.kind, args.frames, args.size, fps=args.fps)
    return _write(args, PIXELS, recorded.manifest(), recorded_jobs(args.input, recorded))


def _encode(args: argparse.Namespace) -> int:
    from inspatio_ros.training.data.encoding import encode_jobs, EncodeSettings, keep_codec
    from inspatio_ros.training.data.shards import LATENTS, write_manifest
    settings = EncodeSettings(args.codec, args.latents, args.depth_noise, args.seed,
                              args.fill, args.depth_holes)
    jobs = encode_jobs(args.pixels, settings)
    manifest = settings.manifest(args.pixels)
    # First of all: so that an interrupt leaves no latents without it.
    write_manifest(args.out, LATENTS, manifest)
    keep_codec(args.out, args.codec)
    return _write(args, LATENTS, manifest, jobs)


def _write(args: argparse.Namespace, kind: Any, manifest: Any, jobs: list[Job]) -> int:
    from inspatio_ros.cli.output import print_json
    from inspatio_ros.training.data.writing import write_dataset
    from tqdm import tqdm
    import torch
    if args.workers == 1:
        torch.set_num_threads(1)
    with tqdm(total=len(jobs), unit='shard', disable=None) as bar:
        done: Written = write_dataset(args.out, kind, manifest, jobs, args.workers,
                                      lambda count, _: bar.update(count - bar.n))
    if args.json:
        print_json({'out': str(args.out), **done.report()})
    else:
        for refused in done.refused:
            print(f'refused {refused.path}: {refused.reason}')
        print(f'{args.out}: {done.made} shards made, {done.kept} were there, '
              f'{len(done.refused)} refused')
    if not done.made + done.kept:
        raise ValueError(f'{args.out}: no shard could be made, for the first one: '
                         f'{done.refused[0].reason if done.refused else "nothing to be made"}')
    return 0


def _export(args: argparse.Namespace) -> int:
    from inspatio_ros.training.export import export_weights
    size = export_weights(args.run_folder, args.out, args.half)
    print(f'{args.out}: {size / 1e6:.1f} MB')
    return 0
