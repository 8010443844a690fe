# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Shards to be made, in a module of their own: worker processes must find it."""

from functools import partial
import os
import signal

from inspatio_ros.training.data.shards import LATENTS
from inspatio_ros.training.data.writing import Job, RefusedError
import torch

Made = tuple[dict[str, torch.Tensor], dict[str, str]]


def latents(records: int, value: float = 0.0) -> dict[str, torch.Tensor]:
    whole = {name: torch.full((records, 3, 16, 2, 2), value) for name in LATENTS.tensors}
    return {**whole, 'mask': torch.ones(records, 3, 4, 2, 2)}


def make(value: float) -> Made:
    if value == 2.0:
        raise RefusedError('the poses are missing')
    return latents(1, value), {}


def die() -> Made:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError('still there')


def jobs(*values: float) -> list[Job]:
    return [Job(f'j{value:g}', f'clip {value:g}', partial(make, value)) for value in values]


DEADLY = Job('deadly', 'clip 7', die)
