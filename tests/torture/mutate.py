"""Making wrong files of right ones, by somebody who knows the format.

A `Seed` knows where its numbers lie; `Mutator` changes them, cuts, doubles and swaps records and
sections, mixes two files, and flips bits where nobody looks. Nothing of the package is used.
"""

import json
import struct

import build

EDGES = [0, 1, 2, 3, 4, 7, 8, 11, 12, 13, 15, 16, 17, 19, 20, 21, 47, 48, 49, 255, 256, 0x7FFF]
EDGES += [0x8000, 0xFFFE, 0xFFFF, 0x10000, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1]
TOKENS = [
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b",",
    b":",
    b"null",
    b"true",
    b"-1",
    b"0.5",
    b"1e999",
    b"\0",
]
TOKENS += [b'"name"', b'"offset"', b'"length"', b"NaN", b"4294967296", b"\xff", b"\xed\xa0\x80"]
TOKENS += [b'"\\ud800"', b"[" * 250, b"[" * 2000, b"9" * 40, b"4", b" ", b"\\"]


class Seed:
    """Bytes, where their sections lie, and where numbers of which size are."""

    def __init__(self, data):
        self.data = bytes(data)
        self.sections = {}
        self.fields = [(at, 4) for at in range(0, min(48, len(data) - 3), 4)]
        if len(data) >= 48:
            numbers = struct.unpack_from("<12I", data)
            places = zip(build.SECTIONS, numbers[2::2], numbers[3::2], strict=True)
            self.places = {name: (at, length) for name, at, length in places}
            self.sections = {
                name: self.data[at : at + length] for name, (at, length) in self.places.items()
            }
            self._find_fields()

    def _find_fields(self):
        at, length = self.places["lut"]
        self._add(range(at, at + min(length, 2000), 4), 4)
        for row in range(min(length, 400) // 20):
            if at + 20 * row + 20 > len(self.data):
                break
            _, iid, _, seg, seg_length = struct.unpack_from("<5I", self.data, at + 20 * row)
            iid += self.places["iids"][0]
            seg += self.places["segs"][0]
            self._add(range(iid, iid + 12, 4), 4)
            self._add([seg, seg + 12], 4)
            self._add(range(seg + 4, seg + 12, 2), 2)
            self._find_regions(seg + 16, seg + seg_length)
        at, length = self.places["groups"]
        self._add([at], 4)
        self._add(range(at + max(0, length - 12), at + length, 4), 4)

    def _find_regions(self, at, end):
        for _ in range(20):
            if at + 12 > min(end, len(self.data)):
                return
            self._add([at], 4)
            self._add(range(at + 4, at + 12, 2), 2)
            step = struct.unpack_from("<I", self.data, at)[0]
            at += max(12, step)

    def _add(self, places, size):
        self.fields += [(at, size) for at in places if 0 <= at <= len(self.data) - size]


class Mutator:
    """Makes one wrong file after another.

    Parameters
    ----------
    chance : random.Random
    """

    def __init__(self, chance):
        self.chance = chance
        self._ways = [self._numbers] * 6 + [self._bits, self._cut, self._chunk, self._text]
        self._ways += [self._sections, self._splice, self._records, self._places]

    def mutate(self, seed, other):
        """Bytes that come of one seed, perhaps with parts of another."""
        data = seed
        for _ in range(self.chance.choice([1, 1, 1, 2, 3])):
            data = Seed(self.chance.choice(self._ways)(data, other))
        return data.data

    def _numbers(self, seed, other):
        data = bytearray(seed.data)
        for _ in range(self.chance.choice([1, 1, 2, 4])):
            if not seed.fields:
                break
            at, size = self.chance.choice(seed.fields)
            code = "<I" if size == 4 else "<H"
            value = struct.unpack_from(code, data, at)[0]
            there, other_size = self.chance.choice(seed.fields)
            beside = struct.unpack_from("<I" if other_size == 4 else "<H", data, there)[0]
            near = value + self.chance.choice([-20, -12, -4, -2, -1, 1, 2, 4, 12, 20])
            new = self.chance.choice([near, near, self.chance.choice(EDGES), beside, len(data)])
            struct.pack_into(code, data, at, new & (0xFFFFFFFF if size == 4 else 0xFFFF))
        return data

    def _bits(self, seed, other):
        data = bytearray(seed.data)
        for _ in range(self.chance.randint(1, 8)):
            if data:
                data[self.chance.randrange(len(data))] ^= 1 << self.chance.randrange(8)
        return data

    def _cut(self, seed, other):
        return seed.data[: self.chance.randint(0, len(seed.data))]

    def _chunk(self, seed, other):
        """Remove, double or overwrite a stretch; nothing points where it should any more."""
        data, chance = seed.data, self.chance
        at, size = chance.randint(0, len(data)), chance.choice([1, 2, 4, 12, 16, 20, 48])
        piece = chance.choice([b"", data[at : at + size] * 2, chance.randbytes(size)])
        return data[:at] + piece + data[at + size * chance.randint(0, 1) :]

    def _text(self, seed, other):
        """Change JSON where it is, and let the header follow."""
        if not seed.sections:
            return self._bits(seed, other)
        name = self.chance.choice(["meta", "groups"])
        text = seed.sections[name]
        at = self.chance.randint(min(4, len(text)), len(text))
        token = self.chance.choice(TOKENS)
        text = text[:at] + token + text[at + self.chance.choice([0, 0, 1, len(token)]) :]
        if name == "groups" and len(text) >= 4 and self.chance.random() < 0.8:
            listed = struct.unpack_from("<I", text)[0] + len(text) - len(seed.sections[name])
            text = struct.pack("<I", listed & 0xFFFFFFFF) + text[4:]
        if name == "meta" and self.chance.random() < 0.2:
            text = build.prefixed(text)
        return self._assembled({**seed.sections, name: text})

    def _sections(self, seed, other):
        """Take a section from elsewhere, or from another name, or let one be gone."""
        if not seed.sections or not other.sections:
            return self._bits(seed, other)
        name = self.chance.choice(build.SECTIONS)
        new = self.chance.choice(
            [b"", other.sections[name], other.sections[self.chance.choice(build.SECTIONS)]]
        )
        return self._assembled({**seed.sections, name: new})

    def _splice(self, seed, other):
        at = self.chance.randint(0, len(seed.data))
        return seed.data[:at] + other.data[self.chance.randint(0, len(other.data)) :]

    def _records(self, seed, other):
        """Double, drop or swap rows; or give the file groups of all sorts."""
        if not seed.sections:
            return self._bits(seed, other)
        chance, table = self.chance, seed.sections["lut"]
        rows = [table[at : at + 20] for at in range(0, len(table), 20)] or [bytes(20)]
        kind = chance.randrange(4)
        if kind == 0:
            rows.insert(chance.randint(0, len(rows)), chance.choice(rows))
        elif kind == 1:
            rows.pop(chance.randrange(len(rows)))
        elif kind == 2:
            chance.shuffle(rows)
        else:
            return self._assembled({**seed.sections, "groups": self._groups(len(rows))})
        return self._assembled({**seed.sections, "lut": b"".join(rows)})

    def _groups(self, n):
        chance = self.chance
        odd = [0, 0, 4, 8, -4, 2, 4.0, "0", None, True, [], {}, 2**32, 10**30]
        listed = [
            {
                "name": chance.choice(["a", "b", "", "\ud800", 5, None, "a" * 70]),
                "offset": chance.choice(odd),
                "length": chance.choice(odd),
            }
            for _ in range(chance.randint(0, 3))
        ]
        for group in listed:
            if chance.random() < 0.1:
                del group[chance.choice(list(group))]
        keys = [chance.choice([0, 1, n, 2**32 - 1]) for _ in range(chance.randint(0, 4))]
        shown = chance.choice([listed, listed, listed, {"name": "a"}, 5, [[]], None])
        return build.groups(json.dumps(shown).encode(), struct.pack(f"<{len(keys)}I", *keys))

    def _places(self, seed, other):
        """Other orders of sections, gaps between them, something behind them."""
        if not seed.sections:
            return self._bits(seed, other)
        order = list(build.SECTIONS)
        self.chance.shuffle(order)
        gap = self.chance.choice([b"", b"\xff", b"\0" * 4])
        return build.assemble(seed.sections, order, gap, self.chance.choice([b"", b"rest"]))

    def _assembled(self, sections):
        return build.assemble(sections)
