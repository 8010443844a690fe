# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Find the command and run it.

A command is a file beside this one that has

    SUMMARY: str                                       one line for the list of commands
    EXAMPLES: str                                      optional: shown under the command's --help
    add_arguments(parser: argparse.ArgumentParser) -> None
    run(args: argparse.Namespace) -> int               the exit code

It is imported only when it is called, and the list of commands is read from the text of the
files: no command pays for the libraries of another.

What a user can get wrong is a ValueError or OSError; a library that is missing is an
ImportError: one line on stderr, exit code 2. INSPATIO_DEBUG=1 shows where it came from.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Sequence
import difflib
import importlib
import logging
import os
from pathlib import Path
import signal
import sys
import threading
from types import FrameType, ModuleType
from typing import NoReturn

USER_ERROR = 2
INTERRUPTED = 128 + 2    # as a shell reports SIGINT
BROKEN_PIPE = 128 + 13   # and SIGPIPE
TERMINATED = 128 + 15    # and SIGTERM

EPILOG = """\
examples:
  inspatio world                                  drive through the bundled hall
  inspatio prepare recording/ my_scene/           turn a recording into a scene
  inspatio render my_scene orbit.txt out.mp4      look at it without ROS
  inspatio COMMAND --help                         arguments and examples of one command

Set INSPATIO_DEBUG=1 to see the traceback of an error.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run one command.

    :param argv: command and its arguments; those of the process if None.
    :returns: exit code: that of the command, 2 for a user's error, 130 after Ctrl-C.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read the output has left. Python would complain once more while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return INTERRUPTED
    except (ValueError, OSError, ImportError) as error:
        if os.environ.get('INSPATIO_DEBUG') == '1' or _is_our_own_fault(error):
            raise
        print(f'inspatio: {one_line(error)}', file=sys.stderr)
        return USER_ERROR


def commands() -> dict[str, str]:
    """Return command -> summary, without importing any of them."""
    found = {}
    for path in sorted(Path(__file__).parent.glob('*.py')):
        summary = _constant(path, 'SUMMARY')
        if summary is not None:
            found[path.stem.replace('_', '-')] = summary
    return found


def one_line(error: Exception) -> str:
    """Return what a user needs to know of an error."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f'{error.filename}: {error.strerror}'
    return ' '.join(str(error).split()) or type(error).__name__


def _is_our_own_fault(error: Exception) -> bool:
    """Return whether a part of this package, not a library, could not be imported."""
    return isinstance(error, ImportError) and (error.name or '').startswith('inspatio_ros')


def command_parser(name: str) -> argparse.ArgumentParser:
    """
    Return the parser of one command.

    :raises ValueError: no such command.
    """
    module = _load(name)
    examples = getattr(module, 'EXAMPLES', '')
    parser = argparse.ArgumentParser(
        f'inspatio {name}', description=module.SUMMARY, epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    module.add_arguments(parser)
    parser.set_defaults(run=module.run)
    return parser


def _run(words: list[str]) -> int:
    if not words or words[0] in ('-h', '--help', 'help'):
        print(_overview())
        return 0 if words else USER_ERROR
    if words[0] == '--version':
        print(_version())
        return 0
    if words[0].startswith('-'):
        raise ValueError(f'the command comes first, got {words[0]!r}; see inspatio --help')
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format='%(message)s')
    parser = command_parser(words[0])
    args = parser.parse_args(words[1:])
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _leave)
    code: int = args.run(args)
    return code


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """Unwind on SIGTERM, so that half-written files go away. A command may set its own."""
    raise SystemExit(TERMINATED)


def _load(name: str) -> ModuleType:
    known = commands()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f'did you mean {near[0]}?' if near else f'commands: {", ".join(known)}'
        raise ValueError(f'no command {name!r}; {hint}')
    return importlib.import_module(f'inspatio_ros.cli.{name.replace("-", "_")}')


def _overview() -> str:
    known = commands()
    width = max(map(len, known)) + 2
    rows = '\n'.join(f'  {name:{width}}{summary}' for name, summary in known.items())
    return (f'usage: inspatio COMMAND [ARGUMENTS]\n\nA world that a robot can drive through, as a '
            f'ROS 2 sensor.\n\ncommands:\n{rows}\n\n{EPILOG}')


def _version() -> str:
    from importlib import metadata
    try:
        return f'inspatio_ros {metadata.version("inspatio_ros")}'
    except metadata.PackageNotFoundError:
        return 'inspatio_ros (source tree)'


def _constant(path: Path, name: str) -> str | None:
    """Return the value of a text constant at the top of a file; None if there is none."""
    text = path.read_text(encoding='utf-8')
    if f'\n{name}' not in text:
        return None
    for node in ast.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else (
            [node.target] if isinstance(node, ast.AnnAssign) else [])
        if any(isinstance(t, ast.Name) and t.id == name for t in targets):
            value = ast.literal_eval(node.value)  # type: ignore[attr-defined]
            return value if isinstance(value, str) else None
    return None


if __name__ == '__main__':
    sys.exit(main())
