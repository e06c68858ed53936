"""Writes a small sentence encoder of MiniLM's shape with random weights, and its embeddings by sentence-transformers.

Usage: python3 reference.py

Needs torch, transformers, sentence-transformers and tokenizers. The words of the tokenizer are those of the project's
own pages.
"""
import json
import pathlib
import re
import shutil

import numpy as np
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

FOLDER = pathlib.Path(__file__).parent
ROOT = FOLDER.parents[2]
VOCABULARY, POSITIONS, LIMIT = 500, 64, 32
SENTENCES = """The cat sits on the mat.
A cat is sitting on a mat.
Weights are decoded tile by tile while the network runs.
Quantization of weights to four bits changes the behaviour of a model.
How far are these two models from each other?
Errors are reported before the work starts.
Nothing.
x
NOTHING, twice: nothing!
Crème brûlée in a café, naïvely.
1 + 2 = 3, and 12,345.678 is a number
unbelievablelongwordwithoutanyspaceinit and another one
漢字 and kana are split by character.
A model is a folder with weights, a configuration and a tokenizer; each of them is checked, and a file that is missing, damaged or of another kind is an error that names it, its place and what to do about it.
The same bytes come out whatever the number of workers is.
""".splitlines()


def tokenizer():
    made = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=special, limit_alphabet=80, show_progress=False)
    text = "\n".join((ROOT / "docs" / name).read_text() for name in ("index.md", "storage.md"))
    made.train_from_iterator(re.sub(r"[^\x20-\x7e\n]", " ", text).splitlines(), trainer)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]", model_max_length=POSITIONS)


def randomize(module, draw):
    """Sets random weights that float16 represents."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            values = 0.15 * torch.randn(parameter.shape, generator=draw)
            if "LayerNorm.weight" in name:
                values = 1 + values
            parameter.copy_(values.half().float())


def write(folder, words, mode, extra):
    draw = torch.Generator().manual_seed(17)
    config = BertConfig(
        vocab_size=len(words), hidden_size=64, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=128, max_position_embeddings=POSITIONS, hidden_act="gelu")
    bert = BertModel(config, add_pooling_layer=False)
    randomize(bert, draw)
    base = folder / "network"
    shutil.rmtree(folder, ignore_errors=True)
    bert.save_pretrained(base)
    words.save_pretrained(base)
    network = modules.Transformer(str(base), max_seq_length=LIMIT)
    pooling = modules.Pooling(64, pooling_mode=mode)
    parts = [network, pooling]
    if extra:
        dense = modules.Dense(64, 24, activation_function=torch.nn.Tanh())
        randomize(dense, draw)
        parts += [dense, modules.Normalize()]
    model = SentenceTransformer(modules=parts, device="cpu").eval()
    shutil.rmtree(base)
    model.half().save_pretrained(str(folder), create_model_card=False)
    return model.float()


def main():
    torch.manual_seed(0)
    golden = {}
    # The trainer breaks ties at random.
    words = tokenizer()
    for name, mode, extra in [
        ("mean", "mean", True), ("cls", "cls", False), ("max", "max", False),
        ("mean_sqrt_len_tokens", "mean_sqrt_len_tokens", False),
        ("weightedmean", "weightedmean", False), ("lasttoken", "lasttoken", False)]:
        model = write(FOLDER / "model", words, mode, extra)
        # One sentence at a time: padding plays no role.
        rows = [model.encode(text, convert_to_numpy=True, batch_size=1) for text in SENTENCES]
        golden[name] = np.stack(rows).astype("<f4")
    write(FOLDER / "model", words, "mean", True)
    for path in list((FOLDER / "model").rglob("*")):
        if path.name in ("README.md", "special_tokens_map.json", "config_sentence_transformers.json"):
            path.unlink()
    (FOLDER / "sentences.txt").write_text("\n".join(SENTENCES) + "\n")
    save_file(golden, FOLDER / "embeddings.safetensors")


if __name__ == "__main__":
    main()
