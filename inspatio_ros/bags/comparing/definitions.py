# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The message types that a bag brings along, and what its publishers offered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from inspatio_ros.bags.reading import Bag
from inspatio_ros.bags.typestore import typestore
from rosbags.interfaces import MessageDefinitionFormat
from rosbags.typesys import get_types_from_idl, get_types_from_msg, get_typestore, Stores
from rosbags.typesys import TypesysError
from rosbags.typesys.store import Typestore

_SEPARATOR = '=' * 80 + '\n'


@dataclass(frozen=True)
class Offer:
    """
    What a bag says of a topic beside its messages.

    :param msgtype: e.g. `sensor_msgs/msg/Image`.
    :param definition: hash of its definition (RIHS01); empty if the bag does not say.
    :param qos: what each publisher offered, e.g. `reliable volatile keep_last 5`, sorted; empty
        if the bag does not say.
    """

    msgtype: str
    definition: str
    qos: tuple[str, ...]


def own_types(bag: Bag) -> Typestore:
    """
    Return the types of a bag as it defines them itself, and the package's for the rest.

    A definition that cannot be read counts as none.
    """
    known = typestore().fielddefs
    own = {name: it for connection in bag.connections for name, it in _parsed(connection).items()}
    if all(known.get(name) == it for name, it in own.items()):
        return typestore()
    return _store({**known, **own})


def _store(types: dict[str, Any]) -> Typestore:
    store = get_typestore(Stores.EMPTY)
    store.register(types)
    return store


def offers_of(bag: Bag) -> dict[str, Offer]:
    """Return topic -> what the bag says of it."""
    connections: dict[str, list[Any]] = {}
    for connection in bag.connections:
        connections.setdefault(connection.topic, []).append(connection)
    return {topic: Offer(parts[0].msgtype, next(filter(None, map(_hash, parts)), ''),
                         tuple(sorted({_qos_text(qos) for part in parts
                                       for qos in part.ext.offered_qos_profiles})))
            for topic, parts in connections.items()}


def _hash(connection: Any) -> str:
    """Return the hash of a definition, from the bag or from its text."""
    if connection.digest:
        return str(connection.digest)
    types = _parsed(connection)
    if connection.msgtype not in types:
        return ''
    return _store({**typestore().fielddefs, **types}).hash_rihs01(connection.msgtype)


def _parsed(connection: Any) -> dict[str, Any]:
    kind, text = connection.msgdef
    try:
        if kind == MessageDefinitionFormat.MSG:
            return dict(get_types_from_msg(text, connection.msgtype))
        if kind == MessageDefinitionFormat.IDL:
            # ros2 bag joins the files of a type by a line that names each.
            parts = ([part.split('\n', 1)[1] for part in text.split(_SEPARATOR)[1:]]
                     if text.startswith(_SEPARATOR) else [text])
            return {name: it for part in parts for name, it in get_types_from_idl(part).items()}
    except (TypesysError, ValueError, IndexError):
        pass
    return {}


def _qos_text(qos: Any) -> str:
    words = [qos.reliability.name, qos.durability.name, qos.history.name]
    depth = [str(qos.depth)] if qos.history.name == 'KEEP_LAST' else []
    return ' '.join([*(word.lower() for word in words), *depth])
