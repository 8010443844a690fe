# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure training with random weights and clips: whether it fits, how long a step is."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from inspatio_ros.cli.output import stage

_KINDS = {'step': 'a step', 'fake': 'turn of the fake score alone',
          'fake_and_student': 'turn of the student too'}
_GIB = 2 ** 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('recipe', metavar='RECIPE', help='see `inspatio train --help`; not '
                        'autoencoder')
    parser.add_argument('changes', nargs='*', metavar='KEY=VALUE', help=(
        'numbers of the recipe, right behind its name; what it says of files is passed over'))
    parser.add_argument('--size', type=_size, default=None, metavar='WxH',
                        help='pixels, multiples of 16 (default: that of the preset)')
    parser.add_argument('--steps', type=int, default=4, help=(
        'that count, behind two that do not (default: 4: of jdmd, each kind of turn of each task '
        'once; stage.random_end=false lets the student take all of its steps in each)'))
    parser.add_argument('--memory-blocks', type=_numbers, default=None, metavar='N,N', help=(
        'instead: the memory of chunk-wise backpropagation over so many blocks, such as 1,8'))
    parser.add_argument('--device', choices=('cuda', 'cpu'), default=None,
                        help='(default: cuda if there)')
    parser.add_argument('--threads', type=int, default=None, help='of the CPU (default: all)')
    parser.add_argument('--no-rates', action='store_true',
                        help="do not measure the GPU's own rate")
    parser.add_argument('--json-out', type=Path, default=None,
                        help='also write the result here')


def run(args: argparse.Namespace) -> dict[str, Any]:
    """
    Measure.

    :returns: {'rows': [...]} as `training.bench.step_figures` gives them, or {'memory': {...}} as
        `memory_figures` does; `rates` of a GPU.
    :raises ValueError: arguments that do not fit together, or do not fit into memory; says then
        what would.
    """
    from inspatio_ros.training.bench import memory_figures, step_figures, TrainBench
    import torch
    if args.threads is not None:
        if args.threads < 1:
            raise ValueError(f'--threads must be at least 1, got {args.threads}')
        torch.set_num_threads(args.threads)
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    if device == 'cuda' and not torch.cuda.is_available():
        raise ValueError('there is no GPU that torch could use here; --device cpu')
    bench = TrainBench.of(args.recipe, args.changes, args.size, device)
    result: dict[str, Any] = {'machine': _machine(device)}
    try:
        if args.memory_blocks is not None:
            return {**result, 'memory': memory_figures(bench, args.memory_blocks)}
        result['rates'] = {} if args.no_rates or device != 'cuda' else _rates()
        with stage('training', 'step') as bar:
            result['rows'] = [step_figures(bench, args.steps, bar)]
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
        better = bench.fits_better(args.memory_blocks is not None)
        raise ValueError(f'{args.recipe} does not fit into the memory of this {device} device; '
                         f'less is needed with: {better}') from error
    return result


def table(result: dict[str, Any]) -> str:
    """Return the figures as text."""
    if 'memory' in result:
        return _memory_table(result['memory'])
    row, rate = result['rows'][0], result['rates'].get('bf16_tflops')
    window = '' if row['window'] is None else f' (window {row["window"][0]}x{row["window"][1]})'
    lines = [f'{row["recipe"]}: {row["width"]}x{row["height"]}{window}, batch {row["batch"]}, '
             f'{row["latents"]} latents, {row["tokens"]} tokens, {row["precision"]}'
             f'{", recompute" if row["recompute"] else ""}',
             f'{row["weights"] / 1e6:.1f} M weights in each of {row["networks"]} networks; '
             f'{row["weights_that_learn"] / 1e6:.1f} M of all learn']
    for kind, figures in row['kinds'].items():
        share = f', {100 * figures["tflops"] / rate:.0f} % of bf16 products' if rate else ''
        lines.append(f'{_KINDS[kind]:30s} {figures["median_s"]:8.3f} s  '
                     f'({figures["least_s"]:.3f} .. {figures["most_s"]:.3f}, '
                     f'{figures["count"]} times)  {figures["tflop"]:.3g} TFLOP, '
                     f'{figures["tflops"]:.3g} TFLOP/s{share}')
    if row['step_s'] is not None and len(row['kinds']) > 1:
        lines.append(f'{"mean at the recipe’s ratio":30s} {row["step_s"]:8.3f} s')
    return '\n'.join([*lines, _memory_line(row['memory'])])


def _memory_line(memory: dict[str, Any]) -> str:
    if memory['what'] == 'process':
        return f'peak memory {memory["resident"] / _GIB:.2f} GiB of the whole process'
    return (f'peak memory {memory["allocated"] / _GIB:.2f} GiB, {memory["reserved"] / _GIB:.2f} '
            f'with what the allocator kept, of {memory["device"] / _GIB:.1f}')


def _memory_table(memory: dict[str, Any]) -> str:
    lines = [f'chunk-wise backpropagation of the student of {memory["recipe"]}, '
             f'{memory["width"]}x{memory["height"]}, batch {memory["batch"]}, '
             f'{memory["precision"]}{", recompute" if memory["recompute"] else ""}; weights '
             f'{memory["weights_bytes"] / _GIB:.3f} GiB, without optimiser']
    lines += [f'{count:3d} blocks  peak {peak / _GIB:8.3f} GiB; with no gradients before '
              f'{memory["bytes_anew"][count] / _GIB:8.3f}'
              for count, peak in memory['bytes'].items()]
    return '\n'.join([*lines, f'ratio {memory["ratio"]:.3f}; with no gradients before '
                      f'{memory["ratio_anew"]:.3f}'])


def _machine(device: str) -> dict[str, Any]:
    import torch
    if device != 'cuda':
        return {'device': device, 'threads': torch.get_num_threads()}
    properties = torch.cuda.get_device_properties(0)
    return {'device': device, 'gpu': properties.name,
            'gpu_gib': round(properties.total_memory / _GIB, 1), 'cuda': torch.version.cuda}


def _rates() -> dict[str, float]:
    from inspatio_ros.evaluation.star_bench import device_rates
    import torch
    rates = device_rates()
    torch.cuda.empty_cache()
    return rates


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether a GPU's or the CPU's allocator had no more."""
    import torch
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _size(text: str) -> tuple[int, int]:
    width, by, height = text.partition('x')
    if not (by and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f'expected WxH, for example 832x480, got {text!r}')
    return int(width), int(height)


def _numbers(text: str) -> list[int]:
    parts = text.split(',')
    if not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f'expected numbers such as 1,8, got {text!r}')
    return [int(part) for part in parts]
