"""archivist, borg and restic side by side: the same data, the same machine, the same run.

usage: python3 Benchmarks/peers [options]

Makes the corpora (once), and lets the programs take turns: for each round and each corpus, one
step after the other, and at each step one program after the other, in another order each round.
What is extracted is compared with what was backed up, byte by byte. The results are kept in
docs/performance/results.json; a run of some corpora, steps or programs takes the place of what it
measured, and of nothing else. From all that is there, docs/performance.md is written anew.

A full run takes about an hour and 20 GiB: --scale 0.1 is for a look. Needs root for nothing.
"""

import argparse
import os
import sys

import corpora
import measure
import programs
import report

NAMES = ["archivist", "archivist-1core", "archivist-zstd", "borg", "borg-blake2", "borg-zstd", "restic", "cp"]


def words(known):
    def parse(text):
        chosen = text.split(",")
        for word in chosen:
            if word not in known:
                raise argparse.ArgumentTypeError(f"{word}: not one of {', '.join(known)}")
        return chosen
    return parse


def main():
    steps = corpora.Corpus.steps
    parser = argparse.ArgumentParser(
        prog="Benchmarks/peers", description=__doc__.split("\n\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--scale", type=float, default=1, help="size of the corpora")
    parser.add_argument("--rounds", type=int, default=3, help="how often; medians count")
    parser.add_argument("--corpora", type=words(corpora.KINDS), default=list(corpora.KINDS))
    parser.add_argument("--steps", type=words(steps), default=list(steps),
                        help="earlier ones that they need are taken, and not measured")
    parser.add_argument("--tools", type=words(NAMES), default=NAMES)
    parser.add_argument("--directory", default=os.environ.get("PEERS_DIRECTORY", f"{programs.ROOT}/.build/peers"),
                        help="for corpora and repositories")
    parser.add_argument("--target", default="/dev/shm", help="what is extracted to, in memory")
    parser.add_argument("--results", default=f"{programs.ROOT}/docs/performance/results.json")
    parser.add_argument("--report", default=f"{programs.ROOT}/docs/performance.md",
                        help="the page; plots go into the directory beside it")
    parser.add_argument("--only-report", action="store_true", help="measure nothing")
    options = parser.parse_args()

    results = measure.Results(options.results)
    if not options.only_report:
        os.makedirs(options.directory, exist_ok=True)
        found = programs.find(options.directory)
        for name in options.tools:
            if name.startswith("borg") and not found[name].binary:
                found[name].binary = programs.install_borg(options.directory)
            if not found[name].binary or not os.path.exists(found[name].binary):
                sys.exit(f"{name}: no such program on this machine")
        chosen = [found[name] for name in options.tools]
        for name in options.corpora:
            print(f"{name}: making the corpus", flush=True)
            corpus = corpora.make(name, options.directory, options.scale)
            measure.run(corpus, chosen, options, results)
    report.write(results, options.report)


if __name__ == "__main__":
    main()
