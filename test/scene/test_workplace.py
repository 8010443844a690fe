# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Work that goes on after an interrupt."""

from inspatio_ros.scene.reconstruction.workplace import fingerprint, Workplace
import numpy as np
import pytest


def made_once(work, name='stage/one'):
    calls = []

    def make():
        calls.append(1)
        return {'values': np.arange(3)}

    np.testing.assert_array_equal(work.remember(name, make)['values'], [0, 1, 2])
    return bool(calls)


def test_work_is_done_once_also_over_processes(tmp_path):
    work = Workplace(tmp_path / 'out', {'a': 1})
    assert work.folder == tmp_path / 'out.partial' and not work.resumed
    assert made_once(work) and not made_once(work)
    again = Workplace(tmp_path / 'out', {'a': 1})
    assert again.resumed and not made_once(again)


def test_another_task_starts_over(tmp_path):
    made_once(Workplace(tmp_path / 'out', {'a': 1}))
    changed = Workplace(tmp_path / 'out', {'a': 2})
    assert not changed.resumed and made_once(changed)


def test_what_was_interrupted_leaves_nothing_half(tmp_path):
    work = Workplace(tmp_path / 'out', {})

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.remember('stage/one', interrupted)
    # Killed while it wrote: what is there is not taken for a result.
    (work.folder / 'stage').mkdir(exist_ok=True)
    (work.folder / 'stage' / 'one.tmp').write_bytes(b'PK\x03\x04 torn')
    assert made_once(Workplace(tmp_path / 'out', {}))


def test_nothing_is_left_in_the_end(tmp_path):
    work = Workplace(tmp_path / 'out', {})
    made_once(work)
    work.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_fingerprint_tells_that_a_file_or_a_folder_changed(tmp_path):
    file = tmp_path / 'folder' / 'file'
    file.parent.mkdir()
    file.write_text('one')
    before = fingerprint(file), fingerprint(file.parent)
    assert before == (fingerprint(file), fingerprint(file.parent)) and fingerprint(None) == []
    file.write_text('three')
    assert fingerprint(file) != before[0] and fingerprint(file.parent) != before[1]


def test_what_somebody_else_keeps_there_is_not_emptied(tmp_path):
    theirs = tmp_path / 'scene.partial'
    theirs.mkdir()
    (theirs / 'bag_0.mcap').write_text('mine')
    with pytest.raises(ValueError, match='scene.partial: is needed for unfinished work'):
        Workplace(tmp_path / 'scene', {})
    assert (theirs / 'bag_0.mcap').read_text() == 'mine'
    (tmp_path / 'other.partial').write_text('mine')
    with pytest.raises(ValueError, match='other.partial: is needed'):
        Workplace(tmp_path / 'other', {})


def test_what_lies_beside_goes_with_it(tmp_path):
    place, beside = Workplace(tmp_path / 'a', {}), Workplace(tmp_path / 'b', {})
    place.beside.append(beside)
    place.remove()
    assert not any(tmp_path.iterdir())
