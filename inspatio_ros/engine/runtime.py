# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The generator as fast as the machine can run it.

`open_engine` takes a network with its weights and returns a `StarEngine` whose shapes are fixed,
whose layers are compiled (one compilation for all of them), whose linear layers may be 8-bit,
whose attention kernel was measured here, and whose steady block is two CUDA graphs. Whatever does
not work on a machine is left out, and `notes` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import logging
import os
from pathlib import Path
import threading
from typing import Any

from inspatio_ros.engine.attention_choice import fastest_attention, set_attention
from inspatio_ros.engine.graphs import Graphed, SteadyPass, Tensors
from inspatio_ros.engine.precision import Scaling, to_fp8_linears
from inspatio_ros.engine.star import Observer, StarEngine, StarState
from inspatio_ros.model.attention import ATTENTIONS
from inspatio_ros.model.codec import channels_last, Codec
from inspatio_ros.model.config import StarConfig
from inspatio_ros.model.dit import CausalDit
import torch
from torch import nn, Tensor

PATHS = ('fast', 'eager', 'slow')
PRECISIONS = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp8': torch.bfloat16}
COMPILE_SCOPES = ('none', 'layer', 'whole')
# Compiled once per set of shapes: contexts and steps, from no history to the full one.
_SHAPES_PER_LAYER = 64

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RuntimeSettings:
    """
    How to run the generator.

    :param path: `fast`; `eager`: the same arithmetic without compiler and graphs; `slow`: the
        twin that recomputes what is constant.
    :param precision: `fp32`, `bf16` or `fp8`.
    :param attention: a key of `ATTENTIONS`, or `auto`: the fastest here.
    :param compile_scope: `layer`: one compilation for all layers; `whole`: the network at once;
        `none`.
    :param compile_mode: of torch.compile; None = its default.
    :param backend: of torch.compile.
    :param graphs: whether to use CUDA graphs.
    :param fp8_scaling: `row` or `tensor`.
    :param cache_dir: where compiled kernels stay; None = a folder in the user's cache.
    :raises ValueError: an unknown name.
    """

    path: str = 'fast'
    precision: str = 'bf16'
    attention: str = 'auto'
    compile_scope: str = 'layer'
    compile_mode: str | None = None
    backend: str = 'inductor'
    graphs: bool = True
    fp8_scaling: Scaling = 'row'
    cache_dir: Path | None = None

    def __post_init__(self) -> None:
        for name, allowed in (('path', PATHS), ('precision', tuple(PRECISIONS)),
                              ('compile_scope', COMPILE_SCOPES),
                              ('attention', ('auto', *ATTENTIONS)),
                              ('fp8_scaling', ('row', 'tensor'))):
            if getattr(self, name) not in allowed:
                raise ValueError(f'{name} must be one of {", ".join(allowed)}, '
                                 f'got {getattr(self, name)!r}')

    @property
    def dtype(self) -> torch.dtype:
        """Type of weights and activations, but those of 8-bit layers."""
        return PRECISIONS[self.precision]

    @property
    def compiles(self) -> bool:
        """Whether anything is compiled."""
        return self.path == 'fast' and self.compile_scope != 'none'


def use_kernel_cache(folder: Path | None) -> Path:
    """
    Keep compiled kernels from one process to the next. Call before anything is compiled.

    :param folder: None = that of TORCHINDUCTOR_CACHE_DIR, else one in the user's cache.
    """
    user_cache = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    chosen = folder or Path(os.environ.get('TORCHINDUCTOR_CACHE_DIR')
                            or user_cache / 'inspatio_ros' / 'kernels')
    os.environ['TORCHINDUCTOR_CACHE_DIR'] = str(chosen)
    return chosen


