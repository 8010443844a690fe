# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure the generator with random weights: one way to run it, or a suite of ways."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from inspatio_ros.cli import bench_star_suite

_COLUMNS = ('warp', 'encode', 'context', 'step0', 'block', 'decode', 'copy', 'message_per_frame')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('--preset', default=None, help='1.3b or tiny (default: 1.3b with a GPU)')
    parser.add_argument('--size', default=None, metavar='WxH',
                        help='pixels, multiples of 16 (default: 832x480, 320x192 for tiny)')
    parser.add_argument('--path', default='fast', help='fast, eager or slow (default: fast)')
    parser.add_argument('--precision', default=None,
                        help='fp32, bf16 or fp8 (default: bf16 with a GPU, else fp32)')
    parser.add_argument('--codec', default='taehv', help='taehv or vae (default: taehv)')
    parser.add_argument('--blocks', type=int, default=None,
                        help='blocks that count (default: 12 with a GPU, else 2)')
    parser.add_argument('--attention', default='auto', help='kernel (default: the fastest here)')
    parser.add_argument('--compile', default='layer', dest='compile_scope',
                        help='none, layer or whole (default: layer)')
    parser.add_argument('--compile-mode', default=None, help='of torch.compile')
    parser.add_argument('--fp8-scaling', default='row', help='row or tensor (default: row)')
    parser.add_argument('--no-graphs', action='store_true', help='no CUDA graphs')
    parser.add_argument('--no-overlap', action='store_true', help='one stream')
    parser.add_argument('--no-codec-compile', action='store_true', help='the codec as it is')
    parser.add_argument('--kept-reference', action='store_true',
                        help='encode the source once, as that of a looping scene')
    parser.add_argument('--device', default=None, help='cuda or cpu (default: cuda if there)')
    parser.add_argument('--cache', type=Path, default=None, help='folder of compiled kernels')
    parser.add_argument('--check', choices=('small', 'full'), default=None,
                        help='compare the ways with each other instead')
    parser.add_argument('--rates', action='store_true', help='measure the device alone instead')
    parser.add_argument('--no-rates', action='store_true', help='leave the device alone out')
    parser.add_argument('--suite', choices=tuple(bench_star_suite.SUITES), default=None,
                        help='checks and many ways, each in a process of its own')
    parser.add_argument('--minutes', type=float, default=8.0,
                        help='after which a suite starts nothing more (default: 8)')
    parser.add_argument('--commit', default=None, help='to report where there is no git')
    parser.add_argument('--json-out', type=Path, default=None,
                        help='also write the result here; a suite also writes its logs beside it')


def run(args: argparse.Namespace) -> dict[str, Any]:
    """
    Measure.

    :returns: {'rows': [...]} as `StarBench.row` gives them, times in milliseconds, `rates` of the
        device, `checks`.
    :raises ValueError: arguments that do not fit together.
    """
    if args.suite is not None:
        return bench_star_suite.run_suite(args.suite, args.json_out, 60.0 * args.minutes,
                                          args.commit)
    import torch
    device = args.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    result: dict[str, Any] = {'rows': [], 'machine': _machine(device, args.commit)}
    if args.rates:
        result['rates'] = _rates(device)
    elif args.check is not None:
        result['checks'] = {args.check: _check(args, device)}
    else:
        result['rates'] = {} if args.no_rates else _rates(device)
        result['rows'] = [_row(args, device, result['rates'])]
    return result


def table(result: dict[str, Any]) -> str:
    """Return the figures as text."""
    lines = []
    for name, check in result.get('checks', {}).items():
        lines.append(f'check {name}: {"ok" if check["ok"] else "NOT OK"}')
        for part, values in check.get('parts', {}).items():
            numbers = '  '.join(f'{key} {values[key]:.2e}' for key in
                                ('flow', 'block', 'graph', 'limit')
                                if values.get(key) is not None)
            lines.append(f'  {part:18s} {"ok " if values["ok"] else "NOT"} {numbers}'
                         f'{values.get("error", "")}')
    if result.get('rates'):
        lines.append('rates: ' + ', '.join(
            f'{key} {value:.1f}' for key, value in result['rates'].items()
            if isinstance(value, float)))
        for kernel, times in result['rates'].get('attention', {}).items():
            lines.append(f'  attention {kernel:7s} ' + ', '.join(
                f'{key} {value:.3f} ms' for key, value in times.items()))
    if result['rows']:
        lines.append(f'{"":28s}    fps block ms  GiB TFLOP/s share  ' + ' '.join(
            f'{name[:8]:>8s}' for name in _COLUMNS))
    lines += [_line(row) for row in result['rows']]
    lines += [f'failed: {name}: {why}' for name, why in result.get('failed', {}).items()]
    return '\n'.join(lines)


