#!/usr/bin/env python3
"""Compares the outputs of two builds of sumac byte for byte.

usage: same_bytes.py OLD NEW [--bench FOLDER] [--messages]

Runs each command below with both programs, each in its own folder, on the models in Fixtures. Files, printed reports
and exit codes must be equal; with --messages, standard error too. Lineage records versions, which are the same for two
builds of one version. With --bench, the script also converts the inputs that bench.py makes in FOLDER.
"""
import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
COMMANDS = """
convert base -o a.sumac
convert base -o small.sumac --compress small
convert base -o raw.sumac --compress none --sealed --content-ids
convert base -o int4.sumac --type int4
convert base -o mixed.sumac --type int8 --tensor-type *mlp*=nf4 --tensor-type *norm*=lossless
convert base -o sum.sumac --terms dense:int4:g64+lowrank:8+sparse:1% --content-ids
convert base -o add.sumac --terms dense:int3:asym+sparse:2%:add
convert base -o ggml.sumac --type q4_0
convert base -o mx.sumac --type mxfp4
convert base -o fp4.sumac --type nvfp4
convert base -o fp8.sumac --type fp8
convert base -o target.sumac --target-size 600KB
convert base -o bpw.sumac --target-bpw 5.5
convert base -o f32.safetensors --dtype f32
convert base -o f16 --dtype f16 --shard-size 500KB
convert base -o dropped.sumac --drop *layers.3* --dtype f32 --include *mlp* --no-lineage
convert a.sumac -o back
convert int4.sumac -o int4.safetensors
convert int4.sumac -o recompressed.sumac --compress small
convert sum.sumac -o wide --dtype f32
convert prompt.safetensors -o appended.sumac --append-to int4.sumac
convert base -o sparse.sumac --sparse auto
convert prune/golden.safetensors -o golden.sumac --sparse auto
prune base -o pruned.sumac --save-mask mask.sumac
prune base -o half --by magnitude --amount 50%
prune base -o neurons.sumac --by pqi --scope neuron --eta 0.1
prune base -o nm.safetensors --by nm --pattern 2:4
prune base -o random.sumac --by random --amount 30% --seed 3 --scope layer
prune pruned.sumac -o again.sumac --by magnitude --amount 10% --zeros-are-pruned --iterations 3
prune base --survey-out survey.json --by pqi
convert pruned.sumac -o pruned-back
merge poetry tech --method linear --weight poetry=0.7 --weight tech=0.3 -o linear
merge poetry tech --base base --method ties --density 50% -o ties.sumac
merge poetry tech --base base --method dare_linear --density 40% --seed 7 -o dare.safetensors
merge poetry tech --base base --method della --density 40% -o della
merge poetry tech --base base --method breadcrumbs --density 60% -o crumbs
merge poetry --base base --method slerp --t 0.3 -o slerp
merge poetry tech --base base --method task_arithmetic --weight 0.4 -o task
vector extract poetry --base base -o vector.sumac --density 10%
vector extract poetry --base base -o rank.sumac --rank 8
vector extract poetry --base base -o adapter --rank 4
vector extract poetry --base base -o exact.sumac --exact
vector extract poetry --base base -o quantized.sumac --type int4:g64 --density 1%
vector apply vector.sumac --base int4.sumac -o applied.sumac --scale 0.8
vector apply exact.sumac --base base -o restored
vector apply lora/plain --base base -o lora-applied
vector add vector.sumac rank.sumac -o added.sumac --scale vector=0.6
vector negate vector.sumac -o negated.sumac
vector compress added.sumac -o compressed.sumac --rank 16
vector stats vector.sumac rank.sumac --json
rope scale base --method yarn --factor 4 -o yarn
rope scale base --method llama3 --factor 8 -o llama3.sumac
rope scale clex --method clex --context 1024 -o clex-frozen
rope scale base --method ntk --factor 2 --config-only -o ntk.json
rope show base --length 1024 --json
cache pack prompt.safetensors -o prompt.sumac --model base
cache pack prompt.safetensors -o kivi.sumac --method kivi --bits 2
cache pack prompt.safetensors -o gearl.sumac --method gear-l --bits 4 --rank 2
cache unpack prompt.sumac -o mlx.safetensors --layout mlx
cache unpack kivi.sumac -o unpacked.safetensors
cache append prompt.sumac answer.safetensors -o both.sumac
cache convert prompt.safetensors -o vllm --layout vllm
cache inspect both.sumac --json
inspect int4.sumac --json --layout --metadata
inspect base --stats --neurons --json
inspect pruned.sumac --stats --format csv
verify sum.sumac --against base --max-rmse 1
verify raw.sumac --json
diff base int4.sumac --json
diff base pruned.sumac --by-layer
explain sum.sumac:lm_head.weight
explain restored --json
"""


