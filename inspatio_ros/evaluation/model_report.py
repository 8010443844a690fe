# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The figures of a generator as one object, as tables, and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
import math
from pathlib import Path
from typing import Any, TYPE_CHECKING

from inspatio_ros.contracts import U8
from inspatio_ros.evaluation.model_scores import mean_figures, TrialScore, TRUTH
import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Means = Mapping[str, Mapping[str, Mapping[str, float]]]

# Figure -> what a table calls it, and how it is written.
LABELS = {
    'psnr_db': ('PSNR, all pixels [dB]', '.2f'),
    'psnr_observed_db': ('PSNR, observed pixels [dB]', '.2f'),
    'psnr_unobserved_db': ('PSNR, unobserved pixels [dB]', '.2f'),
    'ssim': ('SSIM, all pixels', '.3f'),
    'ssim_observed': ('SSIM, observed pixels', '.3f'),
    'ssim_unobserved': ('SSIM, unobserved pixels', '.3f'),
    'ms_ssim': ('MS-SSIM, all pixels', '.3f'),
    'ms_ssim_observed': ('MS-SSIM, observed pixels', '.3f'),
    'ms_ssim_unobserved': ('MS-SSIM, unobserved pixels', '.3f'),
    'observed_share': ('observed share of the pixels', '.1%'),
    'flicker': ('flicker [grey levels]', '.2f'),
    'border_step': ('step at the border of blocks [grey levels]', '+.2f'),
    'drift_db_per_block': ('drift [dB per block]', '+.3f'),
    'loop_difference': ('difference after the loop [grey levels]', '.2f'),
    'loop_difference_unobserved': ('... on unobserved pixels', '.2f'),
    'rot_err_deg': ('RotErr [degrees]', '.3f'),
    'trans_err_m': ('TransErr [m]', '.4f'),
    'trans_err_ratio': ('TransErr, share of the way', '.2%'),
    'worldscore_camera_error': ('WorldScore camera error', '.4f'),
    'camera_found_share': ('frames whose camera was found', '.0%'),
    'lag_s': ('lag behind a command [s]', '+.3f')}
TITLES = {
    'views': 'A second camera in held-out places', 'drift': 'Drift over many blocks',
    'loop': 'Leaving and coming back', 'lag': 'A command',
    'held out': 'Real views, held out'}
# What fills from one moment alone, and what looks back.
_CLASSICAL, _RECALL = ('fill', 'sensor'), 'recall'
_DPI = 110
_STRIP_HEIGHT_IN = 1.5
_ROOM_FOR_LEGEND = 0.2


