# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Files that hold weights, read tensor by tensor.

Opening a file reads its table of contents; a tensor's bytes are read when they are copied to
where they belong, at most a piece at a time. Nothing else of a file is ever in memory (the
safetensors library keeps all of an open file there), and nothing in a file is ever run: pickles
are read by torch's weights-only reader.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
import ctypes
import json
from math import prod
import mmap
from pathlib import Path
import pickle
import sys
from typing import Any
import warnings

import torch
from torch import Tensor

PIECE_BYTES = 16 << 20
# Longer tables of contents than this are no tables of contents.
LARGEST_HEADER = 100 << 20
DTYPES = {
    'F64': torch.float64, 'F32': torch.float32, 'F16': torch.float16, 'BF16': torch.bfloat16,
    'F8_E4M3': torch.float8_e4m3fn, 'F8_E5M2': torch.float8_e5m2, 'I64': torch.int64,
    'I32': torch.int32, 'I16': torch.int16, 'I8': torch.int8, 'U8': torch.uint8,
    'BOOL': torch.bool}
# Levels that a training program may have put around its state dict.
WRAPPING_LEVELS = ('state_dict', 'model')
# What torch.load raises for files that are damaged or no weights at all.
LOAD_ERRORS = (RuntimeError, pickle.UnpicklingError, EOFError, OSError, LookupError, ValueError,
               TypeError, AttributeError)


class WeightFile(ABC):
    """
    A file with named tensors.

    :param path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shape of each tensor."""

    @abstractmethod
    def dtype(self, key: str) -> torch.dtype:
        """Return the type of a tensor."""

    @abstractmethod
    def copy_into(self, key: str, target: Tensor) -> None:
        """
        Fill a tensor, converting its type on the way.

        :param key: which tensor of the file.
        :param target: contiguous, on any device. If it is smaller, the last rows count.
        """


