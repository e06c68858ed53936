"""The commands that the oracles run, with the inputs that are mutated and the values that the output must have."""
from dataclasses import dataclass, field
from typing import Callable, Optional

import oracle_values as values
from oracle_inputs import LAYOUTS, SCALINGS


@dataclass
class Verb:
    """A command line, in which `{}` stands for the output."""
    line: str
    inputs: list
    output: Optional[str] = None
    check: Optional[Callable] = None
    options: list = field(default_factory=list)

    def arguments(self, chance):
        formats = ["", " --json", " --format=csv", " --format=jsonl", " --format=markdown", " --format=html"]
        line = self.line + (chance.choice(formats) if self.output is None else chance.choice(["", " -q"]))
        return line.format(self.output).split()


# Options of all commands.
OPTIONS = ["--jobs", "--memory", "--tmpdir", "--format", "--color", "--progress"]
OUTPUT = ["--shard-size", "--to", "--aliases", "--companions", "--compress", "--include", "--exclude", "--names-from"]
STORAGE = ["--type", "--terms", "--tensor-type", "--sparse", "--target-bpw", "--target-size", "--candidates", "--dtype"]
PRUNE = ["--p", "--q", "--eta", "--gamma", "--beta", "--amount", "--pattern", "--iterations", "--seed", "--scope"]
MERGE = ["--weight", "--density", "--gamma", "--epsilon", "--scale", "--t", "--lambda", "--dtype", "--out-dtype",
         "--seed", "--coefficients", "--base"]
ROPE = ["--factor", "--context", "--time", "--beta-fast", "--beta-slow", "--attention-factor", "--low-freq-factor",
        "--high-freq-factor", "--factors"]
CACHE = ["--from", "--kv-shape", "--axes", "--model", "--layers", "--kv-dtype", "--sequence", "--rotated", "--pairing"]
PACK = CACHE + ["--method", "--bits", "--group", "--rank", "--outliers", "--rounds", "--residual", "--parity", "--start"]
VECTOR = ["--density", "--rank", "--type", "--dtype"]


def lossless(source, output):
    return Verb(f"convert {source} -o {{}}", [source], output, values.same(source), OUTPUT + STORAGE)


