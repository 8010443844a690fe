# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Many ways to run the generator in one go, each in a process of its own.

So a crash, a hang or a full memory costs one row, and peaks of memory do not add up. The most
important ways come first; what does not fit into the time is left out and said to be.
"""

from __future__ import annotations

from collections.abc import Sequence
import json
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple

from inspatio_ros.cli.output import write_json


class Way(NamedTuple):
    """
    One process.

    :param name: of its row.
    :param arguments: of `inspatio bench star`.
    :param limit_s: after which it is stopped.
    """

    name: str
    arguments: tuple[str, ...]
    limit_s: float


def _ways(*rows: tuple[str, str, float]) -> tuple[Way, ...]:
    return tuple(Way(name, tuple(words.split()), limit_s) for name, words, limit_s in rows)


SUITES: dict[str, tuple[Way, ...]] = {
    'h200': _ways(
        ('rates', '--rates', 60),
        ('check small', '--check small', 120),
        ('bf16 fast', '--precision bf16', 150),
        ('fp8 fast', '--precision fp8', 150),
        ('check full', '--check full', 150),
        ('bf16 eager', '--precision bf16 --path eager --blocks 6', 60),
        ('fp8 fast tensor', '--precision fp8 --fp8-scaling tensor', 90),
        ('bf16 slow', '--precision bf16 --path slow --blocks 4', 60),
        ('fp8 fast one stream', '--precision fp8 --no-overlap', 60),
        ('bf16 fast no compile', '--precision bf16 --compile none', 60),
        ('bf16 fast no graphs', '--precision bf16 --no-graphs', 60),
        ('bf16 fast eager codec', '--precision bf16 --no-codec-compile', 60),
        ('fp8 fast kept reference', '--precision fp8 --kept-reference', 60),
        ('fp8 fast vae', '--precision fp8 --codec vae --blocks 6 --no-codec-compile', 90),
        ('fp8 fast autotuned', '--precision fp8 --compile-mode max-autotune-no-cudagraphs', 150)),
    # The same code on any machine.
    'tiny': _ways(
        ('check small', '--check small', 300),
        ('tiny eager', '--preset tiny --size 64x64 --path eager --blocks 1', 120),
        ('tiny fast', '--preset tiny --size 64x64 --blocks 1', 300)),
}
# A process that has less than this left is not started.
_LEAST_S = 25.0


def run_suite(name: str, out: Path | None, seconds: float, commit: str | None) -> dict[str, Any]:
    """
    Run a suite.

    :param name: key of `SUITES`.
    :param out: file that is rewritten after every process; logs go beside it.
    :param seconds: that the whole suite may take.
    :param commit: to report where there is no git.
    :returns: rows, checks and rates of all processes, and why some failed.
    """
    end = time.monotonic() + seconds
    result: dict[str, Any] = {'suite': name, 'rows': [], 'checks': {}, 'rates': {}, 'failed': {},
                              'machine': {}, 'seconds': {}}
    folder = Path(tempfile.mkdtemp()) if out is None else out.resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as cache:
        for way in SUITES[name]:
            start = time.monotonic()
            left = end - start
            if left < _LEAST_S:
                result['failed'][way.name] = 'no time left'
                continue
            _merge(result, way.name, _run_way(way, min(way.limit_s, left), folder, cache, commit))
            result['seconds'][way.name] = round(time.monotonic() - start, 1)
            if out is not None:
                write_json(out, result)
    _add_shares(result)
    return result


def _run_way(way: Way, limit_s: float, folder: Path, cache: str,
             commit: str | None) -> dict[str, Any]:
    """Run one process and return its result, or {'failed': why}."""
    print(f'{way.name} ...', file=sys.stderr, flush=True)
    answer = Path(cache) / 'answer.json'
    answer.unlink(missing_ok=True)
    words = [sys.executable, '-m', 'inspatio_ros', 'bench', 'star', *way.arguments, '--no-rates',
             '--json-out', str(answer), *(('--commit', commit) if commit else ())]
    environment = {**os.environ, 'TORCHINDUCTOR_CACHE_DIR': str(Path(cache) / 'kernels'),
                   'TRITON_CACHE_DIR': str(Path(cache) / 'triton'), 'INSPATIO_DEBUG': '1'}
    why = _finish(words, environment, folder / 'star.log', limit_s)
    if why is None and not answer.exists():
        why = 'no result'
    if why is not None:
        return {'failed': why}
    found: dict[str, Any] = json.loads(answer.read_text())
    return found


def _finish(words: Sequence[str], environment: dict[str, str], log_path: Path,
            limit_s: float) -> str | None:
    """Run a command, log it, and return why it failed, None if it did not."""
    with open(log_path, 'ab') as log:
        log.write(f'\n$ {" ".join(words)}\n'.encode())
        log.flush()
        begin = log.tell()
        try:
            code = subprocess.run(words, env=environment, stdout=log, stderr=log,
                                  timeout=limit_s).returncode
        except subprocess.TimeoutExpired:
            return f'stopped after {limit_s:.0f} s'
    if code == 0:
        return None
    said = log_path.read_bytes()[begin:].decode(errors='replace').strip().splitlines() or ['']
    return f'exit code {code}: {said[-1][:300]}'


def _merge(result: dict[str, Any], name: str, found: dict[str, Any]) -> None:
    """Add what one process found."""
    if 'failed' in found:
        result['failed'][name] = found['failed']
        print(f'  {found["failed"]}', file=sys.stderr, flush=True)
        return
    result['checks'].update(found.get('checks', {}))
    if not found['rows'] and found.get('rates'):
        result['rates'] = found['rates']
    for row in found['rows']:
        result['rows'].append({'name': name, **row})
        print(f'  {row["fps"]:.1f} FPS', file=sys.stderr, flush=True)
    machine = found.get('machine', {})
    result['machine'].update({key: machine[key] for key in machine if key != 'command'})


def _add_shares(result: dict[str, Any]) -> None:
    """Relate all rows to the rate measured by the suite itself."""
    rate = result['rates'].get('bf16_tflops')
    for row in result['rows']:
        if rate:
            row['denoise_share'] = row['denoise_tflops'] / rate
