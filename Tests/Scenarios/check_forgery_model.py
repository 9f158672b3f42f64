#!/usr/bin/env python3
"""Explores, in a model, what somebody with the keys who may only add objects can do to archives of others.

usage: check_forgery_model.py [SCHEDULES]

The model is docs/format.md, §10, and docs/format-writing.md, §16.5, §18 and §19.4, without bytes: a segment has the chunks that its
directory claims, and those that it really holds; an index object says of segments what somebody wished
it to say. Writers, compactions, deletions, repairs and a forger take turns at random, one operation of
the storage at a time; some die, and sectors do. The forger puts segments that lie, false index entries about segments of
others, archives of what others have, and leases, at any moment and under any name.

What is looked for after each step: a chunk that an archive needs, that was whole when the archive was
reported, and that is in no segment any more. With all rules there must be none. With one of them left
out there must be some: otherwise the model could not have told. (ARCHIVIST_MODEL_SCHEDULES sets how many
schedules are explored.)
"""

import os
import random
import sys

CHUNKS = 6
# What is left out in turn. The two of a pair make up for each other: a copy that is compared with the
# ids of its chunks, or read before anything goes on its word; a repair that salvages what was not read
# elsewhere, or a compaction that reads what is in quarantine before that goes.
LEFT_OUT = (
    {"reads what it relies on"}, {"reads what is in quarantine", "salvages what was not read"},
    {"compares what it copies", "reads what it has written"},
)
RULES = set().union(*LEFT_OUT)


class Lost(Exception):
    pass


class World:
    def __init__(self, seed, without):
        self.random = random.Random(seed)
        self.rules = RULES - without
        self.segments = {}  # name: (claimed, held)
        self.index = {}  # name: {segment: claimed}
        self.archives = {}  # name: needed
        self.promised = {}  # archive: chunks
        self.doomed = {}  # name: segments
        self.records = {}  # doomed object: leases
        self.leases = set()
        self.quarantined = set()
        self.decayed = set()
        self.count = 0
        for _ in range(2):
            chunks = self.some()
            self.publish(chunks, chunks)
            self.report(chunks)

    def some(self):
        return frozenset(self.random.sample(range(CHUNKS), self.random.randint(1, 3)))

    def name(self):
        self.count += 1
        # In an order that is anybody's: places are tried in the order of names.
        return self.random.getrandbits(32), self.count

    def put_segment(self, claimed, held):
        name = self.name()
        self.segments[name] = frozenset(claimed), frozenset(held)
        return name

    def publish(self, claimed, held):
        segment = self.put_segment(claimed, held)
        self.index[self.name()] = {segment: frozenset(claimed)}
        return segment

    def report(self, needed):
        archive = self.name()
        self.archives[archive] = needed
        # Whoever relied on a lie has lost nothing that was had: docs/security.md.
        going = self.condemned()
        whole = frozenset().union(
            *(held for name, (_, held) in self.segments.items() if name not in going))
        self.promised[archive] = needed & whole - self.decayed
        return archive

    def check(self):
        there = frozenset().union(*(held for _, held in self.segments.values()))
        for archive, chunks in self.promised.items():
            if archive in self.archives and not chunks <= there:
                raise Lost(f"{sorted(chunks - there)}")

    def condemned(self):
        return set().union(*self.doomed.values()) if self.doomed else set()

    def places(self):
        """By chunk: the segments that are said to hold it and that new archives may rely on."""
        usable = self.segments.keys() - self.condemned() - self.quarantined
        said = {}
        indexed = set()
        for entries in self.index.values():
            indexed |= entries.keys()
            for segment, claimed in entries.items():
                for chunk in claimed if segment in usable else ():
                    said.setdefault(chunk, set()).add(segment)
        for segment in usable - indexed:
            for chunk in self.segments[segment][0]:
                said.setdefault(chunk, set()).add(segment)
        return {chunk: sorted(segments) for chunk, segments in said.items()}

    def needed(self):
        return frozenset().union(*self.archives.values())

    def holds(self, segment, chunk):
        return segment in self.segments and chunk in self.segments[segment][1]


