# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a folder with weights holds, and whether it is what the generator needs.

Files are looked for by name, up to three folders deep: the public releases can lie in it as
they come. Only tables of contents are read, and nothing is ever downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
import fnmatch
import os
from pathlib import Path
from typing import Any, Literal

from inspatio_ros.model.checkpoint import in_no_base, KeyTest, match, shapes_of
from inspatio_ros.model.codec_config import TAEW2_1, UMT5_XXL, WAN_VAE
from inspatio_ros.model.config import STAR_1_3B
from inspatio_ros.model.dit import CausalDit
from inspatio_ros.model.taehv import grows_time, Taehv
from inspatio_ros.model.text import T5Encoder
from inspatio_ros.model.vae import WanVae
from inspatio_ros.model.weight_files import open_weights
import torch
from torch import nn

DEPTH = 3
INSPATIO = 'InSpatio-World, release 1.3B or 1.5'
WAN = 'Wan2.1-T2V-1.3B, the original release'
TAEHV = 'taehv, the tiny autoencoders for video models'

Need = Literal['always', 'codec', 'training']


@dataclass(frozen=True)
class Part:
    """
    A part of the generator that comes from files.

    :param name: what it is called in tables.
    :param patterns: ends of the paths of its files, lower case; the first pattern that matches
        anything counts.
    :param source: name of the public release that has it.
    :param need: always, one `codec` of several, or for `training` only.
    :param network: makes the network that the weights must fit; None = no weights.
    :param all_files: whether the files belong together; else the last by name counts, which is
        the newest version.
    :param skip, may_be_longer: see checkpoint.match.
    """

    name: str
    patterns: tuple[str, ...]
    source: str
    need: Need
    network: Callable[[], nn.Module] | None = None
    all_files: bool = False
    skip: KeyTest | None = None
    may_be_longer: KeyTest | None = None


@dataclass(frozen=True)
class Found:
    """
    What was found of a part.

    :param name, source, need: see Part.
    :param state: `ok`, `missing`, or `wrong`: there, but of no use.
    :param files: what was found, relative to the folder.
    :param tensors: how many the files hold.
    :param problem: what is wrong, empty if nothing is.
    """

    name: str
    source: str
    need: Need
    state: Literal['ok', 'missing', 'wrong']
    files: tuple[str, ...] = ()
    tensors: int = 0
    problem: str = ''


PARTS = (
    Part('generator', ('inspatio-world*.safetensors',), INSPATIO, 'always',
         lambda: CausalDit(STAR_1_3B.dit)),
    Part('vae', ('wan2.1_vae.safetensors', 'wan2.1_vae.pth'), WAN, 'codec',
         lambda: WanVae(WAN_VAE)),
    Part('taehv', ('taew2_1.safetensors', 'taew2_1.pth'), TAEHV, 'codec',
         lambda: Taehv(TAEW2_1), may_be_longer=grows_time),
    Part('text_encoder', ('models_t5_umt5-xxl-enc-bf16.safetensors',
                          'models_t5_umt5-xxl-enc-bf16.pth'), WAN, 'always',
         lambda: T5Encoder(UMT5_XXL)),
    Part('tokenizer', ('*umt5*/tokenizer.json', '*umt5*/spiece.model'), WAN, 'always'),
    Part('base', ('diffusion_pytorch_model*.safetensors',), WAN, 'training',
         lambda: CausalDit(STAR_1_3B.dit), all_files=True, skip=in_no_base),
)


def locate(folder: Path, parts: Sequence[Part] = PARTS) -> dict[str, list[Path]]:
    """
    Return the files of each part; none where a part is missing.

    :param folder: with the releases, as they come or all in one.
    :raises ValueError: no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f'{folder}: no such folder; it should hold the weights')
    files = sorted(_files(folder, DEPTH))
    return {part.name: _files_of(part, files) for part in parts}


def check(folder: Path, parts: Sequence[Part] = PARTS) -> list[Found]:
    """
    Say for each part whether it is there and whether it fits.

    :raises ValueError: no such folder.
    """
    located = locate(folder, parts)
    return [_check_part(part, located[part.name], folder) for part in parts]


def is_complete(found: Sequence[Found]) -> bool:
    """Return whether a generator can be loaded: one codec is enough, but none may be wrong."""
    good = {item.name for item in found if item.state == 'ok'}
    codecs = [item for item in found if item.need == 'codec']
    return (all(item.name in good for item in found if item.need == 'always')
            and any(item.name in good for item in codecs)
            and all(item.state != 'wrong' for item in found))


def report(folder: Path, found: Sequence[Found]) -> dict[str, Any]:
    """Return what `inspatio weights check --json` prints."""
    return {'ok': is_complete(found), 'folder': str(folder),
            'parts': {item.name: asdict(item) for item in found}}


def _files(folder: Path, depth: int) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith('.'):
                continue
            if entry.is_file():
                yield Path(entry.path)
            elif entry.is_dir() and depth:
                yield from _files(Path(entry.path), depth - 1)


def _files_of(part: Part, files: Sequence[Path]) -> list[Path]:
    for pattern in part.patterns:
        found = [path for path in files
                 if fnmatch.fnmatchcase(path.as_posix().lower(), f'*/{pattern}')]
        if found:
            found.sort(key=lambda path: path.stem.lower())
            return found if part.all_files else found[-1:]
    return []


def _check_part(part: Part, paths: list[Path], folder: Path) -> Found:
    if not paths:
        return Found(part.name, part.source, part.need, 'missing')
    problem, tensors = '', 0
    if part.network is not None:
        with torch.device('meta'):
            expected = shapes_of(part.network())
        try:
            files = [open_weights(path) for path in paths]
            tensors = sum(len(file.shapes) for file in files)
            if part.skip is not None:
                expected = {key: shape for key, shape in expected.items() if not part.skip(key)}
            _, differences = match(expected, files, part.skip, part.may_be_longer)
            problem = str(differences)
        except (ValueError, OSError) as error:
            problem = str(error)
    names = tuple(str(path.relative_to(folder)) for path in paths)
    return Found(part.name, part.source, part.need, 'wrong' if problem else 'ok', names, tensors,
                 problem)
