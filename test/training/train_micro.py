# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The train command with a generator of no size, for torchrun: train_micro.py ARGUMENTS."""

from pathlib import Path
import sys

sys.path.insert(0, str(Path(__file__).resolve().parent))

from inspatio_ros.cli.main import main  # noqa: E402
from inspatio_ros.model.config import STAR_PRESETS  # noqa: E402
from micro import STAR  # noqa: E402

if __name__ == '__main__':
    STAR_PRESETS['micro'] = STAR
    sys.exit(main(['train', *sys.argv[1:]]))
