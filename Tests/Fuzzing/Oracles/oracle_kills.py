"""Ends runs of every verb that writes at random moments, and lets several processes write one output."""
import hashlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

import numpy as np
import oracle_inputs as inputs

SIGNALS = [signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGHUP, signal.SIGTERM]
# What each command writes; `{}` stands for the output.
LINES = [
    ("convert big -o {}", ["out.safetensors", "out.sumac", "out"]),
    ("convert big -o {} --type int4:g16", ["out.sumac"]),
    ("prune big -o {} --by magnitude --amount 50% --save-mask mask-out.safetensors", ["out.safetensors", "out.sumac"]),
    ("prune big --survey-out {}", ["out.json"]),
    ("merge big big --method linear -o {}", ["out", "out.sumac"]),
    ("vector extract big --base base-big --exact -o {}", ["out.sumac"]),
    ("vector extract big --base base-big --rank 2 -o {}", ["out"]),
    ("vector apply delta.sumac --base base-big -o {}", ["out.safetensors", "out"]),
    ("vector add delta.sumac delta.sumac -o {}", ["out.sumac"]),
    ("vector negate delta.sumac -o {}", ["out.safetensors"]),
    ("vector compress delta.sumac --density 10% -o {}", ["out.sumac"]),
    ("rope scale big --method yarn --factor 4 -o {}", ["out", "out.sumac"]),
    ("cache pack big-cache.safetensors -o {}", ["out.sumac"]),
    ("cache unpack packed-big.sumac -o {} --layout vllm", ["out"]),
    ("cache append packed-big.sumac big-cache.safetensors -o {}", ["out.sumac"]),
    ("cache convert big-cache.safetensors -o {} --layout lmcache", ["out"]),
    ("inspect big --stats -o {}", ["out.json", "out.html"]),
    ("verify big --against base-big -o {}", ["out.csv"]),
]
CASES = [(line, output) for line, outputs in LINES for output in outputs]


def write_inputs(folder, program):
    """Writes inputs that are large enough to be killed while they are read, encoded, written and renamed."""
    generator = np.random.default_rng(3)
    big = inputs.model(generator, width=256)
    inputs.write_model(os.path.join(folder, "base-big"), big, inputs.CONFIG | {"hidden_size": 256, "head_dim": 64})
    big = {name: (dtype, array + np.float32(0.5)) for name, (dtype, array) in big.items()}
    inputs.write_model(os.path.join(folder, "big"), big, inputs.CONFIG | {"hidden_size": 256, "head_dim": 64}, shards=2)
    inputs.write_safetensors(os.path.join(folder, "big-cache.safetensors"), {
        f"layers.{layer}.{part}": ("F16", generator.standard_normal((1, 4, 256, 64)).astype(np.float16))
        for layer in range(2) for part in ["key", "value"]})
    for line in ["vector extract big --base base-big --density 20% -o delta.sumac",
                 "cache pack big-cache.safetensors -o packed-big.sumac"]:
        subprocess.run([program, *line.split(), "-q"], cwd=folder, check=True)


def digest(folder, names):
    """Returns a hash of files and folders by their content; None for those that are missing."""
    result = {}
    for name in names:
        path = os.path.join(folder, name)
        parts = [(os.path.relpath(file, folder), open(file, "rb").read()) for file in inputs.files_below(path)] \
            if os.path.exists(path) else None
        result[name] = parts and hashlib.sha256(repr(parts).encode()).hexdigest()
    return result


