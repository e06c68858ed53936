#!/usr/bin/env python3
"""Adapters that come back from a .sumac file, loaded by PEFT.

usage: adapters.py SUMAC

Packs each LoRA adapter of the fixtures, restores it into a folder, and loads the folder with PEFT, if that is installed:
PEFT must find the weights by name, and every tensor must be equal to the original.
"""
import os
import subprocess
import sys
import tempfile

import llama

FOLDER = os.path.join(llama.ROOT, "Fixtures", "lora")


def main():
    sumac = sys.argv[1]
    try:
        from peft.utils.save_and_load import load_peft_weights
    except ImportError:
        print("PEFT is not installed; adapters are not compared")
        return
    for name in sorted(os.listdir(FOLDER)):
        original = os.path.join(FOLDER, name)
        if not os.path.isfile(os.path.join(original, "adapter_config.json")):
            continue
        with tempfile.TemporaryDirectory() as folder:
            packed, restored = os.path.join(folder, "a.sumac"), os.path.join(folder, "adapter")
            for source, target in [(original, packed), (packed, restored)]:
                subprocess.run([sumac, "convert", source, "-o", target, "-q"], check=True)
            wanted = load_peft_weights(original, device="cpu")
            found = load_peft_weights(restored, device="cpu")
            assert list(sorted(wanted)) == list(sorted(found)), name
            assert all(bool((wanted[key] == found[key]).all()) for key in wanted), name
            print(f"{name}: PEFT loads {len(found)} equal tensors")


main()
