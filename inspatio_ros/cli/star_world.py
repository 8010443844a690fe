# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Open a scene together with the STAR generator: weights from a folder, made fast, warmed up."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
import logging
import math
import os
from pathlib import Path
import time
from typing import TYPE_CHECKING

from inspatio_ros.contracts import CameraTrack, WorldBackend
from inspatio_ros.engine.exported import is_exported, open_exported, STAR_TINY_FOLDER
from inspatio_ros.engine.imagination import ImaginationSettings, ImaginedWorld
from inspatio_ros.engine.imaginer import block_stamps
from inspatio_ros.engine.painter import PainterSettings
from inspatio_ros.engine.runtime import (open_engine, RuntimeEngine, RuntimeSettings,
                                         speed_up_codec)
from inspatio_ros.engine.star import StarEngine
from inspatio_ros.engine.star_imaginer import StarImaginer
from inspatio_ros.engine.stream import StarModels
from inspatio_ros.engine.world import SceneWorld, WorldSettings
from inspatio_ros.model import checkpoint, weights_folder
from inspatio_ros.model.codec import Codec, TaehvCodec, WanCodec
from inspatio_ros.model.codec_config import (T5Config, TaehvConfig, TAEW2_1, UMT5_XXL, VaeConfig,
                                             WAN_VAE)
from inspatio_ros.model.config import BlockShape, STAR_1_3B, StarConfig
from inspatio_ros.model.text import encode_prompts, load_tokenizer
from inspatio_ros.motion.transforms import spawn_camera
from inspatio_ros.scene.scene import Scene
import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from inspatio_ros.robot.parameters import Imagination

_LOG = logging.getLogger(__name__)
# A block may take so many times as long as it shows: the sensor plane bridges the rest.
_KEEPS_UP = 2.0
# Parameters that weights which were trained here do not ask about.
_OF_OTHERS = ('precision', 'compile', 'prompt')


@dataclass(frozen=True)
class Release:
    """
    Sizes of the networks whose weights a folder holds.

    :param parts: what is looked for in the folder.
    """

    star: StarConfig = STAR_1_3B
    vae: VaeConfig = WAN_VAE
    taehv: TaehvConfig = TAEW2_1
    text: T5Config = UMT5_XXL
    parts: tuple[weights_folder.Part, ...] = weights_folder.PARTS


PUBLISHED = Release()


def open_star_world(scene: Scene, asked: Imagination, settings: WorldSettings,
                    release: Release = PUBLISHED, wait_s: float | None = None) -> WorldBackend:
    """
    Return the world of a scene and of the generator that paints what it lacks.

    A generator that was not asked for by name (`auto`) is left out where it cannot keep up.

    :param asked: the generator's parameters.
    :param settings: how the scene is rendered.
    :param wait_s: how long a frame waits for the generator in lockstep; None = as usual.
    :raises ValueError: weights that are missing, broken or of another network, a size that the
        generator cannot paint; the message names the folder or the parameter.
    """
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    if device.type == 'cpu' and not asked.lockstep:
        # The sensor plane, which is on time, gets the other half.
        torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // 2))
    models = load_models(asked, device, release)
    imaginer = StarImaginer(models, scene, asked.seed, max_views=settings.max_views)
    small = _trained_here(asked) is not None
    if asked.generator == 'auto' or asked.compile and not small or device.type == 'cuda':
        # Nothing of a small one is compiled: its second block is as fast as any, its first one
        # slower. Where that is fast enough, no picture need wait for another.
        pace = warm_up(imaginer, scene, 2 if small else models.config.shape.history_blocks + 2,
                       _KEEPS_UP if small and device.type == 'cpu' else 0.0)
        if asked.generator == 'auto' and not pace <= _KEEPS_UP:
            _LOG.warning('no generator: what it paints takes it %.1f times as long as it shows '
                         'on this machine; generator:=star has it paint all the same', pace)
            imaginer.close()
            return SceneWorld(scene, settings)
    usual = PainterSettings(lockstep=asked.lockstep)
    painter = usual if wait_s is None else replace(usual, wait_s=wait_s)
    return ImaginedWorld(scene, imaginer, ImaginationSettings(world=settings, painter=painter))


def load_models(asked: Imagination, device: torch.device,
                release: Release = PUBLISHED) -> StarModels:
    """
    Load all that a generator needs; the text encoder is let go once the prompt is read.

    :raises ValueError: see open_star_world.
    """
    folder = _trained_here(asked)
    if folder is not None:
        return _load_exported(asked, folder, device)
    files = find_weights(asked.weights_dir, release)
    config = replace(release.star, shape=_shape(asked, release.star.shape))
    settings = RuntimeSettings(precision=asked.precision,
                               compile_scope='layer' if asked.compile else 'none')
    text_BLC = _read_prompt(asked.prompt, files, device, release)
    dit = checkpoint.load_dit(files['generator'], config.dit, device, settings.dtype)
    first = open_engine(dit, config, settings)
    if asked.compile or device.type == 'cuda':
        try:
            first.warm_up()
        except torch.OutOfMemoryError as error:
            _LOG.warning('generator not compiled ahead, out of memory: %s', error)
    _LOG.info('generator on %s: %s', device, ', '.join(first.notes))

    def engine_for(other: StarConfig) -> StarEngine:
        # The network is prepared once; a smaller picture needs other buffers only.
        return first if other == config else RuntimeEngine(dit, other, settings, first.notes)

    codec = _load_codec(files, device, release)
    speed_up_codec(codec, asked.compile and device.type == 'cuda', settings.graphs)
    return StarModels(config, codec, text_BLC.to(settings.dtype), engine_for)


