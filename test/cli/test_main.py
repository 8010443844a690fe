# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The entry point: what it lists, what it imports, how it fails."""

import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
import types

from inspatio_ros.cli import main as entry
from inspatio_ros.cli.output import print_json, progress, ProgressBar
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
HEAVY = {'numba', 'torch', 'rclpy', 'numpy', 'cv2', 'av', 'scipy'}


def inspatio(*words, **kwargs):
    env = {**os.environ, 'PYTHONPATH': str(CHECKOUT), **kwargs.pop('env', {})}
    return subprocess.run([sys.executable, '-m', 'inspatio_ros', *words], capture_output=True,
                          text=True, env=env, timeout=60, **kwargs)


@pytest.fixture
def command(monkeypatch):
    """Make a command named `probe` that runs a function."""
    def install(run, examples=''):
        module = types.ModuleType('inspatio_ros.cli.probe')
        module.SUMMARY, module.EXAMPLES, module.run = 'probe the entry point', examples, run
        module.add_arguments = lambda parser: parser.add_argument('--n', type=int, default=3)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(entry, 'commands', lambda: {'probe': module.SUMMARY, 'world': ''})
    return install


def fail_with(error):
    def run(args):
        raise error
    return run


def test_help_lists_every_command():
    done = inspatio('--help')
    assert done.returncode == 0
    for name, summary in entry.commands().items():
        assert f'  {name} ' in done.stdout
        assert summary in done.stdout
    assert {'world', 'render'} <= set(entry.commands())
    assert 'INSPATIO_DEBUG' in done.stdout


def test_help_imports_nothing_heavy():
    script = ('import sys; from inspatio_ros.cli.main import main; main(["--help"]); '
              f'print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)')
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True,
                          cwd=CHECKOUT, timeout=60)
    assert done.stderr.strip() == '[]'


def test_help_of_a_command_imports_nothing_heavy():
    script = ('import sys; from inspatio_ros.cli.main import command_parser; '
              'print(command_parser("render").format_help()); '
              f'print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)')
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True,
                          cwd=CHECKOUT, timeout=60)
    assert done.stderr.strip() == '[]'
    assert 'examples:' in done.stdout


@pytest.mark.parametrize('name', sorted(entry.commands()))
def test_every_command_has_what_the_entry_point_needs(name):
    parser = entry.command_parser(name)
    assert parser.description == entry.commands()[name]
    assert callable(parser.get_default('run'))


def test_no_command_prints_the_list_and_fails(capsys):
    assert entry.main([]) == 2
    assert 'commands:' in capsys.readouterr().out


def test_version(capsys):
    assert entry.main(['--version']) == 0
    assert 'inspatio_ros' in capsys.readouterr().out


def test_an_unknown_command_gets_a_hint(capsys):
    assert entry.main(['rendr']) == 2
    assert capsys.readouterr().err == "inspatio: no command 'rendr'; did you mean render?\n"
    assert entry.main(['xyzzy']) == 2
    assert 'commands: ' in capsys.readouterr().err


def test_an_option_before_the_command_is_refused(capsys):
    assert entry.main(['--json', 'render']) == 2
    assert 'the command comes first' in capsys.readouterr().err


@pytest.mark.parametrize('name', ['main', 'surroundings', '../cli/render', '__init__', ''])
def test_a_file_that_is_no_command_cannot_be_called(name, capsys):
    assert entry.main([name]) == 2
    assert 'no command' in capsys.readouterr().err


def test_the_exit_code_is_that_of_the_command(command):
    command(lambda args: args.n)
    assert entry.main(['probe']) == 3
    assert entry.main(['probe', '--n', '7']) == 7


def test_a_bad_argument_is_a_usage_error(command, capsys):
    command(lambda args: 0)
    with pytest.raises(SystemExit) as left:
        entry.main(['probe', '--n', 'x'])
    assert left.value.code == 2
    assert 'usage: inspatio probe' in capsys.readouterr().err


