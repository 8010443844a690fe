# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0

import json
from pathlib import Path
import subprocess
import sys

from inspatio_ros.cli import bench_star_suite
from inspatio_ros.cli.bench_star import table
from inspatio_ros.cli.main import main
from inspatio_ros.evaluation import star_cost
from inspatio_ros.model.config import STAR_1_3B
import pytest

TINY = ['bench', 'star', '--preset', 'tiny', '--size', '32x32', '--blocks', '1', '--device', 'cpu',
        '--compile', 'none']
UNWANTED = {'rclpy', 'transforms3d', 'av', 'scipy', 'numba'}


def test_the_stated_work_of_a_block_is_counted():
    assert star_cost.block_flops(STAR_1_3B, whole_last_layer=True) == pytest.approx(
        137.5e12, rel=1e-3)
    assert star_cost.block_flops(STAR_1_3B) == pytest.approx(136.2e12, rel=1e-3)
    assert star_cost.roofline_ms(STAR_1_3B, 790e12, 790e12) == pytest.approx(172.4, rel=1e-3)


@pytest.mark.parametrize('words', [
    ['--path', 'fast', '--codec', 'taehv'], ['--path', 'eager', '--codec', 'vae'],
    ['--path', 'slow', '--kept-reference', '--precision', 'fp8']])
def test_a_row_has_what_a_reader_needs(words, capsys, tmp_path):
    out = tmp_path / 'star.json'
    assert main([*TINY, *words, '--json', '--json-out', str(out)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result == json.loads(out.read_text())
    row, = result['rows']
    assert row['preset'] == 'tiny' and row['path'] == words[1] and row['peak_gib'] is None
    assert row['frames'] == 12 and row['fps'] > 0
    assert row['block_ms'] == pytest.approx(12e3 / row['fps'])
    assert {'warp', 'encode', 'context', 'step0', 'step1', 'decode', 'copy',
            'message_per_frame'} <= set(row['stages_ms'])
    assert {'cpu', 'torch', 'python', 'commit', 'command', 'device'} <= set(result['machine'])


def test_the_table_has_a_line_per_row_check_and_failure(capsys):
    assert main(TINY) == 0
    assert 'tiny fast fp32 taehv' in capsys.readouterr().out
    text = table({'rows': [], 'failed': {'fp8': 'exit code 1'}, 'checks': {'small': {
        'ok': False, 'parts': {'bf16': {'ok': False, 'error': 'no kernel'},
                               'fp32': {'ok': True, 'flow': 1e-7, 'limit': None}}}}})
    assert 'NOT OK' in text and 'no kernel' in text and 'failed: fp8: exit code 1' in text


@pytest.mark.parametrize('words, said', [
    (['--size', '832'], '832'), (['--size', '30x32'], '30'), (['--preset', 'huge'], 'huge'),
    (['--codec', 'mp4'], 'mp4'), (['--path', 'warp'], 'warp'), (['--precision', 'int2'], 'int2'),
    (['--blocks', '-1'], '-1')])
def test_bad_arguments_are_named(words, said, capsys):
    assert main([*TINY, *words]) == 2
    assert said in capsys.readouterr().err


def test_a_suite_goes_on_where_one_way_fails(monkeypatch, tmp_path, checkout: Path):
    monkeypatch.chdir(checkout)
    ways = bench_star_suite._ways(
        ('bad', '--preset none --device cpu', 60), ('good', ' '.join(TINY[2:]), 60))
    monkeypatch.setitem(bench_star_suite.SUITES, 'test', ways)
    result = bench_star_suite.run_suite('test', tmp_path / 'star.json', 120.0, 'abc')
    assert 'none' in result['failed']['bad']
    assert [row['name'] for row in result['rows']] == ['good']
    assert result['machine']['commit'] == 'abc'
    assert '$ ' in (tmp_path / 'star.log').read_text()
    hurried = bench_star_suite.run_suite('test', None, 0.0, None)
    assert set(hurried['failed'].values()) == {'no time left'}


def test_a_hanging_way_is_stopped(tmp_path):
    sleep = [sys.executable, '-c', 'import time; time.sleep(60)']
    assert 'stopped' in bench_star_suite._finish(sleep, {}, tmp_path / 'log', 0.5)


def test_nothing_is_loaded_that_a_bare_gpu_machine_lacks(checkout: Path):
    code = ('import sys, inspatio_ros.cli.bench, inspatio_ros.evaluation.star_bench, '
            f'inspatio_ros.evaluation.star_check; print(*{UNWANTED!r} & set(sys.modules))')
    done = subprocess.run([sys.executable, '-c', code], cwd=checkout, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
