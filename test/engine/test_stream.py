# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The generator as a stream: cameras in, RGB-D blocks out."""

from dataclasses import replace

from inspatio_ros.contracts import CameraTrack
from inspatio_ros.engine.conditioning import Conditioner, Slot
from inspatio_ros.engine.imaginer import block_stamps, CancelledError, NotFiniteError
from inspatio_ros.engine.reference import to_range
from inspatio_ros.engine.star import LatentsNotFiniteError, StarEngine
from inspatio_ros.engine.star_imaginer import StarImaginer
from inspatio_ros.engine.stream import complete_depth, StarStream
from inspatio_ros.geometry.mask import pack_mask
from inspatio_ros.scene.scene import Scene, TimeMode
import numpy as np
import pytest
from rooms import pose, room, view
from tiny_models import HEIGHT, tiny_models, WIDTH
import torch

STATIC = Scene('static', room().views)


@pytest.fixture(scope='module')
def models():
    return tiny_models()


def clip(count: int, mode: TimeMode = TimeMode.ONCE) -> Scene:
    frames = tuple((view(f'f{k}', pose(-0.5 + 0.02 * k, 0.0, 0.01 * k)),) for k in range(count))
    return Scene('clip', (), frames, 24.0, mode)


def drive(stream: StarStream, state, blocks: int, start_ns: int = 0) -> list:
    painted = []
    for _ in range(blocks):
        stamps_ns = block_stamps(start_ns, sum(stream.latent_frames(state)), stream.period_ns)
        painted.append(stream.imagine(state, track_at(stamps_ns)))
        start_ns = int(stamps_ns[-1]) + stream.period_ns
    return painted


def track_at(stamps_ns) -> CameraTrack:
    times = np.asarray(stamps_ns) * 1e-9
    return CameraTrack(stamps_ns, np.stack([pose(-0.5 + 0.2 * t, 0.1 * t, 0.3 * t)
                                            for t in times]))


def assert_same(a, b) -> None:
    for x, y in zip(a, b, strict=True):
        assert x.rgb.tobytes() == y.rgb.tobytes() and x.depth.tobytes() == y.depth.tobytes()
        assert x.seen.tobytes() == y.seen.tobytes()


def whole_clip(models, scene: Scene, blocks: int) -> np.ndarray:
    """Do what the stream does as the published program would: each stage over the whole clip."""
    stream = StarStream(models, scene)
    K, codec = models.config.shape.block_latents, models.codec
    counts = [1] + [4] * (K * blocks - 1)
    track = track_at(block_stamps(0, sum(counts), stream.period_ns))
    conditioner = Conditioner(scene, stream.camera)
    condition = conditioner.condition(track, counts)
    assert set(condition.slots) == {Slot(True, 0)}
    render, _ = codec.encode(to_range(condition.render_T3HW, codec)[None])
    video = conditioner.video(Slot(True, 0), [conditioner.frame_at(t) for t in track.stamps_ns])
    reference, _ = codec.encode(to_range(video, codec)[None])
    mask = pack_mask((2.0 * condition.mask_T1HW - 1.0).transpose(0, 1)[None])
    engine = models.engine_for(models.config)
    state = engine.new_state(models.text_BLC, 7)
    latents = [engine.imagine(state, reference[:, k:k + K], mask[:, k:k + K], render[:, k:k + K])
               for k in range(0, K * blocks, K)]
    return codec.rgb8_from_frames(codec.decode(torch.cat(latents, 1))[0]).numpy()


@pytest.mark.parametrize('kind, block_latents', [('taehv', 3), ('vae', 2), ('taehv', 1)])
@torch.no_grad()
def test_the_stream_is_the_whole_clip(kind: str, block_latents: int) -> None:
    models, blocks = tiny_models(kind, block_latents), 3
    scene = clip(12 * block_latents)
    stream = StarStream(models, scene)
    painted = drive(stream, stream.new_state(7), blocks)
    counts = [len(block.rgb) for block in painted]
    assert counts == [4 * block_latents - 3] + [4 * block_latents] * (blocks - 1)
    streamed = np.concatenate([block.rgb for block in painted])
    np.testing.assert_array_equal(streamed, whole_clip(models, scene, blocks))


