# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pixels to latents, once and for all steps of training: with the engine's own warp and codec.

What one camera of a recording saw, or a few known views of a still place, is warped into another
camera as the running generator does it, so that training and use see the same holes and the same
smears.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
import hashlib
from pathlib import Path

from inspatio_ros.contracts import CameraTrack, F64
from inspatio_ros.engine.conditioning import Conditioner, filled_render, Slot
from inspatio_ros.engine.recall import LOOKED_BACK_S
from inspatio_ros.engine.reference import encode_reference, ReferenceState, to_range
from inspatio_ros.geometry.mask import pack_mask
from inspatio_ros.model import weights_folder
from inspatio_ros.model.checkpoint import load_vae
from inspatio_ros.model.codec import channels_last, Codec, WanCodec
from inspatio_ros.model.codec_config import WAN_VAE
from inspatio_ros.model.config import BlockShape
from inspatio_ros.model.patch_autoencoder import load_patch_autoencoder, PatchCodec
from inspatio_ros.scene.atomic import write_whole
from inspatio_ros.scene.scene import Scene
from inspatio_ros.training.data.pixels import camera_pairs, pictures, still_views
from inspatio_ros.training.data.recording import as_scene, as_still_scene, Camera
from inspatio_ros.training.data.shards import LATENTS, PIXELS, Shards
from inspatio_ros.training.data.writing import Job, RefusedError
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

CODEC = Path('codec') / 'autoencoder.safetensors'
# Cells of the depth's errors over the height and width of a picture: an estimate is off by
# regions, not by pixels.
_ERROR_CELLS = (3, 5)
# Cells of the regions that a depth sensor loses; edges are where depth changes by this share from
# pixel to pixel; pixels around them that are lost, at most.
_HOLE_CELLS = (6, 10)
_EDGE = 0.1
_MOST_RIM = 3
# A clip of which the warp shows less than this teaches nothing about warps.
_LEAST_SHOWN = 0.1
# Bytes that are read at once.
_PIECE = 1 << 20


@dataclass(frozen=True)
class EncodeSettings:
    """
    How clips become latents.

    :param codec: file of the frozen autoencoder; or a folder with the public releases, whose Wan
        VAE makes the latents of `1.3b`.
    :param latents: of a clip; it takes the first 4 N - 3 frames.
    :param depth_noise: deviation of the error that is put on the source's depth, as a share.
    :param seed: of that error, and of the holes.
    :param fills: whether holes of the warp are filled, with what earlier frames show and then from
        their far side, instead of black.
    :param depth_holes: share of the source's depth that is lost in regions, on average; edges of
        depth come on top of that. Colours stay. See `lost_depth`.
    :raises ValueError: no latents, a negative error, a share that is not 0 .. 0.5.
    """

    codec: Path
    latents: int = 9
    depth_noise: float = 0.0
    seed: int = 0
    fills: bool = False
    depth_holes: float = 0.0

    def __post_init__(self) -> None:
        if self.latents < 1 or self.depth_noise < 0.0:
            raise ValueError(f'latents must be at least 1 and depth_noise not negative, got '
                             f'{self.latents} and {self.depth_noise}')
        # Regions of twice that size are the most; not all may be lost.
        if not 0.0 <= self.depth_holes < 0.5:
            raise ValueError(f'depth_holes must be at least 0 and below 0.5, got '
                             f'{self.depth_holes}')

    def manifest(self, pixels: Sequence[Path]) -> dict[str, object]:
        """Return what the content depends on."""
        digest = hashlib.sha256()
        with _weights(self.codec).open('rb') as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
        # Datasets whose holes are filled in other ways are not to be mixed.
        filled = {'recalled_s': list(LOOKED_BACK_S)} if self.fills else {}
        content = asdict(self)
        # Datasets from before there were holes go on.
        if self.depth_holes == 0.0:
            del content['depth_holes']
        return {**content, **filled, 'codec': digest.hexdigest()[:16],
                'pixels': [it.name for it in pixels]}


def keep_codec(folder: Path, codec: Path) -> None:
    """
    Put the small autoencoder beside the latents that it made: without it nobody can see them.

    The Wan VAE stays where it is.

    :raises OSError: it cannot be written.
    """
    place = folder / CODEC
    if not codec.is_dir() and not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, codec.read_bytes())


def codec_of(folder: Path) -> PatchCodec | None:
    """
    Return the autoencoder of a dataset of latents, None if it is not there.

    :raises ValueError: it cannot be read.
    """
    place = folder / CODEC
    if not place.exists():
        return None
    return PatchCodec(load_patch_autoencoder(place, dtype=torch.float32))


