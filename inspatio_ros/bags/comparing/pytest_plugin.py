# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The pytest fixture `inspatio_golden`: a recording has to be what it was.

pytest loads this file wherever the package is installed, so it imports nothing but pytest before
a test uses the fixture.
"""

from __future__ import annotations

from collections.abc import Sequence
import os
from pathlib import Path
import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from inspatio_ros.bags.comparing.compare import Options

_UPDATE = '--inspatio-update-golden'


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that accepts recordings as they are now."""
    parser.getgroup('inspatio', 'recordings').addoption(
        _UPDATE, action='store_true', help='inspatio_golden writes manifests instead of comparing')


@pytest.fixture
def inspatio_golden(request: pytest.FixtureRequest) -> Golden:
    """Compare recordings with manifests in the folder `golden` beside the test."""
    # request.path is of pytest 7, Ubuntu 22.04 has 6.
    file = Path(str(getattr(request, 'path', None) or getattr(request, 'fspath')))
    name = re.sub(r'[^\w.-]+', '.', request.node.nodeid.partition('::')[2]).strip('.')
    return Golden(file.parent, f'{file.stem}.{name}', request.config.getoption(_UPDATE))


class Golden:
    """
    Compares recordings with manifests; call it.

    :param folder: of the test.
    :param name: of the test, and of its manifest.
    :param update: whether manifests are written instead.
    """

    def __init__(self, folder: Path, name: str, update: bool) -> None:
        self._folder, self._name, self._update = folder, name, update
        self._calls = 0

    def __call__(self, bag: str | os.PathLike[str], tolerance: str | Sequence[str] = (),
                 golden: str | os.PathLike[str] | None = None, topics: Sequence[str] = (),
                 ignore: Sequence[str] = (), contents_only: bool = False) -> None:
        """
        Fail the test unless a recording is the same as before.

        :param bag: a rosbag2: folder, .mcap or .db3.
        :param tolerance: what still counts as the same, e.g. `psnr=40 pose=0.01`; see
            `inspatio compare --help`.
        :param golden: a manifest (.json) or another bag, relative to the folder of the test;
            default: a manifest named after the test.
        :param topics: compare these only; * and ? stand for anything.
        :param ignore: do not compare these.
        :param contents_only: offered QoS and type definitions may differ.
        """
        __tracebackhide__ = True
        from inspatio_ros.bags.comparing.compare import Options
        from inspatio_ros.bags.comparing.tolerances import parse_tolerances
        other = self._manifest() if golden is None else self._folder / golden
        try:
            words = [tolerance] if isinstance(tolerance, str) else tolerance
            options = Options(parse_tolerances(words), tuple(topics), tuple(ignore), contents_only)
            fault = self._fault(Path(bag), other, options)
        except (ValueError, OSError) as error:
            fault = str(error)
        if fault:
            pytest.fail(fault, pytrace=False)

    def _manifest(self) -> Path:
        """Return where the manifest of this call lies; a test may call several times."""
        self._calls += 1
        number = f'.{self._calls}' if self._calls > 1 else ''
        return self._folder / 'golden' / f'{self._name}{number}.json'

    def _fault(self, bag: Path, other: Path, options: Options) -> str:
        """Return what is wrong; nothing if the recording is what it should be."""
        from inspatio_ros.bags.comparing.compare import compare_bags
        from inspatio_ros.bags.comparing.golden import compare_with_golden, write_golden
        if other.suffix != '.json':
            report, hint = compare_bags(bag, other, options), ''
        elif self._update:
            write_golden(bag, other, options)
            return ''
        elif not other.is_file():
            return f'{other} does not exist yet; pytest {_UPDATE} writes it'
        else:
            report = compare_with_golden(bag, other, options)
            hint = f'\nif this is how it should be now: pytest {_UPDATE}'
        return '' if report.equal else f'{bag} is not what {other} says\n{report.table()}{hint}'
