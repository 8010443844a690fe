# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Recipes of the denoiser become runs: one begins with another's weights, all can go on."""

import json
import os
from pathlib import Path
import subprocess
import sys

from inspatio_ros.cli.main import main
from inspatio_ros.model import config
from inspatio_ros.model.checkpoint import load_dit
from inspatio_ros.training.building import Folders, grid, open_trainer, psnr_db
from inspatio_ros.training.data.shards import LATENTS, write_manifest, write_shard
from inspatio_ros.training.distributed import Party
from inspatio_ros.training.recipes import recipe
from inspatio_ros.training.trainer import LOSSES, Trainer
from micro import clips, STAR
import numpy as np
import pytest
import torch

ALONE = Party(0, 1, torch.device('cpu'))
SMALL = ['preset=micro', 'latents=4', 'batch=2', 'loop.log_every=1', 'loop.steps=2']


@pytest.fixture(autouse=True)
def micro(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(config.STAR_PRESETS, 'micro', STAR)


@pytest.fixture(scope='module')
def latents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('latents') / 'train'
    write_manifest(folder, LATENTS, {'source': 'micro'})
    for seed in range(2):
        write_shard(folder / f'{seed}.safetensors',
                    {name: x.half() for name, x in clips(3, seed=seed).tensors().items()}, {})
    return folder


def opened(name: str, data: Path, out: Path, *changes: str) -> Trainer:
    return open_trainer(name, recipe(name, [*SMALL, *changes]), Folders(out, [data], []), ALONE)


def weights(run: Trainer) -> dict[str, torch.Tensor]:
    return run.stage.networks()['average'].state_dict()


def test_the_way_from_teachers_to_a_student(latents: Path, tmp_path: Path):
    """Every stage runs, takes up what the one before left, and goes on where it stopped."""
    v2v, t2v = tmp_path / 'v2v', tmp_path / 't2v'
    for name, out in (('teacher_v2v', v2v), ('teacher_t2v', t2v)):
        opened(name, latents, out).run()
    first = opened('causal_init', latents, tmp_path / 'init', f'init={v2v}')
    teacher = weights(opened('teacher_v2v', latents, v2v))
    assert all(torch.equal(weights(first)[key], teacher[key]) for key in teacher)
    first.run()
    ways = ['stage.source=ode', f'teacher={v2v}', 'stage.ode_steps=4']
    opened('causal_init', latents, tmp_path / 'ode', *ways).run()
    changes = [f'init={tmp_path / "init"}', f'teacher_v2v={v2v}', f'teacher_t2v={t2v}',
               'stage.ratio=1', 'loop.steps=4']
    whole = opened('jdmd', latents, tmp_path / 'whole', *changes)
    whole.run()
    cut = opened('jdmd', latents, tmp_path / 'cut', *changes, 'loop.checkpoint_every=1')
    cut.run(2)
    again = opened('jdmd', latents, tmp_path / 'cut', *changes)
    assert again.step == 2
    again.run()
    assert (tmp_path / 'cut' / LOSSES).read_text() == (tmp_path / 'whole' / LOSSES).read_text()
    assert all(torch.equal(weights(whole)[key], x) for key, x in weights(again).items())


def train_in_two(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2',
         str(Path(__file__).with_name('train_micro.py')), *arguments],
        env={**os.environ, 'PYTHONPATH': str(Path(__file__).parents[2])}, capture_output=True,
        text=True)
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.slow
def test_two_processes_go_on_with_the_same_losses(latents: Path, tmp_path: Path):
    common = [f'data={latents}', *SMALL[:-1], 'recompute=true', 'loop.decay=none', 'threads=1']
    train_in_two('teacher_v2v', str(tmp_path / 'whole'), *common, 'loop.steps=4')
    for steps in (2, 4):
        train_in_two('teacher_v2v', str(tmp_path / 'cut'), *common, f'loop.steps={steps}')
    whole, cut = ((tmp_path / name / LOSSES).read_text() for name in ('whole', 'cut'))
    assert len(whole.splitlines()) == 4 and whole == cut
    out = tmp_path / 'star.safetensors'
    assert main(['train', 'export', str(tmp_path / 'cut'), str(out)]) == 0
    assert load_dit(out, STAR.dit).config == STAR.dit
    with pytest.raises(ValueError, match='processes is 2 there and 1 here'):
        opened('teacher_v2v', latents, tmp_path / 'cut', 'recompute=true', 'loop.decay=none')


