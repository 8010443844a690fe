# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Videos: colours survive, sizes and rates are kept, nothing half-written appears."""

import resource

import av
from inspatio_ros.cli.mp4 import Mp4Writer
import numpy as np
import pytest


def read(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [f.to_ndarray(format='rgb24') for f in container.decode(video=0)]
        return frames, stream.average_rate, stream.codec_context.pix_fmt, stream.codec.name


def bars():
    picture = np.zeros((48, 64, 3), dtype=np.uint8)
    picture[:, :16], picture[:, 16:32] = (255, 0, 0), (0, 255, 0)
    picture[:, 32:48], picture[:, 48:] = (0, 0, 255), (200, 180, 20)
    return picture


def test_colours_survive(tmp_path):
    with Mp4Writer(tmp_path / 'a.mp4', 64, 48, 24.0) as video:
        for _ in range(5):
            video.write(bars())
    frames, rate, pixels, codec = read(tmp_path / 'a.mp4')
    assert (len(frames), rate, pixels, codec) == (5, 24, 'yuv420p', 'h264')
    columns = [8, 24, 40, 56]
    error = np.abs(frames[-1][24, columns].astype(int) - bars()[24, columns])
    assert error.max() <= 4


@pytest.mark.parametrize(('fps', 'rate'), [(29.97, 2997 / 100), (12.5, 12.5), (1.0, 1.0)])
def test_rates_are_kept(tmp_path, fps, rate):
    with Mp4Writer(tmp_path / 'a.mp4', 64, 48, fps) as video:
        for _ in range(3):
            video.write(bars())
    assert float(read(tmp_path / 'a.mp4')[1]) == pytest.approx(rate, rel=1e-3)


def test_after_an_error_the_old_video_is_still_there(tmp_path):
    path = tmp_path / 'a.mp4'
    path.write_bytes(b'old')
    with pytest.raises(KeyboardInterrupt):
        with Mp4Writer(path, 64, 48, 24.0) as video:
            video.write(bars())
            raise KeyboardInterrupt
    assert path.read_bytes() == b'old'
    assert [p.name for p in tmp_path.iterdir()] == ['a.mp4']


def test_the_video_appears_only_when_it_is_whole(tmp_path):
    with Mp4Writer(tmp_path / 'a.mp4', 64, 48, 24.0) as video:
        video.write(bars())
        assert not (tmp_path / 'a.mp4').exists()
    assert (tmp_path / 'a.mp4').exists()


def test_a_picture_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r'\(48, 62, 3\) in a video of \(48, 64, 3\)'):
        with Mp4Writer(tmp_path / 'a.mp4', 64, 48, 24.0) as video:
            video.write(bars()[:, :62])


@pytest.mark.parametrize(('name', 'size', 'fps', 'says'), [
    ('a.avi', (64, 48), 24.0, 'must end in .mp4'), ('a', (64, 48), 24.0, 'must end in .mp4'),
    ('a.mp4', (63, 48), 24.0, 'even sizes, got 63x48'), ('a.mp4', (0, 48), 24.0, 'even sizes'),
    ('a.mp4', (64, 48), 0.0, 'fps'), ('a.mp4', (64, 48), float('nan'), 'fps')])
def test_a_video_that_cannot_be_is_refused(tmp_path, name, size, fps, says):
    with pytest.raises(ValueError, match=says):
        Mp4Writer(tmp_path / name, *size, fps)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_or_is_one(tmp_path):
    with pytest.raises(FileNotFoundError, match='the folder .* does not exist'):
        Mp4Writer(tmp_path / 'gone' / 'a.mp4', 64, 48, 24.0)
    (tmp_path / 'b.mp4').mkdir()
    with pytest.raises(IsADirectoryError):
        Mp4Writer(tmp_path / 'b.mp4', 64, 48, 24.0)


def test_an_error_before_the_first_picture_stays_that_error(tmp_path):
    with pytest.raises(RuntimeError, match='first'):
        with Mp4Writer(tmp_path / 'a.mp4', 64, 48, 24.0):
            raise RuntimeError('first')
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_oserror_and_the_old_video_survives(tmp_path):
    path = tmp_path / 'a.mp4'
    path.write_bytes(b'old')
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError):
            with Mp4Writer(path, 640, 480, 24.0) as video:
                for _ in range(5):
                    video.write(noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b'old'
    assert [p.name for p in tmp_path.iterdir()] == ['a.mp4']