MODELS = ["base", "base.sumac", "sum.sumac", "half.safetensors"]
VERBS = [
    *[lossless(source, output) for source in MODELS for output in ["out.safetensors", "out.sumac", "out"]],
    *[Verb(f"inspect {source} --stats", [source], options=["--p", "--q", "--pattern", "--sort", "--top", "--include"])
      for source in MODELS + ["adapter"]],
    *[Verb(f"inspect {source} --layout --metadata", [source]) for source in MODELS],
    *[Verb(f"verify {source}", [source]) for source in MODELS],
    Verb("verify tuned.safetensors --against base", ["tuned.safetensors", "base"], options=["--max-rmse", "--max-abs"]),
    *[Verb(f"explain {source}", [source]) for source in ["base.sumac", "sum.sumac", "vector.safetensors"]],
    Verb("explain sum.sumac:lm_head.weight", ["sum.sumac"]),
    Verb("convert half.safetensors -o {} --dtype f16 --saturate", ["half.safetensors"], "out.safetensors"),
    Verb("convert base -o {} --type int4:g16", ["base"], "out.sumac", options=STORAGE),
    Verb("convert base -o {} --target-bpw 5", ["base"], "out.sumac", options=STORAGE),
    Verb("prune base -o {} --by magnitude --amount 40%", ["base"], "out.safetensors", values.pruned, PRUNE),
    Verb("prune half.safetensors -o {} --by nm --pattern 2:4", ["half.safetensors"], "out.sumac", None, PRUNE),
    Verb("prune base -o {} --by pqi --mask mask.safetensors", ["mask.safetensors"], "out.safetensors", values.pruned,
         PRUNE),
    Verb("prune base -o {} --by wanda --amount 50% --norms norms.safetensors", ["norms.safetensors"],
         "out.safetensors", values.pruned, PRUNE),
    Verb("prune base -o {} --survey-in survey-2.json", ["survey-2.json"], "out.safetensors", values.pruned, PRUNE),
    Verb("prune base --survey-in survey-1.json --survey-out {}", ["survey-1.json"]),
    *[Verb(f"merge --recipe {recipe} -o {{}}", [recipe], "out", None, MERGE) for recipe in ["recipe.yaml", "slices.yaml"]],
    Verb("merge --recipe recipe.yaml -o {}", ["base", "tuned.safetensors"], "out", None, MERGE),
    Verb("merge base tuned.safetensors --method linear --weight 0.5 -o {}", ["tuned.safetensors"], "out.safetensors",
         values.averaged, MERGE),
    Verb("vector extract tuned.safetensors --base base --exact -o {}", ["tuned.safetensors", "base"], "out.sumac",
         values.restored, VECTOR),
    Verb("vector extract tuned.safetensors --base base --rank 2 -o {}", ["tuned.safetensors"], "out", None, VECTOR),
    Verb("vector apply adapter --base base -o {}", ["adapter", "base"], "out.safetensors", None, ["--scale"]),
    Verb("vector apply vector.safetensors --base base -o {}", ["vector.safetensors"], "out.safetensors",
         values.applied, ["--scale"]),
    Verb("vector apply vector.sumac --base base.sumac -o {}", ["vector.sumac", "base.sumac"], "out.sumac", None,
         ["--scale"]),
    Verb("vector add vector.sumac vector.safetensors -o {}", ["vector.sumac", "vector.safetensors"], "out.safetensors",
         None, ["--scale"]),
    Verb("vector negate vector.safetensors -o {}", ["vector.safetensors"], "out.safetensors", values.negated),
    Verb("vector negate adapter -o {}", ["adapter"], "out.sumac"),
    Verb("vector compress vector.safetensors --density 10% -o {}", ["vector.safetensors"], "out.sumac", None, VECTOR),
    Verb("vector stats vector.sumac adapter", ["vector.sumac", "adapter"]),
    *[Verb(f"rope show rope-{kind}", ["rope-" + kind], options=["--length", "--compare"]) for kind in SCALINGS],
    Verb("rope show clex", ["clex"], options=["--length", "--compare"]),
    *[Verb(f"rope scale base --method {method} --factor 4 -o {{}}", ["base/config.json"], "out",
           values.same("base"), ROPE) for method in ["pi", "ntk", "dynamic", "yarn", "llama3"]],
    Verb("rope scale clex --method clex --time 4 -o {}", ["clex"], "out", None, ROPE),
    Verb("rope scale rope-yarn --method yarn --factor 2 --config-only -o {}", ["rope-yarn"], None, None, ROPE),
    *[Verb(f"cache inspect {file} --kv-shape 2x32", [file], options=CACHE) for file in LAYOUTS.values()],
    *[Verb(f"cache convert {file} --kv-shape 2x32 -o {{}}", [file], "out.safetensors",
           values.same_cache(file), CACHE) for file in LAYOUTS.values()],
    Verb("cache convert c-safetensors.safetensors -o {} --layout mlx", ["c-safetensors.safetensors"],
         "out.safetensors", values.same_cache("c-safetensors.safetensors"), CACHE),
    Verb("cache pack c-safetensors.safetensors --group 8 -o {}", ["c-safetensors.safetensors"], "out.sumac", None, PACK),
    Verb("cache pack c-mlx.safetensors --group 8 --method kivi -o {}", ["c-mlx.safetensors"], "out.sumac", None, PACK),
    Verb("cache unpack packed.sumac -o {}", ["packed.sumac"], "out.safetensors", None, CACHE),
    Verb("cache append packed.sumac more.safetensors -o {}", ["packed.sumac", "more.safetensors"], "out.sumac", None,
         CACHE),
    Verb("cache inspect packed.sumac --against c-safetensors.safetensors", ["packed.sumac", "c-safetensors.safetensors"],
         options=["--queries", "--sample"]),
]
