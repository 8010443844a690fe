# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Cameras in, RGB-D blocks out: the generator as a stream.

    track -> warp of the scene -> encode -> one block of latents -> decode -> colour
                       `-> depth, completed where the scene has none --------> depth

The first block of K latents has 1 + 4 (K - 1) frames, every later one 4 K. All that one world
remembers is one `StreamState`; a block that fails leaves it as it was. Weights are shared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
import threading

from inspatio_ros.contracts import CameraTrack, Intrinsics
from inspatio_ros.engine.conditioning import Condition, Conditioner, filled_render, Slot
from inspatio_ros.engine.imaginer import Block
from inspatio_ros.engine.pipeline import as_decoded, BlockPipeline, Sources
from inspatio_ros.engine.reference import (encode_reference, from_range, ReferenceState,
                                           to_range)
from inspatio_ros.engine.star import StarEngine, StarState
from inspatio_ros.geometry import twins
from inspatio_ros.geometry.mask import pack_mask
from inspatio_ros.geometry.seam import agreement, lay_over
from inspatio_ros.geometry.surface import FAR_M
from inspatio_ros.model.codec import Codec
from inspatio_ros.model.config import StarConfig
from inspatio_ros.model.memory import Memory
from inspatio_ros.scene.scene import Scene
import torch
from torch import Tensor


@dataclass(frozen=True)
class StarModels:
    """
    Weights that worlds share.

    :param config: the generator; its shape is that of the pictures to begin with.
    :param codec: video autoencoder.
    :param text_BLC: rows of the text encoder for the prompt, B = 1.
    :param engine_for: makes an engine on the weights for a shape of blocks.
    :param lock: held while a block is painted: a runtime may keep its buffers in one place.
    """

    config: StarConfig
    codec: Codec
    text_BLC: Tensor
    engine_for: Callable[[StarConfig], StarEngine]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def camera(self, recorded: Intrinsics) -> Intrinsics:
        """Return a recording camera at the size that is painted."""
        shape, factor = self.config.shape, self.codec.spatial_factor
        return recorded.scaled(shape.width * factor, shape.height * factor)


@dataclass
class StreamState:
    """
    One world.

    :param star: noise, history, keys and values.
    :param references: what is remembered of the recording.
    :param render, decode: memories of the codec.
    :param slot: the scene's camera that was the last reference.
    :param latents: painted so far.
    """

    star: StarState
    references: ReferenceState = field(default_factory=ReferenceState)
    render: Memory | None = None
    decode: Memory | None = None
    slot: Slot | None = None
    latents: int = 0


class StarStream:
    """
    Paints blocks of one scene with one camera. Any number of worlds.

    :param models: the weights.
    :param scene: what is known of the place.
    :param camera: that is painted; None: the scene's own at the size of the config.
    :param max_views: of the scene that one picture is made of, at most.
    :param fps: frames per second that are painted; None: as the generator was trained.
    :raises ValueError: a camera whose size does not suit the generator, a rate that is not
        positive.
    """

    def __init__(self, models: StarModels, scene: Scene, camera: Intrinsics | None = None,
                 max_views: int = 2, fps: float | None = None) -> None:
        fps = models.config.fps if fps is None else fps
        if not fps > 0.0:
            raise ValueError(f'fps must be > 0, got {fps!r}')
        recorded = (scene.views or scene.frames[0])[0].intrinsics
        self.camera = camera or models.camera(recorded)
        self.period_ns = round(1e9 / fps)
        self._codec, self._text = models.codec, models.text_BLC
        config = models.config.with_video(self.camera.height, self.camera.width)
        self._block_latents = config.shape.block_latents
        self._fills, self._composes = config.fills, config.composes
        self._engine = models.engine_for(config)
        self._pipeline = BlockPipeline(self._engine, self._codec)
        self._conditioner = Conditioner(scene, self.camera, self._engine.device, max_views)

    def new_state(self, seed: int) -> StreamState:
        """
        Return a new world.

        :raises ValueError: a negative seed.
        """
        return StreamState(self._engine.new_state(self._text, seed))

    def latent_frames(self, state: StreamState) -> list[int]:
        """Return how many frames each latent of the next block stands for."""
        return [self._codec.frames_of(1, first=state.latents + k == 0)
                for k in range(self._block_latents)]

    @torch.no_grad()
    def imagine(self, state: StreamState, track: CameraTrack,
                check: Callable[[], None] = lambda: None) -> Block:
        """
        Paint the next block of a world.

        :param state: of the world; as it was if this raises.
        :param track: the camera at each frame of the block; stamps are scene time.
        :param check: called now and then; whatever it raises ends the block.
        :raises ValueError: a track of another length.
        :raises LatentsNotFiniteError: NaN or infinity in the block.
        """
        counts = self.latent_frames(state)
        condition = self._conditioner.condition(track, counts, state.slot, recall=self._fills)
        check()
        references, render = state.references.copy(), _Encoder(self._codec, state.render)
        sources = Sources(
            _pack(condition.told_T1HW, state.latents == 0),
            lambda: self._reference(references, state.latents, track, condition, counts),
            lambda: render.encode(filled_render(condition) if self._fills
                                  else condition.render_T3HW),
            lambda: self._depth(condition),
            partial(self._composed, condition) if self._composes else as_decoded)
        painted = self._pipeline.paint(state.star, sources, state.decode, check)
        depth, seen = painted.beside
        block = Block(track, self.camera, painted.rgb_THW3.numpy(), depth.numpy(), seen.numpy(),
                      self._composes)
        self._engine.keep(state.star, painted.latents)
        state.references, state.render, state.decode = references, render.memory, painted.memory
        state.slot = condition.slots[-1]
        state.latents += len(counts)
        return block

    def _reference(self, references: ReferenceState, latent: int, track: CameraTrack,
                   condition: Condition, counts: Sequence[int]) -> Tensor:
        """Return the latents of the scene's own cameras at the times of the block."""
        times = track.stamps_ns.tolist()
        shown = [self._conditioner.frame_at(time_ns) for time_ns in times]
        before = self._conditioner.frame_at(times[0] - self.period_ns)
        settled = latent >= self._block_latents
        found, first = [], 0
        for k, (count, slot) in enumerate(zip(counts, condition.slots)):
            frames = shown[first:first + count]
            found.append(encode_reference(references, self._conditioner, self._codec, slot,
                                          latent + k, frames, before, settled))
            before, first = frames[-1], first + count
        return torch.cat(found, 1)

    def _composed(self, condition: Condition, first: int, frames_1TCHW: Tensor) -> Tensor:
        """Return decoded frames with what the scene shows laid over them."""
        part = slice(first, first + frames_1TCHW.shape[1])
        painted = from_range(frames_1TCHW[0], self._codec).float()
        shown, known = condition.render_T3HW[part], condition.mask_T1HW[part]
        if condition.recalled is not None:
            recalled = condition.recalled.rgb_THW3[part].permute(0, 3, 1, 2) / 127.5 - 1.0
            there = (condition.recalled.disparity_THW[part, None] > 0.0) & (known == 0.0)
            known = known + agreement(painted, recalled, there)
            shown = torch.where(there, recalled, shown)
        return to_range(lay_over(painted, shown, known), self._codec)[None]

    def _depth(self, condition: Condition) -> tuple[Tensor, Tensor]:
        """Return depth everywhere and where it is the scene's."""
        disparity = condition.disparity_THW
        return complete_depth(disparity, self._conditioner.typical_m), disparity > 0.0


class _Encoder:
    """
    The stream of renders, one block further on.

    :param codec: that encodes.
    :param memory: of the codec; brought up to date.
    """

    def __init__(self, codec: Codec, memory: Memory | None) -> None:
        self._codec, self.memory = codec, memory

    def encode(self, render_T3HW: Tensor) -> Tensor:
        """Return the latents of the next frames."""
        frames = to_range(render_T3HW, self._codec)[None]
        latents, self.memory = self._codec.encode(frames, self.memory)
        return latents


def complete_depth(disparity_THW: Tensor, typical_m: float) -> Tensor:
    """
    Return depth everywhere: where the scene has none, its surroundings go on.

    :param disparity_THW: float32, 1/m; 0 where unknown.
    :param typical_m: for pictures of which nothing is known.
    :returns: (T, H, W) float32, metres; +inf out of range.
    """
    no_rgb = torch.zeros((), dtype=torch.uint8, device=disparity_THW.device)
    _, filled = twins.fill_holes(no_rgb.expand(*disparity_THW.shape, 3), disparity_THW)
    filled = torch.where(filled > 0.0, filled, 1.0 / typical_m)
    return torch.where(filled > 2.0 / FAR_M, 1.0 / filled, torch.inf)


def _pack(mask_T1HW: Tensor, first: bool) -> Tensor:
    """Return the mask of a block on the latent grid, (1, K, 4, h, w)."""
    mask = (2.0 * mask_T1HW - 1.0).transpose(0, 1)[None]
    if first:
        return pack_mask(mask)
    # `pack_mask` packs a whole clip: put a first frame there and drop its latent.
    return pack_mask(torch.cat([mask[:, :, :1], mask], 2))[:, 1:]