def test_blocks_know_their_cameras(models) -> None:
    stream = StarStream(models, STATIC)
    first, second = drive(stream, stream.new_state(0), 2)
    assert (len(first.rgb), len(second.rgb)) == (9, 12)
    assert first.rgb.shape[1:] == (HEIGHT, WIDTH, 3)
    assert first.intrinsics == stream.camera == STATIC.views[0].intrinsics.scaled(WIDTH, HEIGHT)
    stamps_ns = np.concatenate([first.track.stamps_ns, second.track.stamps_ns])
    assert set(np.diff(stamps_ns)) == {stream.period_ns}


def test_the_same_seed_gives_the_same_bytes(models) -> None:
    stream = StarStream(models, room())
    first = drive(stream, stream.new_state(5), 2)
    other = StarStream(models, room())
    drive(other, other.new_state(99), 1)
    torch.randn(1000)
    assert_same(first, drive(other, other.new_state(5), 2))
    assert first[1].rgb.tobytes() != drive(stream, stream.new_state(6), 2)[1].rgb.tobytes()


def test_a_generator_that_composes_shows_the_scene_where_it_is_seen(models) -> None:
    composing = replace(models, config=replace(models.config, composes=True))
    plain, composed = (StarStream(it, STATIC) for it in (models, composing))
    for before, block in zip(drive(plain, plain.new_state(5), 2),
                             drive(composed, composed.new_state(5), 2)):
        condition = Conditioner(STATIC, plain.camera).condition(
            block.track, [len(block.rgb) - 8, 4, 4])
        known = condition.mask_T1HW[:, 0].numpy() > 0.0
        shown = ((condition.render_T3HW + 1.0) * 127.5).permute(0, 2, 3, 1).numpy()
        assert 0.3 < known.mean() < 1.0
        assert np.abs(block.rgb - shown)[known].max() <= 0.51
        assert np.abs(before.rgb - shown)[known].max() > 20.0
        assert np.abs(block.rgb - shown)[~known].max() > 20.0, 'the rest is painted'