def writer(world):
    lease = world.name()
    world.leases.add(lease)
    yield
    needed = world.some()
    said = world.places()
    yield
    new = needed - said.keys()
    if new:
        segment = world.put_segment(new, new)
        yield
        world.index[world.name()] = {segment: new}
        yield
    if lease in world.leases:
        world.report(needed)
        yield
    world.leases.discard(lease)


def deleter(world):
    yield
    if world.archives:
        del world.archives[world.random.choice(sorted(world.archives))]
    yield


def decay(world):
    """A bad sector: what it takes away for good is promised no more."""
    yield
    segment = world.random.choice(sorted(world.segments) or [None])
    if segment is None or not world.segments[segment][1]:
        return
    claimed, held = world.segments[segment]
    chunk = world.random.choice(sorted(held))
    world.segments[segment] = claimed, held - {chunk}
    # Nor is what has been read here by somebody who is about to remove the other copies.
    world.decayed.add(chunk)
    for archive in world.promised:
        world.promised[archive] -= {chunk}


def forger(world):
    for _ in range(world.random.randint(2, 5)):
        yield
        kind = world.random.randint(1, 6)
        if kind <= 3 and world.segments:
            claimed = world.segments[world.random.choice(sorted(world.segments))][0]
            held = {chunk for chunk in claimed if world.random.random() < 0.2}
            unused = {CHUNKS + world.random.randint(0, 3)} if world.random.random() < 0.6 else set()
            segment = world.put_segment(claimed | unused, held | unused)
            if world.random.random() < 0.8:
                yield
                world.index[world.name()] = {segment: claimed | unused}
        elif kind == 4 and world.segments:
            victim = world.random.choice(sorted(world.segments))
            world.index[world.name()] = {victim: world.some()}
        elif kind == 5:
            world.archives[world.name()] = world.some()
        else:
            world.leases.add(world.name())


def unreplaced(world, going, reads, believed):
    """What archives need of segments by their own account, and that was not found anywhere else."""
    said = world.places()
    left = {}
    for segment in going:
        if segment not in world.segments:
            continue
        for chunk in world.segments[segment][0] & world.needed():
            others = [place for place in said.get(chunk, ()) if place not in going]
            if not any(
                not reads or place in believed or world.holds(place, chunk) for place in others
            ):
                left.setdefault(chunk, set()).add(segment)
    return left


def compaction(world):
    own = world.name()
    world.leases.add(own)
    yield
    written = set()
    believed = set() if "reads what it has written" in world.rules else written
    needed = world.needed()
    yield
    said = world.places()
    # The first place of a chunk is the one that counts; the others are unreferenced.
    marked = {}
    for chunk in needed & said.keys():
        marked.setdefault(said[chunk][0], set()).add(chunk)
    victims = set()
    healed = unreplaced(
        world, world.quarantined, "reads what is in quarantine" in world.rules, set())
    stay = set().union(*healed.values()) if healed else set()
    victims |= (world.quarantined - stay) & world.segments.keys()
    for segment, (claimed, held) in list(world.segments.items()):
        if segment in world.condemned() or segment in world.quarantined:
            continue
        kept = marked.get(segment, set()) & claimed
        if not kept:
            victims.add(segment)
        elif claimed - kept:
            if "compares what it copies" in world.rules and not kept <= held:
                continue
            yield
            written.add(world.publish(kept, kept & held))
            yield
            victims.add(segment)
    if victims:
        world.doomed[world.name()] = frozenset(victims)
        yield
    for doomed in sorted(world.doomed):
        if doomed not in world.records:
            world.records[doomed] = frozenset(world.leases - {own})
            yield
    for doomed in sorted(world.doomed):
        # One without a record was put since.
        if doomed not in world.records or world.records[doomed] & world.leases:
            continue
        going = set(world.doomed[doomed]) & world.segments.keys()
        yield
        kept = set()
        for _ in range(2):
            careful = going if "reads what is in quarantine" in world.rules else (
                going - world.quarantined)
            left = unreplaced(
                world, careful, "reads what it relies on" in world.rules, believed)
            kept = set().union(*left.values()) if left else set()
            for chunk in left:
                if any(world.holds(segment, chunk) for segment in world.segments):
                    written.add(world.publish({chunk}, {chunk}))
                    yield
        for segment in sorted(going - kept):
            world.segments.pop(segment, None)
            yield
        if not kept:
            world.doomed.pop(doomed, None)
            world.records.pop(doomed, None)
            yield
    # Entries of what is gone, and many index objects: facts are put again before they go.
    names = sorted(world.index)
    merged = {}
    for name in names[: world.random.randint(0, 3)]:
        entries = world.index.get(name, {})
        merged = {s: c for s, c in entries.items() if s in world.segments}
        yield
        if merged:
            world.index[world.name()] = merged
            yield
        world.index.pop(name, None)
    world.leases.discard(own)


