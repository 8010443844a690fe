# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What parameter files and the command line say to a node, and where they say it.

rcl takes parameters that nobody has declared and forgets them: a misspelled one has no effect and
no message. Here it is refused, with the file and the nearest name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
import difflib
from pathlib import Path
import re
from typing import Any

from inspatio_ros.robot import loopback
from inspatio_ros.robot.parameter_values import SPECS, specs, table_specs

NODE = 'world_node'
# What a parameter file may hold for rclpy itself.
_OVERRIDES = 'qos_overrides'
_NOT_OURS = ('use_sim_time', _OVERRIDES, 'start_type_description_service')
_POLICIES = ('depth', 'durability', 'history', 'reliability', 'deadline', 'lifespan', 'liveliness',
             'liveliness_lease_duration', 'avoid_ros_namespace_conventions')
_END = re.compile(r'(publisher|subscription)(_\w+)?')
_PARAMETERS = 'ros__parameters'


@dataclass(frozen=True)
class Given:
    """
    One parameter.

    :param name: dotted.
    :param where: the file, or the option of the command line.
    """

    name: str
    value: Any
    where: str


def check_ros_arguments(arguments: list[str]) -> None:
    """
    Check that what ROS arguments give this node are parameters of it.

    :param arguments: as rclpy gets them.
    :raises ValueError: an unknown name; the message says where, and which one is near.
    :raises OSError: a file that cannot be read.
    """
    given = list(_given_by(arguments))
    names = dict.fromkeys((*SPECS, *loopback.SPECS))
    values = {name: default for name, default, _ in specs()}
    values.update((it.name, it.value) for it in given
                  if it.name in ('cameras', 'robots') and _is_words(it.value))
    names.update((name, None) for name, _, _ in table_specs(values))
    for it in given:
        if it.name.startswith(f'{_OVERRIDES}.'):
            _check_override(it)
        else:
            check_name(it, names)


def check_name(given: Given, known: Iterable[str]) -> None:
    """
    Check that a parameter is one of these.

    :raises ValueError: it is not; the message says where it is given, and which one is near.
    """
    known = list(known)
    if given.name not in known:
        near = difflib.get_close_matches(given.name, known, n=1)
        raise ValueError(f'{given.where}: no parameter {given.name!r}; ' + (
            f'did you mean {near[0]}?' if near else 'config/world.yaml lists all'))


def _check_override(given: Given) -> None:
    """Check the name of a quality of service; raises ValueError."""
    _, topic, end, policy = [*given.name.split('.', 3), '', '', ''][:4]
    about = f'{given.where}: {given.name}'
    if not topic.startswith('/'):
        raise ValueError(f'{about}: the topic needs its whole name, as '
                         f'{_OVERRIDES}./camera/color/image_raw.publisher.reliability')
    if not _END.fullmatch(end):
        raise ValueError(f'{about}: expected publisher or subscription after the topic, '
                         f'got {end!r}')
    if policy not in _POLICIES:
        near = difflib.get_close_matches(policy, _POLICIES, n=1)
        raise ValueError(f'{about}: no quality {policy!r}; ' + (
            f'did you mean {near[0]}?' if near else f'there are {", ".join(_POLICIES)}'))


def in_file(file: Path, node: str | None = None) -> Iterator[Given]:
    """
    Yield what a file says to a node.

    :param node: fully qualified name; None: the world's node in whatever namespace.
    :returns: parameters, and overrides of the quality of service.
    :raises ValueError: it is no parameter file.
    :raises OSError: it cannot be read.
    """
    groups = list(_groups(parsed(file.read_text(), str(file))))
    if not groups:
        raise ValueError(f'{file}: no parameters: expected a node, in it {_PARAMETERS}')
    for name, group in groups:
        if _means(name, node):
            yield from (Given(key, value, str(file)) for key, value in _flat(group)
                        if _is_checked(key))


def assigned(text: str) -> Iterator[Given]:
    """
    Yield what an option -p says, unless it is about something else.

    :param text: NAME:=VALUE.
    :raises ValueError: it is not of that form.
    """
    name, found, value = text.partition(':=')
    if not found:
        raise ValueError(f'-p {text}: expected NAME:=VALUE, e.g. rate:=10.0')
    if _is_checked(name):
        yield Given(name, parsed(value, f'-p {text}'), '-p')


def parsed(text: str, where: str) -> Any:
    """
    Return what YAML makes of a text.

    :raises ValueError: nothing; the message says where.
    """
    import yaml
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f'{where}: {" ".join(str(error).split())}') from error


def _given_by(arguments: list[str]) -> Iterator[Given]:
    """Yield what ROS arguments give the world's node."""
    options = list(zip(arguments, arguments[1:]))
    node = _node_of(options)
    for option, word in options:
        if option == '--params-file':
            yield from in_file(Path(word), node)
        elif option in ('-p', '--param'):
            other, of_node, assignment = _split_node(word)
            if not of_node or _means(other, node):
                yield from assigned(assignment)


def _node_of(options: Iterable[tuple[str, str]]) -> str:
    """Return the node's fully qualified name after remapping, where the first rule wins."""
    name, namespace = NODE, '/'
    for option, word in reversed(list(options)):
        if option in ('-r', '--remap'):
            of, found, to = word.rpartition(':=')
            if found and of.split(':')[-1] in ('__node', '__name'):
                name = to
            elif found and of.split(':')[-1] == '__ns':
                namespace = to
    return f'{namespace.rstrip("/")}/{name}'


def _split_node(word: str) -> tuple[str, bool, str]:
    """Split NODE:NAME:=VALUE, where the node may be missing."""
    head = word.partition(':=')[0]
    node, found, _ = head.partition(':')
    return (node, True, word[len(node) + 1:]) if found else ('', False, word)


def _groups(tree: Any, path: str = '') -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (pattern of nodes, their parameters) of a file, at whatever depth."""
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if key == _PARAMETERS and isinstance(value, dict):
            yield path, value
        elif isinstance(value, dict):
            yield from _groups(value, f'{path}/{str(key).strip("/")}')


def _means(pattern: str, node: str | None) -> bool:
    """
    Return whether a pattern of a parameter file is about a node.

    :param pattern: `*` is one part of a name, `**` any number of them.
    :param node: as of `in_file`.
    """
    parts = [part for part in pattern.split('/') if part]
    if node is None:
        return bool(parts) and parts[-1] in (NODE, '*', '**')
    rule = ''.join('(/[^/]+)*' if part == '**' else '/[^/]+' if part == '*'
                   else f'/{re.escape(part)}' for part in parts)
    return re.fullmatch(rule, node) is not None


def _flat(tree: dict[str, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


def is_ours(name: str) -> bool:
    """Return whether a parameter is none of rclpy itself."""
    return name.split('.')[0] not in _NOT_OURS


def _is_checked(name: str) -> bool:
    return is_ours(name) or name.startswith(f'{_OVERRIDES}.')


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)
