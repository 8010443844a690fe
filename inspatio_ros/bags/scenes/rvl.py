# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The codec rvl of compressed_depth_image_transport.

A. Wilson, Fast Lossless Depth Image Compression, 2017: run lengths and differences of variable
length.

The stream is made of nibbles, eight in a 32-bit word, the first in the highest bits. A number is
a chain of nibbles with three bits each, low ones first, the fourth bit says that more follow.
Zeros and then known pixels come in runs; a known pixel is the difference to the one before,
folded so that small negative ones are small too.
"""

from __future__ import annotations

from typing import Any

from inspatio_ros.geometry.kernel import kernel
import numpy as np


@kernel()
def _number(words: Any, nibble: int) -> Any:
    """Return the number at a place in the stream and the place after it; -1 at its end."""
    value, shift = np.int64(0), np.int64(0)
    while nibble < 8 * words.shape[0] and shift < 33:
        bits = np.int64(words[nibble // 8]) >> (28 - 4 * (nibble % 8)) & 15
        nibble += 1
        value |= (bits & 7) << shift
        shift += 3
        if not bits & 8:
            return value, nibble
    return np.int64(-1), nibble


@kernel()
def decode_rvl(words: Any, depth: Any) -> int:
    """
    Decode a picture.

    :param words: (N,) uint32 as stored.
    :param depth: (pixels,) uint16 zeros, receives the picture.
    :returns: how many pixels were decoded: fewer than asked for if the stream ends early.
    """
    done, nibble, value = 0, 0, np.int64(0)
    while done < depth.shape[0]:
        zeros, nibble = _number(words, nibble)
        known, nibble = _number(words, nibble)
        if zeros < 0 or known < 0 or zeros + known == 0 or (
                done + zeros + known > depth.shape[0]):
            return done
        done += zeros
        for _ in range(known):
            folded, nibble = _number(words, nibble)
            if folded < 0:
                return done
            value += (folded >> 1) ^ -(folded & 1)
            depth[done] = np.uint16(value)
            done += 1
    return done