def test_latents_that_the_scene_shows_whole_are_those_of_the_render(models) -> None:
    config = replace(models.config, composes=True)
    engine = StarEngine(models.engine_for(config).denoiser.dit, config)
    shape = (1, 3, 16, HEIGHT // 8, WIDTH // 8)
    mask = torch.ones(1, 3, 4, *shape[3:])
    mask[..., 4:] = -1.0
    mask[:, :, 2, :, 3] = 0.5 - 1e-3  # of one frame, half is known
    mask[:, :, 2, :, 2] = 0.0  # earlier frames alone show it
    render = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    state = engine.new_state(models.text_BLC, 0)
    latents = engine.imagine(state, render, mask, render)
    same = (latents == render).all(2)[0, 0, 0]
    assert same.tolist() == [True, True, False, True] + [False] * (shape[4] - 4)
    assert torch.equal(state.history[0], latents)


@pytest.mark.gpu
@pytest.mark.parametrize('kind', ['taehv', 'vae'])
def test_a_gpu_paints_alike(kind: str) -> None:
    painted = []
    for device in ('cpu', 'cuda'):
        stream = StarStream(tiny_models(kind, device=device), room())
        painted.append(drive(stream, stream.new_state(5), 2))
    for a, b in zip(*painted):
        assert np.abs(a.rgb.astype(int) - b.rgb).mean() < 1.0
        assert (a.seen == b.seen).mean() > 0.999
        assert np.median(np.abs(a.depth / b.depth - 1.0)) < 1e-3


def test_worlds_on_the_same_weights_do_not_meet(models) -> None:
    stream, looping = StarStream(models, STATIC), StarStream(models, clip(5, TimeMode.LOOP))
    alone = drive(stream, stream.new_state(1), 2), drive(looping, looping.new_state(2), 2)
    states = stream.new_state(1), looping.new_state(2)
    together = [], []
    start_ns = 0
    for _ in range(2):
        for kind, state, painted in zip((stream, looping), states, together):
            painted += drive(kind, state, 1, start_ns)
        start_ns = int(painted[-1].track.stamps_ns[-1]) + stream.period_ns
    for a, b in zip(alone, together):
        assert_same(a, b)


class CountedCodec:
    """Counts the passes of an encoder."""

    def __init__(self, codec) -> None:
        self.codec, self.passes = codec, 0

    def __getattr__(self, name: str):
        return getattr(self.codec, name)

    def encode(self, frames, past=None):
        self.passes += 1
        return self.codec.encode(frames, past)


@pytest.mark.parametrize('scene, first, later', [(STATIC, 3, 0), (clip(8, TimeMode.LOOP), 3, 1)])
def test_a_recording_that_repeats_is_encoded_once(models, scene: Scene, first: int,
                                                  later: int) -> None:
    codec = CountedCodec(models.codec)
    stream = StarStream(replace(models, codec=codec), scene, fps=24.0)
    state = stream.new_state(0)
    passes = []
    for block in range(4):
        before = codec.passes
        stamps_ns = block_stamps(block * 12 * stream.period_ns if block else 0,
                                 sum(stream.latent_frames(state)), stream.period_ns)
        still = CameraTrack(stamps_ns, np.stack([pose(-0.5, 0.0, 0.0)] * len(stamps_ns)))
        stream.imagine(state, still)
        passes.append(codec.passes - before - 1)  # one is that of the render
    assert passes[0] == first and passes[-1] == 0
    assert sum(passes[1:]) <= 3 * later


def test_a_jump_in_time_or_of_the_reference_is_taken(models) -> None:
    stream = StarStream(models, clip(40))
    state = stream.new_state(0)
    drive(stream, state, 1)
    jumped = drive(stream, state, 1, start_ns=1_000_000_000)
    assert state.references.newest == (Slot(True, 0), 5)
    turned = StarStream(models, STATIC)
    state = turned.new_state(0)
    drive(turned, state, 1)
    stamps_ns = block_stamps(0, 12, turned.period_ns)
    around = CameraTrack(stamps_ns, np.stack([pose(0.0, 0.0, np.pi)] * 12))
    jumped.append(turned.imagine(state, around))
    assert state.slot == Slot(False, 2) and len(jumped) == 2


def test_depth_is_the_warps_where_seen_and_goes_on_from_there(models) -> None:
    stream = StarStream(models, Scene('one', STATIC.views[:1]))
    state = stream.new_state(0)
    stamps_ns = block_stamps(0, 9, stream.period_ns)
    track = CameraTrack(stamps_ns, np.stack([pose(-0.5, 0.0, 0.5)] * 9))
    block = stream.imagine(state, track)
    condition = Conditioner(Scene('one', STATIC.views[:1]), stream.camera).condition(
        track, [1, 4, 4])
    disparity = condition.disparity_THW.numpy()
    assert 0.2 < block.seen.mean() < 0.9
    np.testing.assert_array_equal(block.seen, disparity > 0.0)
    np.testing.assert_array_equal(block.depth[block.seen], 1.0 / disparity[block.seen])
    assert np.isfinite(block.depth).all()
    border = block.seen[:, :, :-1] != block.seen[:, :, 1:]
    step = np.abs(np.diff(1.0 / block.depth, axis=2)) * np.minimum(block.depth[:, :, 1:],
                                                                   block.depth[:, :, :-1])
    assert border.any() and np.median(step[border]) < 0.05


def test_nothing_known_has_a_typical_depth() -> None:
    assert (complete_depth(torch.zeros(2, 16, 16), 2.5) == 2.5).all()
    far = complete_depth(torch.full((2, 16, 16), 1e-5), 2.5)
    assert torch.isinf(far).all()


def test_a_camera_behind_everything_still_paints(models) -> None:
    scene = Scene('one', STATIC.views[:1])
    stream = StarStream(models, scene)
    stamps_ns = block_stamps(0, 9, stream.period_ns)
    track = CameraTrack(stamps_ns, np.stack([pose(50.0, 0.0, 0.0)] * 9))
    block = stream.imagine(stream.new_state(0), track)
    assert not block.seen.any()
    np.testing.assert_allclose(block.depth, np.median(scene.views[0].depth[::8, ::8]), rtol=1e-6)


class PoisonedEngine(StarEngine):
    """Paints NaN when told to."""

    poison = False

    def sample(self, *args, **kwargs):
        latents = super().sample(*args, **kwargs)
        if self.poison:
            latents[0, 0, 0, 0, 0] = torch.nan
        return latents


def poisoned(models):
    engines = []

    def engine_for(config):
        engines.append(PoisonedEngine(models.engine_for(config).denoiser.dit, config))
        return engines[-1]

    return replace(models, engine_for=engine_for), engines


def test_a_block_with_nan_is_dropped_and_leaves_no_trace(models) -> None:
    healthy = StarStream(models, clip(40))
    wanted = drive(healthy, healthy.new_state(3), 3)
    sick, engines = poisoned(models)
    stream = StarStream(sick, clip(40))
    state = stream.new_state(3)
    painted = drive(stream, state, 1)
    after_ns = int(painted[-1].track.stamps_ns[-1]) + stream.period_ns
    engines[0].poison = True
    with pytest.raises(LatentsNotFiniteError, match='block 1 of the world with seed 3'):
        drive(stream, state, 1, after_ns)
    engines[0].poison = False
    assert_same(wanted, painted + drive(stream, state, 2, after_ns))


def test_a_track_of_another_length_is_refused(models) -> None:
    stream = StarStream(models, STATIC)
    track = track_at(block_stamps(0, 12, stream.period_ns))
    with pytest.raises(ValueError, match='are not the track of 12'):
        stream.imagine(stream.new_state(0), track)


def test_sizes_and_rates_that_do_not_suit_are_refused(models) -> None:
    with pytest.raises(ValueError, match='video height must be a positive multiple of 16'):
        StarStream(models, STATIC, STATIC.views[0].intrinsics.scaled(96, 72))
    with pytest.raises(ValueError, match='block_latents must be at least 1, got 0'):
        tiny_models(block_latents=0)
    with pytest.raises(ValueError, match='fps must be > 0'):
        StarStream(models, STATIC, fps=0.0)
    with pytest.raises(ValueError, match='a seed must be at least 0'):
        StarImaginer(models, STATIC, seed=-1)


def first_track(imaginer: StarImaginer) -> CameraTrack:
    return track_at(block_stamps(0, imaginer.block_frames(), imaginer.period_ns))


def test_an_imaginer_names_what_went_wrong(models, monkeypatch) -> None:
    sick, engines = poisoned(models)
    imaginer = StarImaginer(sick, STATIC)
    engines[0].poison = True
    with pytest.raises(NotFiniteError, match='is not finite'):
        imaginer.imagine(first_track(imaginer))
    for error in (torch.OutOfMemoryError('CUDA out of memory'),
                  RuntimeError("DefaultCPUAllocator: can't allocate memory")):
        def fail(*args, error=error, **kwargs):
            raise error
        monkeypatch.setattr(PoisonedEngine, 'sample', fail)
        with pytest.raises(MemoryError, match=f'at {WIDTH}x{HEIGHT}'):
            imaginer.imagine(first_track(imaginer))


def test_an_imaginer_gives_up_when_told_to(models) -> None:
    imaginer = StarImaginer(models, STATIC)
    inner = imaginer._stream.imagine

    def told_meanwhile(*args):
        imaginer.cancel()
        return inner(*args)

    imaginer._stream.imagine = told_meanwhile
    with pytest.raises(CancelledError):
        imaginer.imagine(first_track(imaginer))
    del imaginer._stream.imagine
    again = imaginer.imagine(first_track(imaginer))
    assert_same([again], [StarImaginer(models, STATIC).imagine(first_track(imaginer))]
                if imaginer.block_frames() == 9 else [again])


def test_an_imaginer_begins_smaller_and_again(models) -> None:
    imaginer = StarImaginer(models, STATIC, camera=STATIC.views[0].intrinsics.scaled(128, 96))
    imaginer.imagine(first_track(imaginer))
    assert imaginer.block_frames() == 12
    assert imaginer.shrink() and imaginer.size == (64, 80) and imaginer.block_frames() == 9
    assert imaginer.imagine(first_track(imaginer)).rgb.shape == (9, 64, 80, 3)
    assert not imaginer.shrink() and imaginer.size == (64, 80)
    imaginer.reset()
    assert imaginer.size == (96, 128) and imaginer.block_frames() == 9
    imaginer.close()
