# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""One block from encoding to the host: same bytes, and no lane ahead of what it reads."""

import contextlib
import math

from inspatio_ros.engine.imaginer import CancelledError
from inspatio_ros.engine.pipeline import BlockPipeline, Lane, Sources
from inspatio_ros.engine.star import LatentsNotFiniteError
from inspatio_ros.engine.stream import StarStream
from inspatio_ros.evaluation.star_check import Inputs
import pytest
from rooms import room
from test_stream import assert_same, drive
from tiny_models import tiny_models
import torch


@pytest.fixture(scope='module')
def models():
    return tiny_models()


class Work:
    """What a block is painted from, and a diary of who has seen what is done when."""

    def __init__(self, models, seed: int = 1) -> None:
        self.inputs = Inputs(models.config, seed)
        self.models, self.engine = models, models.engine_for(models.config)
        self.pipeline = BlockPipeline(self.engine, models.codec)
        self.state = self.engine.new_state(models.text_BLC, 7)
        self.depth = torch.rand(9, 8, 8)

    def sources(self) -> Sources:
        return Sources(self.inputs.mask, lambda: self.inputs.reference,
                       lambda: self.inputs.render, lambda: [self.depth, self.depth > 0.5])

    def paint(self, past=None, check=lambda: None):
        return self.pipeline.paint(self.state, self.sources(), past, check)


def test_blocks_are_those_of_one_stage_after_the_other(models) -> None:
    work, plain = Work(models), Work(models)
    past, wanted_past = None, None
    for count in (9, 12, 12):
        painted = work.paint(past)
        work.engine.keep(work.state, painted.latents)
        latents = plain.engine.imagine(plain.state, plain.inputs.reference, plain.inputs.mask,
                                       plain.inputs.render)
        pictures, wanted_past = models.codec.decode(latents, wanted_past)
        past = painted.memory
        assert torch.equal(painted.latents, latents) and len(painted.rgb_THW3) == count
        assert torch.equal(painted.rgb_THW3, models.codec.rgb8_from_frames(pictures))
        assert painted.rgb_THW3.is_contiguous()
        assert torch.equal(painted.beside[0], work.depth) and painted.beside[1].dtype == torch.bool


def test_frames_stay_as_they_are_while_somebody_holds_them(models) -> None:
    work = Work(models)
    first = work.paint()
    kept = first.rgb_THW3.clone()
    for _ in range(4):
        work.engine.keep(work.state, first.latents)
        work.paint()
    assert torch.equal(first.rgb_THW3, kept)


@pytest.mark.parametrize('number', [math.nan, math.inf])
def test_a_block_that_is_not_finite_is_reported_and_not_remembered(models, number) -> None:
    work = Work(models)
    work.engine.keep(work.state, work.paint().latents)
    history = [latents.clone() for latents in work.state.history]
    sample = work.engine.sample

    def poisoned(*args, **kwargs):
        latents = sample(*args, **kwargs)
        latents[0, -1, 0, 0, 0] = number
        return latents

    work.engine.sample = poisoned
    with pytest.raises(LatentsNotFiniteError, match='block 1 of the world with seed 7'):
        work.paint()
    assert work.state.block == 1 and torch.equal(work.state.history[0], history[0])


class SeenLane(Lane):
    """Knows what must be over before its next work begins."""

    active: list = []

    def __init__(self, known: set) -> None:
        super().__init__(torch.device('cpu'), True)
        self.known = set(known)

    @contextlib.contextmanager
    def work(self):
        SeenLane.active.append(self)
        try:
            yield
        finally:
            SeenLane.active.pop()

    def follow(self, other) -> None:
        assert not SeenLane.active  # on CUDA the stream of the caller would be another one
        self.known |= other.known


def seen(work: Work, calls: list) -> BlockPipeline:
    """Give a pipeline lanes that know what they have seen, and note each call with that."""
    pipeline = work.pipeline
    pipeline.main = SeenLane({'before'})
    pipeline.encoding, pipeline.decoding, pipeline.copying = (SeenLane(()) for _ in range(3))
    codec, engine = work.models.codec, work.engine

    def noted(name: str, function):
        def call(*args, **kwargs):
            lane = SeenLane.active[-1] if SeenLane.active else pipeline.main
            calls.append((name, lane, set(lane.known)))
            try:
                return function(*args, **kwargs)
            finally:
                lane.known.add(name)
        return call

    inputs = work.inputs
    work.sources = lambda: Sources(
        inputs.mask, noted('reference', lambda: inputs.reference),
        noted('render', lambda: inputs.render), noted('beside', lambda: [work.depth]))
    engine.remember_context = noted('context', engine.remember_context)
    engine.denoise = noted('steps', engine.denoise)
    numbered = iter(range(99))

    class Decoder:

        def __getattr__(self, name: str):
            return getattr(codec, name)

        def decode(self, *args):
            return noted(f'decode{next(numbered)}', codec.decode)(*args)

    pipeline._codec = Decoder()
    return pipeline


def test_no_lane_is_ahead_of_what_it_reads(models) -> None:
    calls = []
    work = Work(models)
    pipeline = seen(work, calls)
    work.paint()
    knew = {name: known for name, _, known in calls}
    lanes = {name: lane for name, lane, _ in calls}
    assert all('before' in known for known in knew.values())
    assert 'reference' in knew['context'] and 'render' in knew['steps']
    assert all({'steps', 'context'} <= knew[f'decode{k}'] for k in range(3))
    # What is free to run beside something else does.
    assert 'render' not in knew['context'] and 'beside' not in knew['steps']
    assert lanes['reference'] is lanes['render'] is pipeline.encoding
    assert lanes['decode0'] is pipeline.decoding and lanes['beside'] is pipeline.copying
    assert {'decode0', 'decode1', 'decode2', 'beside'} <= pipeline.copying.known
    assert pipeline.main.known >= set(knew)  # what the host waits for
    begun = len(calls)
    work.paint()
    assert all(known >= set(knew) for _, _, known in calls[begun:begun + 3])


@pytest.mark.parametrize('at', [0, 1, 2])
def test_lanes_meet_when_a_block_is_given_up(models, at: int) -> None:
    calls, checks = [], []
    work = Work(models)
    pipeline = seen(work, calls)

    def check() -> None:
        checks.append(at)
        if len(checks) > at:
            raise CancelledError

    with pytest.raises(CancelledError):
        work.paint(check=check)
    assert pipeline.main.known >= {name for name, _, _ in calls} >= {'reference', 'render'}
    assert work.state.block == 0 and not work.state.history


def test_lanes_of_a_cpu_are_none() -> None:
    lanes = Lane(torch.device('cpu'), True), Lane(torch.device('cpu'), False)
    for lane in lanes:
        with lane.work():
            lane.follow(lanes[0])
        lane.wait()


@pytest.mark.gpu
def test_lanes_change_no_bit_and_frames_are_pinned() -> None:
    painted = []
    for overlap in (True, False):
        models = tiny_models(device='cuda')
        stream = StarStream(models, room())
        stream._pipeline = BlockPipeline(stream._engine, models.codec, overlap)
        painted.append(drive(stream, stream.new_state(5), 4))
        assert torch.from_numpy(painted[-1][0].rgb).is_pinned()
    assert_same(*painted)