def test_examples_keep_their_line_ends(command):
    command(lambda args: 0, 'examples:\n  a\n  b\n')
    assert 'examples:\n  a\n  b\n' in entry.command_parser('probe').format_help()


@pytest.mark.parametrize(('error', 'line'), [
    (ValueError('scene.json: fps must be > 0,\n got 0'), 'scene.json: fps must be > 0, got 0'),
    (FileNotFoundError(2, 'No such file or directory', 'x.txt'),
     'x.txt: No such file or directory'),
    (OSError('disk is full'), 'disk is full'),
    (ModuleNotFoundError('install depth-anything-3 for --depth'), 'install depth-anything-3'),
    (ValueError(), 'ValueError')])
def test_a_users_error_is_one_line(command, capsys, error, line):
    command(fail_with(error))
    assert entry.main(['probe']) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f'inspatio: {line}')
    assert shown.err.count('\n') == 1
    assert shown.out == ''


def test_debug_shows_where_it_came_from(command, monkeypatch):
    command(fail_with(ValueError('bad')))
    monkeypatch.setenv('INSPATIO_DEBUG', '1')
    with pytest.raises(ValueError, match='bad'):
        entry.main(['probe'])


@pytest.mark.parametrize('error', [
    TypeError('a bug'), ModuleNotFoundError('gone', name='inspatio_ros.gone')])
def test_a_bug_is_not_dressed_up_as_a_users_error(command, error):
    command(fail_with(error))
    with pytest.raises(type(error)):
        entry.main(['probe'])


@pytest.mark.parametrize(('number', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_unwinds_and_exits_like_a_shell_expects(number, code):
    script = ('import time, types, sys\n'
              'from inspatio_ros.cli import main as entry\n'
              'm = types.ModuleType("inspatio_ros.cli.probe")\n'
              'm.SUMMARY, m.add_arguments = "", lambda p: None\n'
              'def run(args):\n'
              '    try:\n'
              '        print("up", flush=True)\n'
              '        time.sleep(30)\n'
              '    finally:\n'
              '        print("cleaned up", flush=True)\n'
              'm.run = run\n'
              'sys.modules[m.__name__] = m\n'
              'entry.commands = lambda: {"probe": ""}\n'
              'sys.exit(entry.main(["probe"]))\n')
    with subprocess.Popen([sys.executable, '-c', script], cwd=CHECKOUT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == 'up\n'
        process.send_signal(number)
        assert process.communicate(timeout=10) == ('cleaned up\n', '')
    assert process.returncode == code


def test_a_reader_that_leaves_is_no_error():
    with subprocess.Popen([sys.executable, '-m', 'inspatio_ros', '--help'], cwd=CHECKOUT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (141, '')


def test_json_is_one_object_that_every_parser_reads(capsys):
    import numpy as np
    print_json({'a': np.float32(0.5), 'b': [float('nan'), (1, np.int64(2))], 'c': np.arange(2)})
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {'a': 0.5, 'b': [None, [1, 2]], 'c': [0, 1]}
    assert shown.out.count('\n') == 1


def test_a_quick_job_shows_no_bar(capsys):
    assert list(progress(range(3), 3, 'count')) == [0, 1, 2]
    bar = ProgressBar('load')
    for done in (1, 2):
        bar(done, 2)
    bar.close()
    assert capsys.readouterr() == ('', '')


def test_a_long_job_shows_a_bar_on_stderr(capsys, monkeypatch):
    monkeypatch.setattr('inspatio_ros.cli.output._BAR_AFTER_S', 0.02)
    monkeypatch.setattr('inspatio_ros.cli.output._LOG_EVERY_S', 0.02)
    for _ in progress(range(3), 3, 'count'):
        time.sleep(0.1)
    shown = capsys.readouterr()
    assert shown.out == ''
    assert 'count' in shown.err
