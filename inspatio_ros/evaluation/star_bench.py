# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How fast the generator is here: stage by stage, and end to end.

Weights, pictures and cameras are random: times do not depend on them.

Shapes: K latents of a block, T frames of a block, C channels, H W size in pixels.
"""

from __future__ import annotations

import array
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
import statistics
import time
from typing import Any, NamedTuple

from inspatio_ros.engine.graphs import Graphed, Tensors
from inspatio_ros.engine.pipeline import BlockPipeline, Sources
from inspatio_ros.engine.runtime import (
    open_engine, RuntimeEngine, RuntimeSettings, speed_up_codec, use_kernel_cache)
from inspatio_ros.engine.star import StarState
from inspatio_ros.evaluation.star_cost import block_flops
from inspatio_ros.geometry.mask import pack_mask
from inspatio_ros.geometry.star_warp import star_warp
from inspatio_ros.model.codec import Codec, TaehvCodec, WanCodec
from inspatio_ros.model.codec_config import TAEHV_PRESETS, VAE_PRESETS
from inspatio_ros.model.config import star_preset, StarConfig
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.memory import Memory
from inspatio_ros.model.taehv import Taehv
from inspatio_ros.model.vae import WanVae
import torch
from torch import nn, Tensor

CODECS = ('taehv', 'vae')
# Blocks at the start of a run that do not count.
_WARM_UP_BLOCKS = 2
_SEED = 1


@dataclass(frozen=True)
class BenchSetup:
    """
    What is measured.

    :param preset: key of `STAR_PRESETS`.
    :param width, height: of the video, pixels.
    :param settings: how the engine runs.
    :param codec: `taehv` or `vae`.
    :param compile_codec: whether the fast path compiles it.
    :param overlap: whether the stages of a block have streams of their own (CUDA).
    :param live_reference: whether the source is encoded for every block, as a camera's would be;
        else once, as that of a looping scene.
    :param blocks: that count.
    :param device: `cuda` or `cpu`.
    """

    preset: str
    width: int
    height: int
    settings: RuntimeSettings = field(default_factory=RuntimeSettings)
    codec: str = 'taehv'
    compile_codec: bool = True
    overlap: bool = True
    live_reference: bool = True
    blocks: int = 12
    device: str = 'cuda'

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ValueError(f'codec must be one of {", ".join(CODECS)}, got {self.codec!r}')
        if self.blocks < 1:
            raise ValueError(f'blocks must be at least 1, got {self.blocks}')

    @property
    def config(self) -> StarConfig:
        """Return the generator's sizes."""
        return star_preset(self.preset).with_video(self.height, self.width)

    @property
    def fast(self) -> bool:
        """Whether compiler and graphs are used."""
        return self.settings.path == 'fast'


def random_network(module: nn.Module, device: torch.device, dtype: torch.dtype,
                   seed: int = _SEED) -> Any:
    """Give a module of the meta device random weights that keep activations small."""
    module = module.to(dtype).to_empty(device=device).eval().requires_grad_(False)
    generator = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        for weight in module.parameters():
            fan_in = max(weight[0].numel(), 1)
            weight.normal_(0.0, fan_in ** -0.5, generator=generator)
    return module


def random_codec(setup: BenchSetup) -> Codec:
    """Return a codec with random weights on the device, float16 there."""
    device = torch.device(setup.device)
    half = torch.float16 if setup.codec == 'taehv' else torch.bfloat16
    dtype = half if device.type == 'cuda' else torch.float32
    with torch.device('meta'):
        network = (Taehv(TAEHV_PRESETS[setup.preset]) if setup.codec == 'taehv'
                   else WanVae(VAE_PRESETS[setup.preset]))
    network = random_network(network, device, dtype)
    if isinstance(network, WanVae):
        return WanCodec(network)
    return TaehvCodec(network)


class Inputs(NamedTuple):
    """
    What a block is painted from, each (1, K, channels, h, w) on the device.

    :param reference: latents of the source.
    :param mask: packed mask of the render's known pixels.
    :param render: latents of the render.
    """

    reference: Tensor
    mask: Tensor
    render: Tensor


