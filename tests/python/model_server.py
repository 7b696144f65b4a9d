"""Serves the tiny model with llama.cpp's own HTTP server, once for chat and once for embeddings, on free loopback ports.
Prints one JSON line with both addresses when they answer, and ends when its standard input does, so that it never
outlives whoever started it. Usage: model_server.py FILE
"""

import json
import os
import sys

import xllamacpp

# Of each slot. Large, so that an answer can go on for longer than any test waits: a token takes a tenth of a millisecond.
CONTEXT = 65536
SLOTS = 2


def parameters(path):
    settings = xllamacpp.CommonParams()
    settings.model.path = path
    settings.model_alias = {os.path.basename(path)}
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.n_parallel = SLOTS
    settings.n_ctx = CONTEXT * SLOTS
    settings.cpuparams.n_threads = 1
    settings.cpuparams_batch.n_threads = 1
    # One for each connection that a client keeps open.
    settings.n_threads_http = 32
    settings.warmup = False
    settings.use_jinja = True
    settings.offline = True
    settings.ui = False
    settings.fit_params = False
    # Whether a prompt was seen before must not change what is counted.
    settings.cache_prompt = False
    settings.cache_ram_mib = 0
    # What is not asked for must not be random either: some clients cannot set it.
    settings.sampling.temp = 0.0
    settings.verbosity = 1
    return settings


def main(path):
    chat = xllamacpp.Server(parameters(path))
    settings = parameters(path)
    settings.embedding = True
    settings.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    embedding = xllamacpp.Server(settings)
    addresses = {"chat": chat.listening_address, "embedding": embedding.listening_address}
    print(json.dumps(addresses), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
