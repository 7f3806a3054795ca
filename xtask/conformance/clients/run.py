#!/usr/bin/env python3
"""Runs every client against the gateway: Python (unittest), Node (its own test runner) and curl.

    run.py --gateway target/debug/gateway-server [--older PYTHON] [--node FOLDER] [--without-python] [--without-curl] [--only PATTERN]
    run.py --direct                     the clients against the mock, without a gateway

FOLDER holds a copy of `node/` with its packages installed. PYTHON has the packages of `requirements-older.txt`: clients
that want earlier versions of the SDKs beneath them, tested by `python-older/`. The last line counts what passed.
"""
import argparse
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import harness  # noqa: E402
import mock_provider  # noqa: E402


def run_file(python, path, only):
    """Runs one file of Python tests in a process of its own; its output and its counts."""
    command = [python, os.path.join(HERE, "suite.py"), path] + ([only] if only else [])
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        output = done.stdout
    except subprocess.TimeoutExpired as late:
        output = "%s took longer than 300 s\n%s" % (path, late.stdout)
    counts = re.findall(r"^counts (\d+) (\d+) (\d+)$", output, re.M)
    return output, tuple(map(int, counts[-1])) if counts else (0, 1, 0)


def run_python(python, folder, only):
    """Most tests wait for the provider most of the time, so several files run at once."""
    folder = os.path.join(HERE, folder)
    files = sorted(os.path.join(folder, f) for f in os.listdir(folder) if f.startswith("test_"))
    total = (0, 0, 0)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for output, counts in pool.map(lambda path: run_file(python, path, only), files):
            total = tuple(a + b for a, b in zip(total, counts))
            if counts[1]:
                print(output)
    return total


def run_node(folder):
    files = sorted(f for f in os.listdir(folder) if f.endswith(".test.mjs"))
    done = subprocess.run(["node", "--test", "--test-reporter=tap", *files], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=600)
    counts = {k: int(v) for k, v in re.findall(r"^# (pass|fail|skipped) (\d+)$", done.stdout, re.M)}
    if done.returncode:
        print(done.stdout)
    failed = counts.get("fail", 0) or (1 if done.returncode else 0)
    return counts.get("pass", 0), failed, counts.get("skipped", 0)


def run_curl():
    done = subprocess.run(["bash", os.path.join(HERE, "curl.sh")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=300)
    lines = done.stdout.splitlines()
    print("\n".join(line for line in lines if not line.startswith("ok ")))
    passed, failed = sum(line.startswith("ok ") for line in lines), sum(line.startswith("not ok ") for line in lines)
    return passed, failed or (1 if done.returncode else 0), 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--gateway")
    p.add_argument("--direct", action="store_true")
    p.add_argument("--older")
    p.add_argument("--node")
    p.add_argument("--without-python", action="store_true")
    p.add_argument("--without-curl", action="store_true")
    p.add_argument("--only", help="only Python tests whose name has this in it, and nothing else")
    args = p.parse_args()
    if bool(args.gateway) == args.direct:
        p.error("give either --gateway or --direct")
    mock = mock_provider.Mock()
    gateway = None if args.direct else harness.Gateway(args.gateway, mock)
    guarded = None if args.direct else harness.Gateway(args.gateway, mock, harness.AUTH)
    total = [0, 0, 0]
    try:
        for one in filter(None, [gateway, guarded]):
            if not one.ready():
                print("the gateway did not start:\n" + one.output())
                print("total: 0 passed, 1 failed, 0 skipped")
                return 1
        os.environ.update(harness.environment(gateway.url if gateway else mock.origin, mock, args.direct, guarded.url if guarded else ""))
        runs = [] if args.without_python else [("python", lambda: run_python(sys.executable, "python", args.only))]
        if args.older:
            runs.append(("python-older", lambda: run_python(args.older, "python-older", args.only)))
        if args.node and not args.only:
            runs.append(("node", lambda: run_node(args.node)))
        if shutil.which("curl") and not args.without_curl and not args.only and not args.direct:
            runs.append(("curl", run_curl))
        for name, run in runs:
            counts = run()
            total = [a + b for a, b in zip(total, counts)]
            print("clients %s: %d passed, %d failed, %d skipped" % (name, *counts))
        for problem in sorted(set(mock.problems)):
            print("the provider refused: " + problem)
        if gateway and "panicked at" in gateway.output():
            print("the gateway panicked:\n" + gateway.output())
            total[1] += 1
        secrets = [*mock_provider.KEYS.values(), mock_provider.CLIENT_KEY]
        if gateway and any(secret in gateway.output() for secret in secrets):
            print("the gateway's log has a credential in it")
            total[1] += 1
        if gateway and total[1]:
            print("--- the gateway's log, its end\n" + gateway.output()[-3000:])
    finally:
        for one in filter(None, [gateway, guarded]):
            one.stop()
    print("total: %d passed, %d failed, %d skipped" % tuple(total))
    return 1 if total[1] or not total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
