# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Weights from files into networks: every key and every shape must match.

Networks are built without memory (on the meta device); each weight is then copied from its file
straight to where it stays. At no time is there more than the weights and a piece of one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, TypeVar

from inspatio_ros.model.codec_config import (
    T5Config, TaehvConfig, TAEW2_1, UMT5_XXL, VaeConfig, WAN_VAE)
from inspatio_ros.model.config import DitConfig, STAR_1_3B
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.taehv import grows_time, Taehv
from inspatio_ros.model.text import T5Encoder
from inspatio_ros.model.vae import WanVae
from inspatio_ros.model.weight_files import open_weights, WeightFile
import torch
from torch import nn, Tensor

Network = TypeVar('Network', bound=nn.Module)
Shape = tuple[int, ...]
KeyTest = Callable[[str], bool]

# Parts of a key that training programs put around a network; no network here has such a name.
WRAPPERS = frozenset({'generator', 'model', 'module', '_orig_mod', '_fsdp_wrapped_module'})
# How many keys of each kind an error names.
NAMED_KEYS = 3
# What the Wan2.1 base model has and the generator has not, or in another shape: its patch
# embedding takes 16 channels, the generator's 36.
BASE_ONLY = ('img_emb.', 'cross_attn.k_img', 'cross_attn.v_img', 'cross_attn.norm_k_img',
             'patch_embedding.')


