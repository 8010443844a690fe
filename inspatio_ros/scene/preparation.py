# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a scene was made of: every picture of the recording, its camera, and what became of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
import enum
import json
import os
from pathlib import Path
from typing import Any

from inspatio_ros.contracts import F64, Intrinsics
from inspatio_ros.motion.transforms import check_rigid
import numpy as np

FILE = 'preparation.json'
_FORMAT, _VERSION = 'inspatio_preparation', 1


class Role(enum.Enum):
    """What became of a picture."""

    VIEW = 'view'          # the scene holds it
    HELD_OUT = 'held out'  # has a pose, kept away from depth and scene, to judge them by
    UNUSED = 'unused'      # has a pose, adds nothing: others show it, or it got no depth
    LOST = 'lost'          # no pose was found


@dataclass(frozen=True)
class Picture:
    """
    One picture of the recording.

    :param index: its number in the recording, from 0.
    :param name: of the scene's view, if it is one.
    :param stamp_s: seconds since the recording began: with its first picture, whatever became of
        that one. The scene's time, in which its frames are shown, begins there too.
    :param T_map_cam: (4, 4) float64, optical frame to the scene's map, metres; None if LOST.
    """

    index: int
    name: str
    stamp_s: float
    role: Role
    T_map_cam: F64 | None
    intrinsics: Intrinsics


@dataclass(frozen=True)
class Preparation:
    """
    How a scene was made.

    :param source: name of the recording.
    :param pictures: of the recording, in its order.
    :param numbers: what was counted and measured, by name.
    """

    source: str
    pictures: tuple[Picture, ...]
    numbers: dict[str, Any] = field(default_factory=dict)


def save_preparation(folder: Path, preparation: Preparation) -> None:
    """Write it into a scene folder."""
    record = {'format': _FORMAT, 'version': _VERSION, 'source': preparation.source,
              'numbers': preparation.numbers, 'pictures': [
                  {'index': it.index, 'name': it.name, 'stamp_s': it.stamp_s,
                   'role': it.role.value, 'intrinsics': asdict(it.intrinsics),
                   'T_map_cam': None if it.T_map_cam is None else it.T_map_cam.ravel().tolist()}
                  for it in preparation.pictures]}
    fresh = folder / f'.{FILE}'
    fresh.write_text(json.dumps(record, allow_nan=False, indent=1) + '\n')
    os.replace(fresh, folder / FILE)


def load_preparation(folder: Path) -> Preparation | None:
    """
    Read it from a scene folder.

    :returns: None for a scene that does not say.
    :raises ValueError: a file that is not whole; the message names it.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text())
        if record['format'] != _FORMAT or record['version'] != _VERSION:
            raise ValueError(f'is {record["format"]!r} {record["version"]!r}, '
                             f'not {_FORMAT!r} {_VERSION}')
        return Preparation(record['source'], tuple(_picture(it) for it in record['pictures']),
                           record['numbers'])
    except KeyError as error:
        raise ValueError(f'{path}: {error.args[0]} is missing') from error
    except (ValueError, TypeError) as error:
        raise ValueError(f'{path}: {error}') from error


def _picture(record: dict[str, Any]) -> Picture:
    T = record['T_map_cam']
    pose = None if T is None else check_rigid(np.array(T, np.float64).reshape(4, 4), 'T_map_cam')
    return Picture(int(record['index']), str(record['name']), float(record['stamp_s']),
                   Role(record['role']), pose, Intrinsics(**record['intrinsics']))
