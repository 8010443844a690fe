# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""From a recipe and folders to a trainer that is ready to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import copy
from dataclasses import dataclass
import math
from pathlib import Path
from typing import Any

from inspatio_ros.contracts import U8
from inspatio_ros.model import checkpoint, weights_folder
from inspatio_ros.model.codec import channels_last
from inspatio_ros.model.codec_config import UMT5_XXL
from inspatio_ros.model.config import StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.patch_autoencoder import (
    load_patch_autoencoder, PatchAutoencoder, PatchCodec, whole_groups)
from inspatio_ros.model.text import encode_prompts, load_tokenizer
from inspatio_ros.training.checkpoints import checkpoints_in, load_network
from inspatio_ros.training.data.clips import LatentClips
from inspatio_ros.training.data.encoding import codec_of
from inspatio_ros.training.distributed import Party, preparation
from inspatio_ros.training.networks import fresh_dit, frozen
from inspatio_ros.training.pixel_error import pixel_metric_root
from inspatio_ros.training.recipes import (
    AutoencoderRecipe, CausalInitRecipe, DenoiserRecipe, described, JdmdRecipe, Recipe,
    TeacherRecipe)
from inspatio_ros.training.sources import Batches, CropSource, LatentSource
from inspatio_ros.training.stages.autoencoder import AutoencoderStage
from inspatio_ros.training.stages.causal_init import CausalInitStage
from inspatio_ros.training.stages.jdmd import JdmdStage
from inspatio_ros.training.stages.learning import as_they_are, Setting
from inspatio_ros.training.stages.stage import Stage
from inspatio_ros.training.stages.teacher import TeacherStage
from inspatio_ros.training.structure import StructureError
from inspatio_ros.training.trainer import Look, Trainer
import torch
from torch import Tensor

BASE = 'base'
# Clips of a validation picture.
_SHOWN = 4
# What all stages call the average of the network that learns.
AVERAGE = 'average'


@dataclass(frozen=True)
class Folders:
    """
    Where a run reads and writes.

    :param out: of the run.
    :param data: datasets to learn from.
    :param validation: datasets to look at; empty = those of `data`.
    """

    out: Path
    data: list[Path]
    validation: list[Path]


def open_trainer(name: str, recipe: Recipe, folders: Folders, party: Party) -> Trainer:
    """
    Make networks, data and the loop of a run.

    :param name: of the recipe.
    :param party: the processes that train together.
    :raises ValueError: data, weights or a checkpoint that do not fit the recipe.
    """
    if isinstance(recipe, AutoencoderRecipe):
        return _autoencoder(name, recipe, folders, party)
    assert isinstance(recipe, DenoiserRecipe)
    data = LatentSource(folders.data, recipe.latents, recipe.fills)
    codec = codec_of(folders.data[0])
    setting = _setting(recipe, party, codec)
    stage = _denoiser_stage(recipe, setting)
    looked_at = (LatentSource(folders.validation, recipe.latents, recipe.fills)
                 if folders.validation else data)
    shown = Batches(looked_at, 1, recipe.loop.seed).fixed(_SHOWN)
    look = None if codec is None else look_at_latents(stage, shown, setting.decode)
    return _trainer(name, recipe, folders, party, stage, data, look)


def _trainer(name: str, recipe: Recipe, folders: Folders, party: Party, stage: Stage[Any],
             data: CropSource | LatentSource, look: Look | None) -> Trainer:
    batches = Batches(data, recipe.batch, recipe.loop.seed, party.rank, party.size)
    identity = {**described(name, recipe), 'processes': party.size, 'records': len(data)}
    return Trainer(stage, batches, recipe.loop, folders.out, identity, look, party.rank)


