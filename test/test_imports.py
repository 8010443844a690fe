# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Who may import whom, and that package.xml names everything that is imported."""

import ast
from collections.abc import Iterator
from pathlib import Path
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

PACKAGE = 'inspatio_ros'
BELOW_ENGINE = {'model', 'scene', 'motion', 'geometry', 'contracts'}
# Part -> parts that it may import besides itself. A part that is not listed is an error.
MAY_IMPORT = {
    'contracts': set(),
    'geometry': set(),
    'motion': {'contracts'},
    'robot': {'motion', 'contracts'},
    'model': set(),
    'scene': {'motion', 'geometry', 'contracts'},
    'engine': BELOW_ENGINE,
    'bags': BELOW_ENGINE | {'engine', 'robot'},
    'evaluation': BELOW_ENGINE | {'engine'},
    'training': BELOW_ENGINE | {'engine'},
    'ros': {'robot', 'motion', 'contracts'},
    'view': {'robot', 'motion', 'contracts'},
    'cli': BELOW_ENGINE | {'engine', 'bags', 'evaluation', 'training', 'robot', 'ros', 'view'},
    '__init__': set(),
    '__main__': {'cli'},
}
ROS_PARTS = {'ros', 'view', 'cli'}
ROS_MODULES = {'ament_index_python', 'cv_bridge', 'launch', 'launch_pytest', 'launch_ros', 'rclpy',
               'std_srvs'}
ROS_SUFFIXES = ('_msgs', '_interfaces')
ROS_PREFIXES = ('tf2_', 'rosidl_', 'rcl_', 'ros2')
# Import name -> rosdep key, where the key is neither that name (ROS) nor python3-NAME.
ROSDEP_KEYS = {'cv2': 'python3-opencv', 'PIL': 'python3-pil', 'yaml': 'python3-yaml',
               'tf2_ros': 'tf2_ros_py'}
NO_ROSDEP_KEY = {'av', 'pycolmap', 'rosbags', 'safetensors', 'torchmetrics'}
# Imported inside the function that needs it, with an error that names the package to install.
# zstd: rosbags brings the one that this Python lacks.
OPTIONAL = {'backports', 'compression', 'depth_anything_3', 'flash_attn_interface', 'ftfy',
            'simulation_interfaces', 'transformers'}
# Started by nav2.launch.py, which says what to install where they are missing.
NAV2 = {'nav2_lifecycle_manager', 'nav2_map_server'}
# Imports a plugin of this package, so that it is there.
HOSTS = {'pytest'}
# Import name -> package on PyPI, where they differ; the rest comes with a distro or underlay/.
WHEELS = {'cv2': 'opencv-python-headless', 'PIL': 'pillow', 'yaml': 'pyyaml'}
DISTROS = ('ros-kilted', 'ros-jazzy')
NO_WHEEL = {'cv_bridge', 'launch', 'launch_ros', 'tf2_msgs', 'tf2_ros'}
# For those who receive the images, those who send them, and what the launch file is started by and
# starts.
# rosbags.image shares its first name with rosbags.
NOT_IMPORTED = {'cv_bridge', 'ros-rmw-fastrtps-cpp', 'ros2launch', 'rosbags-image', 'rviz2'}


def sources(checkout: Path, folder: str = PACKAGE) -> list[Path]:
    return sorted((checkout / folder).rglob('*.py'))


def part_of(checkout: Path, path: Path) -> str:
    return path.relative_to(checkout / PACKAGE).parts[0].removesuffix('.py')


def imported(path: Path, package: str) -> Iterator[str]:
    """
    Yield the full names that a file imports, at whatever depth of its code.

    :param package: dotted name of the package that the file lies in, for relative imports.
    """
    yield from imported_by(ast.parse(path.read_text(), str(path)), package)


