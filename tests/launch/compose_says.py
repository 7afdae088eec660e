"""Runs under the Python that has docker-compose: a line of JSON (folder, files) in, what compose reads out."""

import json
import os
import sys

from compose.cli.command import get_config_from_options
from compose.config.serialize import serialize_config

for line in sys.stdin:
    asked = json.loads(line)
    os.chdir(asked["folder"])
    try:
        config = get_config_from_options(".", {"--file": asked["files"]})
        answer = {"said": serialize_config(config, None, True)}
    except Exception as err:
        answer = {"error": str(err)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
