# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Compare the generator with the published one: `inspatio parity VECTOR_DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

from inspatio_ros.cli.output import print_json, progress

SUMMARY = 'the generator against test vectors of the published program, part by part'
EXAMPLES = """\
examples:
  inspatio parity vectors/               table of the largest differences
  inspatio parity vectors/ --json        the same as one JSON object

A folder of vectors holds NAME.safetensors with numbers and NAME.json with their sizes, for every
part. The exit code is 0 if all parts are within their tolerance, else 1.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('folder', type=Path, help='folder with the test vectors')
    parser.add_argument('--json', action='store_true', help='one JSON object on stdout')


def run(args: argparse.Namespace) -> int:
    """Compare and print."""
    from inspatio_ros.evaluation import parity
    results = dict(progress(parity.run_parts(args.folder), len(parity.PARTS), 'parts', 'part'))
    ok = all(result.ok for result in results.values())
    if args.json:
        print_json({'ok': ok, 'parts': {name: result.record()
                                        for name, result in results.items()}})
        return 0 if ok else 1
    width = max(map(len, results))
    print(f'{"part":{width}}   max abs   tolerance   seconds')
    for name, result in results.items():
        print(f'{name:{width}} {result.max_abs:9.2e} {result.tolerance:11.0e} '
              f'{result.seconds:9.2f}   {"ok" if result.ok else result.error or "DIFFERENT"}')
    return 0 if ok else 1
