# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Results of long work, kept beside its end, so that it goes on after an interrupt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
import json
import os
from pathlib import Path
import shutil
from typing import Any

import numpy as np

Arrays = Mapping[str, np.ndarray]

_KEY = 'key.json'


class Workplace:
    """
    A folder OUT.partial that holds what is done already of one task.

    :param out: where the result will be; the folder lies beside it.
    :param task: describes inputs and options completely, in terms of JSON. A folder of another
        task is emptied.
    :raises ValueError: there is something else of that name.
    """

    def __init__(self, out: Path, task: Mapping[str, Any]) -> None:
        self.folder = out.parent / f'{out.name}.partial'
        self.beside: list[Workplace] = []  # of the same task, removed with this one
        key = json.dumps(task, sort_keys=True, default=str)
        path = self.folder / _KEY
        self.resumed = path.is_file() and path.read_text() == key
        if not self.resumed:
            self._refuse_others()
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            path.write_text(key)

    def remember(self, name: str, make: Callable[[], Arrays]) -> Arrays:
        """
        Return what was made before under this name, or make and keep it.

        :param name: of a file, perhaps in a folder.
        :param make: does the work.
        """
        path = self.folder / f'{name}.npz'
        if path.is_file():
            with np.load(path, allow_pickle=False) as stored:
                return dict(stored)
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        # A file is there as a whole or not at all: an interrupt comes at any time.
        fresh = path.with_suffix('.tmp')
        with fresh.open('wb') as file:
            np.savez(file, allow_pickle=False, **made)
        os.replace(fresh, path)
        return made

    def remove(self) -> None:
        """Leave nothing behind: the work is done."""
        for place in (self, *self.beside):
            shutil.rmtree(place.folder, ignore_errors=True)

    def _refuse_others(self) -> None:
        """Refuse to empty what no task has made."""
        if not os.path.lexists(self.folder):
            return
        ours = self.folder.is_dir() and (
            (self.folder / _KEY).is_file() or not any(self.folder.iterdir()))
        if not ours:
            raise ValueError(f'{self.folder}: is needed for unfinished work, and holds something '
                             'else: move it, or name another scene')


def fingerprint(path: Path | None) -> list[Any]:
    """
    Return what tells whether a file or folder has changed: names, sizes and times.

    :param path: None for an input that is not there.
    """
    if path is None:
        return []
    files = sorted(it for it in path.rglob('*') if it.is_file()) if path.is_dir() else [path]
    return [[str(it.resolve()), it.stat().st_size, it.stat().st_mtime_ns] for it in files]
