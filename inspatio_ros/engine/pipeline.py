# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Blocks one after the other, with nothing waiting for what it does not need.

While block n is denoised, block n + 1 is warped and encoded and block n - 1 is decoded and copied
to the host, each on a CUDA stream of its own:

    encode    | e1 | e2     | e3     |
    denoise        | n1     | n2     | n3     |
    decode, copy            | d1     | d2     | d3 |

Without CUDA the same calls follow each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
import contextlib
from typing import NamedTuple

from inspatio_ros.engine.runtime import RuntimeEngine
from inspatio_ros.engine.star import LatentsNotFiniteError, StarState
import torch
from torch import Tensor

# Work on these streams is short and somebody waits for it: it goes before the denoising.
_FIRST = -1


class BlockInputs(NamedTuple):
    """
    What a block is painted from, each (1, K, channels, H, W) on the device.

    :param reference: latents of the source at the times of the block.
    :param mask: packed mask of the render's known pixels.
    :param render: latents of the scene seen by the cameras of the block.
    """

    reference: Tensor
    mask: Tensor
    render: Tensor


class HostBlock(NamedTuple):
    """
    A finished block.

    :param number: from 0.
    :param frames: what `decode` returned, on the host; overwritten by the next block but one.
    """

    number: int
    frames: Tensor


Encode = Callable[[int], BlockInputs]
Decode = Callable[[Tensor], Tensor]


class _Pending(NamedTuple):
    number: int
    frames: Tensor
    finite: Tensor
    done: torch.cuda.Event | None


class BlockPipeline:
    """
    Paints the blocks of one world.

    :param engine: warmed up.
    :param state: of the world.
    :param encode: block number -> inputs.
    :param decode: clean latents -> frames, on the device.
    :param overlap: whether to use streams (CUDA); else all runs on one.
    """

    def __init__(self, engine: RuntimeEngine, state: StarState, encode: Encode, decode: Decode,
                 overlap: bool = True) -> None:
        self.engine, self.state = engine, state
        self.encode, self.decode = encode, decode
        self._cuda = engine.device.type == 'cuda'
        side = self._cuda and overlap
        self._encoding = torch.cuda.Stream(engine.device, priority=_FIRST) if side else None
        self._decoding = torch.cuda.Stream(engine.device, priority=_FIRST) if side else None
        self._host: deque[Tensor] = deque()

    def run(self, blocks: int) -> Iterator[HostBlock]:
        """
        Paint blocks; each is handed out as soon as it is on the host.

        :raises LatentsNotFiniteError: a block that is; the world has gone on without it.
        """
        if blocks < 1:
            raise ValueError(f'blocks must be at least 1, got {blocks}')
        pending: deque[_Pending] = deque()
        self._begin()
        inputs, ready = self._encode(0)
        for number in range(blocks):
            latents, finite, painted = self._paint(inputs, ready)
            if number + 1 < blocks:
                inputs, ready = self._encode(number + 1)
            pending.append(self._decode(number, latents, finite, painted))
            if number == 0:
                self._settle(pending[0].done)
            # One stays under way while the host prepares the next.
            if len(pending) > self._cuda:
                yield self._finish(pending.popleft())
        while pending:
            yield self._finish(pending.popleft())

    def _begin(self) -> None:
        """Let the side streams see what was done so far."""
        for stream in (self._encoding, self._decoding):
            if stream is not None:
                stream.wait_stream(torch.cuda.current_stream())

    def _settle(self, first: torch.cuda.Event | None) -> None:
        """
        Wait on the device for the first block to be decoded.

        Codec memory from before was allocated on this stream. It is free by now, as far as the
        host knows, and must not be filled anew while a side stream still reads it.
        """
        if first is not None:
            torch.cuda.current_stream().wait_event(first)

    def _encode(self, number: int) -> tuple[BlockInputs, torch.cuda.Event | None]:
        with _on(self._encoding):
            inputs = self.encode(number)
            return inputs, self._event()

    def _paint(self, inputs: BlockInputs, ready: torch.cuda.Event | None,
               ) -> tuple[Tensor, Tensor, torch.cuda.Event | None]:
        if ready is not None:
            torch.cuda.current_stream().wait_event(ready)
            for tensor in inputs:
                tensor.record_stream(torch.cuda.current_stream())
        with torch.no_grad():
            latents = self.engine.sample(self.state, *inputs)
            finite = self.engine.advance(self.state, latents)
        return latents, finite, self._event()

    def _decode(self, number: int, latents: Tensor, finite: Tensor,
                painted: torch.cuda.Event | None) -> _Pending:
        with _on(self._decoding):
            if painted is not None:
                stream = torch.cuda.current_stream()
                stream.wait_event(painted)
                latents.record_stream(stream)
                finite.record_stream(stream)
            frames = self.decode(latents)
            host = self._host_buffer(frames)
            host.copy_(frames, non_blocking=True)
            flag = torch.empty((), dtype=torch.bool, pin_memory=self._cuda)
            flag.copy_(finite, non_blocking=True)
            return _Pending(number, host, flag, self._event())

    def _finish(self, pending: _Pending) -> HostBlock:
        if pending.done is not None:
            pending.done.synchronize()
        if not bool(pending.finite):
            raise LatentsNotFiniteError(
                f'block {pending.number} of the world with seed {self.state.seed} is not finite')
        return HostBlock(pending.number, pending.frames)

    def _host_buffer(self, frames: Tensor) -> Tensor:
        """Return the buffer that has been idle for longest; three of them take turns."""
        if len(self._host) < 3:
            self._host.append(torch.empty(frames.shape, dtype=frames.dtype,
                                          pin_memory=self._cuda))
        else:
            self._host.rotate(-1)
        return self._host[-1]

    def _event(self) -> torch.cuda.Event | None:
        if not self._cuda:
            return None
        event = torch.cuda.Event()
        event.record()
        return event


def _on(stream: torch.cuda.Stream | None) -> contextlib.AbstractContextManager[object]:
    return contextlib.nullcontext() if stream is None else torch.cuda.stream(stream)
