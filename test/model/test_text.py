# Copyright 2026 inspatio_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The text encoder: its keys, its vectors, and prompts of every length."""

import json
import logging
from pathlib import Path
import sys

from inspatio_ros.evaluation import parity_codec
from inspatio_ros.model.codec_config import T5Config, TINY_T5, UMT5_XXL
from inspatio_ros.model.text import clean, encode_prompts, finite, load_tokenizer, T5Encoder
import pytest
import torch

SMALL = T5Config(60, 16, 16, 32, 2, 2, text_length=32)
END = 1


@pytest.fixture
def encoder() -> T5Encoder:
    torch.manual_seed(0)
    return T5Encoder(SMALL).eval().requires_grad_(False)


def letters(text: str) -> list[int]:
    """Return a token per letter and the end token."""
    return [2 + ord(letter) % 50 for letter in text] + [END]


def test_keys_and_shapes_are_those_of_the_release(shared_dir: Path):
    facts = json.loads((shared_dir / 'parity/facts/umt5_xxl_encoder.json').read_text())
    with torch.device('meta'):
        state = T5Encoder(UMT5_XXL).state_dict()
    assert len(state) == facts['num_tensors'] == 242
    assert {key: list(weight.shape) for key, weight in state.items()} == facts['keys']


def test_vectors(shared_dir: Path):
    assert parity_codec.t5(shared_dir / 'parity') <= 2e-5


def test_padding_before_or_after_encoding_is_the_same(encoder: T5Encoder):
    prompts = ['a corridor', 'x']
    rows = encode_prompts(encoder, letters, prompts)
    ids, mask = torch.zeros(2, 32, dtype=torch.int64), torch.zeros(2, 32, dtype=torch.int64)
    for row, prompt in enumerate(prompts):
        tokens = letters(prompt)
        ids[row, :len(tokens)], mask[row, :len(tokens)] = torch.tensor(tokens), 1
    wanted = encoder(ids, mask) * mask[:, :, None]
    torch.testing.assert_close(rows, wanted, rtol=0.0, atol=1e-5)


def test_an_empty_prompt_is_its_end_token(encoder: T5Encoder):
    rows = encode_prompts(encoder, letters, [' \n '])
    assert rows.shape == (1, 32, 16)
    assert rows[:, 0].any() and not rows[:, 1:].any()


def test_a_prompt_that_is_too_long_is_cut_and_keeps_its_end(encoder: T5Encoder, caplog):
    with caplog.at_level(logging.WARNING):
        rows = encode_prompts(encoder, letters, ['y' * 2000])
    assert '2001 tokens: the last 1969 are ignored' in caplog.text
    torch.testing.assert_close(rows, encode_prompts(encoder, letters, ['y' * 31]))
    assert rows[0].any(-1).all()


def test_tokens_without_any_row_are_finite(encoder: T5Encoder):
    hidden = encoder(torch.zeros(1, 4, dtype=torch.int64), torch.zeros(1, 4, dtype=torch.int64))
    assert hidden.isfinite().all()


def test_a_tokenizer_of_another_model_is_refused(encoder: T5Encoder):
    with pytest.raises(ValueError, match='token 60, the text encoder knows 60'):
        encode_prompts(encoder, lambda text: [60, END], ['a'])
    with pytest.raises(ValueError, match='no token'):
        encode_prompts(encoder, lambda text: [], ['a'])


@pytest.mark.parametrize('prompt, cleaned', [
    ('  a\t b\n\nc ', 'a b c'), ('', ''), ('tea &amp;amp; &lt;sugar&gt;', 'tea & <sugar>'),
    ('Tür', 'Tür')])
def test_cleaning(prompt: str, cleaned: str):
    assert clean(prompt) == cleaned


def test_cleaning_without_ftfy(monkeypatch):
    monkeypatch.setitem(sys.modules, 'ftfy', None)
    assert clean(' a &amp;amp; b ') == 'a & b'


def test_only_float16_is_clamped():
    infinite = torch.tensor([float('inf'), -float('inf'), 1.0])
    assert finite(infinite.half()).tolist() == [65504.0, -65504.0, 1.0]
    assert torch.equal(finite(infinite), infinite)
    assert torch.equal(finite(infinite.bfloat16()), infinite.bfloat16())


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision(encoder: T5Encoder, dtype: torch.dtype):
    wanted = encode_prompts(encoder, letters, ['a hall'])
    got = encode_prompts(encoder.to(dtype), letters, ['a hall'])
    assert got.dtype == dtype
    torch.testing.assert_close(got.float(), wanted, rtol=0.0, atol=0.1)


def test_sizes_of_other_models():
    assert (TINY_T5.head_dim, UMT5_XXL.head_dim) == (16, 64)
    with pytest.raises(ValueError, match='shared_pos'):
        T5Config.from_dict({'shared_pos': True})
    with pytest.raises(ValueError, match='lacks vocab'):
        T5Config.from_dict({})


def test_no_folder_and_no_transformers(tmp_path: Path, monkeypatch):
    with pytest.raises(ValueError, match='no such folder'):
        load_tokenizer(tmp_path / 'umt5-xxl')
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(ImportError, match='pip install transformers'):
        load_tokenizer(tmp_path)


def test_a_folder_without_a_tokenizer(tmp_path: Path):
    pytest.importorskip('transformers', reason='transformers is not installed')
    with pytest.raises(ValueError, match='no tokenizer'):
        load_tokenizer(tmp_path)
    (tmp_path / 'tokenizer.json').write_text('{"version": ')
    (tmp_path / 'tokenizer_config.json').write_text('{"tokenizer_class": "T5TokenizerFast"}')
    with pytest.raises(ValueError, match='no tokenizer'):
        load_tokenizer(tmp_path)


def test_a_tokenizer_from_a_folder(tmp_path: Path, encoder: T5Encoder):
    transformers = pytest.importorskip('transformers', reason='transformers is not installed')
    tokenizers = pytest.importorskip('tokenizers')
    pieces = [('<pad>', 0.0), ('</s>', 0.0), ('<unk>', -9.0), ('▁a', -1.0), ('▁hall', -1.0),
              ('▁', -5.0), *((letter, -6.0) for letter in 'ahl')]
    unigram = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=2))
    unigram.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    unigram.post_processor = tokenizers.processors.TemplateProcessing(
        single='$A </s>', special_tokens=[('</s>', 1)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=unigram, eos_token='</s>', pad_token='<pad>', unk_token='<unk>',
        model_max_length=8).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer('a hall') == [3, 4, 1] and tokenizer('') == [1]
    assert len(tokenizer(' '.join('a' * 2000))) == 2001
    assert encode_prompts(encoder, tokenizer, ['a hall'])[0].any(-1).sum() == 3
