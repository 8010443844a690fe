# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The commands that README.md marks with an HTML comment `test` do what it says."""

import os
from pathlib import Path
import re
import subprocess

import pytest

BLOCK = re.compile(r'^<!-- test -->\s*\n```sh\n(.*?)^```$', re.MULTILINE | re.DOTALL)
TIMEOUT_S = 120
README = Path(__file__).resolve().parents[1] / 'README.md'
BLOCKS = BLOCK.findall(README.read_text()) if README.is_file() else []


@pytest.fixture
def visitor(checkout: Path, tmp_path: Path) -> Path:
    """Return a folder that looks like the checkout; what is written into it goes away."""
    for path in checkout.iterdir():
        if path.name not in ('.git', '.pytest_cache', '.mypy_cache'):
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def test_readme_marks_commands():
    assert BLOCKS, f'{README} marks no command'


@pytest.mark.parametrize('block', BLOCKS)
def test_commands_of_readme_run(visitor: Path, block: str):
    done = subprocess.run(['sh', '-eu', '-c', block], cwd=visitor, capture_output=True, text=True,
                          timeout=TIMEOUT_S, env={**os.environ, 'HOME': str(visitor)})
    assert done.returncode == 0, f'{block}\n{done.stdout}\n{done.stderr}'


def test_links_of_readme_lead_somewhere(checkout: Path):
    targets = re.findall(r'\]\(([^)#\s]+)', README.read_text())
    targets += re.findall(r'<img[^>]+src="([^"]+)"', README.read_text())
    missing = [target for target in targets
               if '://' not in target and not (checkout / target).exists()]
    assert not missing
