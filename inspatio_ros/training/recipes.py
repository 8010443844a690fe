# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Recipes: a function for each stage and size that returns all of its numbers.

Every number has a dotted name (`stage.optim.lr`, `loop.steps`) by which a run can change it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
import difflib
import math
from pathlib import Path
import types
from typing import Any, get_args, get_origin, get_type_hints, Literal, TypeVar, Union

from inspatio_ros.model.config import star_preset, StarConfig
from inspatio_ros.training.optim import OptimConfig
from inspatio_ros.training.stages.autoencoder import AutoencoderConfig
from inspatio_ros.training.stages.causal_init import CausalInitConfig
from inspatio_ros.training.stages.jdmd import JdmdConfig
from inspatio_ros.training.stages.teacher import TeacherConfig
from inspatio_ros.training.trainer import LoopSettings

AnyRecipe = TypeVar('AnyRecipe', bound='Recipe')
_NO = {'false': False, 'no': False, 'off': False, '0': False}
_YES = {'true': True, 'yes': True, 'on': True, '1': True}


@dataclass(frozen=True)
class Recipe:
    """
    What all stages have.

    :param loop: of the run.
    :param batch: clips of a step and process.
    """

    loop: LoopSettings
    batch: int


@dataclass(frozen=True)
class AutoencoderRecipe(Recipe):
    """
    The small autoencoder.

    :param stage: of the stage.
    :param frames, side: of the pieces of video that it learns from; 1 + 4k, pixels.
    :param first_pieces: that set its straight line.
    :param init: a .safetensors file to begin with; empty = nothing.
    """

    stage: AutoencoderConfig
    frames: int = 9
    side: int = 96
    first_pieces: int = 48
    init: str = ''


@dataclass(frozen=True)
class DenoiserRecipe(Recipe):
    """
    What the stages of the denoiser have.

    :param preset: size of the generator: `tiny` or `1.3b`.
    :param steps: of the student, from 1000 down; empty = those of the preset.
    :param history_blocks: that the student sees; -1 = as many as the preset.
    :param block_latents: that the student paints at a time; 0 = as many as the preset. Latents of
        still places (`train data procedural --still`) have references of blocks of 3.
    :param fills: whether the data's warps have their holes filled (`train encode --fill`).
    :param composes: whether whoever runs the weights takes from the warp what it shows, and of
        what is far from that only the large (geometry/seam).
    :param latents: of a clip, a multiple of the latents of a block.
    :param window: rows and columns of latents that a step learns from; `none` = all.
    :param windows: that are drawn for each step; the one of which the warp shows least is taken.
    :param prompt: of all clips.
    :param weights: folder with the public releases, which `1.3b` reads prompts with.
    :param init: what the network begins with: a run, a checkpoint of one, a .safetensors file,
        `base` (the Wan model in `weights`); empty = nothing.
    :param recompute: forget activations and make them again: less memory, more time.
    :param precision: that networks compute in: `fp32` or `bf16`; weights have 32 bits in any case.
    """

    preset: str = 'tiny'
    steps: tuple[int, ...] = ()
    history_blocks: int = -1
    block_latents: int = 0
    fills: bool = False
    composes: bool = False
    latents: int = 9
    window: tuple[int, int] | None = None
    windows: int = 1
    prompt: str = ''
    weights: str = ''
    init: str = ''
    recompute: bool = False
    precision: Literal['fp32', 'bf16'] = 'fp32'

    @property
    def star(self) -> StarConfig:
        """
        Return the student.

        :raises ValueError: no such preset.
        """
        return star_preset(self.preset, self.steps, self.history_blocks, self.fills,
                           self.composes, self.block_latents)


@dataclass(frozen=True)
class TeacherRecipe(DenoiserRecipe):
    """
    A network that sees whole clips.

    :param stage: of the stage.
    """

    stage: TeacherConfig = TeacherConfig('v2v')


