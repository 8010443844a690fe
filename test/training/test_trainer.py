# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Runs: a falling loss, the same again after a kill, full disks, NaN, and files one can read."""

from collections.abc import Mapping
import copy
import json
from pathlib import Path
import signal
import struct
import subprocess
import sys
import time
from unittest.mock import Mock

import cv2
from full_disk import largest_file
from inspatio_ros.cli.main import main
from inspatio_ros.model.patch_autoencoder import load_patch_autoencoder
from inspatio_ros.training.building import Folders, open_trainer
from inspatio_ros.training.checkpoints import (
    about_checkpoint, checkpoints_in, load_checkpoint, save_checkpoint)
from inspatio_ros.training.data.shards import PIXELS, write_manifest, write_shard
from inspatio_ros.training.distributed import Party
from inspatio_ros.training.event_file import crc32c
from inspatio_ros.training.export import export_weights
from inspatio_ros.training.recipes import AutoencoderRecipe, described, recipe
from inspatio_ros.training.sources import Batches, rng_of
from inspatio_ros.training.stages.autoencoder import AutoencoderStage
from inspatio_ros.training.stages.stage import NotFiniteError
from inspatio_ros.training.trainer import LOSSES, Trainer
import pytest
from safetensors.torch import load_file
import torch

ALONE = Party(0, 1, torch.device('cpu'))
SMALL = ['stage.network.width=16', 'stage.network.encoder_blocks=1', 'frames=5', 'side=32',
         'stage.network.decoder_blocks=1', 'stage.network.fine_width=8', 'batch=2',
         'first_pieces=30', 'loop.warm_up=2', 'loop.log_every=1', 'loop.picture_every=0']