@dataclass(frozen=True)
class Differences:
    """
    How the keys of files differ from those of a network.

    :param missing: keys that only the network has.
    :param unexpected: keys that only the files have, as they are there.
    :param misshapen: key -> (shape in the network, shape in the file).
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: Mapping[str, tuple[Shape, Shape]]

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.missing or self.unexpected or self.misshapen)

    def __str__(self) -> str:
        """Return counts and the first few of each kind."""
        wrong = [f'{key} is {found}, not {wanted}'
                 for key, (wanted, found) in self.misshapen.items()]
        kinds = {'missing': self.missing, 'unexpected': self.unexpected, 'misshapen': wrong}
        return '; '.join(f'{len(keys)} {kind}: {", ".join(keys[:NAMED_KEYS])}'
                         + (', ...' if len(keys) > NAMED_KEYS else '')
                         for kind, keys in kinds.items() if keys)


@dataclass(frozen=True)
class Source:
    """
    Where a network's weight comes from.

    :param file: the file.
    :param key: the weight's name there.
    """

    file: WeightFile
    key: str


def clean_key(key: str) -> str:
    """Return a key without the names of wrappers, wherever they stand between its dots."""
    return '.'.join(part for part in key.split('.') if part not in WRAPPERS)


def match(expected: Mapping[str, Shape], files: Iterable[WeightFile],
          skip: KeyTest | None = None, may_be_longer: KeyTest | None = None,
          ) -> tuple[dict[str, Source], Differences]:
    """
    Find the weights of a network in some files.

    :param expected: key -> shape of all that the network has.
    :param files: which together hold them.
    :param skip: keys of the files to pass over.
    :param may_be_longer: keys whose weight in the file may have more rows: the last ones count.
    :returns: where each weight comes from; what does not fit.
    :raises ValueError: two tensors of the files have the same key.
    """
    sources: dict[str, Source] = {}
    unexpected, misshapen = [], {}
    for file in files:
        for stored, shape in file.shapes.items():
            key = clean_key(stored)
            if skip is not None and skip(key):
                continue
            if key not in expected:
                unexpected.append(stored)
            elif key in sources:
                raise ValueError(f'{file.path}: {stored} is there twice: also as '
                                 f'{sources[key].key} in {sources[key].file.path}')
            else:
                sources[key] = Source(file, stored)
                wanted = expected[key]
                longer = may_be_longer is not None and may_be_longer(key) and (
                    shape[1:] == wanted[1:] and shape[:1] > wanted[:1])
                if shape != wanted and not longer:
                    misshapen[key] = wanted, shape
    missing = tuple(key for key in expected if key not in sources)
    in_order = {key: misshapen[key] for key in expected if key in misshapen}
    return sources, Differences(missing, tuple(unexpected), in_order)


def shapes_of(network: nn.Module) -> dict[str, Shape]:
    """Return the key and shape of each weight."""
    return {key: tuple(weight.shape) for key, weight in network.state_dict().items()}


def load(network: Network, paths: Sequence[Path], device: torch.device | str = 'cpu',
         dtype: torch.dtype | None = None, skip: KeyTest | None = None,
         may_be_longer: KeyTest | None = None) -> Network:
    """
    Fill a network with the weights of some files.

    :param network: on the meta device.
    :param paths: of .safetensors or .pth files, which together hold exactly its weights.
    :param device: where the weights go.
    :param dtype: of the weights; None = as in the files.
    :param skip: keys to pass over in the files; the network has values for its own already.
    :param may_be_longer: see match.
    :returns: the network, frozen and in evaluation mode.
    :raises ValueError: a damaged file; keys or shapes that do not match.
    """
    expected = {key: shape for key, shape in shapes_of(network).items()
                if skip is None or not skip(key)}
    sources, differences = match(expected, map(open_weights, paths), skip, may_be_longer)
    if differences:
        raise ValueError(f'{", ".join(map(str, paths))}: not the weights of this '
                         f'{type(network).__name__}: {differences}')
    state = {}
    for key, shape in expected.items():
        file, stored = sources[key].file, sources[key].key
        state[key] = torch.empty(shape, device=device, dtype=dtype or file.dtype(stored))
        file.copy_into(stored, state[key])
    # Keys are equal by now; only a caller that skips some hands in fewer.
    network.load_state_dict(state, strict=skip is None, assign=True)
    return network.eval().requires_grad_(False)


def load_dit(path: Path, config: DitConfig = STAR_1_3B.dit, device: torch.device | str = 'cpu',
             dtype: torch.dtype | None = None) -> CausalDit:
    """
    Load a generator's denoiser: InSpatio-World 1.3B or 1.5, keys `model.` + the network's.

    :raises ValueError: see load.
    """
    with torch.device('meta'):
        network = CausalDit(config)
    return load(network, [path], device, dtype)


def load_vae(path: Path, config: VaeConfig = WAN_VAE, device: torch.device | str = 'cpu',
             dtype: torch.dtype | None = None) -> WanVae:
    """
    Load the Wan VAE: Wan2.1_VAE.pth.

    :raises ValueError: see load.
    """
    with torch.device('meta'):
        network = WanVae(config)
    return load(network, [path], device, dtype)


def load_taehv(path: Path, config: TaehvConfig = TAEW2_1, device: torch.device | str = 'cpu',
               dtype: torch.dtype | None = None) -> Taehv:
    """
    Load TAEHV: taew2_1.pth or .safetensors.

    :raises ValueError: see load.
    """
    with torch.device('meta'):
        network = Taehv(config)
    return load(network, [path], device, dtype, may_be_longer=grows_time)


def load_text_encoder(path: Path, config: T5Config = UMT5_XXL,
                      device: torch.device | str = 'cpu',
                      dtype: torch.dtype | None = None) -> T5Encoder:
    """
    Load umT5's encoder: models_t5_umt5-xxl-enc-bf16.pth or .safetensors.

    :raises ValueError: see load.
    """
    with torch.device('meta'):
        network = T5Encoder(config)
    return load(network, [path], device, dtype)


def load_base(network: CausalDit, paths: Sequence[Path],
              device: torch.device | str = 'cpu',
              dtype: torch.dtype | None = None) -> CausalDit:
    """
    Load the Wan2.1 base model's weights, which training starts from.

    Its patch embedding knows latents only and is not taken: the network keeps its own, which
    must therefore have values already.

    :param network: on the meta device but for its patch embedding.
    :param paths: diffusion_pytorch_model*.safetensors of the Wan2.1 folder, all of them.
    :raises ValueError: see load; a patch embedding without values.
    """
    if network.patch_embedding.weight.is_meta:
        raise ValueError('the base model has no patch embedding for this network: set its '
                         'values before the other weights are loaded')
    network.patch_embedding.to(device, dtype)
    return load(network, paths, device, dtype, skip=in_no_base)


def in_no_base(key: str) -> bool:
    """Return whether a key is not shared between the base model and the generator."""
    return any(part in key for part in BASE_ONLY)


def base_patch_embedding(paths: Sequence[Path], config: DitConfig) -> nn.Conv3d:
    """
    Return the base model's patch embedding, widened for the generator.

    Channels that the base model does not know have no weight: a network with it does what the
    base model does, whatever mask and render are.

    :param paths: see load_base.
    :raises ValueError: no fitting patch embedding there.
    """
    patch = (1, *config.patch)
    narrow, wide = (nn.Conv3d(channels, config.dim, patch, patch).requires_grad_(False)
                    for channels in (config.out_channels, config.in_channels))
    wide.weight.zero_()
    for name, weight in (('weight', narrow.weight), ('bias', cast(Tensor, wide.bias))):
        key = f'patch_embedding.{name}'
        found = [Source(file, stored) for file in map(open_weights, paths)
                 for stored in file.shapes if clean_key(stored) == key]
        shapes = [source.file.shapes[source.key] for source in found]
        if shapes != [tuple(weight.shape)]:
            raise ValueError(f'{", ".join(map(str, paths))}: {key} should be there once, '
                             f'{tuple(weight.shape)}, got {shapes}')
        found[0].file.copy_into(found[0].key, weight)
    wide.weight[:, :config.out_channels] = narrow.weight
    return wide
