# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Shards: whole or not there, what is bad is passed over and listed, the order can be resumed."""

from itertools import islice
from pathlib import Path

from full_disk import largest_file
from inspatio_ros.training.data.shards import (
    batches, LATENTS, MANIFEST, PIXELS, Shards, write_manifest, write_shard)
from inspatio_ros.training.data.writing import write_dataset
import pytest
from shard_work import DEADLY, jobs, latents
import torch

SETTINGS = {'source': 'test', 'frames': 5}


def dataset(folder: Path, shards: int, records: int = 2) -> Path:
    write_manifest(folder, LATENTS, SETTINGS)
    for number in range(shards):
        write_shard(folder / f's{number}.safetensors', latents(records, number),
                    {'n': str(number)})
    return folder


def test_records_are_numbered_over_all_shards_and_read_in_pieces(tmp_path: Path):
    shards = Shards([dataset(tmp_path / 'a', 2), dataset(tmp_path / 'b', 1)], LATENTS)
    assert len(shards) == 6 and shards.shape(0, 'mask') == (3, 4, 2, 2)
    assert shards.read(3, 'target').unique().item() == 1.0
    assert shards.read(3, 'target', slice(1, 3), 0).shape == (2, 2, 2)
    assert shards.notes(4) == {'n': '0'}


def test_bad_shards_are_skipped_counted_and_listed(tmp_path: Path,
                                                   caplog: pytest.LogCaptureFixture):
    folder = dataset(tmp_path / 'a', 6)
    (folder / 's0.safetensors').write_bytes(b'')
    data = (folder / 's1.safetensors').read_bytes()
    (folder / 's1.safetensors').write_bytes(data[:len(data) // 2])
    (folder / 's2.safetensors').write_bytes(b'\xff' * 100)
    write_shard(folder / 's3.safetensors', latents(2, float('nan')), {})
    write_shard(folder / 's4.safetensors', {'rgb': torch.zeros(1)}, {})
    (folder / '.s9.safetensors.half').write_bytes(b'left by an interrupt')
    shards = Shards([folder], LATENTS)
    assert len(shards) == 2 and len(shards.skipped) == 5
    reasons = {it.path.name: it.reason for it in shards.skipped}
    assert reasons['s0.safetensors'] == 'is empty'
    assert 'cannot be read' in reasons['s1.safetensors']
    assert 'cannot be read' in reasons['s2.safetensors']
    assert 'not finite' in reasons['s3.safetensors']
    assert 'holds rgb, not reference' in reasons['s4.safetensors']
    assert '5 shards are skipped; s0.safetensors: is empty' in caplog.text


def test_a_dataset_without_a_usable_shard_is_refused(tmp_path: Path):
    folder = dataset(tmp_path / 'a', 1)
    (folder / 's0.safetensors').write_bytes(b'')
    with pytest.raises(ValueError, match=r'not a single usable shard \(1 skipped\); .* '
                                         'writes what is missing'):
        Shards([folder], LATENTS)


def test_folders_of_something_else_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match='holds no dataset'):
        Shards([tmp_path], LATENTS)
    with pytest.raises(ValueError, match='holds latents, pixels are needed'):
        Shards([dataset(tmp_path / 'a', 1)], PIXELS)
    for text in ('{"format": "other"}', '[]', '{"format": "inspatio_dataset", "version": 1}'):
        (tmp_path / 'a' / MANIFEST).write_text(text)
        with pytest.raises(ValueError, match='no manifest of a dataset'):
            Shards([tmp_path / 'a'], LATENTS)
    (tmp_path / 'letters').mkdir()
    (tmp_path / 'letters' / 'dear.txt').write_text('you')
    with pytest.raises(ValueError, match='is not empty and no dataset'):
        write_manifest(tmp_path / 'letters', LATENTS, SETTINGS)


def test_a_dataset_is_continued_with_the_same_settings_only(tmp_path: Path):
    folder = dataset(tmp_path / 'a', 1)
    write_manifest(folder, LATENTS, SETTINGS)
    with pytest.raises(ValueError, match='frames is 5, not 9'):
        write_manifest(folder, LATENTS, {**SETTINGS, 'frames': 9})


def test_batches_go_through_all_records_in_another_order_each_round():
    drawn = [index for batch in islice(batches(10, 4, seed=3), 10) for index in batch]
    rounds = [drawn[k:k + 10] for k in range(0, 40, 10)]
    assert all(sorted(it) == list(range(10)) for it in rounds)
    assert len({tuple(it) for it in rounds}) == 4
    assert drawn != [index for batch in islice(batches(10, 4, seed=4), 10) for index in batch]


@pytest.mark.parametrize('start', [1, 3, 7])
def test_batches_go_on_where_they_were_left(start: int):
    whole = list(islice(batches(10, 4, seed=3), 12))
    assert list(islice(batches(10, 4, seed=3, start=start), 5)) == whole[start:start + 5]


def test_more_in_a_batch_than_there_are_records():
    assert len(next(batches(3, 8, seed=0))) == 8
    with pytest.raises(ValueError, match='must be at least 1'):
        next(batches(0, 1, seed=0))


@pytest.mark.parametrize('workers', [1, 2])
def test_shards_are_made_once_and_refusals_counted(tmp_path: Path, workers: int):
    folder = tmp_path / 'out'
    seen: list[tuple[int, int]] = []
    done = write_dataset(folder, LATENTS, SETTINGS, jobs(1, 2, 3), workers,
                         lambda *it: seen.append(it))
    assert (done.made, done.kept) == (2, 0)
    assert done.report()['refused'] == [{'source': 'clip 2', 'reason': 'the poses are missing'}]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    before = (folder / 'j1.safetensors').stat().st_mtime_ns
    (folder / 'j3.safetensors').write_bytes(b'damaged')
    done = write_dataset(folder, LATENTS, SETTINGS, jobs(1, 3, 4), workers)
    assert (done.made, done.kept) == (2, 1)
    assert (folder / 'j1.safetensors').stat().st_mtime_ns == before
    assert len(Shards([folder], LATENTS)) == 3


def test_a_worker_that_dies_is_named_and_the_rest_is_kept(tmp_path: Path):
    folder = tmp_path / 'out'
    write_dataset(folder, LATENTS, SETTINGS, jobs(1))
    with pytest.raises(ChildProcessError, match='worker process died .* clip 7 the first'):
        write_dataset(folder, LATENTS, SETTINGS, [*jobs(1), DEADLY], 2)
    assert [path.name for path in folder.glob('*') if path.suffix != '.json'] == ['j1.safetensors']


def test_a_full_disk_leaves_no_half_shard(tmp_path: Path):
    folder = dataset(tmp_path / 'a', 1)
    with pytest.raises(OSError), largest_file(2000):
        write_shard(folder / 's1.safetensors', latents(8), {})
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST, 's0.safetensors']
    with pytest.raises(OSError, match=MANIFEST), largest_file(20):
        write_manifest(tmp_path / 'b', LATENTS, SETTINGS)
    write_manifest(tmp_path / 'b', LATENTS, SETTINGS)
