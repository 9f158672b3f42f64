"""What backups and restores over ssh cost, and who spends it: the client, ssh, sshd, the server.

usage: python3 Benchmarks/ssh [options]

Starts a private sshd on loopback, and lets each program back up the same data to a repository of
this machine, here and through ssh, and restore it; and has ssh carry the same data as it is. All
is in memory, so that no disk is measured.

Ratios compare with the slower of what ssh carries and what the program does without it. The first
is of wall times. On a machine that does other things too those are worthless; the others follow
from CPU times alone: what the machine's cores, or as many as anybody could use, allow at best,
where nothing is faster than its busiest thread.
"""

import argparse
import hashlib
import os
import random
import shlex
import shutil
import statistics
import sys
import tempfile

import parties
import programs

MIB = 1 << 20
CIPHERS = ["chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com"]
CORPORA = ["random", "mixed"]
PARTIES = ["client", "ssh", "sshd", "server"]


def make(corpus, directory, size):
    """A directory with so many MiB, in files of 64 MiB, and the same bytes in one file."""
    path = f"{directory}/{corpus}"
    os.makedirs(path)
    source = pieces(corpus)
    with open(f"{directory}/{corpus}.bytes", "wb") as whole:
        for number in range(0, size, 64):
            with open(f"{path}/{number:06}", "wb") as file:
                for _ in range(min(64, size - number)):
                    piece = next(source)
                    file.write(piece)
                    whole.write(piece)
    return path


def pieces(corpus):
    """MiB after MiB: random bytes, or what is in the files of this machine."""
    if corpus == "random":
        chance = random.Random(1)
        while True:
            yield chance.randbytes(MIB)
    files = [os.path.join(parent, name) for parent, _, names in os.walk("/usr") for name in names]
    files.sort(key=lambda file: hashlib.md5(os.fsencode(file)).digest())
    rest = b""
    for file in files:
        if os.path.isfile(file) and not os.path.islink(file) and os.path.getsize(file) < 64 * MIB:
            with open(file, "rb") as source:
                rest += source.read()
        while len(rest) >= MIB:
            yield rest[:MIB]
            rest = rest[MIB:]
    sys.exit("there is not as much in /usr")


def measure(options):
    """Samples by (cipher, program, step)."""
    found = programs.find()
    samples = {}
    with tempfile.TemporaryDirectory(prefix="ssh.", dir=options.directory) as directory:
        with parties.Server(f"{directory}/sshd", options.rate) as server:
            runner = parties.Runner(server, directory)
            for corpus in options.corpora:
                path = make(corpus, directory, options.size)
                for _ in range(options.rounds):
                    for cipher in [None, *options.ciphers]:
                        if cipher:
                            carry(runner, cipher, f"{path}.bytes", options, corpus, samples)
                        for name in options.tools:
                            if name in found:
                                backup(runner, found[name], cipher, path, options, samples)
                shutil.rmtree(path)
                os.unlink(f"{path}.bytes")
                report(corpus, options, samples)
    return samples


def carry(runner, cipher, file, options, corpus, samples):
    """The data as it is, there and back."""
    far = runner.watched("server")
    for step, there, stdin in (("create", ["sh", "-c", "exec cat >/dev/null"], file),
                               ("extract", ["cat", file], None)):
        command = [*runner.ssh(cipher), "peer", shlex.join([*far, *there])]
        sample = runner.run(command, {}, "/", stdin)
        # There is no client beside ssh.
        sample.parties["ssh"] = sample.parties.pop("client")
        keep(samples, (corpus, cipher, "ssh alone", step), sample, options)


def backup(runner, program, cipher, path, options, samples):
    """A first backup and a restore by one program; without a cipher, without ssh."""
    corpus = os.path.basename(path)
    ssh = [*runner.watched("ssh"), *runner.ssh(cipher)] if cipher else None
    with tempfile.TemporaryDirectory(prefix="run.", dir=os.path.dirname(path)) as directory:
        for name in ("home", "target"):
            os.mkdir(f"{directory}/{name}")
        url = program.url(f"{directory}/repository", ssh)
        environment = program.environment(f"{directory}/home", ssh, runner)
        runner.run(program.init(url, ssh, runner), environment, directory)
        parent = os.path.dirname(path)
        for step, command, place in (
                ("create", program.create(url, corpus, ssh, runner), parent),
                ("extract", program.extract(url, ssh, runner), f"{directory}/target")):
            sample = runner.run(command, environment, place)
            keep(samples, (corpus, cipher, program.name, step), sample, options)
        if not same(path, f"{directory}/target/{corpus}"):
            sys.exit(f"{program.name} restored something else")