def encode_jobs(pixels: Sequence[Path], settings: EncodeSettings) -> list[Job]:
    """
    Return the work that makes a shard of latents of each recording.

    :param pixels: datasets.
    :raises ValueError: see Shards, load_patch_autoencoder.
    """
    shards = Shards(pixels, PIXELS)
    _codec(settings.codec)
    seen: dict[str, int] = {}
    jobs = []
    for record in range(len(shards)):
        path = shards.path(record)
        name = f'{path.parent.name}-{path.stem}'
        seen[name] = seen.get(name, -1) + 1
        jobs.append(Job(f'{name}-{seen[name]:03d}', str(path),
                        partial(_encode, tuple(pixels), record, settings)))
    return jobs


@lru_cache(maxsize=2)
def _opened(pixels: tuple[Path, ...]) -> Shards:
    return Shards(pixels, PIXELS)


@lru_cache(maxsize=1)
def _codec(path: Path) -> Codec:
    """Return the codec of a file or folder, with frozen weights."""
    if path.is_dir():
        vae = load_vae(_weights(path), WAN_VAE)
        channels_last(vae)
        return WanCodec(vae)
    # What is shipped has 16 bits a weight, in which nothing is computed.
    network = load_patch_autoencoder(path, dtype=torch.float32)
    channels_last(network)
    return PatchCodec(network, latents_per_pass=3)


def _weights(codec: Path) -> Path:
    """
    Return the file with a codec's weights.

    :raises ValueError: a folder without a Wan VAE.
    """
    if not codec.is_dir():
        return codec
    found = weights_folder.locate(codec)['vae']
    if not found:
        raise ValueError(f'{codec}: holds no Wan VAE; `inspatio weights check` says what belongs '
                         'there')
    return found[0]


