"""Runs a program of Python again and again, as `python -m NAME ARGS` would, each time in a process of its own.

What the program imports is imported once, before the processes are forked: that takes longer than all else it does. Nothing else is
shared. Each line of standard input is a run, `{"args": [...], "out": path, "error": path}`, and is answered by its exit code on a line.

    python forks.py NAME MODULE...
"""

import gc
import importlib
import json
import os
import runpy
import subprocess
import sys


def run_here(name: str, args: list) -> int:
    """The program to its end in this process, with what an interpreter does at the end of it."""
    sys.argv = [name, *args]
    try:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    return 0


def run_forked(name: str, run: dict) -> int:
    child = os.fork()
    if child != 0:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for path, number in ((os.devnull, 0), (run["out"], 1), (run["error"], 2)):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(path, flags, 0o600), number)
    # Through the interpreter's own end: whatever is to happen at the exit happens, and a traceback is told.
    sys.exit(run_here(name, run["args"]))


def run_anew(name: str, run: dict) -> int:
    """Where processes cannot be forked."""
    with open(run["out"], "wb") as out, open(run["error"], "wb") as error:
        command = [sys.executable, "-m", name, *run["args"]]
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=error).returncode


def main() -> None:
    name, *modules = sys.argv[1:]
    can_fork = sys.platform == "linux"
    if can_fork:
        for module in modules:
            importlib.import_module(module)
        # What is there stays: no process has to look at all of it again.
        gc.freeze()
    print("ready", flush=True)
    for line in iter(sys.stdin.readline, ""):
        run = json.loads(line)
        code = run_forked(name, run) if can_fork else run_anew(name, run)
        print(code, flush=True)


if __name__ == "__main__":
    main()