def test_weights_of_a_run_are_a_file_of_the_generator(latents: Path, tmp_path: Path):
    run, out = opened('teacher_v2v', latents, tmp_path / 'run'), tmp_path / 'star.safetensors'
    run.run()
    assert main(['train', 'export', str(tmp_path / 'run'), str(out)]) == 0
    loaded = load_dit(out, STAR.dit)
    assert all(torch.equal(weights(run)[key], x) for key, x in loaded.state_dict().items())
    begun = opened('causal_init', latents, tmp_path / 'init', f'init={out}')
    assert all(torch.equal(weights(begun)[key], x) for key, x in loaded.state_dict().items())


@pytest.mark.parametrize('name, changes, why', [
    ('jdmd', [], 'the task v2v needs a teacher_v2v=RUN'),
    ('causal_init', ['stage.source=ode'], 'stage.source=ode needs a teacher=RUN'),
    ('teacher_v2v', ['latents=6'], 'clips of 6 latents are wanted, the shortest has 4'),
    ('teacher_v2v', ['prompt=a room'], 'the generator micro reads no prompt'),
    ('teacher_v2v', ['init=nowhere'], 'nowhere: holds no checkpoint'),
    ('teacher_v2v', ['init=base'], 'preset micro needs weights=DIR'),
    ('teacher_v2v', ['preset=huge'], "no preset 'huge'"),
    ('teacher_v2v', ['preset=tiny'], 'clips must be'),
])
def test_what_does_not_fit_is_refused(latents: Path, tmp_path: Path, name: str,
                                      changes: list[str], why: str):
    with pytest.raises(ValueError, match=why):
        opened(name, latents, tmp_path / 'run', *changes).run()


@pytest.mark.parametrize('found, wanted', [(True, 'false'), (False, 'true')])
def test_data_with_other_holes_is_refused(latents: Path, tmp_path: Path, found: bool,
                                          wanted: str):
    """Also where only the second dataset, or the one to look at, has them."""
    other = tmp_path / 'other'
    write_manifest(other, LATENTS, {'source': 'micro', 'fills': found})
    write_shard(other / '0.safetensors', clips(3).tensors(), {})
    same, there = recipe('teacher_v2v', [*SMALL, f'fills={found}']), json.dumps(found)
    differs = recipe('teacher_v2v', [*SMALL, f'fills={wanted}'])
    for number, (data, shown) in enumerate([([other], []), ([latents, other], []),
                                            ([latents], [other])]):
        folders = Folders(tmp_path / f'run{number}', data, shown)
        with pytest.raises(ValueError, match=f'other: fills is {there} there, the recipe has '
                                             f'fills={wanted}; train with fills={there}, or on'):
            open_trainer('teacher_v2v', differs, folders, ALONE)
        open_trainer('teacher_v2v', same, folders, ALONE)


def test_another_number_of_records_is_another_run(latents: Path, tmp_path: Path):
    opened('teacher_v2v', latents, tmp_path / 'run').run()
    more = tmp_path / 'more'
    write_manifest(more, LATENTS, {'source': 'micro'})
    write_shard(more / '0.safetensors', clips(9).tensors(), {})
    with pytest.raises(ValueError, match='records is 6 there and 9 here'):
        opened('teacher_v2v', more, tmp_path / 'run')


def test_the_command_says_what_a_run_needs(tmp_path: Path, latents: Path,
                                           capsys: pytest.CaptureFixture):
    assert main(['train', 'teacher_v2v', str(tmp_path / 'run')]) == 2
    assert 'a run needs a folder and data=DIR' in capsys.readouterr().err
    for threads in ('0', 'x', '-1'):
        assert main(['train', 'teacher_v2v', str(tmp_path / 'run'), f'data={latents}',
                     f'threads={threads}']) == 2
        assert 'threads must be a whole number from 1 on' in capsys.readouterr().err
    assert main(['train', 'teacher_v2v', 'a', 'b', f'data={latents}']) == 2
    assert 'one folder for the run' in capsys.readouterr().err
    assert main(['train', 'teacher_v2v', str(tmp_path / 'run'), f'data={latents}', 'threads=1',
                 *SMALL]) == 0
    assert len([json.loads(line) for line in (tmp_path / 'run' / LOSSES).open()]) == 2


def test_the_grid_shows_last_frames_side_by_side():
    a, b = torch.full((2, 3, 3, 4, 5), -1.0), torch.full((2, 3, 3, 4, 5), 1.0)
    a[1, -1] = 0.0
    picture = grid([a, b])
    assert picture.shape == (8, 10, 3)
    np.testing.assert_array_equal(picture[:4, :5], 0)
    np.testing.assert_array_equal(picture[4:, :5], 128)
    np.testing.assert_array_equal(picture[:, 5:], 255)


def test_psnr_is_that_of_the_error():
    truth = torch.zeros(1, 1, 3, 4, 4)
    assert psnr_db(truth + 0.2, truth) == pytest.approx(20.0, abs=1e-4)
    assert psnr_db(truth, truth) > 100.0
