#!/usr/bin/env python3
"""Runs the built program over every verb on mutated inputs, and checks what must hold whatever the input is.

After every run:
- the exit code is one of the documented ones, and never that of a fault of the program;
- an exit code of 0 means that the output passes `verify` and has the values that the input has;
- another exit code means that there is no output, and a message that starts with `sumac: error:`;
- no unfinished output is left;
- resident memory stays below --memory, whatever the exit code is;
- no control character of the input reaches standard error;
- processor time is bounded by the bytes of the input.

With --kills, runs every verb that writes and ends it at random moments instead; with --writers, lets several processes
write one output in process namespaces of their own; with --batches, ends batches and runs them again. Without a mode,
all four share the time.

usage: oracles.py PROGRAM [--seconds N] [--seed N] [--case N] [--kills | --writers | --batches | --mutations] [--keep FOLDER]

--case repeats one case of a mode. --keep receives the input and the command line of each fault. The exit code is 1 if
there was a fault.
"""
import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unicodedata

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../Formats"))
import oracle_batches as batches  # noqa: E402
import oracle_inputs as inputs  # noqa: E402
import oracle_kills as kills  # noqa: E402
from oracle_verbs import OPTIONS, VERBS  # noqa: E402

MEMORY = 64 << 20
DOCUMENTED = {0, 1, 2, 3, 4, 5, 64}
CPU_SECONDS, CPU_SECONDS_PER_BYTE, WALL_SECONDS = 5, 2e-5, 120