def _trained_here(asked: Imagination) -> Path | None:
    """Return the folder with weights that were trained here, None where others are asked for."""
    if not asked.weights_dir:
        return STAR_TINY_FOLDER
    folder = Path(asked.weights_dir)
    return folder if folder.is_dir() and is_exported(folder) else None


def _load_exported(asked: Imagination, folder: Path, device: torch.device) -> StarModels:
    """Load what was trained here; it is small, and needs neither compiling nor half precision."""
    vain = [it.name for it in fields(asked)
            if it.name in _OF_OTHERS and getattr(asked, it.name) != it.default]
    if vain:
        _LOG.warning('%s: no effect with the weights of %s, which are fp32, are not compiled and '
                     'read no prompt', ', '.join(vain), folder.name)
    models = open_exported(folder, device=device)
    config = models.config
    _LOG.info('generator %s on %s', folder.name, device)
    return replace(models, config=replace(config, shape=_shape(asked, config.shape)))


def _shape(asked: Imagination, trained: BlockShape) -> BlockShape:
    """Return the blocks that are asked for: what is not given is that of the weights."""
    height, width = trained.video
    return BlockShape.for_video(asked.generator_height or height, asked.generator_width or width,
                                asked.block_latents or trained.block_latents,
                                trained.history_blocks)


def find_weights(folder: str, release: Release = PUBLISHED) -> dict[str, Path]:
    """
    Return the first file of each part; parts that are not needed may be missing.

    :raises ValueError: weights that are missing or do not fit; says which and where from.
    """
    parts = tuple(part for part in release.parts if part.need != 'training')
    found = weights_folder.check(Path(folder), parts)
    if not weights_folder.is_complete(found):
        codec_missing = all(item.state != 'ok' for item in found if item.need == 'codec')
        faults = [f'{item.name}: ' + (f'{", ".join(item.files)}: {item.problem}' if item.problem
                                      else f'missing, it is part of {item.source}')
                  for item in found if item.state == 'wrong'
                  or item.state == 'missing' and (item.need == 'always' or codec_missing)]
        raise ValueError(f'weights_dir {folder}: {"; ".join(faults)}')
    located = weights_folder.locate(Path(folder), parts)
    return {name: paths[0] for name, paths in located.items() if paths}


def warm_up(imaginer: StarImaginer, scene: Scene, blocks: int, enough: float = 0.0) -> float:
    """
    Paint some blocks, as many as have shapes of their own, and forget them.

    What does not fit into memory is left to the painter, which tries smaller pictures and says
    so.

    :param enough: no more of them after one that took so many times as long as it shows, or less.
    :returns: how many times as long the last one took as it shows; NaN if there was not enough
        memory.
    """
    T_map_cam, start_ns, pace = spawn_camera(scene.spawn), 0, math.nan
    try:
        for _ in range(blocks):
            stamps_ns = block_stamps(start_ns, imaginer.block_frames(), imaginer.period_ns)
            poses, begun_s = np.repeat(T_map_cam[None], len(stamps_ns), axis=0), time.monotonic()
            imaginer.imagine(CameraTrack(stamps_ns, poses))
            pace = (time.monotonic() - begun_s) / (len(stamps_ns) * imaginer.period_ns * 1e-9)
            start_ns = int(stamps_ns[-1]) + imaginer.period_ns
            if pace <= enough:
                break
    except MemoryError as error:
        _LOG.warning('not warmed up, out of memory: %s', error)
        pace = math.nan
    imaginer.reset()
    return pace


def _read_prompt(prompt: str, files: dict[str, Path], device: torch.device,
                 release: Release) -> Tensor:
    """Return the prompt's rows; the encoder, the largest network of all, is gone after it."""
    tokenizer = load_tokenizer(files['tokenizer'].parent)
    dtype = torch.bfloat16 if device.type == 'cuda' else torch.float32
    encoder = checkpoint.load_text_encoder(files['text_encoder'], release.text, device, dtype)
    with torch.no_grad():
        rows_BLC = encode_prompts(encoder, tokenizer, [prompt])
    del encoder
    if device.type == 'cuda':
        torch.cuda.empty_cache()
    return rows_BLC


def _load_codec(files: dict[str, Path], device: torch.device, release: Release) -> Codec:
    """Return the small autoencoder if it is there: a tenth of the other's time."""
    if 'taehv' in files:
        dtype = torch.float16 if device.type == 'cuda' else torch.float32
        return TaehvCodec(checkpoint.load_taehv(files['taehv'], release.taehv, device, dtype))
    dtype = torch.bfloat16 if device.type == 'cuda' else torch.float32
    return WanCodec(checkpoint.load_vae(files['vae'], release.vae, device, dtype))
