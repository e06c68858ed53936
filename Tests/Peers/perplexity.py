#!/usr/bin/env python3
"""Perplexity of the small Llama after `sumac prune`, through .sumac and back.

usage: perplexity.py SUMAC

Computes a forward pass in NumPy, in float32, of Fixtures/models/base and of the pruned models, on the first 20,480
held-out tokens of each part (9,472 of poetry), in windows of 256.
"""
import json
import os
import subprocess
import sys
import tempfile

import llama


def main():
    program = os.path.abspath(sys.argv[1])
    config, text = llama.config(), llama.held_out()
    projections = ["--include", "*proj.weight"]
    cases = [
        ("as it is", None),
        ("SAP p 0.5, q 1, global", ["--by", "pqi"]),
        ("the same, 3 iterations", ["--by", "pqi", "--iterations", "3"]),
        ("SAP p 1, q 2, layer, projections", ["--by", "pqi", "--p", "1", "--q", "2", "--scope", "layer", *projections]),
        ("SAP p 0.5, q 1, neuron, projections, 3 iterations",
         ["--by", "pqi", "--scope", "neuron", "--iterations", "3", *projections]),
        ("magnitude 30 %, layer, projections", ["--by", "magnitude", "--amount", "30%", "--scope", "layer", *projections]),
        ("magnitude 50 %, layer, projections", ["--by", "magnitude", "--amount", "50%", "--scope", "layer", *projections]),
        ("magnitude 70 %, layer, projections", ["--by", "magnitude", "--amount", "70%", "--scope", "layer", *projections]),
        ("2:4, projections", ["--by", "nm", *projections]),
        ("int4, not pruned", ["--type", "int4"]),
        ("random 30 %, layer, projections", ["--by", "random", "--amount", "30%", "--scope", "layer", *projections]),
    ]
    print("| weights | zeros | `.sumac`, bytes | " + " | ".join(llama.PARTS) + " |")
    print("|---|---|---|" + "---|" * len(llama.PARTS))
    with tempfile.TemporaryDirectory() as work:
        packed, back = os.path.join(work, "p.sumac"), os.path.join(work, "back.safetensors")
        for name, options in cases:
            prunes = options is not None and "--by" in options
            verb = ["prune", llama.BASE, *options, "--json"] if prunes else ["convert", llama.BASE, *(options or [])]
            run = subprocess.run([program, *verb, "-o", packed, "-f"], check=True, capture_output=True)
            subprocess.run([program, "convert", packed, "-o", back, "-f", "-q"], check=True)
            net = llama.tensors(back)
            zeros = sum((t == 0).sum() for t in net.values()) / sum(t.size for t in net.values())
            if prunes:
                report = json.loads(run.stdout)
                assert report["output_bytes"] == os.path.getsize(packed)
            values = " | ".join(f"{llama.perplexity(net, config, text[part]):.3f}" for part in llama.PARTS)
            print(f"| {name} | {100 * zeros:.1f} % | {os.path.getsize(packed):,} | {values} |", flush=True)


if __name__ == "__main__":
    main()
