"""Runs every Python client through the matrix and its own scenarios, and prints one JSON line for each: `name`, `ok` and,
where it failed, `detail`. Its exit code is 0 when it ran to its end, whatever the outcomes.
"""

import importlib
import json
import sys
import traceback

from matrix import MODELS, SCENARIOS, Cell

CLIENTS = ("openai", "anthropic", "ollama", "langchain")
DETAIL_CHARACTERS_MAX = 4_000


def run(name, scenario, cell):
    cell.wire.begin()
    try:
        scenario(cell)
    except Exception:
        detail = traceback.format_exc()[-DETAIL_CHARACTERS_MAX:]
        return {"name": name, "ok": False, "detail": f"{detail}\nrequests: {cell.wire.ids}"}
    return {"name": name, "ok": True}


def main(chosen):
    for name in chosen or CLIENTS:
        module = importlib.import_module(f"{name}_client")
        client = module.Client()
        scenarios = {**SCENARIOS, **module.OWN}
        for provider in MODELS:
            for title, scenario in scenarios.items():
                if title in getattr(module, "LEFT_OUT", ()):
                    continue
                line = run(f"{module.Client.name} × {provider}: {title}", scenario, Cell(client, provider))
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