class RuntimeEngine(StarEngine):
    """
    A `StarEngine` whose steady block is two CUDA graphs: the context pass and all steps.

    Its worlds share the buffer of keys and values, which every block overwrites: `sample` and
    `imagine` may be called from several threads, the passes alone may not.

    :param dit: the network, prepared by `open_engine`.
    :param config: sizes and steps.
    :param settings: how it was prepared.
    :param notes: what was left out, and why.
    """

    def __init__(self, dit: CausalDit, config: StarConfig, settings: RuntimeSettings,
                 notes: list[str]) -> None:
        super().__init__(dit, config, 'slow' if settings.path == 'slow' else 'fast')
        self.dit = dit
        self.settings = settings
        self.notes = notes
        self._lock = threading.Lock()
        self._memories: dict[int, Any] = {}
        self._graphs: tuple[Graphed, Graphed] | None = None  # context, steps

    @torch.no_grad()
    def sample(self, state: StarState, reference_BKCHW: Tensor | None, mask_BKCHW: Tensor,
               render_BKCHW: Tensor, noise: Tensor | None = None,
               observe: Observer | None = None,
               before_steps: Callable[[], None] = lambda: None) -> Tensor:
        """Paint the next block of a world; see `StarEngine.sample`."""
        with self._lock:
            if self._graphs is None or observe is not None or reference_BKCHW is None or (
                    not self._is_steady(state)):
                return super().sample(state, reference_BKCHW, mask_BKCHW, render_BKCHW, noise,
                                      observe, before_steps)
            self._check(state, reference_BKCHW, mask_BKCHW, render_BKCHW, noise)
            context, steps = self._graphs
            text = _flat(state.text)
            context(self._moved(reference_BKCHW), *state.history, *text)
            noise = self._moved(self.noise(state) if noise is None else noise)
            before_steps()
            return steps(self._moved(mask_BKCHW), self._moved(render_BKCHW), noise,
                         *text)[0].clone()

    @torch.no_grad()
    def warm_up(self, steady_only: bool = False) -> None:
        """
        Compile and capture all that one world needs. Without effect on any world.

        :param steady_only: leave out the first blocks of a world, whose history is short.
        """
        text = torch.zeros(1, 1, self.config.dit.text_dim)
        state = self.new_state(text, 0)
        shape = self.config.shape
        size = (1, shape.block_latents, self.config.dit.out_channels, shape.height, shape.width)
        latents = torch.zeros(size, device=self.device)
        mask = latents[:, :, :1].expand(-1, -1, self.config.dit.mask_channels, -1, -1)
        full = shape.history_blocks
        for history in range(full if steady_only else 0, full + 1):
            state.history = [latents] * history
            self._attempt(lambda: self.sample(state, latents, mask, latents))
        if self.settings.graphs and self.settings.path == 'fast' and self.device.type == 'cuda':
            self._capture(state, latents, mask)

    def _attempt(self, work: Callable[[], object]) -> None:
        """Run work; if the compiler cannot, do without it."""
        try:
            work()
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ImportError, OSError) as error:
            if not self.settings.compiles or not is_compiled(self.dit):
                raise
            self._note(f'not compiled: {first_line(error)}')
            uncompile(self.dit)
            work()

    def _capture(self, state: StarState, latents: Tensor, mask: Tensor) -> None:
        text, noise = _flat(state.text), self._moved(self.noise(state))
        try:
            self._graphs = (
                Graphed(self._steady_context, (latents, *state.history, *text)),
                Graphed(self._steady_steps, (mask, latents, noise, *text)))
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            self._note(f'no CUDA graph: {first_line(error)}')

    def _note(self, text: str) -> None:
        logger.warning('%s', text)
        self.notes.append(text)

    def _is_steady(self, state: StarState) -> bool:
        return state.batch == 1 and len(state.history) == self.config.shape.history_blocks

    def _steady_context(self, reference: Tensor, *rest: Tensor) -> Tensors:
        """Context pass: the function behind the first graph."""
        full = self.config.shape.history_blocks
        self.remember_context(self._steady_state(rest[full:], list(rest[:full])), reference)
        return ()

    def _steady_steps(self, mask: Tensor, render: Tensor, noise: Tensor,
                      *text: Tensor) -> Tensors:
        """All steps: the function behind the second graph."""
        condition = torch.cat([mask, render], 2)
        return (self.denoise(self._steady_state(text, []), condition, noise),)

    def _steady_state(self, text: Sequence[Tensor], history: list[Tensor]) -> StarState:
        return StarState(0, 1, list(zip(text[0::2], text[1::2])), self._memories[1], 0, history)

    def _memory(self, batch: int) -> Any:
        if self.settings.path == 'slow':
            return super()._memory(batch)
        if batch not in self._memories:
            self._memories[batch] = super()._memory(batch)
        return self._memories[batch]