class Scenery:
    """
    Pictures with depth of one block, and cameras that look at them from elsewhere.

    :param setup: sizes and device.
    :param frames: T.
    """

    def __init__(self, setup: BenchSetup, frames: int) -> None:
        generator = torch.Generator('cpu').manual_seed(_SEED)
        size = (frames, 1, setup.height, setup.width)
        rgb = torch.rand(frames, 3, setup.height, setup.width, generator=generator) * 2.0 - 1.0
        depth = 1.0 + torch.rand(size, generator=generator)
        target = torch.eye(4).repeat(frames, 1, 1)
        target[:, 0, 3] = torch.linspace(0.0, 0.3, frames)
        K = torch.tensor([[setup.width * 0.7, 0.0, setup.width / 2],
                          [0.0, setup.width * 0.7, setup.height / 2], [0.0, 0.0, 1.0]])
        parts = (rgb, depth, torch.eye(4).repeat(frames, 1, 1), target, K.repeat(frames, 1, 1))
        self.rgb, self.depth, self.source, self.target, self.K = (
            part.to(setup.device) for part in parts)

    def warp(self) -> Tensors:
        """Return the render in [-1, 1] and what of it is known."""
        return star_warp(self.rgb, self.depth, self.source, self.target, self.K,
                         normalise='frame')