def repair(world):
    """check --repair, which may have read everything or some of it."""
    yield
    damaged = set()
    for name, entries in sorted(world.index.items()):
        for segment, claimed in entries.items():
            if segment in world.segments and claimed != world.segments[segment][0]:
                # The segment's own directory is entered before the false entry goes.
                world.index[world.name()] = {segment: world.segments[segment][0]}
                yield
                world.index.pop(name, None)
    for segment, (claimed, held) in list(world.segments.items()):
        if not claimed <= held and world.random.random() < 0.5:
            damaged.add(segment)
    damaged -= world.quarantined
    if not damaged:
        return
    reads = "salvages what was not read" in world.rules
    for segment in sorted(damaged):
        if segment not in world.segments:
            continue
        claimed, held = world.segments[segment]
        for chunk in sorted(held):
            others = [p for p in world.places().get(chunk, ()) if p not in damaged]
            if not any(not reads or world.holds(place, chunk) for place in others):
                yield
                world.publish({chunk}, {chunk})
    yield
    world.quarantined |= damaged & world.segments.keys()


ACTORS = (
    writer, writer, writer, compaction, compaction, compaction, deleter, forger, forger, repair, repair,
    decay,
)


def run(seed, without):
    world = World(seed, without)
    actors = []
    left = world.random.randint(4, 9)
    while actors or left:
        if left and (not actors or len(actors) < 4 and world.random.random() < 0.15):
            left -= 1
            actors.append(world.random.choice(ACTORS)(world))
        actor = world.random.choice(actors)
        if world.random.random() < 0.004:
            actors.remove(actor)
            world.leases.clear()  # Whoever has died is found out; the living look again.
            continue
        try:
            next(actor)
        except StopIteration:
            actors.remove(actor)
        world.check()


def explore(without, count):
    lost = []
    for seed in range(count):
        try:
            run(seed, without)
        except Lost as loss:
            lost.append((seed, loss))
    return lost


def main():
    count = int((sys.argv[1:] or [os.environ.get("ARCHIVIST_MODEL_SCHEDULES", "20000")])[0])
    lost = explore(set(), count)
    print(f"  {count} schedules with a forger: {len(lost)} lost something")
    if lost:
        sys.exit(f"seed {lost[0][0]} loses chunks {lost[0][1]}")
    figures = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../.build/figures")
    os.makedirs(figures, exist_ok=True)
    with open(f"{figures}/check_forgery_model", "w", encoding="ascii") as file:
        file.write(f"schedules of the model with a forger\t{count}\n")
    # As many as it takes: the rarest losses are in one of some thousand.
    count = 20000
    for without in LEFT_OUT:
        lost = explore(without, count)
        text = " and ".join(sorted(without))
        print(f"  without what {text}: {len(lost)} of {count} lose something")
        if not lost:
            sys.exit(f"the model cannot tell what it is good for that a compaction {text}")


main()
