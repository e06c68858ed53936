#!/usr/bin/env python3
"""Runs a plan on a real Slurm with two nodes, one of which dies in the middle of a task.

usage: slurm_test.py SUMAC

The script starts munged, slurmctld and two slurmd on the loopback interface, in a folder of its own. A global prune of
a sharded model runs as map, reduce and apply. A node's daemon, its step and the task are killed while the task writes;
the result must have the bytes of one process. Needs the packages slurm-wlm and munge, and numpy. Works as root and as
any other user.
"""
import getpass
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

TIMEOUT = 240
SHARD = "8MB"


def fail(text):
    raise SystemExit("slurm_test: " + text)


def wait(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    fail(f"{what} did not happen within {seconds} s")


def free_port_range():
    """Returns the first of three ports that follow each other and are free."""
    for port in range(36000, 46000, 7):
        try:
            for offset in range(3):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port + offset))
            return port
        except OSError:
            continue
    fail("no free ports")


class Cluster:
    """Two nodes on this machine; every process is ended by its id."""

    def __init__(self, base):
        self.base = base
        self.processes = {}
        for name in ("sock", "munge", "state", "log", "spool/n1", "spool/n2"):
            os.makedirs(f"{base}/{name}")
        os.chmod(base, 0o755)
        os.chmod(f"{base}/sock", 0o755)
        os.chmod(f"{base}/munge", 0o700)
        with open(f"{base}/munge/key", "wb") as file:
            file.write(os.urandom(1024))
        os.chmod(f"{base}/munge/key", 0o400)
        self.configuration = f"{base}/slurm.conf"
        with open(self.configuration, "w") as file:
            file.write(self.settings(free_port_range()))
        self.environment = dict(os.environ, SLURM_CONF=self.configuration)

    def settings(self, port):
        base, user = self.base, getpass.getuser()
        host = socket.gethostname().split(".")[0]
        lines = [
            "ClusterName=test", f"SlurmctldHost={host}(127.0.0.1)", f"SlurmUser={user}", f"SlurmdUser={user}",
            "AuthType=auth/munge", "CredType=cred/munge",
            f"AuthInfo=socket={base}/sock/munge.socket,cred_expire=5",
            "CommunicationParameters=NoCtldInAddrAny,NoInAddrAny", f"SlurmctldPort={port}",
            f"StateSaveLocation={base}/state", f"SlurmdSpoolDir={base}/spool/%n",
            f"SlurmctldPidFile={base}/slurmctld.pid", f"SlurmdPidFile={base}/slurmd-%n.pid",
            f"SlurmctldLogFile={base}/log/slurmctld", f"SlurmdLogFile={base}/log/slurmd-%n",
            "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "JobAcctGatherType=jobacct_gather/none",
            "AccountingStorageType=accounting_storage/none", "JobCompType=jobcomp/none", "SwitchType=switch/none",
            "MpiDefault=none", "ReturnToService=2", "SchedulerType=sched/backfill",
            "SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0", "SelectType=select/cons_tres",
            "SelectTypeParameters=CR_Core", "SlurmctldTimeout=10", "SlurmdTimeout=6", "MaxArraySize=10001",
            "MaxJobCount=20000",
        ]
        for number in (1, 2):
            lines.append(
                f"NodeName=n{number} NodeHostname={host} NodeAddr=127.0.0.1 Port={port + number} CPUs=1 "
                "RealMemory=1000 State=UNKNOWN")
        lines.append("PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP")
        return "\n".join(lines) + "\n"

    def start(self, name, *words):
        with open(f"{self.base}/log/{name}.out", "w") as log:
            self.processes[name] = subprocess.Popen(
                words, env=self.environment, stdout=log, stderr=subprocess.STDOUT)

    def __enter__(self):
        base = self.base
        self.start(
            "munged", "munged", "-F", f"--key-file={base}/munge/key", f"--socket={base}/sock/munge.socket",
            f"--pid-file={base}/munge/munged.pid", f"--log-file={base}/munge/munged.log",
            f"--seed-file={base}/munge/seed")
        wait(lambda: os.path.exists(f"{base}/sock/munge.socket"), "the start of munged")
        self.start("slurmctld", "slurmctld", "-D", "-c")
        self.start("n1", "slurmd", "-D", "-N", "n1")
        self.start("n2", "slurmd", "-D", "-N", "n2")
        wait(lambda: self.run("sinfo", "-h", "-o", "%t").split() == ["idle"], "the start of the nodes")
        return self

    def __exit__(self, *_):
        for name in ("n1", "n2", "slurmctld", "munged"):
            process = self.processes.get(name)
            if process and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()

    def run(self, *words):
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else ""

    def jobs(self):
        return self.run("squeue", "-h", "-r", "-o", "%A %T").split("\n")[:-1]

    def kill_node_of(self, victim):
        """Ends a task, the step that it belongs to, and the daemon of their node."""
        chain = [victim]
        while name_of(chain[-1]) != "slurmstepd":
            chain.append(parent_of(chain[-1]))
            if chain[-1] <= 1:
                fail("the task has no step of Slurm above it")
        with open(f"/proc/{chain[-1]}/environ", "rb") as file:
            environment = file.read()
        with open(f"/proc/{victim}/environ", "rb") as file:
            environment += b"\0" + file.read()
        values = dict(item.split(b"=", 1) for item in environment.split(b"\0") if b"=" in item)
        node = values[b"SLURMD_NODENAME"].decode()
        daemon = self.processes[node]
        daemon.kill()
        for process in reversed(chain):
            os.kill(process, signal.SIGKILL)
        daemon.wait()
        return node, values[b"SLURM_JOB_ID"].decode()


