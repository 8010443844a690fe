# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One block from encoding to the host, with nothing waiting for what it does not need.

On a CUDA device every stage has a lane, which is a stream of its own. The host waits once, at the
end, for the frames that it hands out:

    encoding | reference | render |
    main                 | context    | steps            |
    decoding                                             | d1 | d2 | d3 |
    copying  | depth ...                                      | c1 | c2 | c3 |

Without CUDA the same calls follow each other.

Tensors of a block live until its lanes have met again, so that no lane is given memory which
another one still reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
import contextlib
from typing import NamedTuple

from inspatio_ros.engine.star import LatentsNotFiniteError, Observer, StarEngine, StarState
from inspatio_ros.model.codec import Codec
from inspatio_ros.model.memory import Memory
import torch
from torch import Tensor

# Work on these streams is short and somebody waits for it: it goes before the denoising.
_FIRST = -1


def as_decoded(first: int, frames: Tensor) -> Tensor:
    """Return decoded frames."""
    return frames


class Sources(NamedTuple):
    """
    What a block is painted from.

    :param mask: packed mask of the render's known pixels.
    :param reference: encodes the source at the times of the block, (1, K, C, h, w).
    :param render: encodes the scene seen by the cameras of the block, likewise.
    :param beside: makes what goes to the host together with the frames; nothing of it depends
        on what is painted.
    :param finish: makes what is handed out of decoded frames (1, T, 3, H, W), given the number of
        the first one in the block.
    """

    mask: Tensor
    reference: Callable[[], Tensor]
    render: Callable[[], Tensor]
    beside: Callable[[], Sequence[Tensor]]
    finish: Callable[[int, Tensor], Tensor] = as_decoded


class Painted(NamedTuple):
    """
    A finished block. What is on the host belongs to whoever holds it.

    :param latents: clean, on the device.
    :param rgb_THW3: uint8, on the host.
    :param beside: of the sources, on the host.
    :param memory: of the decoder, for the next block.
    """

    latents: Tensor
    rgb_THW3: Tensor
    beside: list[Tensor]
    memory: Memory


class Lane:
    """
    Where work is queued: a stream of a CUDA device.

    :param device: any.
    :param side: whether to make a stream (CUDA only); else it is that of the caller.
    """

    def __init__(self, device: torch.device, side: bool) -> None:
        self._device, self._cuda = device, device.type == 'cuda'
        self._own = (torch.cuda.Stream(device, priority=_FIRST) if side and self._cuda else None)

    def work(self) -> contextlib.AbstractContextManager[object]:
        """Queue here what is queued inside."""
        return contextlib.nullcontext() if self._own is None else torch.cuda.stream(self._own)

    def follow(self, other: Lane) -> None:
        """Let what is queued here from now on wait for what the other one has by now."""
        if self._cuda and self._own is not other._own:
            self._stream().wait_stream(other._stream())

    def wait(self) -> None:
        """Have the host wait for all that is queued here."""
        if self._cuda:
            self._stream().synchronize()

    def _stream(self) -> torch.cuda.Stream:
        return torch.cuda.current_stream(self._device) if self._own is None else self._own


class BlockPipeline:
    """
    Paints blocks of any number of worlds, one at a time.

    :param engine: warmed up.
    :param codec: that decodes.
    :param overlap: whether stages have lanes of their own (CUDA).
    """

    def __init__(self, engine: StarEngine, codec: Codec, overlap: bool = True) -> None:
        self._engine, self._codec = engine, codec
        self.main = Lane(engine.device, False)
        self.encoding, self.decoding, self.copying = (
            Lane(engine.device, overlap) for _ in range(3))

    @torch.no_grad()
    def paint(self, state: StarState, sources: Sources, past: Memory | None,
              check: Callable[[], None] = lambda: None) -> Painted:
        """
        Paint the next block of a world, without remembering it.

        :param state: of the world; as it was, but for keys and values.
        :param sources: may be used up; are called once each.
        :param past: of the decoder; None in a world's first block.
        :param check: called now and then; whatever it raises ends the block.
        :raises LatentsNotFiniteError: NaN or infinity in the block.
        """
        with self._together() as kept:
            with self.encoding.work():
                reference = sources.reference().float()
            self.main.follow(self.encoding)
            with self.encoding.work():
                render = sources.render().float()
            with self.copying.work():
                beside = [self._to_host(tensor, kept) for tensor in sources.beside()]
            kept += [reference, render]
            check()
            latents = self._engine.sample(
                state, reference, sources.mask, render, observe=self._looking_up(check),
                before_steps=lambda: self.main.follow(self.encoding))
            kept.append(latents)
            check()
            rgb, finite, memory = self._decode(latents, past, sources.finish, kept)
        self.main.wait()
        if not bool(finite):
            raise LatentsNotFiniteError(f'block {state.block} of the world with seed '
                                        f'{state.seed} is not finite')
        return Painted(latents, rgb, beside, memory)

    def _decode(self, latents: Tensor, past: Memory | None,
                finish: Callable[[int, Tensor], Tensor], kept: list[Tensor],
                ) -> tuple[Tensor, Tensor, Memory]:
        """Return frames and whether all is finite, both on their way to the host; memory."""
        codec, (_, K, _, h, w) = self._codec, latents.shape
        size = (codec.frames_of(K, first=past is None), h * codec.spatial_factor,
                w * codec.spatial_factor, 3)
        host, first = self._host_buffer(size, torch.uint8), 0
        self.decoding.follow(self.main)
        with self.decoding.work():
            finite = torch.isfinite(latents).all()
        for part in latents.split(codec.latents_per_pass, 1):
            with self.decoding.work():
                pictures, past = codec.decode(part, past)
                finite = finite & torch.isfinite(pictures).all()
                rgb = codec.rgb8_from_frames(finish(first, pictures)).contiguous()
            self.copying.follow(self.decoding)
            with self.copying.work():
                host[first:first + len(rgb)].copy_(rgb, non_blocking=True)
            kept.append(rgb)
            first += len(rgb)
        assert past is not None
        with self.decoding.work():
            return host, self._to_host(finite, kept), past

    def _to_host(self, tensor: Tensor, kept: list[Tensor]) -> Tensor:
        """Return where a tensor is going to be on the host; it is itself there on the CPU."""
        if not tensor.is_cuda:
            return tensor
        tensor = tensor.contiguous()
        kept.append(tensor)
        return self._host_buffer(tensor.shape, tensor.dtype).copy_(tensor, non_blocking=True)

    def _host_buffer(self, size: Sequence[int], dtype: torch.dtype) -> Tensor:
        """
        Return memory that copies reach without the host.

        The allocator keeps pinned memory that nobody holds any longer, and hands it out again
        once the copies into it are over: buffers take turns without being named.
        """
        return torch.empty(size, dtype=dtype, pin_memory=self._engine.device.type == 'cuda')

    @contextlib.contextmanager
    def _together(self) -> Iterator[list[Tensor]]:
        """
        Let side lanes start where the caller's lane is, and have it wait for them at the end.

        :returns: (yields) a list for tensors that one lane makes and another one reads.
        """
        sides = (self.encoding, self.decoding, self.copying)
        for lane in sides:
            lane.follow(self.main)
        kept: list[Tensor] = []
        try:
            yield kept
        finally:
            for lane in sides:
                self.main.follow(lane)
            kept.clear()

    def _looking_up(self, check: Callable[[], None]) -> Observer | None:
        """Return what looks up between two steps, where a step takes long enough for that."""
        if self._engine.device.type != 'cpu':
            return None

        def look_up(*step: object) -> None:
            check()

        return look_up
