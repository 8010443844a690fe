# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A look through a video, and videos that are not what they should be."""

import av
from foreign_formats import write_video
from inspatio_ros.scene.images import jpeg_bytes
from inspatio_ros.scene.reconstruction.video import read_chosen, survey_video
import numpy as np
import pytest


def noise(count, seed=0, size=(48, 64)):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(count)]


@pytest.fixture
def video(tmp_path):
    write_video(tmp_path / 'clip.mkv', noise(12), fps=8)
    return tmp_path / 'clip.mkv'


def test_a_survey_counts_frames_and_times_them(video):
    seen = []
    footage = survey_video(video, lambda done, total: seen.append((done, total)))
    assert (footage.size, footage.fps, len(footage.stamps_s)) == ((64, 48), 8.0, 12)
    np.testing.assert_allclose(footage.stamps_s, np.arange(12) / 8.0, atol=2e-3)
    assert seen[-1][0] == 12 and all(done <= total for done, total in seen)


def test_a_survey_tells_sharp_from_blurred_and_moving_from_still(tmp_path):
    sharp = np.kron(noise(1, size=(12, 16))[0], np.ones((4, 4, 1), np.uint8))
    blurred = sum(np.roll(sharp.astype(int), k, 1) for k in range(8)) // 8
    write_video(tmp_path / 'clip.mkv', [sharp, sharp, blurred.astype(np.uint8)])
    footage = survey_video(tmp_path / 'clip.mkv')
    assert footage.sharpness[0] == footage.sharpness[1] > 2.0 * footage.sharpness[2]
    assert footage.change[1] == 0.0 < footage.change[2]


def test_chosen_frames_are_those_of_the_video(video):
    chosen = list(read_chosen(video, [0, 5, 11]))
    for rgb, index in zip(chosen, (0, 5, 11), strict=True):
        np.testing.assert_array_equal(rgb, noise(12)[index])


def sound_only(path):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('pcm_s16le', rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), 's16', 'mono')
        frame.rate = 8000
        for packet in [*stream.encode(frame), *stream.encode()]:
            container.mux(packet)


def unknown_codec(path):
    """Name the codec of an AVI file by four letters that stand for none."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mjpeg', rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuvj420p'
        for packet in [*stream.encode(av.VideoFrame.from_ndarray(noise(1)[0], 'rgb24')),
                       *stream.encode()]:
            container.mux(packet)
    path.write_bytes(path.read_bytes().replace(b'MJPG', b'Q?Z!'))


def without_frames(path):
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('mpeg4', rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        container.start_encoding()


def changing_size(path):
    """Write motion JPEG, which is one JPEG after the other."""
    path.write_bytes(b''.join(jpeg_bytes(noise(1, size=size)[0], 90)
                              for size in ((48, 64), (96, 128))))


@pytest.mark.parametrize('name, write, message', [
    ('gone.mp4', lambda path: None, 'there is no such video'),
    ('empty.mp4', lambda path: path.touch(), 'is empty'),
    ('text.mp4', lambda path: path.write_text('no video'), 'cannot be opened as a video'),
    ('sound.mkv', sound_only, 'holds no video stream'),
    ('codec.avi', unknown_codec, 'is coded in a way that is not known here'),
    ('none.avi', without_frames, 'holds no frame|cannot be opened'),
    ('sizes.mjpeg', changing_size, r'frame 1 is 128x96 pixels, the first is 64x48'),
])
def test_what_is_no_good_video_is_named(tmp_path, name, write, message):
    write(tmp_path / name)
    with pytest.raises(ValueError, match=message) as caught:
        survey_video(tmp_path / name)
    assert name in str(caught.value)


def test_a_torn_video_is_an_error_and_no_shorter_video(tmp_path):
    write_video(tmp_path / 'clip.mp4', noise(12))
    data = (tmp_path / 'clip.mp4').read_bytes()
    (tmp_path / 'clip.mp4').write_bytes(data[:len(data) // 2])
    with pytest.raises(ValueError, match='clip.mp4: '):
        survey_video(tmp_path / 'clip.mp4')