def stat_of(process):
    with open(f"/proc/{process}/stat") as file:
        text = file.read()
    start, end = text.index("("), text.rindex(")")
    return text[start + 1:end], text[end + 2:].split()


def name_of(process):
    return stat_of(process)[0]


def parent_of(process):
    return int(stat_of(process)[1][1])


def write_model(folder):
    """A model of 64 MiB in one file, with many equal magnitudes."""
    os.makedirs(folder)
    random = np.random.default_rng(5)
    header, offset, arrays = {}, 0, []
    for layer in range(16):
        values = (random.standard_normal((1024, 1024)) ** 3).astype(np.float32)
        values = np.round(values, 2)
        header[f"model.layers.{layer}.mlp.up_proj.weight"] = {
            "dtype": "F32", "shape": [1024, 1024], "data_offsets": [offset, offset + values.nbytes]}
        offset += values.nbytes
        arrays.append(values)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(f"{folder}/model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for values in arrays:
            file.write(values.tobytes())
    with open(f"{folder}/config.json", "w") as file:
        json.dump({"model_type": "llama"}, file)


def contents(folder):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


def write_wrapper(base, sumac, hidden):
    """A program that stops the first task which writes a weights file, in the middle, and waits."""
    path = f"{base}/wrapper"
    with open(path, "w") as file:
        file.write(f"""#!/bin/bash
if [[ "$*" == *"--stage apply"* && "$*" != *--missing* ]] && mkdir {base}/first 2>/dev/null; then
  {sumac} "$@" & child=$!
  while kill -0 $child 2>/dev/null; do
    if compgen -G "{hidden}*/*.partial-*" >/dev/null; then
      kill -STOP $child
      if compgen -G "{hidden}*/*.safetensors.partial-*" >/dev/null; then
        echo $child > {base}/victim.new
        mv {base}/victim.new {base}/victim
        wait $child
      fi
      kill -CONT $child
      break
    fi
  done
  [ -e {base}/victim ] || rmdir {base}/first
  wait $child
  exit
fi
exec {sumac} "$@"
""")
    os.chmod(path, 0o755)
    return path


def plan(sumac, model, work, wrapper, name):
    subprocess.run(
        [sumac, "plan", "prune", model, "--into", f"{work}/{name}", "-o", f"{work}/{name}.json", "--shard-size", SHARD,
         "--task-size", "16MB", "-j", "1", "-q"], check=True)
    subprocess.run(
        [sumac, "plan", f"{work}/{name}.json", "--emit", "slurm", "-o", f"{work}/{name}-scripts", "--program", wrapper],
        check=True, stdout=subprocess.DEVNULL)
    for script in os.listdir(f"{work}/{name}-scripts"):
        if script.endswith(".sh"):
            subprocess.run(["bash", "-n", f"{work}/{name}-scripts/{script}"], check=True)
    return f"{work}/{name}-scripts/submit.sh"


def submit(cluster, script):
    done = subprocess.run(["bash", script], env=cluster.environment, capture_output=True, text=True)
    if done.returncode != 0:
        fail(f"submit.sh failed: {done.stderr}")
    return done.stdout


def main():
    sumac = os.path.abspath(sys.argv[1])
    base = tempfile.mkdtemp(prefix="sumac-slurm-")
    try:
        work = f"{base}/work"
        os.makedirs(work)
        model = f"{work}/model"
        write_model(model)
        subprocess.run(
            [sumac, "prune", model, "-o", f"{work}/single", "--shard-size", SHARD, "-q"], check=True)
        wrapper = write_wrapper(base, sumac, f"{work}/.tasks.tasks-")
        script = plan(sumac, model, work, wrapper, "tasks")
        with Cluster(base) as cluster:
            start = time.monotonic()
            print(submit(cluster, script), end="")
            victim = int(wait(lambda: read(f"{base}/victim"), "a task in the middle of its file", TIMEOUT))
            node, job = cluster.kill_node_of(victim)
            print(f"killed node {node} with its step and the task, {time.monotonic() - start:.0f} s after the start")
            restarted = wait(
                lambda: "Restarts=1" in cluster.run("scontrol", "show", "job", job), f"the requeue of job {job}", 90)
            assert restarted
            wait(lambda: not cluster.jobs(), "the end of all jobs", TIMEOUT)
            print(f"all jobs ended after {time.monotonic() - start:.0f} s")
            if not os.path.isdir(f"{work}/tasks"):
                logs = contents(f"{work}/tasks-scripts/logs")
                fail("there is no output:\n" + "\n".join(f"{k}: {v.decode()}" for k, v in sorted(logs.items())))
            if contents(f"{work}/single") != contents(f"{work}/tasks"):
                fail("the output of the tasks differs from that of one process")
            again = submit(cluster, script)
            if any(not line.endswith(": complete") for line in again.splitlines()):
                fail(f"a second submission found work: {again}")

            # A stage that fails takes the stages after it from the queue, and leaves no output.
            script = plan(sumac, model, work, sumac, "failing")
            os.utime(f"{model}/model.safetensors")
            submit(cluster, script)
            wait(lambda: not cluster.jobs(), "the end of the jobs that depend on a failed one", TIMEOUT)
            if os.path.exists(f"{work}/failing"):
                fail("an output was made of an input that changed")
        print("slurm: the bytes of one process, after a node died")
    finally:
        shutil.rmtree(base, ignore_errors=True)


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__.split("\n\n")[1])
    main()
