#!/usr/bin/env python3
"""Compares the library with others on the problems of Benchmarks/PeerProblems.

    swift build -c release --traits NativeCPU --product PeerBenchmarks
    python -m venv SOMEWHERE && SOMEWHERE/bin/pip install -r Benchmarks/peers/requirements.txt
    SOMEWHERE/bin/python Benchmarks/peers/compare.py --json results.json --markdown results.md

All contestants of a row are made ready first (for JAX: compiled), which is not timed. Then they take
turns, our executable being a child process that answers requests; which one begins changes from round
to round. Times are processor time, of all threads of the process, so that others on the machine disturb
less; everything is told to use one thread. What a tenth of the calls stay below is compared: the least
reading can be too small where a hypervisor takes the processor away. The error of a gradient is its largest difference from the
reference, divided by the largest entry of that; references are computed by numpy alone.

A contestant that cannot be installed, fails, or returns something that is not finite keeps its row,
with the reason in place of the time.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import warnings

os.environ.pop("OPENBLAS_CORETYPE", None)

import contestants  # noqa: E402  (sets the numbers of threads before numpy is loaded)
import numpy as np  # noqa: E402

import references  # noqa: E402

# Seconds; a batch of calls is at least as long, so that reading the time does not count.
SHORTEST_BATCH = 2e-4
OURS = "ImplicitDifferentiation"
SIZES = {
    "ridge": [10, 50, 200, 500], "qp": [10, 50, 100, 200], "sinkhorn": [10, 50, 100, 200],
    "bratu": [10, 100, 1000, 10_000], "softmax": [10, 100, 1000, 10_000],
    "softmax-mirror": [10, 100, 1000, 10_000],
    "tridiagonal": [10, 100, 1000, 10_000, 100_000],
    "tridiagonal-symmetric": [10, 100, 1000, 10_000, 100_000],
    "ridge-mechanism": [100, 500, 1000, 2000],
}
LIBRARIES = [
    "jaxopt", "jax", "optimistix", "lineax", "torch", "torchopt", "qpth", "cvxpylayers",
    "ott-jax", "POT", "scipy", "numpy",
]


def clocks(problem):
    if problem.startswith("tridiagonal"):
        return ["cold", "warm", "cold pushforward", "warm pushforward"]
    return ["cold", "warm"] if problem == "ridge-mechanism" else ["solve+gradient"]


class Ours:
    """The executable, answering requests."""

    def __init__(self, path):
        self.child = subprocess.Popen(
            [path, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *request):
        self.child.stdin.write(";".join(str(part) for part in request) + "\n")
        self.child.stdin.flush()
        answer = json.loads(self.child.stdout.readline())
        if "failure" in answer:
            raise RuntimeError(answer["failure"])
        return answer


class OurContestant:
    def __init__(self, ours, problem, n, clock):
        self.ask = lambda what: ours.ask(problem, n, clock, what)

    def gradient(self):
        return np.array(self.ask("gradient")["gradient"])

    def seconds(self, turn):
        return self.ask(turn)["seconds"]


class Peer:
    def __init__(self, prepare):
        start = time.process_time()
        self.run = prepare()
        self.preparation = time.process_time() - start
        self.batch = 1

    def gradient(self):
        return np.asarray(self.run(), dtype=float).ravel()

    def seconds(self, turn):
        all_seconds, used = [], 0.0
        while True:
            start = time.process_time()
            for _ in range(self.batch):
                self.run()
            elapsed = time.process_time() - start
            used += elapsed
            if elapsed < SHORTEST_BATCH and used < turn:
                self.batch *= 2
                continue
            all_seconds.append(elapsed / self.batch)
            if used >= turn:
                return all_seconds


def error(gradient, reference):
    if gradient.shape != reference.shape:
        return float("inf")
    return float(np.max(np.abs(gradient - reference)) / np.max(np.abs(reference)))


def compare(ours, problem, n, clock, rounds, turn):
    """The rows of one problem, size and clock."""
    reference = references.reference(problem, n, clock)
    rows, ready = [], []
    makers = [(OURS, lambda: OurContestant(ours, problem, n, clock))] + [
        (name, lambda make=make: Peer(make))
        for name, make in contestants.contestants(problem, n, clock)]
    for name, make in makers:
        row = dict(problem=problem, n=n, clock=clock, contestant=name)
        rows.append(row)
        try:
            contestant = make()
            # The first call warms up; a contestant that is wrong by more than 10 % is not timed.
            row["error"] = error(contestant.gradient(), reference)
            if not np.isfinite(row["error"]):
                raise ArithmeticError("the gradient is not finite")
            row["preparation"] = getattr(contestant, "preparation", None)
            if row["error"] < 0.1:
                ready.append((row, contestant))
                row["seconds"] = []
        except Exception as reason:  # whatever a library throws, the others go on
            row["error"] = None
            row["failure"] = (f"{type(reason).__name__}: {reason}".split("\n")[0]
                              if name != OURS else str(reason))[:400]
    for turn_index in range(rounds):
        for place in range(len(ready)):
            row, contestant = ready[(place + turn_index) % len(ready)]
            row["seconds"] += contestant.seconds(turn)
    for row in rows:
        seconds = row.pop("seconds", None)
        if seconds:
            row.update(
                median=statistics.median(seconds), low=sorted(seconds)[len(seconds) // 10], calls=len(seconds))
        print(line(row), flush=True)
    return rows


def line(row):
    head = f"{row['problem']:22}{row['n']:7}  {row['clock']:17}{row['contestant']:44}"
    if "failure" in row:
        return head + row["failure"]
    if "median" not in row:
        return head + f"error {row['error']:.1e}, not timed"
    return head + (f"{1e3 * row['median']:10.4g} ms  low {1e3 * row['low']:10.4g} ms"
                   f"  error {row['error']:.1e}")


def peak_bytes():
    with open("/proc/self/status") as status:
        for entry in status:
            if entry.startswith("VmHWM:"):
                return 1024 * int(entry.split()[1])
    return None


def add_memory(rows, server):
    """The largest memory of a fresh process that computes one gradient: ours and the fastest peer, at the
    largest size of each problem."""
    for problem in dict.fromkeys(row["problem"] for row in rows):
        of_problem = [row for row in rows if row["problem"] == problem
                      and row["clock"] in ("solve+gradient", "cold") and "low" in row]
        largest = max((row["n"] for row in of_problem), default=0)
        candidates = [row for row in of_problem if row["n"] == largest]
        peers = [row for row in candidates
                 if row["contestant"] != OURS and row["error"] <= 1e-5]
        chosen = [row for row in candidates if row["contestant"] == OURS]
        chosen += sorted(peers, key=lambda row: row["low"])[:1]
        for row in chosen:
            if row["contestant"] == OURS:
                command = [server, "--once", "--only", problem, "--size", str(largest),
                           "--clock", row["clock"]]
            else:
                command = [sys.executable, __file__, "--once", problem, str(largest),
                           row["clock"], row["contestant"]]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode == 0:
                row["peakBytes"] = json.loads(done.stdout.splitlines()[-1])["peakBytes"]


def once(problem, n, clock, name):
    make = dict(contestants.contestants(problem, int(n), clock))[name]
    make()()
    print(json.dumps({"peakBytes": peak_bytes()}))


def processor():
    try:
        with open("/proc/cpuinfo") as info:
            return next(entry.split(":", 1)[1].strip() for entry in info
                        if entry.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def version(library):
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def markdown(rows):
    """One table for all rows: ours, the fastest peer whose error is at most 1e-5, both errors."""
    text = ["| problem | n | clock | ours, ms | error | fastest peer | ms | error | ours / peer |",
            "|---|---:|---|---:|---:|---|---:|---:|---:|"]
    keys = dict.fromkeys((row["problem"], row["n"], row["clock"]) for row in rows)
    for key in keys:
        group = [row for row in rows if (row["problem"], row["n"], row["clock"]) == key]
        ours = next(row for row in group if row["contestant"] == OURS)
        peers = [row for row in group
                 if row["contestant"] != OURS and "low" in row and row["error"] <= 1e-5]
        cells = [*map(str, key)]
        cells += ([f"{1e3 * ours['low']:.3g}", f"{ours['error']:.1e}"]
                  if "low" in ours else ["fails", ""])
        if peers:
            best = min(peers, key=lambda row: row["low"])
            cells += [best["contestant"], f"{1e3 * best['low']:.3g}", f"{best['error']:.1e}"]
            cells.append(f"{ours['low'] / best['low']:.2f}" if "low" in ours else "")
        else:
            cells += ["none", "", "", ""]
        text.append("| " + " | ".join(cells) + " |")
    return "\n".join(text) + "\n"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    package = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    parser.add_argument(
        "--server", default=os.path.join(package, ".build", "release", "PeerBenchmarks"),
        help="our executable")
    parser.add_argument("--only", action="append", choices=list(SIZES), help="one problem alone")
    parser.add_argument("--size", action="append", type=int, help="these sizes alone")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="length of a turn at least")
    parser.add_argument("--json", help="file for the results")
    parser.add_argument("--markdown", help="file for a table")
    parser.add_argument("--once", nargs=4, metavar=("PROBLEM", "N", "CLOCK", "CONTESTANT"),
                        help="one gradient by one peer, and the largest memory of the process")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.once:
        return once(*options.once)
    ours = Ours(options.server)
    build = ours.ask("build")
    if not build["optimised"]:
        sys.exit("The executable is a debug build; its times would mean nothing.")
    results = dict(
        machine=dict(processor=processor(), cores=os.cpu_count(), system=platform.platform()),
        build=build, python=platform.python_version(),
        versions={library: version(library) for library in LIBRARIES},
        rounds=options.rounds, seconds=options.seconds, rows=[])
    for problem in options.only or SIZES:
        for n in options.size or SIZES[problem]:
            for clock in clocks(problem):
                results["rows"] += compare(
                    ours, problem, n, clock, options.rounds, options.seconds)
                save(options, results)
    add_memory(results["rows"], options.server)
    save(options, results)
    print(markdown(results["rows"]))
    return None


def save(options, results):
    """After every row, so that an interrupted run is not lost."""
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)
            file.write("\n")
    if options.markdown:
        with open(options.markdown, "w") as file:
            file.write(markdown(results["rows"]))


if __name__ == "__main__":
    main()
