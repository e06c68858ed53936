"""Ends a batch at random moments, runs it again until it is complete, and compares the outputs."""
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time

import numpy as np
import oracle_inputs as inputs

MODEL_COUNT = 12
SIGNALS = [signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT]
JOURNAL = ".sumac-batch.jsonl"


def outputs(folder):
    """Returns {name: (hash, inode)} of all outputs in a folder."""
    found = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if name != JOURNAL and ".partial-" not in name:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[name] = hashlib.sha256(file.read()).hexdigest(), os.stat(path).st_ino
    return found


def batches(session, seconds):
    """Ends batches and repeats them until the time is over. Returns the number of faults."""
    end = time.monotonic() + seconds
    folder = os.path.join(session.folder, "batches")
    generator, chance = np.random.default_rng(5), random.Random(session.seed)
    for index in range(MODEL_COUNT):
        inputs.write_model(
            os.path.join(folder, "models", f"m{index:02}"), inputs.model(generator, width=64), inputs.CONFIG)

    def arguments(output):
        return [session.program, "batch", "convert", "models", "-o", output, "-j", "2", "-q", "--json"]

    start = time.monotonic()
    subprocess.run(arguments("whole"), cwd=folder, check=True, capture_output=True)
    duration, whole = time.monotonic() - start, outputs(os.path.join(folder, "whole"))
    kills, count, faulty = 0, 0, 0
    while time.monotonic() < end or count < 2:
        place, faults, seen = os.path.join(folder, "out"), [], {}
        shutil.rmtree(place, ignore_errors=True)
        for attempt in range(60):
            process = subprocess.Popen(
                arguments("out"), cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True)
            if attempt < 8:
                time.sleep(chance.random() * 0.4 * duration)
                process.send_signal(chance.choice(SIGNALS))
                kills += 1
            report, messages = process.communicate()
            now = outputs(place)
            for name, known in seen.items():
                if now.get(name) != known:
                    faults.append(f"{name} was written again, or is gone")
            seen = now
            if process.returncode == 0:
                break
            if process.returncode > 0 and process.returncode < 128:
                faults.append(f"exit {process.returncode}: {messages}")
                break
        hashes = {name: digest for name, (digest, _) in seen.items()}
        if hashes != {name: digest for name, (digest, _) in whole.items()}:
            faults.append(f"the outputs differ from those of one run: {sorted(hashes)}")
        if not faults and json.loads(report)["failed"]:
            faults.append("a model failed")
        if left := [name for name in os.listdir(place) if ".partial-" in name]:
            faults.append(f"{left} is left")
        for fault in faults:
            print(f"FAULT in batch {count}: {fault}")
        faulty += bool(faults)
        count += 1
    print(f"batches: {count} batches of {MODEL_COUNT} models, ended {kills} times")
    return faulty
