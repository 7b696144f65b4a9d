"""Reads {"versions": [...], "objects": [...]} from standard input and prints what the schemas of those Kubernetes versions have
against each object, as a JSON list of texts. Objects whose kind has no schema are printed as "no schema: KIND"."""

import functools
import json
import sys

from kubernetes_validate import utils

# Every call reads megabytes of definitions again.
utils.schema_contents = functools.lru_cache(maxsize=None)(utils.schema_contents)


def problem(item, version):
    name = "%s/%s" % (item.get("kind"), item.get("metadata", {}).get("name"))
    try:
        utils.validate(item, version, strict=True)
    except utils.SchemaNotFoundError:
        return "no schema: %s" % item.get("kind")
    except utils.ValidationError as error:
        path = ".".join(str(part) for part in error.path)
        return "%s in %s: %s: %s" % (name, version, path, error.message[:300])
    return None


asked = json.load(sys.stdin)
found = [problem(item, version) for version in asked["versions"] for item in asked["objects"]]
print(json.dumps(sorted({text for text in found if text is not None})))