def report(scores: Sequence[TrialScore], about: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return all figures as one object.

    :param about: generator and options; `machine` holds what a figure depends on, by name.
    """
    means = mean_figures(scores)
    return {**about, 'means': means, 'margins': margins(means),
            'block_s': block_seconds(scores), 'trials': [asdict(score) for score in scores]}


def block_seconds(scores: Sequence[TrialScore]) -> float:
    """Return the median time of a block, seconds; the first of a trial is another one."""
    times = [s for score in scores for s in score.block_s[1:]]
    return float(np.median(times)) if times else math.nan


def margins(means: Means) -> dict[str, dict[str, float]]:
    """
    Say by how much generators are better than what there is without them.

    :returns: `KIND, GENERATOR` -> figure: on unobserved pixels against the better one of the two
        classical fillings of a moment and against what looks back, on observed pixels against the
        warp.
    """
    found = {}
    for kind, painters in means.items():
        if not {'warp', *_CLASSICAL} <= set(painters):
            continue
        for name in set(painters) - {TRUTH, 'warp', *_CLASSICAL, _RECALL}:
            ours = painters[name]
            found[f'{kind}, {name}'] = {
                'psnr_unobserved_db': ours['psnr_unobserved_db'] - max(
                    painters[it]['psnr_unobserved_db'] for it in _CLASSICAL),
                'ssim_unobserved': ours['ssim_unobserved'] - max(
                    painters[it]['ssim_unobserved'] for it in _CLASSICAL),
                'psnr_observed_db': ours['psnr_observed_db']
                - painters['warp']['psnr_observed_db']}
            if _RECALL in painters:
                found[f'{kind}, {name}'] |= {
                    f'{figure}_to_recall': ours[figure] - painters[_RECALL][figure]
                    for figure in ('psnr_unobserved_db', 'ssim_unobserved')}
    return found


def markdown(record: Mapping[str, Any]) -> str:
    """Return what `report` returns as tables."""
    lines = ['# Evaluation of a generator', '']
    lines += [f'- {name}: {value}' for name, value in record.items()
              if isinstance(value, (str, int, float)) and name != 'block_s']
    lines += [f'- {name}: {value}' for name, value in record['machine'].items()]
    if not math.isnan(record['block_s']):
        lines.append(f'- one block: {record["block_s"]:.3f} s (median)')
    for kind, painters in record['means'].items():
        count = len({it['trial'] for it in record['trials'] if it['kind'] == kind})
        lines += ['', f'## {TITLES[kind]} ({count} trials)', '', *_table(painters)]
    for what, figures in record['margins'].items():
        lines += ['', f'Margins ({what}): unobserved pixels {figures["psnr_unobserved_db"]:+.2f} '
                  f'dB and {figures["ssim_unobserved"]:+.3f} SSIM against the better classical '
                  f'filling; observed pixels {figures["psnr_observed_db"]:+.2f} dB against the '
                  'warp.']
        if 'ssim_unobserved_to_recall' in figures:
            lines[-1] += (' Against what looks back: '
                          f'{figures["psnr_unobserved_db_to_recall"]:+.2f} dB and '
                          f'{figures["ssim_unobserved_to_recall"]:+.3f} SSIM.')
    if record.get('networks'):
        lines += ['', '## Figures of networks that were brought', '', '| figure | value |',
                  '|---|---|', *(f'| {name} | {value:.4g} |'
                                 for name, value in record['networks'].items())]
    return '\n'.join(lines) + '\n'


def _table(painters: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    yield f'| | {" | ".join(painters)} |'
    yield '|---' * (len(painters) + 1) + '|'
    for figure, (label, style) in LABELS.items():
        values = [it.get(figure, math.nan) for it in painters.values()]
        if not all(math.isnan(value) for value in values):
            cells = ['' if math.isnan(value) else format(value, style) for value in values]
            yield f'| {label} | {" | ".join(cells)} |'


def draw_blocks(scores: Sequence[TrialScore], path: Path) -> None:
    """
    Draw how the quality goes from block to block, a line each; nothing where there are none.

    :param path: of the PNG file to write.
    """
    lines = [score for score in scores if len(score.block_psnr_db) > 1 and score.kind == 'drift']
    if not lines:
        return
    from matplotlib.ticker import MaxNLocator
    figure = _figure(8.0, 4.0)
    axes = figure.add_subplot()
    for score in lines:
        slope = score.figures['drift_db_per_block']
        axes.plot(score.block_psnr_db, marker='.', label=f'{score.painter}: {slope:+.3f} dB/block')
    axes.set(xlabel='block', ylabel='PSNR against the truth [dB]', title=lines[0].trial)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    figure.savefig(path, bbox_inches='tight')


def draw_likeness(means: Means, path: Path) -> None:
    """
    Draw PSNR and SSIM on observed and unobserved pixels, a group for each kind of trial.

    :param path: of the PNG file to write.
    """
    kinds = [kind for kind in means if kind in ('views', 'held out')]
    if not kinds:
        return
    figure = _figure(5.0 * 2, 3.6 * len(kinds))
    for row, kind in enumerate(kinds):
        painters = {name: it for name, it in means[kind].items() if name != TRUTH}
        for column, (what, unit) in enumerate((('psnr', '_db'), ('ssim', ''))):
            axes = figure.add_subplot(len(kinds), 2, 1 + 2 * row + column)
            for offset, part in enumerate(('observed', 'unobserved')):
                axes.bar(np.arange(len(painters)) + 0.4 * offset - 0.2,
                         [it.get(f'{what}_{part}{unit}', math.nan) for it in painters.values()],
                         0.38, label=part)
            axes.set(title=f'{TITLES[kind]}: {what.upper()}')
            axes.set_xticks(np.arange(len(painters)), list(painters))
            axes.margins(y=_ROOM_FOR_LEGEND)
            axes.legend(ncols=2)
    figure.savefig(path, bbox_inches='tight')


def draw_strips(strips: Mapping[str, Mapping[str, U8]], path: Path) -> None:
    """
    Draw the last frame of trials as everybody painted it, a row each.

    :param strips: trial -> painter -> (H, W, 3) uint8.
    :param path: of the PNG file to write.
    """
    if not strips:
        return
    columns = max(len(row) for row in strips.values())
    figure = _figure(2.6 * columns, _STRIP_HEIGHT_IN * len(strips) + 0.4)
    for number, (trial, row) in enumerate(strips.items()):
        for column, (painter, rgb) in enumerate(row.items()):
            axes = figure.add_subplot(len(strips), columns, 1 + number * columns + column)
            axes.imshow(rgb)
            axes.set_axis_off()
            axes.set_title(f'{trial}: {painter}' if column == 0 else painter, fontsize=7)
    figure.savefig(path, bbox_inches='tight')


def _figure(width_in: float, height_in: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure((width_in, height_in), _DPI, layout='tight')
    FigureCanvasAgg(figure)
    return figure
