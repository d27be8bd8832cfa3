"""Digests of masks by which equal pixels are found, however the masks are cut into regions."""

from __future__ import annotations

import secrets

import numpy as np
import numpy.typing as npt

from iidindex.masks.batching import portions
from iidindex.masks.blocks import columns, words_needed
from iidindex.masks.regions import Regions

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

# Words of blocks that are digested together.
_WORDS = 1 << 19
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def random_key() -> tuple[int, ...]:
    """A key for `digests`; only digests with the same key can be compared."""
    return tuple(secrets.randbits(64) for _ in range(4))


def digests(regions: Regions, owner: Ints, n_owners: int, key: tuple[int, ...]) -> Words:
    """Digest the set pixels of each owner, and where they lie.

    Parameters
    ----------
    regions : Regions
        No two of one owner share a pixel.
    owner : ndarray of int64, shape (k,)
    n_owners : int
    key : tuple of int
        That of `random_key`.

    Returns
    -------
    ndarray of uint64, shape (n_owners, 2)
        Equal for equal pixels. For others, whoever does not know the key has equal ones with a
        chance of some 2⁻⁶⁰.

    Notes
    -----
    Words of 64 pixels stand where the image's columns are multiples of 64, and are halved. The sum
    of all halves, each times a number that the key and its place give, is a multilinear hash
    (D. Lemire and O. Kaser, "Strongly universal string hashing is fast", The Computer Journal 57,
    2014), modulo 2⁶⁴. Parts of a word that are in several regions add up to the same.
    """
    found = np.zeros((n_owners, 2), np.uint64)
    for part in portions(words_needed(regions.bbox), _WORDS):
        _add(found, regions[part], owner[part], key)
    return found


def _add(found: Words, regions: Regions, owner: Ints, key: tuple[int, ...]) -> None:
    """Add what some regions contribute to the sums of their owners."""
    cut = columns(regions)
    height = cut.bottom - cut.top
    column = np.repeat(np.arange(len(height)), height)
    row = np.arange(len(column)) - np.repeat(np.cumsum(height) - height, height)
    row += cut.top[column]
    words = cut.blocks[cut.origin[column] + row]
    n_columns = (cut.bbox[:, 3] + 63 >> 6) - (cut.bbox[:, 1] >> 6)
    region = np.repeat(np.arange(len(regions)), n_columns)
    across = np.arange(len(region)) - cut.first[region] + (cut.bbox[region, 1] >> 6)
    # One number for every word of the frame.
    place = (across[column] << 40) + (row << 4)
    places = (place[:, np.newaxis] + np.arange(words.shape[1])).view(np.uint64)
    for nth in range(2):
        low = (words & _LOW) * _mixed(places, key[2 * nth])
        high = (words >> _HALF) * _mixed(places, key[2 * nth + 1])
        sums = (low + high).sum(axis=1, dtype=np.uint64)
        np.add.at(found[:, nth], owner[region[column]], sums)


def _mixed(numbers: Words, key: int) -> Words:
    """Numbers that look random, by the key: the last steps of SplitMix64 (G. L. Steele et al.)."""
    word = (numbers + np.uint64(key)) * _GOLDEN
    word ^= np.uint64(key) >> np.uint64(7)
    word = (word ^ (word >> np.uint64(30))) * _FIRST
    word = (word ^ (word >> np.uint64(27))) * _SECOND
    mixed: Words = word ^ (word >> np.uint64(31))
    return mixed