def _autoencoder(name: str, recipe: AutoencoderRecipe, folders: Folders,
                 party: Party) -> Trainer:
    if party.size > 1:
        raise ValueError(f'the autoencoder learns in one process, not in {party.size}')
    sizes, seed = recipe.stage.network, recipe.loop.seed
    if (min(recipe.frames, recipe.side) < 1 or (recipe.frames - 1) % sizes.temporal_factor
            or recipe.side % sizes.spatial_factor):
        raise ValueError(f'frames must be 1 + {sizes.temporal_factor} k and side a multiple of '
                         f'{sizes.spatial_factor}, got {recipe.frames} and {recipe.side}')
    data = CropSource(folders.data, recipe.frames, recipe.side)
    network = _first_autoencoder(recipe, data)
    channels_last(network)
    stage = AutoencoderStage(network.to(party.device), recipe.stage)
    shown = (CropSource(folders.validation, recipe.frames, recipe.side)
             if folders.validation else data)
    batch = Batches(shown, 1, seed).fixed(_SHOWN)
    return _trainer(name, recipe, folders, party, stage, data, look_at_video(stage, batch))


def _first_autoencoder(recipe: AutoencoderRecipe, data: CropSource) -> PatchAutoencoder:
    """
    Return the autoencoder that a run begins with.

    :raises ValueError: a file with one of other sizes.
    """
    config = recipe.stage.network
    if recipe.init:
        loaded = load_patch_autoencoder(Path(recipe.init), dtype=torch.float32)
        if loaded.config != config:
            raise ValueError(f'{recipe.init}: has the sizes {loaded.config}, the recipe {config}')
        return loaded.train().requires_grad_(True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.loop.seed)
        network = PatchAutoencoder(config)
    first = Batches(data, 1, recipe.loop.seed + 1).fixed(recipe.first_pieces)
    network.begin_with(whole_groups(first, config.temporal_factor))
    return network


def _setting(recipe: DenoiserRecipe, party: Party, codec: PatchCodec | None) -> Setting:
    star = recipe.star
    dtype = torch.bfloat16 if recipe.precision == 'bf16' else None
    text = _prompt(recipe, star).to(party.device)

    def decode(latents: Tensor) -> Tensor:
        assert codec is not None
        return codec.decode(latents.cpu())[0]

    root = structure = None
    if codec is not None and isinstance(recipe, CausalInitRecipe):
        if recipe.stage.error == 'pixels':
            root = pixel_metric_root(codec, recipe.loop.seed).to(party.device)
        if recipe.stage.structure:
            # A copy: that of the codec decodes pictures on the CPU.
            structure = StructureError(copy.deepcopy(codec.autoencoder).to(party.device))
    return Setting(star, recipe.latents, text, recipe.window, recipe.windows, root, structure,
                   decode=as_they_are if codec is None else decode,
                   prepare=preparation(party, recipe.recompute, dtype))


def _denoiser_stage(recipe: DenoiserRecipe, setting: Setting) -> Stage[LatentClips]:
    if isinstance(recipe, TeacherRecipe):
        return TeacherStage(_first(recipe, recipe.init), setting, recipe.stage)
    if isinstance(recipe, CausalInitRecipe):
        if recipe.stage.source == 'ode' and not recipe.teacher:
            raise ValueError('stage.source=ode needs a teacher=RUN')
        teacher = frozen(_first(recipe, recipe.teacher)) if recipe.teacher else None
        return CausalInitStage(_first(recipe, recipe.init), setting, recipe.stage, teacher)
    assert isinstance(recipe, JdmdRecipe)
    teachers: dict[Any, CausalDit] = {}
    for task in recipe.stage.tasks:
        place = getattr(recipe, f'teacher_{task}')
        if not place:
            raise ValueError(f'the task {task} needs a teacher_{task}=RUN')
        teachers[task] = frozen(_first(recipe, place))
    return JdmdStage(_first(recipe, recipe.init), teachers, setting, recipe.stage)


