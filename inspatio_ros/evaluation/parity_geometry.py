# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Mask packing, camera trajectories and the forward warp against vectors of the published program.

Each part is a function of a folder that returns the largest absolute difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from inspatio_ros.evaluation.vectors import difference, largest, load_vectors, Vectors
from inspatio_ros.geometry.mask import pack_mask
from inspatio_ros.geometry.star_warp import centred_intrinsics, star_warp
from inspatio_ros.motion import trajectory as motion
import torch
from torch import Tensor

# Where the published warp in float32 and in float64 differ by more, positions lie so near to
# integers that rounding decides about colours: such frames are held to the wider bound.
_ILL_CONDITIONED = 1e-5
_WIDE = 2e-3
# The same for the file of special motions, in shares of pixels: which motions are compared, how
# many pixels may be far off, how many may be known in one and unknown in the other.
_FAR_SHARE = 0.01
_FLIPPED_SHARE = 0.005


def mask(folder: Path) -> float:
    """Compare packed masks."""
    vectors = load_vectors(folder, 'mask')
    return largest(difference(pack_mask(video), vectors[f'{name}.out'])
                   for (name,), video in vectors.matching(r'(.+)\.in'))


def trajectory(folder: Path) -> float:
    """Compare sampled keys, poses, bounced frames and scaled intrinsics."""
    vectors = load_vectors(folder, 'trajectory')
    keyframes = {name: motion.Keyframes(tuple(keys['pitch']), tuple(keys['yaw']),
                                        tuple(keys['r']))
                 for name, keys in vectors.setting('keyframes').items()}
    differences = [*_relative(vectors, keyframes), *_targets(vectors, keyframes)]
    for name, total in vectors.setting('total_angle').items():
        differences.append(abs(keyframes[name].total_angle_deg - total))
    for (count, wanted), index in vectors.matching(r'bounce\.(\d+)\.(\d+)'):
        bounced = motion.bounce_indices(int(count), int(wanted))
        differences.append(difference(torch.from_numpy(bounced), index))
    for (width, height), K in vectors.matching(r'scale_intrinsic\.(\d+)x(\d+)'):
        got = centred_intrinsics(vectors['scale_intrinsic.in'], int(width), int(height))
        differences.append(difference(got, K))
    return largest(differences)


def _relative(vectors: Vectors, keyframes: dict[str, motion.Keyframes]) -> Iterator[float]:
    for (name, count, kind), wanted in vectors.matching(r'(\w+)\.n(\d+)\.(\w+)'):
        keys, n = keyframes[name], int(count)
        if kind == 'interp':
            for list_, row in zip((keys.pitch_deg, keys.yaw_deg, keys.r), wanted):
                yield difference(torch.from_numpy(motion.sample_keys(list_, n)), row)
        else:
            got = motion.relative_poses(keys, n, kind == 'rotation_only')
            yield difference(torch.from_numpy(got), wanted)


def _targets(vectors: Vectors, keyframes: dict[str, motion.Keyframes]) -> Iterator[float]:
    pattern = r'(\w+)\.(\w+)\.relative_([01])\.rotonly_([01])'
    for (source, name, along, still), wanted in vectors.matching(pattern):
        cameras = vectors[f'{source}.source_c2w'].numpy().astype('float64')
        relative = motion.relative_poses(keyframes[name], len(cameras), still == '1')
        got = motion.target_poses(cameras, relative, along == '1')
        yield difference(torch.from_numpy(got), wanted)


def warper_generic(folder: Path) -> float:
    """Compare the warp of well-conditioned motions, picture and mask."""
    v = load_vectors(folder, 'warper_generic')
    render, known = star_warp(v['frame'], v['depth'], v['source_w2c'], v['target_w2c'], v['K'])
    differences = [difference(known, v['mask'])]
    noise = v.setting('max_abs_float32_vs_float64')
    for i, got in enumerate(render):
        off = difference(got, v['render'][i])
        if noise[i] <= _ILL_CONDITIONED or not off <= _WIDE:
            differences.append(off)
    return largest(differences)


def warper(folder: Path) -> float:
    """
    Compare the warp of special motions, where rounding decides about some pixels.

    :returns: the largest difference of the best 99 % of the pixels, of all motions in which the
        published program agrees with itself that far; infinity if too many masks differ.
    """
    v = load_vectors(folder, 'warper')
    rgb, depth, source, target, K = (
        v[name] for name in ('frame', 'depth', 'source_w2c', 'target_w2c', 'K'))
    alone = [star_warp(*frame) for frame in zip(
        *(tensor.split(1) for tensor in (rgb, depth, source, target, K)))]
    results = {'batch': star_warp(rgb, depth, source, target, K),
               'masked': star_warp(rgb, depth, source, target, K, v['masked.K2'],
                                   v['masked.mask_in']),
               'single': (torch.cat([render for render, _ in alone]),
                          torch.cat([known for _, known in alone]))}
    noise = v.setting('float32_vs_float64')['fraction_of_pixels_differing_more_than_1e_3']
    return largest(
        _most_pixels(render[i], known[i], v[f'{name}.render'][i], v[f'{name}.mask'][i])
        for name, (render, known) in results.items()
        for i in range(len(render)) if noise[i] <= _FAR_SHARE)


def _most_pixels(render_3HW: Tensor, known_1HW: Tensor, wanted_3HW: Tensor,
                 wanted_1HW: Tensor) -> float:
    if difference(known_1HW, wanted_1HW) and float(
            (known_1HW != wanted_1HW).float().mean()) > _FLIPPED_SHARE:
        return float('inf')
    off = (render_3HW - wanted_3HW).abs().amax(0).flatten()
    return float(off.double().quantile(1.0 - _FAR_SHARE))
