# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From a run to a file with the averaged weights, as the generator loads them."""

from __future__ import annotations

from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any

from inspatio_ros.model.codec_config import PatchConfig
from inspatio_ros.model.config import star_preset
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.patch_autoencoder import PatchAutoencoder, save_patch_autoencoder
from inspatio_ros.scene.atomic import write_synced
from inspatio_ros.training.building import AVERAGE
from inspatio_ros.training.checkpoints import about_checkpoint, checkpoints_in, load_network
from safetensors.torch import save


# What of a recipe is a place on the machine that trained.
_PLACES = ('init', 'teacher', 'teacher_v2v', 'teacher_t2v', 'weights')


def export_weights(run: Path, out: Path, half: bool = False) -> int:
    """
    Write the averaged network of a run's newest checkpoint.

    :param run: a run or one of its checkpoints.
    :param half: 16 bits a weight.
    :returns: size of the file, bytes.
    :raises ValueError: there is no checkpoint, or one that cannot be read.
    :raises OSError: the file is there already, or cannot be written.
    """
    found = checkpoints_in(run)
    path = found[-1] if found else run
    about = about_checkpoint(path)
    notes = {'recipe': json.dumps(_without_folders(about.recipe)), 'steps': str(about.step)}
    if about.recipe['name'] == 'autoencoder':
        autoencoder = PatchAutoencoder(PatchConfig(**about.recipe['stage']['network']))
        load_network(path, autoencoder, AVERAGE)
        data = save_patch_autoencoder(autoencoder.half() if half else autoencoder, notes)
    else:
        dit = CausalDit.empty(star_preset(about.recipe['preset']).dit)
        load_network(path, dit, AVERAGE)
        state = (dit.half() if half else dit).state_dict()
        data = save({name: x.contiguous() for name, x in state.items()}, notes)
    write_synced(out, data)
    return len(data)


def _without_folders(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe whose places have names only: where they were is nobody's affair."""
    names = {key: Path(recipe[key]).name for key in _PLACES if recipe.get(key)}
    return {**recipe, **names}