@pytest.fixture(scope='module')
def pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return some video of drifting waves."""
    folder = tmp_path_factory.mktemp('pixels') / 'train'
    write_manifest(folder, PIXELS, {'source': 'waves'})
    rng = torch.Generator().manual_seed(0)
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing='ij')
    for number in range(3):
        waves = torch.zeros(2, 9, 48, 64, 3)
        for _ in range(6):
            kx, ky, speed, phase = torch.randn(4, generator=rng)
            tint = torch.rand(3, generator=rng)
            for frame in range(9):
                wave = torch.sin(0.3 * kx * x + 0.3 * ky * y + 0.5 * speed * frame + 6 * phase)
                waves[:, frame] += wave[..., None] * tint * 20.0
        rgb = (waves + 128.0).clamp(0, 255).to(torch.uint8)
        write_shard(folder / f'{number}.safetensors', {
            'rgb': rgb[None], 'depth': torch.ones(1, 2, 9, 48, 64).half(),
            'K': torch.eye(3)[None], 'T_world_cam': torch.eye(4).expand(1, 2, 9, 4, 4)}, {})
    return folder


def small(*changes: str) -> AutoencoderRecipe:
    found = recipe('autoencoder', [*SMALL, *changes])
    assert isinstance(found, AutoencoderRecipe)
    return found


def trainer(pixels: Path, out: Path, *changes: str) -> Trainer:
    return open_trainer('autoencoder', small(*changes), Folders(out, [pixels], []), ALONE)


def losses(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / LOSSES).read_text().splitlines()]
    return [line for line in lines if 'loss' in line]


def test_the_loss_of_the_autoencoder_falls_on_a_fixed_batch(pixels: Path, tmp_path: Path):
    made = trainer(pixels, tmp_path / 'run')
    batch = Batches(made._batches._source, 2, 0).fixed(2)
    found = [made.stage.step(batch, rng_of(0, step))['loss'] for step in range(20)]
    assert sum(found[-5:]) < 0.9 * sum(found[:5])


def test_the_decoder_alone_can_go_on_learning(pixels: Path, tmp_path: Path):
    file = tmp_path / 'codec.safetensors'
    trainer(pixels, tmp_path / 'a', 'loop.steps=2').run()
    export_weights(tmp_path / 'a', file)
    made = trainer(pixels, tmp_path / 'b', 'loop.steps=3', f'init={file}',
                   'stage.only_decoder=true')
    made.run()
    before = load_patch_autoencoder(file).state_dict()
    after = made.stage.networks()['average'].state_dict()
    same = {key for key in before if torch.equal(before[key], after[key])}
    assert same == {key for key in before if not key.startswith('decoder.')}
    with pytest.raises(ValueError, match='has the sizes'):
        trainer(pixels, tmp_path / 'c', f'init={file}', 'stage.network.width=24')


def test_a_run_that_was_stopped_goes_on_with_the_same_losses(pixels: Path, tmp_path: Path):
    whole, cut = tmp_path / 'whole', tmp_path / 'cut'
    trainer(pixels, whole, 'loop.steps=8').run()
    trainer(pixels, cut, 'loop.steps=8', 'loop.checkpoint_every=3').run(5)
    # What the kill had written of a step after the checkpoint counts for nothing.
    with (cut / LOSSES).open('a') as file:
        file.write('{"step": 6, "loss": 99.0}\n{"step": 7, "lo')
    again = trainer(pixels, cut, 'loop.steps=8', 'loop.checkpoint_every=3')
    assert again.step == 5
    again.run()
    assert losses(cut) == losses(whole)
    assert [line['step'] for line in losses(cut)] == list(range(1, 9))
    a, b = (made.stage.networks()['average'].state_dict()
            for made in (again, trainer(pixels, whole, 'loop.steps=8')))
    assert all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_with_the_same_losses(pixels: Path, tmp_path: Path):
    def command(out: Path) -> list[str]:
        return [sys.executable, '-m', 'inspatio_ros', 'train', 'autoencoder', str(out), *SMALL,
                'loop.steps=40', 'loop.checkpoint_every=5', 'threads=1', f'data={pixels}']
    killed = subprocess.Popen(command(tmp_path / 'killed'), stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120.0
    while not checkpoints_in(tmp_path / 'killed') and time.monotonic() < end:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    assert len(losses(tmp_path / 'killed')) < 40
    for out in (tmp_path / 'killed', tmp_path / 'whole'):
        subprocess.run(command(out), check=True, stderr=subprocess.DEVNULL)
    assert losses(tmp_path / 'killed') == losses(tmp_path / 'whole')


def test_a_checkpoint_of_another_recipe_is_refused(pixels: Path, tmp_path: Path):
    trainer(pixels, tmp_path / 'run', 'loop.steps=2').run()
    with pytest.raises(ValueError, match='of another recipe: stage.optim.lr is 0.001 there and '
                                         '0.5 here; name another folder'):
        trainer(pixels, tmp_path / 'run', 'loop.steps=2', 'stage.optim.lr=0.5')
    with pytest.raises(ValueError, match="recipe: name is 'autoencoder' there and 'jdmd' here; "):
        load_checkpoint(checkpoints_in(tmp_path / 'run')[-1], Mock(),
                        described('jdmd', recipe('jdmd')))


@pytest.mark.parametrize('change', ['frames=6', 'frames=0', 'side=31', 'side=0'])
def test_pieces_that_are_no_whole_latents_are_refused(pixels: Path, tmp_path: Path, change: str):
    with pytest.raises(ValueError, match=r'frames must be 1 \+ 4 k and side a multiple of 8, got'):
        trainer(pixels, tmp_path / 'run', change)


def test_a_full_disk_leaves_the_checkpoint_before(pixels: Path, tmp_path: Path):
    made = trainer(pixels, tmp_path / 'run', 'loop.steps=3')
    made.run(1)
    before = checkpoints_in(tmp_path / 'run')
    with pytest.raises(OSError, match='no checkpoint could be written .* MB are free there, the '
                                      'ones before are'):
        with largest_file(20_000):
            save_checkpoint(tmp_path / 'run', made.stage, 2, made._recipe)
    assert checkpoints_in(tmp_path / 'run') == before
    assert not [path for path in (tmp_path / 'run').iterdir() if path.name.startswith('.')]
    assert load_checkpoint(before[-1], made.stage, made._recipe) == 1


def test_a_full_disk_keeps_the_curves_and_is_named(pixels: Path, tmp_path: Path):
    trainer(pixels, tmp_path / 'run', 'loop.steps=3').run(2)
    before = (tmp_path / 'run' / LOSSES).read_text()
    with pytest.raises(OSError, match=LOSSES), largest_file(len(before) - 1):
        trainer(pixels, tmp_path / 'run', 'loop.steps=3').run()
    assert (tmp_path / 'run' / LOSSES).read_text() == before
    with pytest.raises(OSError, match=LOSSES), largest_file(len(before) + 1):
        trainer(pixels, tmp_path / 'run', 'loop.steps=3').run()


def test_only_the_newest_checkpoints_stay(pixels: Path, tmp_path: Path):
    trainer(pixels, tmp_path / 'run', 'loop.steps=5', 'loop.checkpoint_every=1').run()
    assert [path.name for path in checkpoints_in(tmp_path / 'run')] == [
        'step-0000004', 'step-0000005']


def test_a_damaged_checkpoint_is_refused_and_half_written_ones_do_not_count(
        pixels: Path, tmp_path: Path):
    made = trainer(pixels, tmp_path / 'run', 'loop.steps=2')
    made.run()
    path = checkpoints_in(tmp_path / 'run')[-1]
    (tmp_path / 'run' / 'step-0000009').mkdir()
    assert checkpoints_in(tmp_path / 'run') == [path]
    (path / '.metadata').write_bytes(b'')
    with pytest.raises(ValueError, match='step-0000002'):
        load_checkpoint(path, made.stage, made._recipe)
    with pytest.raises(ValueError, match='holds no checkpoint'):
        about_checkpoint(tmp_path / 'run' / 'step-0000009')


class Breaking(AutoencoderStage):
    """A stage that breaks in its third step."""

    def step(self, batch: torch.Tensor, rng: torch.Generator) -> dict[str, float]:
        if self._average.updates == 2:
            batch = batch * float('nan')
        return super().step(batch, rng)


def test_nan_stops_the_run_with_what_was_seen(pixels: Path, tmp_path: Path):
    made = trainer(pixels, tmp_path / 'run', 'loop.steps=9')
    made.stage = Breaking(made.stage._network, small().stage)  # type: ignore[attr-defined]
    made.run(2)
    before = copy.deepcopy([it.state_dict() for it in made.stage.networks().values()])
    with pytest.raises(NotFiniteError, match='step 2: not finite: loss.* what was seen is in'):
        made.run()
    assert made.step == 2
    dump = load_file(next((tmp_path / 'run').glob('not-finite-0000002-*.safetensors')))
    assert dump['frames'].isnan().any() and dump['frames'].shape == (2, 5, 3, 32, 32)
    for old, network in zip(before, made.stage.networks().values()):
        assert all(torch.equal(old[key], x) for key, x in network.state_dict().items())


def test_reading_that_fails_stops_the_run(pixels: Path, tmp_path: Path):
    copy = tmp_path / 'pixels'
    copy.mkdir()
    for path in pixels.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    made = trainer(copy, tmp_path / 'run', 'loop.steps=30')
    for path in copy.glob('*.safetensors'):
        path.write_bytes(b'')
    with pytest.raises(ValueError, match='cannot be read any more'):
        made.run()


def test_the_command_trains_shows_and_exports(pixels: Path, tmp_path: Path,
                                              capsys: pytest.CaptureFixture):
    run = tmp_path / 'run'
    arguments = [it for it in SMALL if not it.startswith('loop.picture_every')]
    code = main(['train', 'autoencoder', str(run), *arguments, 'loop.steps=3',
                 'loop.picture_every=2', f'data={pixels}'])
    assert code == 0 and len(losses(run)) == 3
    picture = cv2.imread(str(run / 'pictures' / 'step-0000002.png'))
    assert picture.shape == (4 * 32, 2 * 32, 3)
    tags = scalars_of(next((run / 'tensorboard').iterdir()))
    assert tags['loss'] == pytest.approx([line['loss'] for line in losses(run)], rel=1e-6)
    assert len(tags['validation_psnr_db']) == 2
    out = tmp_path / 'codec.safetensors'
    assert main(['train', 'export', str(run), str(out), '--half']) == 0
    assert load_patch_autoencoder(out).config == small().stage.network
    assert main(['train', 'export', str(run), str(out)]) == 2
    assert main(['train', 'export', str(tmp_path), str(tmp_path / 'b.safetensors')]) == 2
    assert main(['train', 'autoencoder', str(run), 'loop.stps=3', f'data={pixels}']) == 2
    assert 'did you mean loop.steps?' in capsys.readouterr().err


def test_the_command_shows_all_numbers(capsys: pytest.CaptureFixture):
    assert main(['train', 'jdmd', '--keys']) == 0
    shown = dict(line.split('=', 1) for line in capsys.readouterr().out.splitlines())
    assert shown['stage.ratio'] == '5' and shown['stage.tasks'] == 'v2v,t2v'


def scalars_of(path: Path) -> Mapping[str, list[float]]:
    """Read an event file as its format says, checksums too."""
    data, found = path.read_bytes(), {}
    while data:
        length, = struct.unpack('<Q', data[:8])
        event = data[12:12 + length]
        for part, at in ((data[:8], 8), (event, 12 + length)):
            crc = crc32c(part)
            masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
            assert struct.unpack('<I', data[at:at + 4])[0] == masked
        for value in (it for number, it in fields(event) if number == 5):
            for _, summary in fields(value):
                inner = dict(fields(summary))
                if 2 in inner:
                    found.setdefault(inner[1].decode(), []).append(inner[2])
        data = data[16 + length:]
    return found


def fields(message: bytes):
    """Yield the fields of a protocol buffer."""
    at = 0

    def varint() -> int:
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 2:
            length = varint()
            yield key >> 3, message[at:at + length]
            at += length
        else:
            form, size = {1: ('<d', 8), 5: ('<f', 4)}[key & 7]
            yield key >> 3, struct.unpack(form, message[at:at + size])[0]
            at += size


def test_the_checksum_is_castagnolis():
    assert crc32c(b'123456789') == 0xE3069283
