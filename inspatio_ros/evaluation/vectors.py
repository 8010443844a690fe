# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Reading test vectors: NAME.safetensors with the numbers, NAME.json with their config.

Sizes come from the files alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
import json
import math
from pathlib import Path
import re
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Vectors:
    """
    The vectors of one file.

    :param path: of the file, for errors.
    :param tensors: name -> tensor.
    :param config: what the sidecar says of sizes and settings.
    """

    path: Path
    tensors: dict[str, Tensor]
    config: dict[str, Any]

    def __getitem__(self, name: str) -> Tensor:
        """
        Return a tensor.

        :raises ValueError: there is none of this name.
        """
        if name not in self.tensors:
            raise ValueError(f'{self.path} has no tensor {name!r}')
        return self.tensors[name]

    def setting(self, name: str) -> Any:
        """
        Return an entry of the config.

        :raises ValueError: there is none of this name.
        """
        if name not in self.config:
            raise ValueError(f'the config beside {self.path} has no {name!r}')
        return self.config[name]

    def matching(self, pattern: str) -> Iterator[tuple[tuple[str, ...], Tensor]]:
        """Yield the groups of a regular expression and the tensor, for all names that match."""
        for name, tensor in self.tensors.items():
            found = re.fullmatch(pattern, name)
            if found:
                yield found.groups(), tensor


def load_vectors(folder: Path, name: str) -> Vectors:
    """
    Read one vector file and its sidecar.

    :raises OSError: one of the two is missing.
    :raises ValueError: one of the two is damaged.
    """
    from safetensors import safe_open, SafetensorError
    path, sidecar = folder / f'{name}.safetensors', folder / f'{name}.json'
    with sidecar.open(encoding='utf-8') as stream:
        try:
            config = json.load(stream).get('config', {})
        except (json.JSONDecodeError, UnicodeDecodeError, AttributeError) as error:
            raise ValueError(f'{sidecar} is no sidecar of vectors: {error}') from None
    if not path.exists():
        raise FileNotFoundError(f'{path} is missing')
    try:
        with safe_open(path, 'pt') as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    except SafetensorError as error:
        raise ValueError(f'{path} cannot be read: {error}') from None
    return Vectors(path, tensors, config)


def difference(got: Tensor, wanted: Tensor) -> float:
    """
    Return the largest absolute difference; NaN if there is one in either.

    :raises ValueError: different shapes.
    """
    if got.shape != wanted.shape:
        raise ValueError(f'shapes differ: {tuple(got.shape)} instead of {tuple(wanted.shape)}')
    if not got.numel():
        return 0.0
    return float((got.detach().to(torch.float64) - wanted.to(torch.float64)).abs().max())


def largest(differences: Iterable[float]) -> float:
    """
    Return the largest difference; NaN if one is NaN.

    :raises ValueError: nothing was compared.
    """
    values = list(differences)
    if not values:
        raise ValueError('there was nothing to compare')
    return math.nan if any(math.isnan(value) for value in values) else max(values)
