"""The rules of membership (docs/PROTOCOL.md, 7 and 8) over a set of control entries; knows no order of arrival."""

from forms import (
    ROLES,
    ZERO,
    bind_id,
    cert_holds,
    derive,
    derive_fields,
    epoch_id,
    founding_tag,
    grant_id,
    kem_id,
    log_of,
    read_control,
    readers_hash,
    signed,
)
from primitives import Wrong

ROOT = ZERO


class Membership:
    """What a set of entries says. Operations go by (entry id, place); a set of them is downward closed."""

    def __init__(self, drive, entries):
        self.drive, self.entries, self.ops = drive, {e.id: e for e in entries}, {}
        self.grants, self.binds, self.memo = {}, {}, {}
        for entry in entries:
            for index, op in enumerate(read_control(entry.body)[0]):
                self.ops[entry.id, index] = op
        self._learn()
        for entry in entries:
            self._check(entry)
        self.all = frozenset(self.ops)

    def _learn(self):
        for at, op in self.ops.items():
            if op.kind == "grant":
                member, role, devices, _ = op.fields
                grant = grant_id(*at)
                self.grants[grant] = (at, member, role)
                for device, cert in enumerate(devices):
                    parent = bind_id(*at, 0) if device else None
                    self.binds[bind_id(*at, device)] = (at, grant, parent, cert)
        # A device that enrols acts under its own grant, which may have to be found first.
        waiting = [at for at, op in self.ops.items() if op.kind == "add-device" and self.author(at) != ZERO]
        while waiting:
            known = [at for at in waiting if self.author(at) in self.binds]
            if not known:
                raise Wrong("a device of nobody")
            for at in known:
                author = self.author(at)
                self.binds[bind_id(*at, 0)] = (at, self.binds[author][1], author, self.ops[at].fields[0])
            waiting = [at for at in waiting if at not in known]

    def _check(self, entry):
        """That an entry can be part of the set at all."""
        h = entry.header
        if h.plane != 0 or any(link not in self.entries for link in self.links(entry.id)):
            raise Wrong("not an entry of this control plane")
        if h.kind == 1:
            ops = [op.kind for op in read_control(entry.body)[0]]
            genesis = self.ops[entry.id, 0].fields
            fits = derive("peerdrive v1 drive id", entry.raw_header) == self.drive and ops == ["genesis", "grant", "epoch"]
            if not fits or founding_tag(genesis) != h.drive or not signed(genesis[1], "genesis", entry.id, entry.sig):
                raise Wrong("not the genesis of this drive")
            self.root_pk, self.root_kem_pk = genesis[1], genesis[2]
            return
        if h.drive != self.drive:
            raise Wrong("an entry of another drive")
        if h.seq:
            before = self.entries[h.prev].header
            if log_of(before) != log_of(h) or before.seq + 1 != h.seq:
                raise Wrong("an entry that does not continue its log")
        links = self.links(entry.id)
        for dep in h.deps:
            others = [link for link in links if link != dep]
            if any((dep, 0) in self.past((other, 0)) for other in others) or log_of(self.entries[dep].header) == log_of(h):
                raise Wrong("a link that says nothing new")
        if h.bind == ZERO:
            if not signed(self.genesis()[1], "genesis", entry.id, entry.sig):
                raise Wrong("a recovery that the root key did not sign")
        elif self.binds[h.bind][0] not in self.past((entry.id, 0)) or not signed(
            self.binds[h.bind][3].log_pk, "entry", entry.id, entry.sig
        ):
            raise Wrong("an entry that its author did not sign")

    def genesis(self):
        return next(op.fields for op in self.ops.values() if op.kind == "genesis")

    def links(self, entry):
        h = self.entries[entry].header
        return h.deps + ([h.prev] if h.seq else [])

    def past(self, at):
        """Everything before an operation, and itself."""
        if at not in self.memo:
            past, waiting, seen = {(at[0], i) for i in range(at[1] + 1)}, self.links(at[0]), set()
            while waiting:
                entry = waiting.pop()
                if entry not in seen:
                    seen.add(entry)
                    past.update(op for op in self.ops if op[0] == entry)
                    waiting += self.links(entry)
            self.memo[at] = frozenset(past)
        return self.memo[at]

    def author(self, at):
        return self.entries[at[0]].header.bind

    def acting(self, at):
        author = self.author(at)
        return ROOT if author == ZERO else self.binds[author][1]

    def level(self, grant):
        return 4 if grant == ROOT else self.grants[grant][2]

    def by(self, grant):
        return self.acting(self.grants[grant][0])

    def ancestors(self, grant):
        chain = []
        while grant != ROOT:
            grant = self.by(grant)
            chain.append(grant)
        return chain

    def lawful(self, grant):
        if grant == ROOT:
            return True
        by = self.by(grant)
        return len(self.ancestors(grant)) <= 16 and self.lawful(by) and self.level(by) >= max(2, self.level(grant))

    def outranks(self, a, t):
        above = a in self.ancestors(t) or self.level(a) >= 2 and self.level(a) > self.level(t)
        return a != t and self.lawful(a) and above

    def enrolled(self, a, b):
        parent = self.binds[b][2]
        return parent is not None and (parent == a or self.enrolled(a, parent))

    def depth(self, bind):
        parent = self.binds[bind][2]
        return 0 if parent is None else 1 + self.depth(parent)

    def sound(self, at):
        key = "sound", at
        if key not in self.memo:
            self.memo[key] = self._sound(at)
        return self.memo[key]

    def _sound(self, at):
        op, by, author = self.ops[at], self.acting(at), self.author(at)
        level, before = self.level(by), self.past(at) - {at}
        drive = self.entries[at[0]].header.drive
        if op.kind == "genesis":
            return self.entries[at[0]].header.kind == 1
        if op.kind == "grant":
            return level >= max(2, op.fields[1]) and all(cert_holds(c, drive) for c in op.fields[2])
        if op.kind == "revoke":
            mine = lambda g: g == by or level >= 2 and self.outranks(by, g)
            return any(m == op.fields[0] and g_at in before and mine(g) for g, (g_at, m, _) in self.grants.items())
        if op.kind == "revoke-device":
            if op.fields[0] not in self.binds:
                return False
            b_at, grant, _, _ = self.binds[op.fields[0]]
            own = grant == by and (author == op.fields[0] or self.enrolled(author, op.fields[0]))
            return b_at in before and (own or self.outranks(by, grant))
        if op.kind == "add-device":
            live = [b for b in self.binds if self.binds[b][1] == by and self.bind_live(b, before)]
            return by != ROOT and self.depth(author) < 8 and len(live) < 16 and cert_holds(op.fields[0], drive)
        if op.kind == "epoch":
            return self._sound_epoch(at, op.fields, level, before)
        if op.kind == "wrap":
            return level >= 1 and any(e == op.fields[0] for e, _ in self.epochs(before))
        if op.kind == "invite":
            return level >= 2 and op.fields[2] <= min(level, 2)
        if op.kind == "extend-cut":
            target = op.fields[0], op.fields[1]
            if level < 2 or target not in before or not self.sound(target):
                return False
            end = self.ops[target]
            if end.kind == "revoke":
                theirs = [g for g, (g_at, m, _) in self.grants.items() if m == end.fields[0] and g_at in before]
            else:
                theirs = [self.binds[end.fields[0]][1]] if end.kind == "revoke-device" else []
            return any(self.outranks(by, grant) for grant in theirs)
        return {"revoke-invite": 2, "lease": 2, "revoke-lease": 2, "upgrade": 3}.get(op.kind, 9) <= level

    def _sound_epoch(self, at, epoch, level, before):
        parents, generation, readers, _, wraps, _, _ = epoch
        known = {e: self.ops[e_at].fields[1] for e, e_at in self.epochs(before)}
        if any(parent not in known for parent in parents):
            return False
        first = self.entries[at[0]].header.kind == 1
        if generation != (max(known[p] for p in parents) + 1 if parents else 0) or bool(parents) == first:
            return False
        due = self.readers(before)
        sealed = [wrap[0] for wrap in wraps] == sorted({kem_id(key) for key in due})
        may = level >= 2 or level == 1 and not self.usable(before)
        return may and sealed and readers == readers_hash(due)

    def kills(self, grant, ops):
        """The revocations that would end a grant, valid or not."""
        g_at, member, _ = self.grants[grant]
        for at in ops:
            op = self.ops[at]
            if op.kind == "revoke" and op.fields[0] == member and at not in self.past(g_at):
                if self.acting(at) == grant or self.outranks(self.acting(at), grant):
                    yield at

    def endings(self, bind, ops):
        return (at for at in ops if self.ops[at].kind == "revoke-device" and self.ops[at].fields[0] == bind)

    def valid(self, at, ops):
        key = "valid", at, ops
        if key not in self.memo:
            self.memo[key] = at in ops and self.sound(at) and self._valid(at, ops)
        return self.memo[key]

    def _valid(self, at, ops):
        by, author, op = self.acting(at), self.author(at), self.ops[at]
        if by == ROOT:
            return True
        if not self.lawful(by) or not self.valid(self.grants[by][0], ops) or not self.valid(self.binds[author][0], ops):
            return False
        leave = op.kind == "revoke" and op.fields[0] == self.grants[by][1]
        own = op.kind == "add-device" or (
            op.kind == "revoke-device" and self.binds.get(op.fields[0], (0, 0))[1] == by
        )
        for r in self.kills(by, ops):
            counts = self.acting(r) != by or not (leave or own)
            if counts and at not in self.past(r) and self.valid(r, ops):
                return False
        itself = op.kind == "revoke-device" and op.fields[0] == author
        for end in self.endings(author, ops):
            counts = not (self.author(end) == author and itself)
            if counts and self.sound(end) and at not in self.past(end) and self.valid(end, ops):
                return False
        return True

    def grant_live(self, grant, ops):
        alive = self.lawful(grant) and self.valid(self.grants[grant][0], ops)
        return alive and not any(self.valid(r, ops) for r in self.kills(grant, ops))

    def bind_live(self, bind, ops):
        at, grant, _, _ = self.binds[bind]
        alive = self.valid(at, ops) and self.grant_live(grant, ops)
        return alive and not any(self.valid(end, ops) for end in self.endings(bind, ops))

    def readers(self, ops):
        live = {self.binds[b][3].kem_pk for b in self.binds if self.bind_live(b, ops)}
        return sorted(live | {self.genesis()[2]})

    def epochs(self, ops):
        for at in ops:
            if self.ops[at].kind == "epoch":
                yield epoch_id(self.entries[at[0]].header.drive, self.ops[at].fields), at

    def epoch_valid(self, at, ops):
        known, past = list(self.epochs(ops)), self.past(at)
        follows = lambda p: any(e == p and e_at in past and self.epoch_valid(e_at, ops) for e, e_at in known)
        return self.valid(at, ops) and all(follows(parent) for parent in self.ops[at].fields[0])

    def usable(self, ops):
        """Generations of the epochs that nobody removed can read."""
        keys = self.readers(ops)
        gone = lambda b, ops: self.binds[b][0] in ops and not self.bind_live(b, ops)
        removed = [b for b in self.binds if gone(b, ops) and self.valid(self.binds[b][0], ops)]
        removed = [b for b in removed if self.binds[b][3].kem_pk not in keys]
        safe, spoilt = {}, set()
        for epoch, at in self.epochs(ops):
            if self.epoch_valid(at, ops):
                before = self.past(at) - {at}
                if all(gone(b, before) for b in removed):
                    safe[epoch] = self.ops[at].fields[1]
                else:
                    spoilt.add(epoch)
        return {epoch: generation for epoch, generation in safe.items() if epoch not in spoilt}

    # What the vectors tell of the whole set

    def verdicts(self):
        out = {}
        for at in sorted(self.all):
            valid = self.epoch_valid(at, self.all) if self.ops[at].kind == "epoch" else self.valid(at, self.all)
            out.setdefault(at[0], []).append(valid)
        return out

    def roles(self):
        roles = {}
        for grant, (_, member, role) in self.grants.items():
            if self.grant_live(grant, self.all):
                roles[member] = max(role, roles.get(member, 0))
        return {member: ROLES[role] for member, role in roles.items()}

    def live(self):
        return sorted(b for b in self.binds if self.bind_live(b, self.all))

    def flagged(self):
        places = {}
        for entry in self.entries.values():
            places.setdefault((log_of(entry.header), entry.header.seq), []).append(entry.header.bind)
        return sorted({binds[0] for binds in places.values() if len(binds) > 1})

    def cuts(self):
        """Of every device that ended: up to where its logs stand."""
        out = {}
        for bind, (at, grant, _, _) in self.binds.items():
            if not (self.lawful(grant) and self.valid(at, self.all) and self.valid(self.grants[grant][0], self.all)):
                continue
            ends = [*self.kills(grant, self.all), *self.endings(bind, self.all)]
            ends = [end for end in ends if self.valid(end, self.all)]
            if not ends:
                continue
            cuts = [self.ops[end].fields[1] for end in ends]
            for x, op in self.ops.items():
                if op.kind == "extend-cut" and op.fields[:2] in ends and self.valid(x, self.all):
                    cuts += [op.fields[2]] if self.outranks(self.acting(x), grant) else []
            best = {}
            for log, seq, entry in (cut for some in cuts for cut in some):
                if log not in best or (-seq, entry) < (-best[log][0], best[log][1]):
                    best[log] = (seq, entry)
            out[bind] = sorted((log, *cut) for log, cut in best.items())
        return out

    def current(self):
        usable = self.usable(self.all)
        return min(usable, key=lambda e: (-usable[e], e)) if usable else None

    def state(self):
        roles, fields = self.roles(), []
        for member in sorted(roles):
            fields.append(member + bytes([ROLES.index(roles[member])]))
        for bind in self.live():
            _, member, role = self.grants[self.binds[bind][1]]
            fields.append(bind + member + bytes([role]))
        return derive_fields("peerdrive v1 control state", *fields, self.current() or b"")
