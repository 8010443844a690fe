# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Checkpoints: all that exact continuation needs, in torch.distributed.checkpoint.

A checkpoint is a folder `step-0000123`. It is written beside and renamed when it is complete, so
that what one finds is always whole: after a full disk or a kill the one before is still there.
Its `checkpoint.json` says what recipe it belongs to; another recipe's is refused.

Networks and optimisers are tensors that may lie in pieces on many processes. Everything else is
numbers and text in `checkpoint.json`: nothing of a checkpoint is ever run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import contextlib
from dataclasses import dataclass
import json
import logging
from pathlib import Path
import re
import secrets
import shutil
from typing import Any
import warnings

from inspatio_ros.scene.atomic import write_synced
from inspatio_ros.training.stages.stage import Stage
import torch.distributed
from torch.distributed import checkpoint as dcp
from torch.distributed.checkpoint.state_dict import (
    get_model_state_dict, get_optimizer_state_dict, set_model_state_dict,
    set_optimizer_state_dict)

FORMAT, VERSION = 'inspatio_checkpoint', 1
ABOUT = 'checkpoint.json'
_NAME = re.compile(r'step-(\d{7,})')

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class About:
    """
    What a checkpoint says of itself.

    :param step: steps that were done.
    :param recipe: name and settings, as JSON has them.
    :param stage: the stage's own state.
    """

    step: int
    recipe: dict[str, Any]
    stage: dict[str, Any]


def save_checkpoint(folder: Path, stage: Stage[Any], step: int, recipe: Mapping[str, Any],
                    keep: int = 2) -> Path:
    """
    Write a checkpoint. All processes call it together.

    :param folder: of the run.
    :param recipe: what the weights depend on.
    :param keep: how many checkpoints stay; older ones go when this one is complete.
    :returns: its folder.
    :raises OSError: the disk is full, and so on; older checkpoints are as they were.
    """
    final = folder / f'step-{step:07d}'
    fresh = folder / f'.{final.name}.saving'
    about = {'format': FORMAT, 'version': VERSION, 'step': step, 'recipe': dict(recipe),
             'stage': stage.state_dict()}
    if _is_first():
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
    _together()
    try:
        with _quiet():
            dcp.save(_state(stage), checkpoint_id=fresh, no_dist=not _is_distributed())
        if _is_first():
            write_synced(fresh / ABOUT, (json.dumps(about, indent=1) + '\n').encode())
            _replace(fresh, final)
    except (dcp.api.CheckpointException, RuntimeError, OSError) as error:
        raise _as_os_error(error, folder) from error
    finally:
        if _is_first():
            shutil.rmtree(fresh, ignore_errors=True)
    _together()
    if _is_first():
        for old in checkpoints_in(folder)[:-keep]:
            shutil.rmtree(old)
    return final


def _replace(fresh: Path, final: Path) -> None:
    """Rename a folder; one that has its name already goes only when the new one is there."""
    if final.exists():
        aside = final.with_name(f'.{final.name}.{secrets.token_hex(4)}')
        final.rename(aside)
        fresh.rename(final)
        shutil.rmtree(aside)
    else:
        fresh.rename(final)


def _as_os_error(error: BaseException, folder: Path) -> OSError:
    """Return what went wrong as one line, whichever process and thread it happened in."""
    cause: BaseException = error
    if isinstance(error, dcp.api.CheckpointException) and error.failures:
        cause = next(iter(error.failures.values()))[0]
    last = str(cause).strip().splitlines()[-1:] or [type(cause).__name__]
    return OSError(f'{folder}: no checkpoint could be written ({last[0]}); '
                   f'{shutil.disk_usage(folder).free / 1e6:.1f} MB are free there, the ones '
                   'before are as they were, and the same command goes on from the last')


def checkpoints_in(folder: Path) -> list[Path]:
    """Return the complete checkpoints of a run, the oldest first."""
    found = [path for path in folder.glob('step-*')
             if _NAME.fullmatch(path.name) and (path / ABOUT).is_file()]
    return sorted(found, key=lambda path: int(path.name.removeprefix('step-')))