@dataclass(frozen=True)
class CausalInitRecipe(DenoiserRecipe):
    """
    The student learns to go on from block to block.

    :param stage: of the stage.
    :param teacher: whose ways it follows (`stage.source=ode`): a run or a checkpoint.
    """

    stage: CausalInitConfig = CausalInitConfig()
    teacher: str = ''


@dataclass(frozen=True)
class JdmdRecipe(DenoiserRecipe):
    """
    The student is distilled.

    :param stage: of the stage.
    :param teacher_v2v, teacher_t2v: runs or checkpoints.
    """

    stage: JdmdConfig = JdmdConfig()
    teacher_v2v: str = ''
    teacher_t2v: str = ''


# Learning rates of the tiny generator, which begins with nothing: its teachers and its
# preparation, the student's distillation, the fake scores'.
_TINY = OptimConfig(5e-4, betas=(0.9, 0.99))
_TINY_STUDENT = OptimConfig(4e-5, betas=(0.0, 0.99))
_TINY_FAKE = OptimConfig(8e-5, betas=(0.0, 0.99))
# The size of the published training: 45 frames, 4 blocks.
_PUBLISHED = {'preset': '1.3b', 'latents': 12, 'recompute': True, 'precision': 'bf16',
              'init': 'base'}


def autoencoder() -> AutoencoderRecipe:
    """Return the small autoencoder of the tiny generator."""
    return AutoencoderRecipe(LoopSettings(3000), 4, AutoencoderConfig())


def teacher_v2v() -> TeacherRecipe:
    """Return the tiny motion teacher."""
    return TeacherRecipe(LoopSettings(4000), 4, stage=TeacherConfig('v2v', _TINY))


def teacher_t2v() -> TeacherRecipe:
    """Return the tiny visual teacher."""
    return TeacherRecipe(LoopSettings(4000), 4, stage=TeacherConfig('t2v', _TINY))


def causal_init() -> CausalInitRecipe:
    """Return the tiny student's preparation."""
    return CausalInitRecipe(LoopSettings(3000), 4, stage=CausalInitConfig(optim=_TINY))


def star_tiny() -> CausalInitRecipe:
    """Return the preparation of a student that paints in one step what the warp lacks."""
    stage = CausalInitConfig(optim=_TINY, own_steps=1.0, drop=0.0, error='pixels', seen=0.1,
                             own_history=0.5, relative=True, structure=1.0, average=0.995)
    return CausalInitRecipe(LoopSettings(3000), 4, stage=stage, steps=(1000,), fills=True,
                            composes=True)


def jdmd() -> JdmdRecipe:
    """Return the tiny student's distillation."""
    return JdmdRecipe(LoopSettings(1000, decay='none'), 4,
                      stage=JdmdConfig(_TINY_STUDENT, _TINY_FAKE))


def teacher_v2v_full() -> TeacherRecipe:
    """Return the motion teacher of 1.3b, with the published rates."""
    return TeacherRecipe(LoopSettings(20000, decay='none'), 1, stage=TeacherConfig('v2v'),
                         **_PUBLISHED)  # type: ignore[arg-type]


def causal_init_full() -> CausalInitRecipe:
    """Return the preparation of the 1.3b student."""
    return CausalInitRecipe(LoopSettings(5000, decay='none'), 1,
                            **_PUBLISHED)  # type: ignore[arg-type]


def jdmd_full() -> JdmdRecipe:
    """Return the distillation of the 1.3b student, with the published rates."""
    return JdmdRecipe(LoopSettings(5000, decay='none'), 1,
                      **{**_PUBLISHED, 'init': ''},  # type: ignore[arg-type]
                      teacher_t2v='base')


RECIPES: dict[str, Callable[[], Recipe]] = {
    'autoencoder': autoencoder, 'teacher_v2v': teacher_v2v, 'teacher_t2v': teacher_t2v,
    'causal_init': causal_init, 'star_tiny': star_tiny, 'jdmd': jdmd,
    'teacher_v2v-1.3b': teacher_v2v_full,
    'causal_init-1.3b': causal_init_full, 'jdmd-1.3b': jdmd_full}


