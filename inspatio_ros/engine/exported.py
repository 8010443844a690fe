# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Generators that were trained here, from a folder with what `inspatio train export` wrote.

Two .safetensors files, of any names: the denoiser, whose notes name its recipe and so its preset,
and the small autoencoder, which carries its sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import json
from pathlib import Path
from typing import Any

from inspatio_ros.engine.star import StarEngine
from inspatio_ros.engine.stream import StarModels
from inspatio_ros.model.checkpoint import load
from inspatio_ros.model.config import star_preset, StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.patch_autoencoder import load_patch_autoencoder, PatchCodec
from safetensors import safe_open, SafetensorError
import torch


# The small generator that comes with the package.
STAR_TINY_FOLDER = Path(__file__).parents[1] / 'weights' / 'star_tiny'


def is_exported(folder: Path) -> bool:
    """Say whether a folder holds a denoiser that was exported from a run."""
    return any('recipe' in notes and 'config' not in notes for notes in _notes(folder).values())


def open_exported(folder: Path, size: tuple[int, int] | None = None,
                  steps: Sequence[int] | None = None,
                  device: torch.device | str = 'cpu') -> StarModels:
    """
    Load a denoiser and its autoencoder.

    :param size: (width, height) of the pictures, multiples of 16; None: as it was trained.
    :param steps: from 1000 down, instead of those of the preset.
    :raises ValueError: a file that is missing, there twice or damaged, or a size that cannot be
        painted; the message names it.
    """
    notes = _notes(folder)
    codecs = [path for path, it in notes.items() if 'config' in it]
    denoisers = [path for path in notes if path not in codecs and 'recipe' in notes[path]]
    for what, found in (('denoiser', denoisers), ('autoencoder', codecs)):
        if len(found) != 1:
            names = ', '.join(path.name for path in found) or 'none'
            raise ValueError(f'{folder}: one {what} that `inspatio train export` wrote should be '
                             f'there, found {names}')
    preset = _preset(denoisers[0], notes[denoisers[0]]['recipe'])
    config = replace(preset, steps=preset.steps if steps is None else tuple(steps))
    if size is not None:
        config = config.with_video(size[1], size[0])
    with torch.device('meta'):
        network = CausalDit(config.dit)
    dit = load(network, denoisers, device, torch.float32)
    codec = PatchCodec(load_patch_autoencoder(codecs[0], device, torch.float32).eval())
    # An empty prompt has no rows.
    return StarModels(config, codec, torch.zeros(1, 0, config.dit.text_dim),
                      lambda wanted: StarEngine(dit, wanted))


def _notes(folder: Path) -> dict[Path, dict[str, str]]:
    """Return the notes of each .safetensors file in a folder."""
    if not folder.is_dir():
        raise ValueError(f'{folder}: no such folder; it should hold the weights')
    notes = {}
    for path in sorted(folder.glob('*.safetensors')):
        try:
            with safe_open(path, 'pt') as file:
                notes[path] = file.metadata() or {}
        except (OSError, SafetensorError) as error:
            raise ValueError(f'{path}: {error}') from error
    return notes


def _preset(path: Path, text: str) -> StarConfig:
    try:
        recipe: dict[str, Any] = json.loads(text)
        return star_preset(recipe['preset'], recipe.get('steps', ()),
                           recipe.get('history_blocks', -1), recipe.get('fills', False),
                           recipe.get('composes', False), recipe.get('block_latents', 0))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f'{path}: its notes do not say which preset it is: {error}') from error