class Stages:
    """
    The parts of a block, each over fixed tensors.

    :param setup: what is measured.
    :param codec: already made fast.
    """

    def __init__(self, setup: BenchSetup, codec: Codec) -> None:
        self.setup, self.codec = setup, codec
        shape = setup.config.shape
        self.latents = shape.block_latents
        self.frames = codec.frames_of(self.latents, first=False)
        self.scenery = Scenery(setup, self.frames)
        self.memories: dict[str, Memory] = {}
        self.decode_memory: Memory | None = None
        self.kept_reference: Tensor | None = None

    def sources(self) -> Sources:
        """Return what the next block is painted from; warps the pictures."""
        render, known = self.scenery.warp()
        # Nine frames make three latents, as twelve do behind the first block.
        mask = pack_mask(2.0 * known[3:].transpose(0, 1)[None] - 1.0)
        return Sources(mask, self.reference, lambda: self.encode('render', render),
                       lambda: (self.scenery.depth[:, 0], known[:, 0] > 0.0))

    def inputs(self) -> Inputs:
        """Return the inputs of a block."""
        sources = self.sources()
        return Inputs(sources.reference().float(), sources.mask, sources.render().float())

    def reference(self) -> Tensor:
        """Return the latents of the source, encoded anew or kept."""
        if self.kept_reference is not None:
            return self.kept_reference
        latents = self.encode('reference', self.scenery.rgb)
        if not self.setup.live_reference:
            self.kept_reference = latents
        return latents

    @torch.no_grad()
    def encode(self, name: str, pictures: Tensor) -> Tensor:
        """Return the latents of the next pictures of one stream."""
        low, high = self.codec.value_range
        frames = ((pictures[None] + 1.0) * ((high - low) / 2.0) + low).to(self.codec.dtype)
        if name not in self.memories:
            # As if the stream had started one frame before: all later passes have one shape.
            _, self.memories[name] = self.codec.encode(frames[:, :1])
        latents, self.memories[name] = self.codec.encode(frames, self.memories[name])
        return latents

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Return the frames of a block, (T, H, W, 3) uint8 on the device."""
        z = latents.to(self.codec.dtype)
        if self.decode_memory is None:
            _, self.decode_memory = self.codec.decode(z[:, :1])
        frames, self.decode_memory = self.codec.decode(z, self.decode_memory)
        return self.codec.rgb8_from_frames(frames).contiguous()


class StarBench:
    """
    Everything that one row needs, warmed up.

    :param setup: what is measured.
    """

    def __init__(self, setup: BenchSetup) -> None:
        self.setup = setup
        self.device = torch.device(setup.device)
        if self.device.type == 'cuda':
            torch.cuda.reset_peak_memory_stats()
        use_kernel_cache(setup.settings.cache_dir)
        start = time.perf_counter()
        config, settings = setup.config, setup.settings
        dit = CausalDit.empty(config.dit, self.device, settings.dtype).randomise(_SEED)
        self.engine: RuntimeEngine = open_engine(dit, config, settings)
        self.codec = random_codec(setup)
        if setup.fast:
            speed_up_codec(self.codec, setup.compile_codec and settings.compiles,
                           settings.graphs, settings.backend)
        self.stages = Stages(setup, self.codec)
        self.state = self._new_state()
        self.engine.warm_up(steady_only=True)
        self._warm_up_codec()
        self.inputs = self.stages.inputs()
        self._wait()
        self.warm_up_s = time.perf_counter() - start

    def _new_state(self) -> StarState:
        config = self.setup.config
        generator = torch.Generator('cpu').manual_seed(_SEED)
        text = torch.randn(1, config.dit.text_len, config.dit.text_dim, generator=generator)
        state = self.engine.new_state(text, _SEED)
        shape = config.shape
        size = (1, shape.block_latents, config.dit.out_channels, shape.height, shape.width)
        state.history = [torch.randn(size, generator=generator).to(self.device)
                         for _ in range(shape.history_blocks)]
        return state

    def _warm_up_codec(self) -> None:
        """Run the codec; without compiler if that fails."""
        def once() -> None:
            for _ in range(2):
                self.stages.decode(self.stages.inputs().render)

        try:
            once()
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ImportError, OSError) as error:
            if not self.setup.fast:
                raise
            first = (str(error).splitlines() or [''])[0]
            self.engine.notes.append(f'codec as it is: {type(error).__name__}: {first}')
            self.codec = random_codec(self.setup)
            self.stages = Stages(self.setup, self.codec)
            once()

    def row(self) -> dict[str, Any]:
        """Measure everything and return it; see `cli/bench_star` for the fields."""
        end_to_end = self.end_to_end()
        peak = self.peak_gib()  # without the graphs that time the stages
        stages = self.stages_ms()
        setup = self.setup
        denoise = stages['context'] + sum(v for k, v in stages.items() if k.startswith('step'))
        flops = block_flops(setup.config)
        return {
            'preset': setup.preset, 'width': setup.width, 'height': setup.height,
            'path': setup.settings.path, 'precision': setup.settings.precision,
            'codec': setup.codec, 'overlap': setup.overlap,
            'live_reference': setup.live_reference, **end_to_end, 'denoise_ms': denoise,
            'stages_ms': stages, 'peak_gib': peak, 'flops': flops,
            'tflops': flops / (end_to_end['block_ms'] * 1e9),
            'denoise_tflops': flops / (denoise * 1e9), 'warm_up_s': self.warm_up_s,
            'notes': self.engine.notes,
            'settings': {k: str(v) for k, v in asdict(setup.settings).items()}}

    def end_to_end(self) -> dict[str, Any]:
        """Return frames per second of warp, encoding, denoising, decoding and copying."""
        pipeline, stages = BlockPipeline(self.engine, self.codec, self.setup.overlap), self.stages
        stamps = []
        for _ in range(self.setup.blocks + _WARM_UP_BLOCKS):
            painted = pipeline.paint(self.state, stages.sources(), stages.decode_memory)
            assert len(painted.rgb_THW3) == stages.frames
            self.engine.keep(self.state, painted.latents)
            stages.decode_memory = painted.memory
            stamps.append(time.perf_counter())
        steady = stamps[_WARM_UP_BLOCKS - 1:]
        gaps = [1e3 * (b - a) for a, b in zip(steady, steady[1:])]
        block_ms = sum(gaps) / len(gaps)
        return {'fps': 1e3 * self.stages.frames / block_ms, 'block_ms': block_ms,
                'block_ms_median': statistics.median(gaps), 'block_ms_worst': max(gaps),
                'frames': self.stages.frames, 'blocks': self.setup.blocks}

    @torch.no_grad()
    def stages_ms(self) -> dict[str, float]:
        """Return the median milliseconds of every stage, alone on the device."""
        engine, stages, inputs = self.engine, self.stages, self.inputs
        render, _ = stages.scenery.warp()
        times = {'warp': self._time(stages.scenery.warp),
                 'encode': self._time(lambda: (stages.reference(),
                                               stages.encode('render', render)))}
        condition = torch.cat([inputs.mask, inputs.render], 2).to(self.device)
        times['context'] = self._time_graphed(
            lambda reference: self._context(reference), inputs.reference)
        kept = engine.denoiser.condition(condition)
        for i in range(len(engine.steps)):
            times[f'step{i}'] = self._time_graphed(
                lambda x, i=i: (engine.denoiser.flow(
                    self.state.memory, self.state.text, x, kept, i),), inputs.reference)
        latents = inputs.render
        times['block'] = self._time(lambda: engine.sample(self.state, *inputs))
        times['noise_on_host'] = self._time(lambda: engine.noise(self.state))
        times['decode'] = self._time(lambda: stages.decode(latents))
        times.update(self._host_ms(stages.decode(latents)))
        return times

    def _context(self, reference: Tensor) -> Tensors:
        self.engine.remember_context(self.state, reference)
        return (reference,)

    def _host_ms(self, frames: Tensor) -> dict[str, float]:
        """Return what it takes to bring frames into messages: RGB and as many depth pixels."""
        pinned = torch.empty(frames.shape, dtype=frames.dtype, pin_memory=self._cuda)
        copy = self._time(lambda: pinned.copy_(frames, non_blocking=True))
        rgb_and_depth = torch.empty(7 * frames[0].numel() // 3, dtype=torch.uint8,
                                    pin_memory=self._cuda)
        on_device = rgb_and_depth.to(self.device)

        def message() -> array.array[int]:
            rgb_and_depth.copy_(on_device, non_blocking=True)
            self._wait()
            data = array.array('B')
            data.frombytes(rgb_and_depth.numpy().data)
            return data

        return {'copy': copy, 'message_per_frame': self._time(message)}

    def _time_graphed(self, function: Callable[..., Tensors], argument: Tensor) -> float:
        """Time a function as the fast path runs it: from a graph where there is one."""
        settings = self.setup.settings
        if self._cuda and settings.path == 'fast' and settings.graphs:
            function = Graphed(function, (argument,))
        return self._time(lambda: function(argument))

    def _time(self, work: Callable[[], object], repeats: int = 5) -> float:
        """Return the median milliseconds until the device is done."""
        times = []
        for _ in range(repeats + 1):
            self._wait()
            start = time.perf_counter()
            work()
            self._wait()
            times.append(1e3 * (time.perf_counter() - start))
        return statistics.median(times[1:])

    def peak_gib(self) -> float | None:
        """Return the peak of memory that the allocator held on the device; None on the CPU."""
        return torch.cuda.max_memory_reserved() / 2 ** 30 if self._cuda else None

    @property
    def _cuda(self) -> bool:
        return self.device.type == 'cuda'

    def _wait(self) -> None:
        if self._cuda:
            torch.cuda.synchronize()


def device_rates(size: int = 8192) -> dict[str, float]:
    """
    Measure the ceilings of a CUDA device.

    :param size: rows and columns of the matrices.
    :returns: `bf16_tflops`, `fp8_row_tflops`, `fp8_tensor_tflops` (0 where it does not run) and
        `copy_tb_s` (bytes read and written).
    """
    a, b = (torch.randn(size, size, device='cuda', dtype=torch.bfloat16) for _ in range(2))
    flops = 2.0 * size ** 3
    rates = {'bf16_tflops': flops / _event_ms(lambda: a @ b) / 1e9}
    a8, b8 = a.to(torch.float8_e4m3fn), b.to(torch.float8_e4m3fn).t()
    for name, rows in (('row', size), ('tensor', 1)):
        scale_a = torch.ones(rows, 1, device='cuda')
        scale_b = torch.ones(1, rows, device='cuda')
        try:
            ms = _event_ms(lambda: torch._scaled_mm(
                a8, b8, scale_a=scale_a, scale_b=scale_b,  # noqa: B023
                out_dtype=torch.bfloat16, use_fast_accum=True))
        except RuntimeError:
            ms = float('inf')
        rates[f'fp8_{name}_tflops'] = flops / ms / 1e9
    wide = torch.empty(2 ** 31, dtype=torch.uint8, device='cuda').random_()
    other = torch.empty_like(wide)
    rates['copy_tb_s'] = 2.0 * wide.numel() / _event_ms(lambda: other.copy_(wide)) / 1e9
    return rates


def _event_ms(work: Callable[[], object], repeats: int = 10) -> float:
    """Return the mean milliseconds of work on the device, after three warm-ups."""
    for _ in range(3):
        work()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(repeats):
        work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / repeats