class Target:
    """A command with the hash of what it writes."""

    def __init__(self, session, folder, line, output):
        self.program, self.folder, self.output = session.program, folder, output
        self.arguments = [*line.format(output).split(), "--force", "-q", "-j", "2"]
        self.names = [output] + (["mask-out.safetensors"] if "--save-mask" in line else [])
        start = time.monotonic()
        run = subprocess.run([self.program, *self.arguments], cwd=folder, capture_output=True, text=True)
        # `verify` reports the differences that it was asked for with 1.
        if run.returncode not in (0, 1):
            raise SystemExit(f"{' '.join(self.arguments)}: exit {run.returncode}\n{run.stderr}")
        self.duration = time.monotonic() - start
        self.code, self.complete = run.returncode, digest(folder, self.names)
        self.kept = tempfile.mkdtemp(dir=session.folder)
        for name in self.names:
            shutil.move(os.path.join(folder, name), self.kept)

    def remove(self):
        for name in self.names:
            path = os.path.join(self.folder, name)
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.remove(path)

    def write_old(self):
        """Writes an output of the same kind with other contents."""
        shutil.copytree(self.kept, self.folder, dirs_exist_ok=True)
        for name in self.names:
            for path in inputs.files_below(os.path.join(self.folder, name)):
                with open(path, "ab") as file:
                    file.write(b" ")

    def partials(self):
        return [name for name in os.listdir(self.folder) if ".partial-" in name]

    def start(self, prefix=()):
        return subprocess.Popen(
            [*prefix, self.program, *self.arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def kill(target, chance):
    """Runs a command, ends it at a random moment, and yields what is wrong then.
    - The old output is whole, or the new one complete.
    - After a signal other than SIGKILL, nothing unfinished is left; after SIGKILL, not after `doctor --clean`.
    """
    old = chance.random() < 0.6
    target.remove()
    if old:
        target.write_old()
    before = digest(target.folder, target.names)
    number = chance.choice(SIGNALS)
    process = target.start()
    time.sleep(chance.random() * 1.1 * target.duration)
    process.send_signal(number)
    messages = process.communicate()[1]
    code = process.returncode
    after = digest(target.folder, target.names)
    if after not in (before, target.complete):
        yield f"signal {number}, exit {code}: the output is neither the old one nor the new one: {after}"
    if code not in (target.code, 128 + number, -number):
        yield f"signal {number}: exit {code}: {messages}"
    if code == target.code and after != target.complete:
        yield f"signal {number}: exit {code} without the output"
    if code >= 0 and (left := target.partials()):
        yield f"signal {number}, exit {code}: {left} is left"
    subprocess.run([target.program, "doctor", "--clean", "."], cwd=target.folder, capture_output=True, check=False)
    if left := target.partials():
        yield f"signal {number}: {left} is left after doctor --clean"


def targets(session, name):
    folder = os.path.join(session.folder, name)
    os.mkdir(folder)
    write_inputs(folder, session.program)
    return folder


def kills(session, seconds):
    """Kills commands in turn until the time is over. Returns the number of faults."""
    end = time.monotonic() + seconds
    folder, prepared = targets(session, "kills"), {}
    chance, count, faulty = random.Random(session.seed), 0, 0
    # Every command once at least.
    while time.monotonic() < end or count < len(CASES):
        case = CASES[count % len(CASES)]
        if case not in prepared:
            prepared[case] = Target(session, folder, *case)
        target = prepared[case]
        for fault in kill(target, chance):
            print(f"FAULT in kill {count}: sumac {' '.join(target.arguments)}\n  {fault}")
            faulty += 1
        target.remove()
        count += 1
    print(f"kills: {count} runs of {len(CASES)} commands ended at a random moment")
    return faulty


def writers(session, seconds):
    """Lets several processes with the same number write one output at once. Returns the number of faults."""
    prefix = ["unshare", "--pid", "--fork", "--kill-child"]
    try:
        subprocess.run([*prefix, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        print("writers: SKIPPED, because this machine does not permit process namespaces (unshare --pid)")
        return 0
    end = time.monotonic() + seconds
    folder, chance, count, faulty = targets(session, "writers"), random.Random(session.seed), 0, 0
    prepared = {}
    while time.monotonic() < end or count < len(CASES):
        case = CASES[count % len(CASES)]
        if case not in prepared:
            prepared[case] = Target(session, folder, *case)
        target = prepared[case]
        processes = []
        for _ in range(3):
            processes.append(target.start(prefix))
            time.sleep(chance.random() * 0.5 * target.duration)
        # One writer in two rounds of three is killed.
        killed = count % 3 < 2
        if killed:
            processes[chance.randrange(3)].kill()
        messages = [process.communicate()[1] for process in processes]
        codes = [process.returncode for process in processes]
        after = digest(folder, target.names)
        faults = []
        if sum(code == target.code for code in codes) < 3 - killed:
            faults.append(f"the writers end with {codes}: {''.join(messages)}")
        if after != target.complete:
            faults.append(f"the output of {codes} is not complete: {after}")
        subprocess.run([target.program, "doctor", "--clean", "."], cwd=folder, capture_output=True, check=False)
        if left := target.partials():
            faults.append(f"{left} is left after doctor --clean")
        for fault in faults:
            print(f"FAULT in round {count}: three times sumac {' '.join(target.arguments)}\n  {fault}")
        faulty += bool(faults)
        target.remove()
        count += 1
    print(f"writers: {count} rounds of three writers with the same process number, {len(CASES)} commands")
    return faulty