def recipe(name: str, changes: Sequence[str] = ()) -> Recipe:
    """
    Return a recipe.

    :param changes: `key=value` texts.
    :raises ValueError: no such recipe or key, with the nearest name; a value of another type.
    """
    if name not in RECIPES:
        raise ValueError(f'no recipe {name!r}; {_nearest(name, RECIPES)}')
    found = RECIPES[name]()
    for change in changes:
        key, equals, text = change.partition('=')
        if not equals:
            raise ValueError(f'{change!r} should be KEY=VALUE')
        found = changed(found, key.strip(), text.strip())
    return found


def changed(config: AnyRecipe, key: str, text: str) -> AnyRecipe:
    """
    Return a recipe with one number changed.

    :param key: dotted name.
    :raises ValueError: no such key, with the nearest name; a value of another type or range.
    """
    known = dict(keys(config))
    if key not in known:
        raise ValueError(f'no key {key!r} in this recipe; {_nearest(key, known)}')
    try:
        return _with(config, key.split('.'), text)
    except ValueError as error:
        raise ValueError(f'{key}={text}: {error}') from None


def keys(config: Any, before: str = '') -> Iterator[tuple[str, Any]]:
    """Yield the dotted names of all numbers, and their values."""
    for item in fields(config):
        value = getattr(config, item.name)
        if is_dataclass(value):
            yield from keys(value, f'{before}{item.name}.')
        else:
            yield f'{before}{item.name}', value


def described(name: str, config: Recipe) -> dict[str, Any]:
    """Return what the weights of a run depend on: all but how long it is and what it leaves."""
    everything = asdict(config)
    loop = everything['loop']
    for key in ('checkpoint_every', 'picture_every', 'log_every', 'keep'):
        loop.pop(key)
    for place, key in ((everything, 'block_latents'),
                       (everything.get('stage', {}), 'structure')):
        # Of runs from before there were these keys: unset, they change nothing.
        if not place.get(key, True):
            del place[key]
    if config.loop.decay == 'none':
        # Then a longer run begins like a shorter one, and a run can be made longer.
        loop.pop('steps')
    return {'name': name, **everything}


def _with(config: Any, path: list[str], text: str) -> Any:
    name, *rest = path
    if rest:
        return replace(config, **{name: _with(getattr(config, name), rest, text)})
    hint = get_type_hints(type(config), include_extras=True)[name]
    return replace(config, **{name: parsed(text, hint)})


def parsed(text: str, hint: Any) -> Any:
    """
    Return a value from its text.

    :param hint: the type that it should have.
    :raises ValueError: it has not.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        if text not in inner:
            raise ValueError(f'must be one of {", ".join(inner)}')
        return text
    if origin in (Union, types.UnionType):
        kinds = [it for it in inner if it is not type(None)]
        return None if text in ('', 'none') else parsed(text, kinds[0])
    if origin is tuple:
        parts = [part.strip() for part in text.strip('()[]').split(',') if part.strip()]
        if inner[-1] is Ellipsis:
            return tuple(parsed(part, inner[0]) for part in parts)
        if len(parts) != len(inner):
            raise ValueError(f'must be {len(inner)} values with commas between them')
        return tuple(parsed(part, kind) for part, kind in zip(parts, inner))
    if hint is bool:
        value = {**_NO, **_YES}.get(text.lower())
        if value is None:
            raise ValueError('must be true or false')
        return value
    try:
        value = {int: int, float: float, str: str, Path: Path}[hint](text)
        if hint is float and not math.isfinite(value):
            raise ValueError
        return value
    except ValueError:
        raise ValueError(f'must be {"a whole number" if hint is int else "a number"}') from None


def _nearest(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    last = [it for it in known if it.split('.')[-1] == name.split('.')[-1]]
    if near or last:
        return f'did you mean {(last or near)[0]}?'
    return f'there are {", ".join(known)}'