def about_checkpoint(path: Path) -> About:
    """
    Return what a checkpoint says of itself.

    :raises ValueError: there is none, or it cannot be read.
    """
    file = path / ABOUT
    if not file.is_file():
        raise ValueError(f'{path}: holds no checkpoint ({ABOUT} is missing)')
    try:
        found = json.loads(file.read_text(encoding='utf-8'))
        if found['format'] != FORMAT or found['version'] != VERSION:
            raise ValueError(f'format {found["format"]} version {found["version"]}')
        return About(int(found['step']), dict(found['recipe']), dict(found['stage']))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f'{file}: cannot be read: {error}') from None


def load_checkpoint(path: Path, stage: Stage[Any], recipe: Mapping[str, Any]) -> int:
    """
    Put a stage where a checkpoint left it. All processes call it together.

    :param recipe: must be the checkpoint's.
    :returns: steps that were done.
    :raises ValueError: a checkpoint of another recipe, or one that cannot be read.
    """
    about = about_checkpoint(path)
    differences = recipe_differences(about.recipe, recipe)
    if differences:
        raise ValueError(f'{path}: is the checkpoint of another recipe: {differences}; '
                         'name another folder for the run, or start it as it was')
    state = _state(stage)
    try:
        with _quiet():
            dcp.load(state, checkpoint_id=path, no_dist=not _is_distributed())
    except (dcp.api.CheckpointException, RuntimeError, OSError) as error:
        raise ValueError(f'{path}: cannot be loaded: {str(error).strip().splitlines()[-1]}'
                         ) from error
    networks = stage.networks()
    for name, network in networks.items():
        set_model_state_dict(network, state['networks'][name])
    for name, optimizer in stage.optimizers().items():
        set_optimizer_state_dict(networks[name], optimizer, state['optimizers'][name])
    stage.load_state_dict(about.stage)
    return about.step


def load_network(path: Path, network: torch.nn.Module, name: str) -> None:
    """
    Take one network out of a checkpoint: what the next stage begins with.

    :param name: as the stage that wrote it calls it.
    :raises ValueError: no such network there, or another shape of it.
    """
    about_checkpoint(path)
    state = {'networks': {name: get_model_state_dict(network)}}
    try:
        with _quiet():
            dcp.load(state, checkpoint_id=path, no_dist=not _is_distributed())
    except (dcp.api.CheckpointException, RuntimeError, OSError) as error:
        raise ValueError(f'{path}: holds no fitting network {name!r}: '
                         f'{str(error).strip().splitlines()[-1]}') from error
    set_model_state_dict(network, state['networks'][name])


def prepare_optimizers(stage: Stage[Any]) -> None:
    """
    Let all optimisers have their state before the first step.

    Asked for the state of one that has none yet, torch makes it by a step of size zero and counts
    that step: a run would differ by when its first checkpoint is written.
    """
    networks = stage.networks()
    for name, optimizer in stage.optimizers().items():
        if not optimizer.state:
            get_optimizer_state_dict(networks[name], optimizer)
            for state in optimizer.state.values():
                state['step'].zero_()


def recipe_differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return how two recipes differ, as text; nothing if they do not."""
    there, here = (flat(json.loads(json.dumps(dict(it)))) for it in (found, wanted))
    differ = [key for key in sorted({*there, *here}) if there.get(key) != here.get(key)]
    # Another stage has other keys: its name says it all.
    return ', '.join(f'{key} is {there.get(key)!r} there and {here.get(key)!r} here'
                     for key in (['name'] if 'name' in differ else differ))


def flat(settings: Mapping[str, Any], before: str = '') -> dict[str, Any]:
    """Return nested settings by dotted names."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found.update(flat(value, f'{before}{key}.'))
        else:
            found[f'{before}{key}'] = value
    return found


def _state(stage: Stage[Any]) -> dict[str, Any]:
    networks = stage.networks()
    return {'networks': {name: get_model_state_dict(it) for name, it in networks.items()},
            'optimizers': {name: get_optimizer_state_dict(networks[name], it)
                           for name, it in stage.optimizers().items()}}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let torch not say that one process is alone."""
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'torch.distributed is disabled')
        yield


def _is_distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _is_first() -> bool:
    return not _is_distributed() or torch.distributed.get_rank() == 0


def _together() -> None:
    if _is_distributed():
        torch.distributed.barrier()
