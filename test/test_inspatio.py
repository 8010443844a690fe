# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the start script decides, with stand-ins for the programs that it calls.

pip, colcon and ros2 are the seam here: small scripts that write down how they were called. That
the real ones do their part shows in every run of `./inspatio test` itself.
"""

from pathlib import Path
import shutil
import subprocess
import sys

import pytest

TOOLS = ('cat', 'cksum', 'date', 'dirname', 'env', 'find', 'flock', 'mkdir', 'mv', 'readlink',
         'rm', 'sed', 'sh', 'sleep', 'sort', 'xargs')
SOURCED = {'ROS_DISTRO': 'jazzy', 'AMENT_PREFIX_PATH': '/opt/ros/jazzy'}
SHELL = shutil.which('dash') or shutil.which('sh')
FAKE_PYTHON = """#!/bin/sh
case "$*" in
    *'-m pip --version'* | *sys.version_info* | *Python.h* | *ensurepip* | -) exit 0 ;;
    *'import torch'*) [ -e "$LOG.torch" ] ;;
    *) printf '%s\\n' "$*" >> "$LOG"
       case "$*" in *"${FAIL:-nothing}"*) exit 1 ;; *'pip install'*) sleep "${PAUSE:-0}" ;; esac ;;
esac
"""


class Desk:
    """A copy of what the script needs, and programs on a PATH of its own."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.checkout, self.bin, self.log = folder / 'checkout', folder / 'bin', folder / 'log'
        self.checkout.mkdir()
        self.bin.mkdir()
        shutil.copy(checkout / 'inspatio', self.checkout)
        for name in ('requirements', 'underlay', 'resource'):
            shutil.copytree(checkout / name, self.checkout / name)
        for name in ('package.xml', 'setup.py', 'setup.cfg'):
            shutil.copy(checkout / name, self.checkout)
        for name in ('inspatio_ros/cli', 'launch', 'config', 'scenes'):
            (self.checkout / name).mkdir(parents=True)
        (self.checkout / 'inspatio_ros/cli/world.py').touch()
        for name in TOOLS:
            found = shutil.which(name)
            if found:
                (self.bin / name).symlink_to(found)

    def program(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def start(self, *words: str, **variables: str) -> subprocess.Popen:
        env = {'PATH': str(self.bin), 'HOME': '/nonexistent', 'LOG': str(self.log), **variables}
        return subprocess.Popen([str(SHELL), str(self.checkout / 'inspatio'), *words], env=env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *words: str, **variables: str) -> tuple[int, str, str]:
        process = self.start(*words, **variables)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def calls(self) -> list[str]:
        """Return what was called since the last time."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return lines


@pytest.fixture
def desk(checkout: Path, tmp_path: Path) -> Desk:
    return Desk(checkout, tmp_path)


@pytest.fixture
def wheels(desk: Desk) -> Desk:
    """Return a desk whose environments exist already, with a Python that only takes notes."""
    python = desk.program(desk.checkout / '.venv/bin/python', FAKE_PYTHON)
    desk.program(desk.checkout / '.venv-jazzy/bin/python', FAKE_PYTHON.replace(
        '$*" >> "$LOG"', '$* by $INSPATIO_ROS, $ROS_DISTRO" >> "$LOG"'))
    (desk.bin / 'python3.11').symlink_to(python)
    desk.program(desk.bin / 'c++', '#!/bin/sh\n')
    return desk


@pytest.fixture
def distro(desk: Desk) -> Desk:
    """Return a desk with a sourced ROS 2 distro."""
    desk.program(desk.bin / 'python3', '#!/bin/sh\ncat > /dev/null\n')
    desk.program(desk.bin / 'colcon', '#!/bin/sh\necho "colcon $*" >> "$LOG"\n'
                 'while [ "$1" != --install-base ]; do shift; done\nmkdir -p "$2"\n'
                 'echo \'export FROM_INSTALL="$COLCON_CURRENT_PREFIX"\' > "$2/local_setup.sh"\n')
    desk.program(desk.bin / 'ros2', '#!/bin/sh\nfor word; do echo "<$word>"; done\n'
                 'echo "[$FROM_INSTALL]"\n')
    return desk


def test_shellcheck(checkout: Path):
    if not shutil.which('shellcheck'):
        pytest.skip('shellcheck is not installed')
    done = subprocess.run(['shellcheck', checkout / 'inspatio', checkout / '.ci/run'],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_help_and_unknown_commands_set_nothing_up(desk: Desk):
    before = sorted(desk.checkout.rglob('*'))
    for words in ([], ['help'], ['--help'], ['-h']):
        code, out, _ = desk.run(*words)
        assert code == 0 and 'world [--scene S]' in out
    code, _, err = desk.run('wordl')
    assert code == 2 and "there is no command 'wordl'" in err
    assert sorted(desk.checkout.rglob('*')) == before


def test_all_missing_system_packages_are_named_in_one_line(desk: Desk):
    code, out, err = desk.run('world')
    assert (code, out) == (1, '')
    assert len(err.splitlines()) == 1
    assert 'g++' in err and 'ython 3.11' in err.replace('python3.11', 'python 3.11')
    assert not (desk.checkout / '.venv').exists()


def test_only_what_is_missing_is_named(desk: Desk):
    desk.program(desk.bin / 'python3.11', FAKE_PYTHON.replace('| *ensurepip* ', '').replace(
        'case "$*" in\n', 'case "$*" in *ensurepip*) exit 1 ;; esac\ncase "$*" in\n', 1))
    desk.program(desk.bin / 'c++', '#!/bin/sh\n')
    _, _, err = desk.run('world')
    assert err == 'inspatio: missing system packages: sudo apt install python3.11-venv\n'


def test_wheels_are_set_up_once(wheels: Desk):
    code, _, err = wheels.run('world', '--scene', 'a b')
    assert code == 0, err
    torch, ros, underlay, last = wheels.calls()
    assert 'ros-kilted.txt' in ros and 'torch.txt' in torch and 'tf2_msgs' in underlay
    assert last == '-m inspatio_ros world --scene a b'
    code, _, err = wheels.run('world')
    assert (code, err, wheels.calls()) == (0, '', ['-m inspatio_ros world'])


def test_jazzy_has_an_environment_of_its_own(wheels: Desk):
    wheels.run('world')
    wheels.calls()
    code, _, err = wheels.run('world', INSPATIO_ROS='jazzy')
    assert code == 0, err
    calls = wheels.calls()
    assert all(call.endswith(' by jazzy, jazzy') for call in calls)
    torch, ros, underlay, last = (call.removesuffix(' by jazzy, jazzy') for call in calls)
    assert 'ros-jazzy.txt' in ros and 'kilted' not in ros and underlay.endswith('tf2_msgs')
    assert last == '-m inspatio_ros world'
    for distro in ('kilted', ''):
        assert wheels.run('world', INSPATIO_ROS=distro)[2] == ''
    assert wheels.calls() == ['-m inspatio_ros world'] * 2


def test_a_requirement_of_one_distro_is_none_of_the_other(wheels: Desk):
    for distro in ('kilted', 'jazzy'):
        wheels.run('world', INSPATIO_ROS=distro)
    wheels.calls()
    path = wheels.checkout / 'requirements/ros-jazzy.txt'
    path.write_text(path.read_text() + 'ros-tf2-ros==0.36.1\n')
    wheels.run('world')
    assert wheels.calls() == ['-m inspatio_ros world']
    wheels.run('world', INSPATIO_ROS='jazzy')
    assert 'ros-jazzy.txt' in wheels.calls()[0]


def test_a_distro_without_wheels_is_refused(wheels: Desk):
    code, _, err = wheels.run('world', INSPATIO_ROS='Jazzy')
    assert code == 1 and wheels.calls() == []
    assert "'Jazzy'" in err and 'kilted' in err and 'jazzy' in err
    assert wheels.run('help', INSPATIO_ROS='Jazzy')[0] == 0


def test_test_tools_come_with_the_first_test(wheels: Desk):
    wheels.run('world')
    wheels.calls()
    wheels.run('test', '-k', 'name')
    tools, last = wheels.calls()
    assert 'test.txt' in tools and last == '-m pytest -k name'


def test_set_up_goes_on_where_it_failed(wheels: Desk):
    code, _, err = wheels.run('world', FAIL='runtime.txt')
    assert code == 1 and 'set-up failed at: ROS 2 and libraries' in err
    assert len(wheels.calls()) == 2
    assert wheels.run('world')[0] == 0
    libraries, underlay, _ = wheels.calls()
    assert 'runtime.txt' in libraries and 'tf2_msgs' in underlay


def test_a_changed_requirement_is_installed(wheels: Desk):
    wheels.run('world')
    wheels.calls()
    path = wheels.checkout / 'requirements/runtime.txt'
    path.write_text(path.read_text() + 'einops\n')
    wheels.run('world')
    install, last = wheels.calls()
    assert 'runtime.txt' in install and last == '-m inspatio_ros world'


def test_a_torch_that_is_there_is_kept_and_another_can_be_chosen(wheels: Desk):
    Path(f'{wheels.log}.torch').touch()
    wheels.run('world')
    assert not any('torch' in call for call in wheels.calls())
    wheels.run('world', INSPATIO_TORCH='torch==2.99 --pre')
    assert wheels.calls()[0].endswith('pip install --quiet torch==2.99 --pre')
    wheels.run('world')
    assert wheels.calls() == ['-m inspatio_ros world']


@pytest.mark.parametrize('tool', ['flock', 'mkdir'])
def test_two_starts_at_once_set_up_once(wheels: Desk, tool: str):
    if tool == 'mkdir':
        (wheels.bin / 'flock').unlink()
    started = [wheels.start('world', PAUSE='0.3') for _ in range(2)]
    assert [process.wait(60) for process in started] == [0, 0]
    calls = wheels.calls()
    assert sum('pip install' in call for call in calls) == 3
    assert sum('inspatio_ros world' in call for call in calls) == 2


def test_a_lock_of_a_process_that_is_gone_is_taken_over(wheels: Desk):
    (wheels.bin / 'flock').unlink()
    lock = wheels.checkout / '.setup/lock.d'
    lock.mkdir(parents=True)
    (lock / 'pid').write_text('999999999')
    assert wheels.run('world')[0] == 0


def test_nothing_listens_to_the_network_unless_asked_to(wheels: Desk):
    wheels.program(wheels.checkout / '.venv/bin/python', FAKE_PYTHON.replace(
        '$*" >> "$LOG"',
        '$* in $ROS_AUTOMATIC_DISCOVERY_RANGE $FASTDDS_DEFAULT_PROFILES_FILE" >> "$LOG"'))
    wheels.run('world')
    profile = wheels.checkout / 'config/fastdds_localhost.xml'
    assert wheels.calls()[-1].endswith(f'in LOCALHOST {profile}')
    wheels.run('world', FASTDDS_DEFAULT_PROFILES_FILE='/mine.xml')
    assert wheels.calls()[-1].endswith('in LOCALHOST /mine.xml')
    wheels.run('world', FASTRTPS_DEFAULT_PROFILES_FILE='/mine.xml')
    assert wheels.calls()[-1].endswith('in LOCALHOST ')
    wheels.run('world', ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET')
    assert wheels.calls()[-1].endswith('in SUBNET ')


def test_fast_dds_of_jazzy_reads_the_old_variable(wheels: Desk):
    wheels.program(wheels.checkout / '.venv-jazzy/bin/python', FAKE_PYTHON.replace(
        '$*" >> "$LOG"', '$* in $FASTDDS_DEFAULT_PROFILES_FILE,'
        '$FASTRTPS_DEFAULT_PROFILES_FILE" >> "$LOG"'))
    wheels.run('world', INSPATIO_ROS='jazzy')
    profile = wheels.checkout / 'config/fastdds_localhost.xml'
    assert wheels.calls()[-1].endswith(f'in ,{profile}')
    wheels.run('world', INSPATIO_ROS='jazzy', FASTRTPS_DEFAULT_PROFILES_FILE='/mine.xml')
    assert wheels.calls()[-1].endswith('in ,/mine.xml')


def test_a_distro_is_built_once_sourced_and_launched(distro: Desk):
    code, out, err = distro.run('world', **SOURCED)
    assert code == 0, err
    install = distro.checkout / '.setup/jazzy/install'
    assert out.splitlines() == ['<launch>', '<inspatio_ros>', '<world.launch.py>', f'[{install}]']
    build, = distro.calls()
    assert build.startswith('colcon ') and '--symlink-install' in build
    assert distro.run('world', **SOURCED)[0] == 0
    assert distro.calls() == []
    (distro.checkout / 'config/more.yaml').touch()
    assert distro.run('world', **SOURCED)[0] == 0
    assert len(distro.calls()) == 1


@pytest.mark.parametrize('words, expected', [
    (['--scene', 'a b'], ['scene:=a b']),
    (['--scene=x', 'rate:=10.0'], ['scene:=x', 'rate:=10.0']),
    (['--view', '--scene=x'], ['view:=8088', 'scene:=x']),
    (['--scene=x', '--view'], ['scene:=x', 'view:=8088']),
    (['--view', '9000', 'rate:=1.0'], ['view:=9000', 'rate:=1.0']),
    (['rate:=10.0', '--scene', 's', '--ros-args', '-p', 'a:=it is', '-r', '__node:=w'],
     ['rate:=10.0', 'scene:=s', "ros_args:='-p' 'a:=it is' '-r' '__node:=w'"]),
    (['--ros-args', '-p', "name:=don't"], ["ros_args:='-p' 'name:=don'\\''t'"]),
    (['--help'], ['--show-args']),
])
def test_words_become_launch_arguments(distro: Desk, words: list[str], expected: list[str]):
    code, out, err = distro.run('world', *words, **SOURCED)
    assert code == 0, err
    assert out.splitlines()[3:-1] == [f'<{word}>' for word in expected]


def test_packages_that_a_distro_lacks_are_named_in_one_line(distro: Desk):
    distro.program(distro.bin / 'python3', f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    code, _, err = distro.run('world', _ROS_WHEELS_BOOTSTRAP_COMPLETE='1', **SOURCED)
    assert code == 1
    line = next(line for line in err.splitlines() if 'apt install' in line)
    assert {'python3-numba', 'python3-pil', 'python3-av', 'ros-jazzy-cv-bridge'} <= set(
        line.split())


def test_a_sourced_distro_is_used_unless_another_is_asked_for(distro: Desk):
    assert distro.run('world', INSPATIO_ROS='jazzy', **SOURCED)[0] == 0
    distro.calls()
    code, _, err = distro.run('world', INSPATIO_ROS='kilted', **SOURCED)
    assert code == 1 and distro.calls() == []
    assert "INSPATIO_ROS is 'kilted', but ROS 2 jazzy is sourced" in err


def test_half_a_distro_is_none(distro: Desk):
    code, _, err = distro.run('world', ROS_DISTRO='jazzy')
    assert code == 1 and 'g++' in err
    assert distro.calls() == []
