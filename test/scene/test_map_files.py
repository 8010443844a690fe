# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The files of a map, read as Nav2's map_server reads them."""

import math

from inspatio_ros.scene.map_files import files_of, pgm_bytes, write_map, yaml_text
from inspatio_ros.scene.occupancy import FREE, OccupancyGrid, OCCUPIED, UNKNOWN
import numpy as np
from PIL import Image
import pytest
import yaml

CELLS = np.array([[FREE, FREE, OCCUPIED], [UNKNOWN, FREE, UNKNOWN]], np.int8)
GRID = OccupancyGrid(CELLS, 0.05, -3 * 0.05, 1.1)


def load(stem, inclusive):
    """
    Load as nav2_map_server/src/map_io.cpp does, mode trinary.

    :param inclusive: whether a threshold belongs to what lies beyond it (Jazzy and later) or not.
    """
    meta = yaml.safe_load(files_of(stem)[1].read_text())
    assert meta['mode'] == 'trinary' and meta['negate'] == 0
    with Image.open(stem.parent / meta['image']) as picture:
        assert picture.mode == 'L'
        shade = np.array(picture, np.float32)[::-1] / np.float32(255.0)
    occupancy = np.float32(1.0) - shade
    cells = np.full(occupancy.shape, UNKNOWN, np.int8)
    beyond = (np.less_equal, np.greater_equal) if inclusive else (np.less, np.greater)
    cells[beyond[1](occupancy, meta['occupied_thresh'])] = OCCUPIED
    cells[beyond[0](occupancy, meta['free_thresh'])] = FREE
    return cells, meta


@pytest.mark.parametrize('inclusive', [True, False])
def test_map_server_loads_what_was_written(tmp_path, inclusive):
    write_map(GRID, tmp_path / 'hall.v2')
    cells, meta = load(tmp_path / 'hall.v2', inclusive)
    assert np.array_equal(cells, CELLS)
    assert meta['image'] == 'hall.v2.pgm'
    assert meta['resolution'] == 0.05
    assert meta['origin'] == [-0.15, 1.1, 0.0]  # floats, not -0.15000000000000002
    assert all(isinstance(it, float) for it in meta['origin'])


def test_picture_is_a_plain_pgm_with_the_greatest_y_on_top():
    assert pgm_bytes(GRID) == b'P5\n3 2\n255\n' + bytes([205, 254, 205, 254, 254, 0])


@pytest.mark.parametrize('name', ['2024', 'null', 'a: b', 'größer "x"', '#1'])
def test_any_name_of_a_file_stays_that_name(name):
    assert yaml.safe_load(yaml_text(GRID, name))['image'] == name


def test_what_is_there_is_replaced_as_a_whole(tmp_path, monkeypatch):
    write_map(GRID, tmp_path / 'm')
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == ['m.pgm', 'm.yaml']
    (tmp_path / 'm.yaml').unlink()
    (tmp_path / 'm.yaml').mkdir()
    with pytest.raises(OSError):
        write_map(OccupancyGrid(CELLS.T.copy(), 0.05, 0.0, 0.0), tmp_path / 'm')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['m.pgm', 'm.yaml']


def test_shares_of_the_cells():
    assert [GRID.share(it) for it in (FREE, OCCUPIED, UNKNOWN)] == [3 / 6, 1 / 6, 2 / 6]
    assert math.isclose(sum(GRID.share(it) for it in (FREE, OCCUPIED, UNKNOWN)), 1.0)