def keep(samples, key, sample, options):
    samples.setdefault(key, []).append(sample)
    corpus, cipher, program, step = key
    print(f"{corpus:7} {(cipher or 'local').split('-')[0]:9} {program:10} {step:8}"
          f"{sample.wall:7.2f} s, {sample.cpu:6.2f} s of CPU", file=sys.stderr, flush=True)
    if options.threads:
        for party, about in sample.parties.items():
            busy = [f"{name} {used:.2f}" for name, used in about["threads"] if used >= 0.05]
            print(f"    {party}: {about['cpu']:.2f}: {', '.join(busy)}", file=sys.stderr)


def same(a, b):
    """Whether two directories hold the same files with the same contents."""
    if sorted(os.listdir(a)) != sorted(os.listdir(b)):
        return False
    for name in os.listdir(a):
        with open(f"{a}/{name}", "rb") as left, open(f"{b}/{name}", "rb") as right:
            while piece := left.read(MIB):
                if piece != right.read(MIB):
                    return False
            if right.read(1):
                return False
    return True


def report(corpus, options, samples):
    """Tables of one corpus, in Markdown."""
    print(f"\n## {corpus}, {options.size} MiB\n")
    print("| cipher | program | step | s | MiB/s | CPU: " + " | ".join(PARTIES)
          + f" | all | MiB: client | server | of the slower | … {options.cores} cores | … many |")
    print("|---|---|---|" + "--:|" * (len(PARTIES) + 8))
    for cipher in [None, *options.ciphers]:
        for program in ["ssh alone", *options.tools]:
            for step in ("create", "extract"):
                if (corpus, cipher, program, step) in samples:
                    print(row(corpus, cipher, program, step, options, samples))
    print(flush=True)


def row(corpus, cipher, program, step, options, samples):
    runs = samples[corpus, cipher, program, step]

    def median(what):
        values = [what(run) for run in runs]
        return statistics.median(values) if None not in values else None

    def text(value, form="{:.2f}"):
        return "" if value is None else form.format(value)

    wall = median(lambda run: run.wall)
    cells = [(cipher or "local").split("@")[0], program, step, text(wall),
             text(options.size / wall, "{:.0f}")]
    for party in PARTIES:
        cells.append(text(median(lambda run: run.of(party))))
    cells.append(text(median(lambda run: run.cpu)))
    for party in ("client", "server"):
        value = median(lambda run: run.of(party, "memory"))
        cells.append(text(value and value / MIB, "{:.0f}"))
    raw = samples.get((corpus, cipher, "ssh alone", step))
    local = samples.get((corpus, None, program, step))
    if raw and local:
        for seconds in (lambda run: run.wall, lambda run: run.least(options.cores),
                        lambda run: run.least(1000)):
            slower = max(statistics.median(map(seconds, other)) for other in (raw, local))
            cells.append(text(100 * slower / median(seconds), "{:.0f} %"))
    else:
        cells += ["", "", ""]
    return "| " + " | ".join(cells) + " |"


def words(known):
    def parse(text):
        for word in text.split(","):
            if known and word not in known:
                raise argparse.ArgumentTypeError(f"{word}: not one of {', '.join(known)}")
        return text.split(",")
    return parse


def main():
    tools = ["archivist", "borg", "restic"]
    parser = argparse.ArgumentParser(
        prog="Benchmarks/ssh", description=__doc__.split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="of each corpus, in MiB")
    parser.add_argument("--rounds", type=int, default=3, help="how often; medians count")
    parser.add_argument("--corpora", type=words(CORPORA), default=CORPORA)
    parser.add_argument("--ciphers", type=words(None), default=CIPHERS, help="as ssh -c has them")
    parser.add_argument("--tools", type=words(tools), default=tools,
                        help="those that are not installed are left out")
    parser.add_argument("--cores", type=int, default=os.cpu_count(),
                        help="that the ratios are computed for")
    parser.add_argument("--rate", type=float,
                        help="of a link between client and server, in MiB a second")
    parser.add_argument("--threads", action="store_true", help="say what each thread has had")
    parser.add_argument("--directory", default="/dev/shm", help="for five times the size")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