class SafetensorsFile(WeightFile):
    """
    A .safetensors file.

    :param path: the file.
    :raises ValueError: no such file, damaged, or cut short.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        size = path.stat().st_size
        header, self._start = self._read_header(size)
        self._entries: dict[str, tuple[torch.dtype, tuple[int, ...], int]] = {}
        for key, entry in header.items():
            if key != '__metadata__':
                self._entries[key] = self._entry(key, entry, size - self._start)

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shape of each tensor."""
        return {key: shape for key, (_, shape, _) in self._entries.items()}

    def dtype(self, key: str) -> torch.dtype:
        """Return the type of a tensor."""
        return self._entries[key][0]

    def copy_into(self, key: str, target: Tensor) -> None:
        """Fill a tensor: see WeightFile."""
        dtype, shape, begin = self._entries[key]
        flat = target.view(-1)
        skipped = prod(shape) - flat.numel()
        with self.path.open('rb', buffering=0) as file:
            file.seek(self._start + begin + skipped * dtype.itemsize)
            for piece in flat.split(PIECE_BYTES // dtype.itemsize):
                # Straight to its place if that is in this machine's memory.
                here = piece.dtype == dtype and piece.device.type == 'cpu'
                staging = piece if here else torch.empty(piece.shape, dtype=dtype)
                self._fill(file, staging.view(torch.uint8).numpy().data)
                if not here:
                    piece.copy_(staging)

    def _fill(self, file: Any, buffer: memoryview) -> None:
        done = 0
        while done < len(buffer):
            count = file.readinto(buffer[done:])
            if not count:
                raise ValueError(f'{self.path}: ends in the middle of a tensor')
            done += count

    def _read_header(self, size: int) -> tuple[dict[str, Any], int]:
        with self.path.open('rb') as file:
            length = int.from_bytes(file.read(8), 'little')
            if size < 8 or length > LARGEST_HEADER:
                raise ValueError(f'{self.path}: no safetensors file')
            if 8 + length > size:
                raise ValueError(f'{self.path}: truncated: has {size} bytes, its table of '
                                 f'contents alone {length}')
            try:
                header = json.loads(file.read(length))
            except ValueError as error:
                raise ValueError(f'{self.path}: no safetensors file: {error}') from None
        if not isinstance(header, dict):
            raise ValueError(f'{self.path}: no safetensors file: no table of contents')
        return header, 8 + length

    def _entry(self, key: str, entry: Any, size: int) -> tuple[torch.dtype, tuple[int, ...], int]:
        try:
            dtype, shape = DTYPES[entry['dtype']], tuple(map(int, entry['shape']))
            begin, end = map(int, entry['data_offsets'])
        except (LookupError, TypeError, ValueError):
            raise ValueError(f'{self.path}: tensor {key} is described as {entry!r}') from None
        if min(shape, default=0) < 0 or begin < 0 or end - begin != prod(shape) * dtype.itemsize:
            raise ValueError(f'{self.path}: tensor {key} of shape {shape} takes '
                             f'{end - begin} bytes: damaged')
        if end > size:
            raise ValueError(f'{self.path}: truncated: tensor {key} ends at byte {end} of the '
                             f'data, which has {size}')
        return dtype, shape, begin


class TorchFile(WeightFile):
    """
    A .pth file: a state dict as torch.save writes it.

    :param path: the file.
    :raises ValueError: no such file, damaged, cut short, or no state dict.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._mapped = True
        try:
            content = self._load(mapped=True)
        except RuntimeError as error:
            if 'mmap can only be used' not in str(error):
                raise self._damaged(error) from None
            # Written by a torch older than 1.6: such a file is read whole.
            self._mapped = False
            content = self._load_whole()
        except LOAD_ERRORS as error:
            raise self._damaged(error) from None
        self._tensors = self._state_dict(content)

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shape of each tensor."""
        return {key: tuple(tensor.shape) for key, tensor in self._tensors.items()}

    def dtype(self, key: str) -> torch.dtype:
        """Return the type of a tensor."""
        return self._tensors[key].dtype

    def copy_into(self, key: str, target: Tensor) -> None:
        """Fill a tensor: see WeightFile."""
        source, flat = self._tensors[key].reshape(-1), target.view(-1)
        source = source[source.numel() - flat.numel():]
        count = PIECE_BYTES // source.itemsize
        for to, piece in zip(flat.split(count), source.split(count)):
            to.copy_(piece)
            if self._mapped:
                release(piece)

    def _load(self, mapped: bool) -> Any:
        with warnings.catch_warnings():
            # About pickles of an unusual protocol, which are refused anyway or read well.
            warnings.simplefilter('ignore', UserWarning)
            return torch.load(self.path, map_location='cpu', weights_only=True, mmap=mapped)

    def _load_whole(self) -> Any:
        try:
            return self._load(mapped=False)
        except LOAD_ERRORS as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> ValueError:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        return ValueError(f'{self.path}: no weights can be read, the file is damaged, truncated '
                          f'or no state dict ({reason})')

    def _state_dict(self, content: Any) -> dict[str, Tensor]:
        for level in WRAPPING_LEVELS:
            if isinstance(content, dict) and isinstance(content.get(level), dict):
                content = content[level]
        if not isinstance(content, dict):
            raise ValueError(f'{self.path}: holds a {type(content).__name__}, no state dict')
        strangers = [str(key) for key, value in content.items()
                     if not (isinstance(key, str) and isinstance(value, Tensor))]
        if strangers or not content:
            raise ValueError(f'{self.path}: no state dict: ' + (
                f'{len(strangers)} entries are no named tensors, the first is '
                f'{strangers[0]!r}' if strangers else 'it is empty'))
        return dict(content)


def open_weights(path: Path) -> WeightFile:
    """
    Open a file with weights.

    :raises ValueError: another kind of file, or one that cannot be read.
    """
    if not path.is_file():
        raise ValueError(f'{path}: no such file')
    if path.suffix == '.safetensors':
        return SafetensorsFile(path)
    if path.suffix in ('.pth', '.pt'):
        return TorchFile(path)
    raise ValueError(f'{path}: weights are .safetensors, .pth or .pt, got {path.suffix!r}')


def release(piece: Tensor) -> None:
    """
    Tell the system that the pages of a mapped file need not stay in memory.

    Without it a file that was copied counts twice until it is closed.

    :param piece: contiguous, of a mapped file that nobody writes to.
    """
    if sys.platform != 'linux':
        return
    begin = -(-piece.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    end = (piece.data_ptr() + piece.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
    if end > begin:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin),
                                  ctypes.c_int(mmap.MADV_DONTNEED))
