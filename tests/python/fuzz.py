"""Runs Schemathesis against a server: the document, the address, and the options it is given."""

import sys

from schemathesis.cli import schemathesis

sys.exit(schemathesis(["run", *sys.argv[1:]]))
