# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
CUDA graphs: thousands of kernel launches become one.

Without a CUDA device everything here calls the function as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from inspatio_ros.model.memory import Memory
import torch
from torch import Tensor

Tensors = tuple[Tensor, ...]
Function = Callable[..., Tensors]
Pass = Callable[[Tensor, 'Memory | None'], 'tuple[Tensor, Memory]']

# Kernels are chosen, compiled and given their workspaces before a capture.
_WARM_UPS = 2


class Graphed:
    """
    A function of tensors, recorded once and replayed with other contents.

    The results are buffers that the next call overwrites; calls must follow each other on one
    stream, or wait for each other.

    :param function: depends on nothing but its arguments and on tensors that stay where they are;
        neither waits for the device nor copies to the host.
    :param args: examples, of the shapes, types and device of all later calls.
    :raises RuntimeError: the function cannot be captured.
    """

    def __init__(self, function: Function, args: Sequence[Tensor]) -> None:
        self._function = function
        self._inputs = [arg.detach().clone() for arg in args]
        self._graph: torch.cuda.CUDAGraph | None = None
        if self._inputs[0].is_cuda:
            self._capture()

    @torch.no_grad()
    def _capture(self) -> None:
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                self._function(*self._inputs)
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode='thread_local'):
            self._outputs = self._function(*self._inputs)
        self._graph = graph

    @torch.no_grad()
    def __call__(self, *args: Tensor) -> Tensors:
        """Return the function's results; see above how long they live."""
        if self._graph is None:
            return self._function(*args)
        if len(args) != len(self._inputs):
            raise ValueError(f'the graph takes {len(self._inputs)} tensors, got {len(args)}')
        for own, given in zip(self._inputs, args):
            if own.shape != given.shape:
                raise ValueError(f'the graph takes {tuple(own.shape)}, got {tuple(given.shape)}')
        torch._foreach_copy_(self._inputs, list(args), non_blocking=True)
        self._graph.replay()
        return self._outputs


class SteadyPass:
    """
    A codec's pass (`Codec.encode_pass`, `decode_pass`), made fast from a stream's second one on.

    The first pass of a stream has no memory and other shapes: it runs as it is.

    :param first: the pass as it is.
    :param later: the same, perhaps compiled.
    :param graphs: whether to capture `later` (CUDA), once for all shapes that come.
    """

    def __init__(self, first: Pass, later: Pass, graphs: bool) -> None:
        self._first, self._later = first, later
        self._captures = graphs
        self._graphs: dict[tuple[object, ...], Graphed] = {}

    def __call__(self, x: Tensor, past: Memory | None) -> tuple[Tensor, Memory]:
        """Return result and memory, which belong to the caller."""
        if past is None:
            return self._first(x, past)
        if not (self._captures and x.is_cuda):
            return self._later(x, past)
        key = (*x.shape, x.dtype)
        if key not in self._graphs:
            self._graphs[key] = Graphed(self._flat, (x, *past.tensors))
        out, *memory = (tensor.clone() for tensor in self._graphs[key](x, *past.tensors))
        return out, Memory(tuple(memory))

    def _flat(self, x: Tensor, *past: Tensor) -> Tensors:
        out, memory = self._later(x, Memory(past))
        return out, *memory.tensors
