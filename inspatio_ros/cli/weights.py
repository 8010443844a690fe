# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Look at a folder with weights: `inspatio weights check DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

from inspatio_ros.cli.output import print_json

SUMMARY = 'which weights of the generator are in a folder, and whether they fit'
EXAMPLES = """\
examples:
  inspatio weights check weights/            what is there, what is missing, where it comes from
  inspatio weights check weights/ --json     the same as one JSON object

The folder holds the public releases as they come, each in a folder of its own or all in one.
Only tables of contents are read; nothing is downloaded. Exit code 0 if a generator can be loaded,
else 1.
"""
NEEDS = {'always': '', 'codec': '  (one of vae and taehv is needed)',
         'training': '  (for training only)'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument('what', choices=('check',), help='what is done')
    parser.add_argument('folder', type=Path, help='folder with the weights')
    parser.add_argument('--json', action='store_true', help='one JSON object on stdout')


def run(args: argparse.Namespace) -> int:
    """Check a folder."""
    from inspatio_ros.model import weights_folder

    found = weights_folder.check(args.folder)
    complete = weights_folder.is_complete(found)
    if args.json:
        print_json(weights_folder.report(args.folder, found))
        return 0 if complete else 1
    width = max(len(item.name) for item in found) + 2
    for item in found:
        what = ', '.join(item.files) if item.files else f'from {item.source}{NEEDS[item.need]}'
        count = f', {item.tensors} tensors' if item.tensors else ''
        print(f'{item.state:9}{item.name:{width}}{what}{count}')
        if item.problem:
            print(f'{"":{9 + width}}{item.problem}')
    print('complete' if complete else 'not complete: a generator cannot be loaded from here')
    return 0 if complete else 1
