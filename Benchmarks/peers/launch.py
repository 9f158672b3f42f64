"""Runs one command, and prints what it needed: wall seconds, seconds of CPU, bytes of memory at most.

A process of its own, because a child begins with its parent's memory in its books: this one has little.
"""

import json
import os
import sys
import time

start = time.monotonic()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[
    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
_, status, usage = os.wait4(child, 0)
json.dump({"wall": round(time.monotonic() - start, 4), "cpu": round(usage.ru_utime + usage.ru_stime, 4),
           "memory": usage.ru_maxrss * 1024, "status": os.waitstatus_to_exitcode(status)}, sys.stdout)