def _flat(text: Sequence[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Return keys and values of all layers one after the other."""
    return [tensor for pair in text for tensor in pair]


def open_engine(dit: CausalDit, config: StarConfig, settings: RuntimeSettings) -> RuntimeEngine:
    """
    Prepare a network for speed and return its engine; `warm_up` does the slow part.

    :param dit: with its weights, in `settings.dtype`, on its device. It is changed in place.
    :param config: sizes and steps.
    :param settings: how to run it.
    :raises ValueError: a network in another type, fp8 with widths that do not allow it.
    """
    if dit.dtype != settings.dtype:
        raise ValueError(f'precision {settings.precision} wants weights in {settings.dtype}, '
                         f'got {dit.dtype}')
    notes: list[str] = []
    choice = settings.attention
    if choice == 'auto':
        choice = fastest_attention(config, dit.device, dit.dtype)
    set_attention(dit, choice)
    notes.append(f'attention {choice}')
    if settings.path != 'slow':
        dit.fuse_qkv()
    if settings.precision == 'fp8':
        to_fp8_linears(dit, settings.fp8_scaling)
    engine = RuntimeEngine(dit, config, settings, notes)
    if settings.compiles:
        compile_network(dit, settings, whole_graphs=choice != 'flash3')
    return engine


def compile_network(dit: CausalDit, settings: RuntimeSettings, whole_graphs: bool = True) -> None:
    """Mark a network for compilation at its first run with each set of shapes."""
    use_kernel_cache(settings.cache_dir)
    import torch._dynamo
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit,
                                               _SHAPES_PER_LAYER)
    options: dict[str, Any] = {'fullgraph': whole_graphs, 'dynamic': False,
                               'backend': settings.backend}
    if settings.compile_mode is not None:
        options['mode'] = settings.compile_mode
    if settings.compile_scope == 'layer':
        for layer in dit.layers:
            layer.compile(**options)
        return
    dit.compile(**options)
    dit.remember = torch.compile(dit.remember, **options)  # type: ignore[method-assign]


def is_compiled(dit: CausalDit) -> bool:
    """Return whether a network is marked for compilation."""
    modules: list[nn.Module] = [dit, *dit.layers]
    return any(module._compiled_call_impl is not None for module in modules)


def uncompile(dit: CausalDit) -> None:
    """Undo `compile_network`."""
    for module in (dit, *dit.layers):
        module._compiled_call_impl = None
    vars(dit).pop('remember', None)


def speed_up_codec(codec: Codec, compiles: bool, graphs: bool, backend: str = 'inductor') -> None:
    """
    Give a codec channels-last weights, compiled passes and graphs, in place.

    :param codec: on its device.
    :param compiles: whether to compile its passes; they are compiled when they first run.
    :param graphs: whether to capture them (CUDA).
    :param backend: of torch.compile.
    """
    channels_last(codec.network)
    if codec.device.type == 'cuda':
        # Shapes stay the same: it pays to try all algorithms once. Of the whole process.
        torch.backends.cudnn.benchmark = True
    for name in ('encode_pass', 'decode_pass'):
        first = getattr(codec, name)
        later = torch.compile(first, dynamic=False, backend=backend) if compiles else first
        setattr(codec, name, SteadyPass(first, later, graphs))


def first_line(error: BaseException) -> str:
    """Return what an error is and the first lines of what it says; a compiler's are long."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f'{type(error).__name__}: {" ".join(lines[:2])}'
