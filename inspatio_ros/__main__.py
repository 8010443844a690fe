# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Start with `python -m inspatio_ros COMMAND`."""

import sys

from inspatio_ros.cli.main import main

sys.exit(main())
