"""watch.py FILE COMMAND…: runs the command, and writes to FILE what it needed.

Wall seconds, seconds of CPU of the process without its children, those of its busiest thread, and
the most memory that it had. Standard input and output are the command's, which is the point: this
stands where a program starts another one, ssh or a server.
"""

import json
import os
import signal
import sys
import time

# How often is looked how busy the threads are, and how large the process is.
INTERVAL = 0.1
TICK = os.sysconf("SC_CLK_TCK")


def main():
    file, command = sys.argv[1], sys.argv[2:]
    # A client ends the program that carries its connection: that one has to be counted to its end.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    start = time.monotonic()
    pid = os.posix_spawnp(
        command[0], command, os.environ, setsigmask=[], setsigdef=[signal.SIGTERM])
    # They are the command's alone: who closes an end is heard at the other.
    for descriptor in (0, 1):
        os.close(descriptor)
    memory, threads = 0, {}
    while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        memory = max(memory, look(pid, threads))
        signal.sigtimedwait([signal.SIGCHLD], INTERVAL)
    wall = time.monotonic() - start
    used = cpu(read(f"/proc/{pid}/stat"))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    threads = sorted(threads.values(), key=lambda thread: -thread[1])
    with open(f"{file}.new", "w") as output:
        json.dump({"wall": round(wall, 3), "cpu": used, "memory": memory, "threads": threads,
                   "status": status, "watching": sum(os.times()[:2])}, output)
    os.rename(f"{file}.new", file)
    sys.exit(status if status >= 0 else 128 - status)


def look(pid, threads):
    """The most memory so far; what each thread has had so far goes into `threads`."""
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            stat = read(f"/proc/{pid}/task/{thread}/stat")
            threads[thread] = stat.split("(", 1)[1].rsplit(")", 1)[0], cpu(stat)
        for line in read(f"/proc/{pid}/status").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass  # A thread, or the whole, has just ended.
    return 0


def cpu(stat):
    """Seconds that a process or thread has had, by its line in /proc."""
    fields = stat.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def read(path):
    with open(path) as file:
        return file.read()


main()
