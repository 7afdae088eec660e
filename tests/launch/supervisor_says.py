"""Runs under the Python that has supervisor: a line of JSON (the path of a file) in, its programs out."""

import json
import shlex
import sys

from supervisor.options import ServerOptions

for line in sys.stdin:
    options = ServerOptions()
    try:
        options.realize(["-c", json.loads(line), "-n"])
        found = {
            program.name: {
                "argv": shlex.split(program.command),
                "environment": program.environment,
                "folder": program.directory,
                "stops": program.stopwaitsecs,
                "starts": program.autostart,
                "retries": program.startretries,
            }
            for group in options.process_group_configs
            for program in group.process_configs
        }
        answer = {"said": found}
    except (Exception, SystemExit) as err:
        answer = {"error": str(err)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
