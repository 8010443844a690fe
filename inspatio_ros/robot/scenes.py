# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Scenes by name: the parameter `scenes`, entries `NAME=FOLDER` or `FOLDER`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
import difflib
from pathlib import Path


def named_scenes(entries: Iterable[str]) -> dict[str, str]:
    """
    Return name -> folder; a folder without a name has its own. Empty entries are skipped.

    :raises ValueError: an entry that is not whole, or two scenes of one name.
    """
    scenes: dict[str, str] = {}
    for entry in filter(None, entries):
        name, found, folder = entry.rpartition('=')
        if not found:
            name = Path(folder).name
        if not (name and folder):
            raise ValueError(f'{entry!r} is neither NAME=FOLDER nor a folder')
        if scenes.get(name, folder) != folder:
            raise ValueError(f'two scenes are called {name!r}: {scenes[name]} and {folder}')
        scenes[name] = folder
    return scenes


def why_not_scenes(entries: Iterable[str]) -> str:
    """Return what is wrong with entries, or nothing."""
    try:
        named_scenes(entries)
    except ValueError as error:
        return str(error)
    return ''


def check_scene(scene: str, scenes: Mapping[str, str]) -> None:
    """
    Check that a scene is given by its name or as a folder, or not at all.

    :raises ValueError: there are names, and it is neither of them nor a folder.
    """
    if scene and scenes and scene not in scenes and not Path(scene).exists():
        near = difflib.get_close_matches(scene, scenes, n=1)
        raise ValueError(f'scene {scene!r} is neither a folder nor one of {", ".join(scenes)}'
                         + (f'; did you mean {near[0]}?' if near else ''))