def digest(path):
    if os.path.isdir(path):
        names = sorted(os.listdir(path))
        text = "".join(f"{name} {digest(os.path.join(path, name))}\n" for name in names)
        return hashlib.sha256(text.encode()).hexdigest()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def prepare(folder):
    for name, target in [
        ("base", "models/base"), ("poetry", "models/poetry"), ("tech", "models/tech"),
        ("clex", "models/clex"), ("lora", "lora"), ("prune", "prune"),
        ("prompt.safetensors", "caches/prompt.safetensors"),
        ("answer.safetensors", "caches/answer.safetensors"),
    ]:
        os.symlink(os.path.join(ROOT, "Fixtures", target), os.path.join(folder, name))


def run(program, folder, command):
    result = subprocess.run(
        [program] + command.split(), cwd=folder, capture_output=True, stdin=subprocess.DEVNULL)
    return result.returncode, result.stdout, result.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--bench", help="folder with the inputs of bench.py")
    parser.add_argument("--messages", action="store_true", help="compare messages too")
    options = parser.parse_args()
    options.old, options.new = os.path.abspath(options.old), os.path.abspath(options.new)
    commands = [line for line in COMMANDS.splitlines() if line]
    failures = 0
    with tempfile.TemporaryDirectory() as top:
        folders = [os.path.join(top, name) for name in ("old", "new")]
        for folder in folders:
            os.mkdir(folder)
            prepare(folder)
            if options.bench:
                for name in ("f32.safetensors", "bf16.safetensors"):
                    os.symlink(os.path.join(os.path.abspath(options.bench), name), os.path.join(folder, name))
        if options.bench:
            commands += [
                "convert bf16.safetensors -o b.sumac", "convert f32.safetensors -o b4.sumac --type int4",
                "convert b.sumac -o b.safetensors", "prune f32.safetensors -o bp.sumac --by magnitude --amount 50%"]
        succeeded = 0
        for command in commands:
            before = [set(os.listdir(folder)) for folder in folders]
            old, new = (run(program, folder, command)
                        for program, folder in zip((options.old, options.new), folders))
            problems = []
            if old[0] != new[0]:
                problems.append(f"exit {old[0]} and {new[0]}: {new[2].decode()[:400]}")
            if old[1] != new[1]:
                problems.append("other text on standard output")
            if options.messages and old[2] != new[2]:
                problems.append(f"other messages:\n{old[2].decode()}{new[2].decode()}")
            made = [set(os.listdir(folder)) - names for folder, names in zip(folders, before)]
            if made[0] != made[1]:
                problems.append(f"made {sorted(made[0])} and {sorted(made[1])}")
            for name in made[0] & made[1]:
                first, second = (digest(os.path.join(folder, name)) for folder in folders)
                if first != second:
                    problems.append(f"{name} differs")
            succeeded += old[0] == 0
            failures += bool(problems)
            for problem in problems:
                print(f"{command}\n  {problem}")
    print(f"{len(commands)} commands, {succeeded} of them succeed, {failures} with differences")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
