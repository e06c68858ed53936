#!/usr/bin/env python3
"""The file commands of SparCL beside the results of the authors' functions.

usage: sparcl_functions.py SUMAC FOLDER

FOLDER has sparcl.safetensors and sparcl.json (masks, gradient masks, and a buffer with its draws), ddr.json (rounds of the
removal of examples) and flops.json (ratios of products). Masks, counts, places and gradients must be equal; ratios may differ
by 1e-12. The order of examples with equal counts is not fixed in the authors' code, so that of the numbers is expected.
Prints the number of cases of each command, and fails at the first difference.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from safetensors.numpy import load_file, save_file

SUMAC, FOLDER = os.path.abspath(sys.argv[1]), sys.argv[2]


def run(*arguments):
    result = subprocess.run([SUMAC, "sparcl", *map(str, arguments)], capture_output=True, text=True)
    assert result.returncode == 0, (arguments, result.stderr)
    return result.stdout


def facts(name):
    with open(os.path.join(FOLDER, name)) as file:
        return json.load(file)


def masks(tensors, cases, folder):
    """Masks by magnitude, by magnitude and gradient, and of whole outputs."""
    source, output = os.path.join(folder, "w.safetensors"), os.path.join(folder, "m.safetensors")
    gradient = os.path.join(folder, "g.safetensors")
    for case in cases:
        _, weight, kind, importance, share = case["key"].split(".", 4)
        save_file({"w": tensors[f"prune.{weight}.weight"]}, source)
        arguments = [source, "--sparsity", share, "-o", output, "-f", "-q"]
        if kind == "filter":
            arguments += ["--by", "filter"]
        elif importance == "cwi":
            save_file({"w": tensors[f"prune.{weight}.grad"]}, gradient)
            arguments += ["--gradient", gradient, "--alpha", "0.5"]
        run("mask", *arguments)
        found = load_file(output)["w"]
        assert np.array_equal(found, tensors[case["key"] + ".mask"]), case
    return len(cases)


def gradient_masks(tensors, cases, folder):
    names = ["gradients", "masks", "output"]
    gradients, kept, output = (os.path.join(folder, name + ".safetensors") for name in names)
    for case in cases:
        layers = [name for name, layer in case["layers"].items() if layer["masked"]]
        save_file({name: tensors[f"dgm.{name}.grad_in"] for name in case["layers"]}, gradients)
        save_file({name: (tensors[f"dgm.{name}.weight"] != 0).astype(np.uint8) for name in layers}, kept)
        run("gradmask", gradients, "--mask", kept, "--sparsity", case["gradient_sparse"], "-o", output, "-f", "-q")
        found = load_file(output)
        for name in case["layers"]:
            key = f"dgm.{case['gradient_sparse']}.{name}.grad_out"
            assert np.array_equal(found[name], tensors[key]), key
    return len(cases)


def removals(rounds, settings, folder):
    """Counts of forgetting, and the examples that leave."""
    sights, counts = os.path.join(folder, "sights.jsonl"), os.path.join(folder, "counts.jsonl")
    for one in rounds:
        seen = one["presentations"]
        with open(sights, "w") as file:
            for place in range(max(map(len, seen.values()))):
                for example, rights in seen.items():
                    if place < len(rights):
                        file.write(json.dumps({"example": int(example), "right": bool(rights[place])}) + "\n")
        text = run("forget", sights, "--never", settings["npresentations"], "--format", "jsonl", "-q")
        with open(counts, "w") as file:
            file.write(text)
        found = [json.loads(line) for line in text.splitlines()]
        found = {line["example"]: line["count"] for line in found if "example" in line and "count" in line}
        assert found == {int(example): count for example, count in one["counts"].items()}, one["epoch"]
        official, stable = one["removed_official"], one["removed_stable(count,index)"]
        removed = json.loads(run("drop", counts, "--count", len(official), "--json", "-q"))["removed"]
        assert sorted(removed) == sorted(stable), one["epoch"]
        # The authors' choice has the same counts.
        assert sorted(found[example] for example in removed) == sorted(found[example] for example in official)
    return len(rounds)


def buffers(facts, folder):
    stream, draws = os.path.join(folder, "stream.safetensors"), os.path.join(folder, "draws.npy")
    output = os.path.join(folder, "buffer.safetensors")
    save_file({"id": np.arange(facts["stream"], dtype=np.int64)}, stream)
    np.save(draws, np.array([value for _, value in facts["draws_[exclusive_high,value]"]], dtype=np.int64))
    run("buffer", stream, "--size", facts["buffer_size"], "--draws", draws, "-o", output, "-f", "-q")
    assert load_file(output)["id"].tolist() == facts["final_example_ids"]
    return 1


def products(facts):
    for case in facts["cases"]:
        arguments = ["resnet18:3x32x32,64,10", "--sparsity", case["s"], "--gradient-sparsity", case["g"]]
        whole = json.loads(run("flops", *arguments, "--remove", "30%:20", "--epochs", 50, "--json"))
        text = json.dumps(whole)
        for key in ["ratio_dense_over_sparse", "with_data_removal"]:
            numbers = [value for value in whole.values() if isinstance(value, float)]
            assert any(abs(value - case[key]) <= 1e-12 * case[key] for value in numbers), (case, key, text)
    return len(facts["cases"])


def main():
    tensors = load_file(os.path.join(FOLDER, "sparcl.safetensors"))
    functions, removal = facts("sparcl.json"), facts("ddr.json")
    with tempfile.TemporaryDirectory() as folder:
        print("mask     ", masks(tensors, functions["weight_pruning"], folder), "cases")
        print("gradmask ", gradient_masks(tensors, functions["dgm"], folder), "cases")
        print("forget, drop", removals(removal["rounds"], removal, folder), "rounds")
        print("buffer   ", buffers(functions["reservoir"], folder), "stream")
        print("flops    ", products(facts("flops.json")), "cases")


if __name__ == "__main__":
    main()