class Run:
    """One run of the program: its exit code (negative for a signal), texts, memory and time."""

    def __init__(self, program, arguments, folder):
        self.arguments = arguments
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                [program, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            timer = threading.Timer(WALL_SECONDS, process.kill)
            timer.start()
            _, status, usage = os.wait4(process.pid, 0)
            timer.cancel()
            process.returncode = self.code = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            self.output, self.messages = out.read(), err.read()
        self.resident, self.seconds = usage.ru_maxrss << 10, usage.ru_utime + usage.ru_stime

    @property
    def shows_damage(self):
        """True if the report of `verify` lists faults, which are not errors of the run."""
        return self.code == 3 and self.arguments[0] == "verify" and bool(self.output)


def control_characters(raw):
    """Returns the characters of a text that would control a terminal; a byte that is not UTF-8 counts."""
    text = raw.decode(errors="surrogateescape")
    return sorted({c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"
                   or c in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2028\u2029"})


def faults_of(run, byte_count):
    """Yields what is wrong with a run, apart from its output."""
    if run.code == -signal.SIGKILL:
        yield f"did not end within {WALL_SECONDS} seconds"
    elif run.code not in DOCUMENTED:
        yield f"exit code {run.code} is not documented for this"
    elif run.code not in (0, 1, 2) and b"sumac: error: " not in run.messages and not run.shows_damage:
        yield f"exit code {run.code} without a message"
    if run.resident >= MEMORY:
        yield f"{run.resident} bytes of resident memory, --memory is {MEMORY}"
    if run.seconds > CPU_SECONDS + CPU_SECONDS_PER_BYTE * byte_count:
        yield f"{run.seconds:.1f} seconds of processor time for {byte_count} bytes"
    for what, raw in [("error", run.messages), ("output", run.output)]:
        if found := control_characters(raw):
            yield f"control characters on standard {what}: {found}"


class Case:
    """One mutated run in a folder of its own, which follows from the seed and the number of the case alone."""

    def __init__(self, session, number):
        self.session, self.number = session, number
        self.chance = random.Random(f"{session.seed}:{number}")
        # Verbs in turn, so that a short run has all of them.
        self.verb = VERBS[number % len(VERBS)]
        self.folder = os.path.join(session.folder, f"case-{number}")

    def run(self):
        """Returns the faults of the case."""
        shutil.copytree(self.session.seeds, self.folder)
        mutated = self.chance.choice(self.verb.inputs)
        self.note = inputs.mutate(os.path.join(self.folder, mutated), self.chance)
        self.arguments = self.verb.arguments(self.chance)
        if self.chance.random() < 0.2:
            self.arguments += self.extreme_option()
        byte_count = sum(os.path.getsize(path) for path in inputs.files_below(self.folder))
        before = set(os.listdir(self.folder))
        run = Run(self.session.program, [*self.arguments, "--memory", "64MiB", "-j", "2"], self.folder)
        self.last = run
        faults = list(faults_of(run, byte_count))
        added = set(os.listdir(self.folder)) - before
        if left := [name for name in added if ".partial-" in name]:
            faults.append(f"an unfinished output is left: {left}")
        if run.code not in (0, 1, 2) and added:
            faults.append(f"exit code {run.code}, but there is an output: {sorted(added)}")
        if run.code == 0 and not faults and self.verb.output in added:
            faults += self.output_faults()
        return faults

    def extreme_option(self):
        """Returns an option of the verb with a value that is likely to be out of range."""
        name = self.chance.choice(self.verb.options + OPTIONS)
        self.note += f" and {name}"
        return [f"{name}={self.chance.choice(inputs.OPTION_VALUES)}"]

    def output_faults(self):
        verify = Run(self.session.program, ["verify", self.verb.output, "--memory", "64MiB"], self.folder)
        if verify.code != 0:
            yield f"exit code 0, but `verify` of the output ends with {verify.code}: {verify.messages.decode()}"
            return
        if self.verb.check and not any("=" in argument for argument in self.arguments):
            try:
                yield from self.verb.check(self)
            except (KeyError, ValueError, TypeError, OSError) as error:
                yield f"exit code 0 for an input that the second reader refuses: {error!r}"

    def program(self, *arguments):
        """Runs the program in the folder of the case."""
        return Run(self.session.program, list(arguments), self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def report(self, faults):
        print(f"FAULT in case {self.number} of seed {self.session.seed}: sumac {' '.join(self.arguments)}")
        print(f"  input: {os.path.relpath(self.note, self.folder)}")
        for fault in faults:
            print(f"  {fault}")
        for line in self.last.messages.decode(errors="backslashreplace").splitlines()[:4]:
            print("  " + line.encode("unicode_escape").decode()[:300])
        if self.session.keep:
            kept = os.path.join(self.session.keep, f"case-{self.number}")
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(self.folder, kept)
            with open(os.path.join(kept, "COMMAND"), "w") as file:
                file.write("sumac " + " ".join(self.arguments) + "\n")


class Session:
    """The inputs, the program and the faults of one run of this script."""

    def __init__(self, options, folder):
        self.program, self.seed, self.keep = os.path.abspath(options.program), options.seed, options.keep
        self.keep = self.keep and os.path.abspath(self.keep)
        self.folder, self.seeds = folder, os.path.join(folder, "seeds")
        os.mkdir(self.seeds)
        inputs.write_all(self.seeds, self.program)
        self.codes, self.faulty_count, self.lock, self.next = {}, 0, threading.Lock(), 0

    def mutations(self, seconds, only=None):
        """Runs mutated cases until the time is over, one on each core at a time."""
        end = time.monotonic() + seconds

        def work():
            while time.monotonic() < end:
                with self.lock:
                    number, self.next = self.next, self.next + 1
                try:
                    self.one(Case(self, number))
                except Exception:  # A fault of this script must not look like a success.
                    traceback.print_exc()
                    self.faulty_count += 1
                    return
        if only is not None:
            self.one(Case(self, only))
        else:
            workers = [threading.Thread(target=work) for _ in range(os.cpu_count() or 1)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        counts = ", ".join(f"{count} with {code}" for code, count in sorted(self.codes.items()))
        print(f"mutations: {sum(self.codes.values())} runs of {len(VERBS)} commands; exit codes: {counts}")

    def one(self, case):
        faults = case.run()
        with self.lock:
            self.codes[case.last.code] = self.codes.get(case.last.code, 0) + 1
            if faults:
                self.faulty_count += 1
                case.report(faults)
        shutil.rmtree(case.folder)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--case", type=int)
    parser.add_argument("--keep")
    modes = parser.add_mutually_exclusive_group()
    for mode in ["mutations", "kills", "writers", "batches"]:
        modes.add_argument("--" + mode, action="store_const", dest="mode", const=mode)
    options = parser.parse_args()
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 >= MEMORY:
        sys.exit("this script uses more memory than the program may, so that the program's cannot be measured")
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
    shared = "/dev/shm"
    place = shared if os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > 1 << 30 else None
    with tempfile.TemporaryDirectory(dir=place, prefix="sumac-oracles-") as folder:
        session = Session(options, folder)
        shares = {"mutations": 0.55, "kills": 0.25, "writers": 0.1, "batches": 0.1}
        for mode, share in shares.items():
            if options.mode not in (None, mode):
                continue
            seconds = options.seconds * (1 if options.mode else share)
            if mode == "mutations":
                session.mutations(seconds, options.case)
            elif mode == "kills":
                session.faulty_count += kills.kills(session, seconds)
            elif mode == "batches":
                session.faulty_count += batches.batches(session, seconds)
            else:
                session.faulty_count += kills.writers(session, seconds)
    sys.exit(1 if session.faulty_count else 0)


if __name__ == "__main__":
    main()