def _line(row: dict[str, Any]) -> str:
    name = row.get('name') or f'{row["preset"]} {row["path"]} {row["precision"]} {row["codec"]}'
    stages = ' '.join(f'{row["stages_ms"].get(key, float("nan")):8.2f}' for key in _COLUMNS)
    peak = f'{row["peak_gib"]:4.1f}' if row['peak_gib'] is not None else '   -'
    share = f'{row["denoise_share"]:5.2f}' if row.get('denoise_share') else '    -'
    notes = '; '.join(row['notes'])
    return (f'{name:28s} {row["fps"]:6.1f} {row["block_ms"]:8.1f} {peak} '
            f'{row["denoise_tflops"]:7.1f} {share}  {stages}  {notes}')


def _machine(device: str, commit: str | None) -> dict[str, Any]:
    import torch
    found: dict[str, Any] = {'device': device} if commit is None else {
        'device': device, 'commit': commit}
    if device == 'cuda':
        properties = torch.cuda.get_device_properties(0)
        found.update(gpu=properties.name, gpu_gib=round(properties.total_memory / 2 ** 30, 1),
                     cuda=torch.version.cuda, cudnn=torch.backends.cudnn.version())
    return found


def _rates(device: str) -> dict[str, Any]:
    if device != 'cuda':
        return {}
    from inspatio_ros.engine.attention_choice import attention_times
    from inspatio_ros.evaluation.star_bench import device_rates
    from inspatio_ros.model.config import STAR_1_3B
    import torch
    return {**device_rates(), 'attention': attention_times(
        STAR_1_3B, torch.device(device), torch.bfloat16)}


def _row(args: argparse.Namespace, device: str, rates: dict[str, Any]) -> dict[str, Any]:
    from inspatio_ros.evaluation.star_bench import StarBench
    row = StarBench(_setup(args, device)).row()
    if rates:
        row['denoise_share'] = row['denoise_tflops'] / rates['bf16_tflops']
    return row


def _setup(args: argparse.Namespace, device: str) -> Any:
    from inspatio_ros.engine.runtime import RuntimeSettings
    from inspatio_ros.evaluation.star_bench import BenchSetup
    on_gpu = device == 'cuda'
    preset = args.preset or ('1.3b' if on_gpu else 'tiny')
    width, height = _size(args.size or ('320x192' if preset == 'tiny' else '832x480'))
    settings = RuntimeSettings(
        args.path, args.precision or ('bf16' if on_gpu else 'fp32'), args.attention,
        args.compile_scope, args.compile_mode, graphs=not args.no_graphs,
        fp8_scaling=args.fp8_scaling, cache_dir=args.cache)
    return BenchSetup(preset, width, height, settings, args.codec, not args.no_codec_compile,
                      not args.no_overlap, not args.kept_reference,
                      args.blocks or (12 if on_gpu else 2), device)


def _check(args: argparse.Namespace, device: str) -> dict[str, Any]:
    from inspatio_ros.engine.runtime import use_kernel_cache
    from inspatio_ros.evaluation.star_check import check, SMALL
    use_kernel_cache(args.cache)
    small = args.check == 'small'
    config = SMALL if small else _setup(args, device).config
    return check(config, device, small)


def _size(text: str) -> tuple[int, int]:
    """
    Return width and height.

    :raises ValueError: not WIDTHxHEIGHT.
    """
    width, by, height = text.partition('x')
    if not (by and width.isdigit() and height.isdigit()):
        raise ValueError(f'a size is WIDTHxHEIGHT, such as 832x480, got {text!r}')
    return int(width), int(height)
