"""Writes tokenizers with unigram models, and what the tokenizers library makes of the texts of other fixtures.

Usage: python3 unigram.py
"""
import base64
import json
import pathlib
import struct

from tokenizers import (
    Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers)

FOLDER = pathlib.Path(__file__).parent
ROOT = FOLDER.parents[1]
# Sequences as SentencePiece's maps have them: ligatures, full-width letters, spaces, marks, and one that is removed.
CHARACTERS = {
    "\ufb01": "fi", "\uff21": "A", "\uff22": "B", "\uff41": "a", "\u3000": " ", "\u00a0": " ",
    "\t": " ", "\n": " ", "\u200b": "", "e\u0301": "\u00e9", "\u2126": "\u03a9", "\u2460": "1",
    "\u00bd": "1/2", "\u00ad": "",
}


def characters_map(pairs):
    """Returns the double-array trie of a map, and its texts."""
    texts, places = b"", {}
    for source, target in pairs.items():
        places[source.encode()] = len(texts)
        texts += target.encode() + b"\0"
    root = {}
    for key, place in places.items():
        node = root
        for byte in key:
            node = node.setdefault(byte, {})
        node[0] = place
    units, used = [0] * 4096, {0}

    def lay(node, place):
        for base in range(1, len(units)):
            slots = {byte: base ^ byte for byte in node}
            if base ^ place < 1 << 21 and not used & set(slots.values()):
                break
        used.update(slots.values())
        units[place] |= (base ^ place) << 10 | (1 << 8 if 0 in node else 0)
        for byte, child in node.items():
            units[slots[byte]] = child | 1 << 31 if byte == 0 else byte
        for byte, child in node.items():
            if byte:
                lay(child, slots[byte])

    lay(root, 0)
    count = (max(used) // 256 + 1) * 256
    trie = b"".join(struct.pack("<I", unit) for unit in units[:count])
    return base64.b64encode(struct.pack("<I", len(trie)) + trie + texts).decode()


def made(name):
    tokenizer = Tokenizer(models.Unigram())
    mapped = normalizers.Precompiled(base64.b64decode(characters_map(CHARACTERS)))
    special = ["<pad>", "</s>", "<unk>"]
    if name == "unigram":
        tokenizer.normalizer = normalizers.Sequence(
            [mapped, normalizers.Replace(Regex(" {2,}"), " ")])
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    else:
        tokenizer.normalizer = mapped
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=name != "unigram-whole")
        special += [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.decoder = decoders.Sequence(
        ([] if name == "unigram" else [decoders.ByteFallback()]) + [decoders.Metaspace()])
    trainer = trainers.UnigramTrainer(
        vocab_size=500 if name == "unigram" else 700, special_tokens=special, unk_token="<unk>",
        show_progress=False)
    pages = [(ROOT / "docs" / page).read_text() for page in ("index.md", "storage.md")]
    tokenizer.train_from_iterator("\n".join(pages).splitlines(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A:0 </s>:0", pair="$A:0 </s>:0 $B:0 </s>:0", special_tokens=[("</s>", 1)])
    text = json.loads(tokenizer.to_str())
    text["model"]["vocab"] = [[token, round(score, 6)] for token, score in text["model"]["vocab"]]
    if name != "unigram":
        text["model"]["byte_fallback"] = True
        text["added_tokens"] = text["added_tokens"][:3]
    return json.dumps(text, ensure_ascii=False, separators=(",", ":"))


def main():
    texts = [case[0] for case in json.loads((FOLDER / "bert.cases.json").read_text())]
    texts += ["\ufb01ne \uff21\uff22", "caf" + "e\u0301", "a\u200bb\u00ad c", "\u00bd of\u3000it",
              "e\u0301\u0302x", "naïve 漢字 weights", "The weights of a model, quantized."]
    for name in ("unigram", "unigram-bytes", "unigram-whole"):
        text = made(name)
        (FOLDER / f"{name}.tokenizer.json").write_text(text + "\n")
        tokenizer = Tokenizer.from_str(text)
        lines = []
        for item in texts:
            ids = tokenizer.encode(item, add_special_tokens=False).ids
            everything = tokenizer.encode(item, add_special_tokens=True).ids
            lines.append(json.dumps(
                [item, ids, everything, tokenizer.decode(ids, skip_special_tokens=False),
                 tokenizer.decode(ids, skip_special_tokens=True)], separators=(",", ":")))
        (FOLDER / f"{name}.cases.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main()
