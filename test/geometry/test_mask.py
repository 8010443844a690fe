# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Mask packing against its test vectors."""

from pathlib import Path

import pytest


@pytest.mark.parametrize('case', ['t9', 't21', 't11', 'soft'])
def test_vectors(shared_dir: Path, case: str) -> None:
    from inspatio_ros.geometry.mask import pack_mask
    from safetensors.torch import load_file
    vectors = load_file(shared_dir / 'parity' / 'mask.safetensors')
    packed = pack_mask(vectors[f'{case}.in'])
    assert packed.shape == vectors[f'{case}.out'].shape
    assert (packed - vectors[f'{case}.out']).abs().max() <= 1e-6


def test_a_size_that_is_no_multiple_of_8_is_refused() -> None:
    from inspatio_ros.geometry.mask import pack_mask
    import torch
    with pytest.raises(ValueError, match='divisible by 8, got 12x16'):
        pack_mask(torch.zeros(1, 3, 5, 12, 16))