def _first(recipe: DenoiserRecipe, place: str) -> CausalDit:
    """
    Return a network from a run, a file, the base model, or one that knows nothing.

    :raises ValueError: nothing of use there.
    """
    config = recipe.star.dit
    if place.endswith('.safetensors'):
        return checkpoint.load_dit(Path(place), config, dtype=torch.float32).train(
            ).requires_grad_(True)
    if place == BASE:
        return _base(recipe)
    if not place:
        return fresh_dit(config, recipe.loop.seed)
    dit, found = CausalDit.empty(config), checkpoints_in(Path(place))
    load_network(found[-1] if found else Path(place), dit, AVERAGE)
    return dit.train().requires_grad_(True)


def _base(recipe: DenoiserRecipe) -> CausalDit:
    """Return the Wan base model, to which mask and render mean nothing yet."""
    paths = _weights(recipe)['base']
    if not paths:
        raise ValueError(f'weights {recipe.weights}: the base model is not there')
    with torch.device('meta'):
        network = CausalDit(recipe.star.dit)
    network.patch_embedding = checkpoint.base_patch_embedding(paths, recipe.star.dit)
    return checkpoint.load_base(network, paths, dtype=torch.float32).train().requires_grad_(True)


def _weights(recipe: DenoiserRecipe) -> dict[str, list[Path]]:
    if not recipe.weights:
        raise ValueError(f'preset {recipe.preset} needs weights=DIR, the folder with the public '
                         'releases; `inspatio weights check DIR` says what belongs there')
    return weights_folder.locate(Path(recipe.weights))


def _prompt(recipe: DenoiserRecipe, star: StarConfig) -> Tensor:
    """Return the rows of the prompt, (1, L, C); a generator without a text encoder has none."""
    if star.dit.text_dim != UMT5_XXL.dim:
        if recipe.prompt:
            raise ValueError(f'the generator {recipe.preset} reads no prompt, got '
                             f'{recipe.prompt!r}')
        return torch.zeros(1, 0, star.dit.text_dim)
    files = _weights(recipe)
    missing = [name for name in ('tokenizer', 'text_encoder') if not files[name]]
    if missing:
        raise ValueError(f'weights {recipe.weights}: {", ".join(missing)} missing')
    encoder = checkpoint.load_text_encoder(files['text_encoder'][0], UMT5_XXL)
    with torch.no_grad():
        return encode_prompts(encoder, load_tokenizer(files['tokenizer'][0].parent),
                              [recipe.prompt]).float()


def look_at_latents(stage: Stage[LatentClips], batch: LatentClips,
                    decode: Any) -> Look:
    """
    Return what shows the same clips at every time: source, warp, output and truth, side by side.

    :param decode: (B, N, C, h, w) latents to (B, F, 3, H, W) frames, -1..1.
    """
    def look(rng: torch.Generator) -> tuple[U8, Mapping[str, float]]:
        found = stage.pictures(batch, rng).cpu()
        truth = decode(batch.target)
        columns = [decode(batch.reference), decode(batch.render), found, truth]
        return grid(columns), {'validation_psnr_db': psnr_db(found, truth)}
    return look


def look_at_video(stage: Stage[Tensor], batch: Tensor) -> Look:
    """Return what shows the same pieces of video at every time, before and behind the latents."""
    def look(rng: torch.Generator) -> tuple[U8, Mapping[str, float]]:
        found = stage.pictures(batch, rng).cpu()
        return grid([batch, found]), {'validation_psnr_db': psnr_db(found, batch)}
    return look


def grid(columns: Sequence[Tensor]) -> U8:
    """
    Return the last frames of some clips as one picture.

    :param columns: (B, F, 3, H, W) each, -1..1.
    :returns: (B H, len(columns) W, 3) uint8.
    """
    last = torch.cat([column[:, -1].float() for column in columns], -1)
    rows = ((last.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)
    picture: U8 = rows.permute(0, 2, 3, 1).flatten(0, 1).contiguous().numpy()
    return picture


def psnr_db(found: Tensor, truth: Tensor) -> float:
    """Return the peak signal to noise ratio of pictures in -1..1, dB."""
    error = float((found.clamp(-1.0, 1.0) - truth).square().mean())
    return -10.0 * math.log10(max(error, 1e-12) / 4.0)