def imported_by(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = package.split('.')[:len(package.split('.')) - node.level + 1]
            base = '.'.join([*(up if node.level else []), *([node.module] if node.module else [])])
            yield from (f'{base}.{alias.name}' for alias in node.names)


def imports_of(checkout: Path, path: Path) -> set[str]:
    return set(imported(path, '.'.join(path.relative_to(checkout).parent.parts)))


def is_ros(module: str) -> bool:
    return (module in ROS_MODULES or module.endswith(ROS_SUFFIXES)
            or module.startswith(ROS_PREFIXES))


def test_parts_import_only_what_lies_below(checkout: Path):
    wrong = []
    for path in sources(checkout):
        part = part_of(checkout, path)
        assert part in MAY_IMPORT, f'{path}: part {part} has no row in MAY_IMPORT'
        for name in imports_of(checkout, path):
            head, *rest = name.split('.')
            if head == PACKAGE and rest and rest[0] not in MAY_IMPORT[part] | {part}:
                wrong.append(f'{path.relative_to(checkout)}: {part} imports {name}')
    assert not wrong, '\n'.join(wrong)


def test_only_ros_parts_import_ros_and_ros_imports_no_torch(checkout: Path):
    wrong = []
    for path in sources(checkout):
        part = part_of(checkout, path)
        modules = {name.split('.')[0] for name in imports_of(checkout, path)}
        wrong += [f'{path.relative_to(checkout)}: {module}' for module in sorted(modules)
                  if (is_ros(module) and part not in ROS_PARTS)
                  or (part == 'ros' and module in {'torch', 'numba'})]
    assert not wrong, '\n'.join(wrong)


def third_party(checkout: Path, *folders: str) -> set[str]:
    files = [path for folder in folders for path in sources(checkout, folder)]
    modules = {name.split('.')[0] for path in files for name in imports_of(checkout, path)}
    return modules - sys.stdlib_module_names - OPTIONAL - HOSTS - {PACKAGE, ''}


def depends(checkout: Path, *kinds: str) -> set[str]:
    root = ElementTree.parse(checkout / 'package.xml').getroot()
    return {str(element.text) for kind in kinds for element in root.iter(kind)}


def rosdep_keys(modules: set[str]) -> set[str]:
    return {ROSDEP_KEYS.get(module, module if is_ros(module) else f'python3-{module}')
            for module in modules - NO_ROSDEP_KEY}


def test_package_xml_names_every_import_and_nothing_else(checkout: Path):
    declared = depends(checkout, 'exec_depend')
    needed = rosdep_keys(third_party(checkout, PACKAGE, 'launch'))
    assert needed - declared == set(), 'imported, but no exec_depend'
    assert declared - needed - NOT_IMPORTED == set(), 'exec_depend, but not imported'


def test_package_xml_names_what_launch_files_start(checkout: Path):
    started = set()
    for path in (checkout / 'launch').glob('*.py'):
        started |= set(re.findall(r"package='(\w+)'", path.read_text()))
    assert started and started - NAV2 <= depends(checkout, 'exec_depend')


def test_package_xml_names_what_tests_import(checkout: Path):
    own = {path.stem for folder in ('test', 'scripts') for path in (checkout / folder).rglob('*')}
    needed = rosdep_keys(third_party(checkout, 'test') - own)
    assert needed - depends(checkout, 'exec_depend', 'test_depend') == set()


def requirements(checkout: Path, name: str) -> list[str]:
    lines = (checkout / f'requirements/{name}.txt').read_text().splitlines()
    texts = [line.split('#')[0].strip() for line in lines]
    return [text for text in texts if text]


def pins(checkout: Path, name: str) -> set[str]:
    """Return what a file pins; every line must be NAME==VERSION."""
    matches = [re.fullmatch(r'([a-z0-9-]+)==[0-9.]+', text)
               for text in requirements(checkout, name)]
    assert all(matches), f'{name}.txt: a line is not NAME==VERSION'
    return {match[1] for match in matches if match}


def test_requirements_pin_every_import_and_nothing_else(checkout: Path):
    ros = set(requirements(checkout, 'ros'))
    pinned = ros | pins(checkout, 'runtime') | pins(checkout, 'torch')
    for distro in DISTROS:
        assert ros <= pins(checkout, distro), f'a package without a version for {distro}'
    needed = {WHEELS.get(module, f'ros-{module}'.replace('_', '-') if is_ros(module) else module)
              for module in third_party(checkout, PACKAGE, 'launch') - NO_WHEEL}
    assert needed - pinned == set(), 'imported, but not pinned'
    assert pinned - needed - NOT_IMPORTED == set(), 'pinned, but not imported'


def test_optional_libraries_are_imported_inside_functions(checkout: Path):
    for path in sources(checkout):
        for node in ast.parse(path.read_text()).body:
            names = [name.split('.')[0] for name in imported_by(node, PACKAGE)]
            inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            assert inside or not OPTIONAL & set(names), f'{path}:{node.lineno}'


def test_syntax_is_that_of_the_oldest_python(checkout: Path):
    for path in sources(checkout) + sources(checkout, 'launch'):
        ast.parse(path.read_text(), str(path), feature_version=(3, 10))  # Humble


@pytest.mark.parametrize('module, unwanted', [
    ('ros.world_node', {'torch', 'numba', 'scipy', 'av'}),
    ('cli.main', {'torch', 'numba', 'scipy', 'av', 'cv2', 'rclpy', 'numpy'}),
    ('cli.world', {'torch'}),
])
def test_importing_loads_nothing_heavy(checkout: Path, module: str, unwanted: set[str]):
    if module != 'cli.main':
        pytest.importorskip('rclpy', reason='no ROS 2 here')
    code = f'import sys, {PACKAGE}.{module}; print(*{unwanted!r} & set(sys.modules))'
    done = subprocess.run([sys.executable, '-c', code], cwd=checkout, capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_the_import_walker_sees_lazy_and_relative_imports(tmp_path: Path):
    path = tmp_path / 'module.py'
    path.write_text('def late():\n    import torch.nn\n    from . import sibling\n'
                    '    from ..motion.track import PoseTrack\n')
    assert set(imported(path, 'inspatio_ros.ros')) == {
        'torch.nn', 'inspatio_ros.ros.sibling', 'inspatio_ros.motion.track.PoseTrack'}