def _encode(pixels: tuple[Path, ...], record: int, settings: EncodeSettings,
            ) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Make the latents of all clips of one recording."""
    shards = _opened(pixels)
    codec = _codec(settings.codec)
    notes = shards.notes(record)
    frames = codec.frames_of(settings.latents, first=True)
    cameras, recorded = shards.shape(record, 'rgb')[:2]
    if recorded < frames:
        raise RefusedError(f'has {recorded} frames, {frames} are needed')
    rgb, depth, T = (shards.read(record, name, slice(None), slice(frames))
                     for name in ('rgb', 'depth', 'T_world_cam'))
    K = shards.read(record, 'K').numpy()
    fps = float(notes.get('fps', '15'))
    rng = torch.Generator().manual_seed((settings.seed << 20) + record)
    known = still_views(notes)
    videos: dict[int, Tensor] = {}
    made = []
    with torch.no_grad():
        for sources, b in _clips_of(cameras, notes):
            for camera in (b,) if known else (*sources, b):
                if camera not in videos:
                    videos[camera] = encode_video(codec, pictures(rgb[camera][None]))
            # A still picture has one depth, however often it is repeated.
            length = 1 if known else frames
            measured = as_measured([depth[a, :length].float() for a in sources], settings, rng)
            seen = [Camera(rgb[a, :length].numpy(), it.numpy(), K, T[a, :length].numpy())
                    for a, it in zip(sources, measured)]
            scene = as_still_scene(seen) if known else as_scene(seen[0], fps)
            reference, render, mask = look(codec, scene, T[b].numpy(), fps, settings.fills)
            if float((mask > 0.0).float().mean()) >= _LEAST_SHOWN:
                made.append((videos[sources[0]] if reference is None else reference, videos[b],
                             render, mask))
    if not made:
        raise RefusedError('no camera sees anything that another one saw')
    return ({name: torch.cat(parts).half() for name, parts in zip(LATENTS.tensors, zip(*made))},
            notes)


def _clips_of(cameras: int, notes: Mapping[str, str]) -> list[tuple[tuple[int, ...], int]]:
    """Return from which cameras which other one is painted: from one, or from all known views."""
    known = still_views(notes)
    if known:
        return [(known, b) for a, b in camera_pairs(cameras, notes) if a == known[0]]
    return [((a,), b) for a, b in camera_pairs(cameras, notes)]


def as_measured(depth: Sequence[Tensor], settings: EncodeSettings, rng: torch.Generator,
                ) -> list[Tensor]:
    """
    Return the depth of the cameras that a clip is painted from as a sensor measures it.

    :param depth: (F, H, W) float32 of each camera, metres; NaN unknown.
    :returns: likewise, with errors and holes; both differ from camera to camera.
    """
    noisy = [with_depth_error(it, settings.depth_noise, rng) for it in depth]
    if settings.depth_holes == 0.0:
        return noisy
    degree = float(torch.rand((), generator=rng))
    # There are to be clips without: the less is lost, the thinner are the rims, down to none.
    lost, rim = degree * 2.0 * settings.depth_holes, int(degree * (_MOST_RIM + 1))
    return [torch.where(lost_depth(exact, lost, rim, rng), torch.nan, it)
            for exact, it in zip(depth, noisy)]


def encode_video(codec: Codec, video_BFCHW: Tensor) -> Tensor:
    """
    Return the latents of whole videos.

    :param video_BFCHW: -1..1.
    """
    return codec.encode(to_range(video_BFCHW, codec))[0]


def look(codec: Codec, source: Scene, T_world_cam: F64, fps: float,
         fills: bool = False) -> tuple[Tensor | None, Tensor, Tensor]:
    """
    Look at what is known with another camera, as the generator does.

    :param source: of `as_scene` or `as_still_scene`.
    :param T_world_cam: (F, 4, 4) float64.
    :param fills: whether holes of the warp are filled.
    :returns: (1, N, C, h, w) latents of the view that is the reference, None where that is the
        recording itself; (1, N, C, h, w) latents of the warp and (1, N, 4, h, w) packed mask.
    """
    frames = len(T_world_cam)
    conditioner = Conditioner(source, (source.views or source.frames[0])[0].intrinsics)
    stamps_ns = np.rint(np.arange(frames) * (1e9 / fps)).astype(np.int64)
    group = codec.temporal_factor
    condition = conditioner.condition(CameraTrack(stamps_ns, T_world_cam),
                                      [1] + [group] * ((frames - 1) // group), with_depth=fills,
                                      recall=fills)
    mask = pack_mask((2.0 * condition.told_T1HW - 1.0).transpose(0, 1)[None])
    render = filled_render(condition) if fills else condition.render_T3HW
    reference = None if source.frames else _still_reference(codec, conditioner, condition.slots)
    return reference, encode_video(codec, render[None]), mask


def _still_reference(codec: Codec, conditioner: Conditioner, slots: Sequence[Slot]) -> Tensor:
    """Return the latents of the views that a stream takes as reference, one of each slot."""
    state, no_frame = ReferenceState(), -1
    # A stream settles behind its first block: that of the presets.
    first_block = BlockShape.block_latents
    return torch.cat([
        encode_reference(state, conditioner, codec, slot, latent,
                         [no_frame] * codec.frames_of(1, first=latent == 0), no_frame,
                         settled=latent >= first_block)
        for latent, slot in enumerate(slots)], 1)


def with_depth_error(depth_FHW: Tensor, deviation: float, rng: torch.Generator) -> Tensor:
    """
    Return depth as an estimate has it: off by a factor that varies smoothly over the picture.

    :param deviation: of the logarithm of that factor; 0 = as it is.
    """
    if deviation == 0.0:
        return depth_FHW
    cells = torch.randn(1, 1, *_ERROR_CELLS, generator=rng)
    field = functional.interpolate(cells, depth_FHW.shape[1:], mode='bicubic',
                                   align_corners=True)
    return depth_FHW * torch.exp(deviation * field[0])


def lost_depth(depth_FHW: Tensor, share: float, rim: int, rng: torch.Generator) -> Tensor:
    """
    Return where a depth sensor measures nothing: regions that drift slowly, and edges.

    :param depth_FHW: float32, metres; NaN unknown.
    :param share: of all pixels that lie in the regions.
    :param rim: pixels on either side of an edge of depth; 0 = edges are kept.
    :returns: (F, H, W) bool.
    """
    cells = torch.randn(1, 2, *_HOLE_CELLS, generator=rng)
    first, last = functional.interpolate(cells, depth_FHW.shape[1:], mode='bicubic',
                                         align_corners=True)[0]
    when = torch.linspace(0.0, 1.0, len(depth_FHW))[:, None, None]
    field = first + (last - first) * when
    # Not `quantile`: that refuses more than 16 million numbers.
    count = round(share * field.numel())
    lost = field <= field.flatten().kthvalue(count).values if count else torch.zeros_like(
        field, dtype=torch.bool)
    if rim == 0:
        return lost
    far = functional.max_pool2d(depth_FHW[:, None], 3, 1, 1)
    near = -functional.max_pool2d(-depth_FHW[:, None], 3, 1, 1)
    edge = (far > near * (1.0 + _EDGE)).float()
    return lost | (functional.max_pool2d(edge, 2 * rim - 1, 1, rim - 1)[:, 0] > 0.0)
