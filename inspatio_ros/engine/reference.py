# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Reference latents: what the scene's own camera saw at the times of a block.

The recording is encoded as the causal stream that it is. Once a stream has settled, a latent
whose frames have been encoded before is taken from what is kept: a still picture costs nothing
from the second block on, and a looping recording nothing from its second round on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from inspatio_ros.engine.conditioning import Conditioner, Slot
from inspatio_ros.model.codec import Codec
from inspatio_ros.model.memory import Memory
from torch import Tensor

# Latents that are kept of one world; at 832x480 each takes 0.4 MB.
_KEPT = 512

# A camera, the frame before, the frames of the latent.
_Content = tuple[Slot, int, tuple[int, ...]]


@dataclass
class ReferenceState:
    """
    What one world remembers of the recording.

    :param kept: latents by what they show.
    :param memory: the encoder's, after `newest`.
    :param newest: camera and number of the latent that was encoded last.
    """

    kept: OrderedDict[_Content, Tensor] = field(default_factory=OrderedDict)
    memory: Memory | None = None
    newest: tuple[Slot, int] | None = None

    def copy(self) -> ReferenceState:
        """Return a state that can go its own way."""
        return ReferenceState(self.kept.copy(), self.memory, self.newest)


def encode_reference(state: ReferenceState, conditioner: Conditioner, codec: Codec, slot: Slot,
                     latent: int, frames: Sequence[int], before: int, settled: bool) -> Tensor:
    """
    Return one latent of a camera's recording.

    :param state: of the world; is brought up to date.
    :param slot: which camera.
    :param latent: its number in the stream, from 0.
    :param frames: which of the scene's frames it stands for.
    :param before: the scene's frame before these.
    :param settled: whether an equal latent of an earlier time will do.
    :returns: (1, 1, C, h, w).
    """
    # A still picture and a recording that stands still are alike at all times.
    content = (slot, before, tuple(frames)) if slot.moving else (slot, -1, (-1,) * len(frames))
    if settled and content in state.kept:
        state.kept.move_to_end(content)
        return state.kept[content]
    if latent == 0:
        memory = None
    elif state.newest == (slot, latent - 1):
        memory = state.memory
    else:
        # A camera that was not looked through before: begin its stream with the frame before.
        _, memory = codec.encode(_frames(conditioner, codec, slot, [before]), None)
    latents, state.memory = codec.encode(_frames(conditioner, codec, slot, frames), memory)
    state.newest = (slot, latent)
    state.kept[content] = latents
    while len(state.kept) > _KEPT:
        state.kept.popitem(last=False)
    return latents


def _frames(conditioner: Conditioner, codec: Codec, slot: Slot, frames: Sequence[int]) -> Tensor:
    """Return a camera's pictures as the codec wants them."""
    return to_range(conditioner.video(slot, frames), codec)[None]


def to_range(pictures: Tensor, codec: Codec) -> Tensor:
    """Move pictures from -1..1 into the range of a codec."""
    low, high = codec.value_range
    return (pictures + 1.0) * (0.5 * (high - low)) + low


def from_range(pictures: Tensor, codec: Codec) -> Tensor:
    """Move pictures from the range of a codec into -1..1."""
    low, high = codec.value_range
    return (pictures - low) * (2.0 / (high - low)) - 1.0
