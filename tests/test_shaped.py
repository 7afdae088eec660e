"""Types that several threads meet for the first time at once: Python itself would be lost in a fault of msgspec's."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys, threading
from autoglm_fix.shaped import shaped

sys.setswitchinterval(1e-6)
DEEP = 12
source = "import msgspec\\n"
for at in range(DEEP):
    below = f"C{at - 1}" if at else "int"
    fields = "".join(f"    f{number}: list[{below}] | None = None\\n" for number in range(8))
    source += f"class C{at}(msgspec.Struct):\\n{fields}"
for _ in range(6):
    made = {}
    exec(source, made)
    ready = threading.Barrier(8)
    found = []

    def learn():
        ready.wait()
        found.append(shaped({"f0": [{"f1": []}]}, made[f"C{DEEP - 1}"]))

    threads = [threading.Thread(target=learn) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
"""


def test_threads_that_meet_a_type_at_once_all_get_it() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
