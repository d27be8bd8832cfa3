"""Run lengths as COCO has them, and masks.

A mask is a list of counts: so many zeros, so many ones, so many zeros …, down the columns of the
whole frame, from the left to the right. The first count may be 0, and all of them together are
the frame's pixels. JSON files hold the counts as numbers, or as a string that was made from
their differences.

Source: ``rleEncode``, ``rleDecode``, ``rleToString`` and ``rleFrString`` in ``common/maskApi.c``
of the COCO API by Piotr Dollár and Tsung-Yi Lin (Simplified BSD License). Its counts are 32 bits
wide, and so are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np

from iidindex.errors import ExchangeError
from iidindex.masks.regions import Bool2D, Bytes, Ints
from iidindex.masks.upright_runs import NO_BOX, changes, cut_at_columns
from iidindex.model import BBox

Order = Literal["columns", "rows"]

_COUNT_END = 1 << 32
# A character holds five bits of a number, the lowest first, and whether more of it follow.
_FIRST, _LAST = ord("0"), ord("o")
_BITS, _LOW, _MORE = 5, 31, 32
_SIGN = 16
# Differences of counts have 33 bits and a sign.
_MOST_DIGITS = 7
_DIGIT_ENDS = np.array([_SIGN << _BITS * digit for digit in range(_MOST_DIGITS)], np.int64)

# So much of a text is quoted.
_QUOTED = 40


# ---------------------------------------------------------------------- strings


def decompress(text: bytes | str) -> Ints:
    """Read COCO's string of run lengths.

    Parameters
    ----------
    text : bytes or str
        Characters from ``0`` to ``o``.

    Returns
    -------
    ndarray of int64, shape (n,)
        Counts from 0 to 2**32 - 1. Whether they fill a frame is for `decode` to say.

    Raises
    ------
    ExchangeError
        If a character is no digit, the last number is unfinished, or a count is negative or too
        large.

    Examples
    --------
    >>> decompress(b"52203").tolist()
    [5, 2, 2, 2, 5]
    """
    return decompress_all([text])[0]


def decompress_all(texts: Sequence[bytes | str]) -> list[Ints]:
    """Read many strings, in a fraction of the time that they take one by one.

    Raises
    ------
    ExchangeError
        As `decompress`, for the first string that is wrong, and nothing is returned. Read them
        one by one, then.
    """
    if not len(texts):
        return []
    raw = [_raw(text) for text in texts]
    behind = np.cumsum([len(each) for each in raw])
    digits = np.frombuffer(b"".join(raw), np.uint8) - np.uint8(_FIRST)
    _check_digits(digits, behind, raw)
    ends = np.flatnonzero(digits < _MORE)
    lengths = ends.copy()
    lengths[1:] -= ends[:-1]
    lengths[:1] += 1
    longest = int(np.maximum.reduce(lengths, initial=1))
    if longest > _MOST_DIGITS:
        which = int(behind.searchsorted(ends[int(lengths.argmax())], side="right"))
        raise ExchangeError(
            f"run lengths {_quoted(raw[which])} hold a number of {longest} characters; "
            f"expected at most {_MOST_DIGITS}"
        )
    # The last digit, which has the sign, comes first.
    counts = (digits[ends].astype(np.int64) ^ _SIGN) - _SIGN
    for digit in range(1, longest):
        more = np.flatnonzero(lengths > digit)
        counts[more] = (counts[more] << _BITS) | (digits[ends[more] - digit] & _LOW)
    last = ends.searchsorted(behind)
    first = np.concatenate(([0], last[:-1]))
    _add_up(counts, first, last - first)
    wrong = (counts < 0) | (counts >= _COUNT_END)
    if wrong.any():
        at = int(wrong.argmax())
        which = int(last.searchsorted(at, side="right"))
        _check_range(counts[at : at + 1], f"run lengths {_quoted(raw[which])}")
    return [counts[low:high] for low, high in zip(first.tolist(), last.tolist(), strict=True)]


def _add_up(counts: Ints, first: Ints, n: Ints) -> None:
    """Each count but the first three of a string is told by its difference from the last but one.

    So the second, fourth … of a string add up, and so do the third, fifth …
    """
    nth = np.arange(len(counts)) - np.repeat(first, n)
    total = np.empty_like(counts)
    for adds in ((nth & 1) == 1, ((nth & 1) == 0) & (nth > 0)):
        np.cumsum(counts * adds, out=total)
        before = np.where(first > 0, total[first - 1], 0) if len(total) else first
        counts[adds] = (total - np.repeat(before, n))[adds]


def _raw(text: bytes | str) -> bytes:
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise ExchangeError(f"run lengths are {type(text).__name__}; expected text")
    return text.encode("utf-8", "surrogatepass")


def _check_digits(digits: Bytes, behind: Ints, raw: list[bytes]) -> None:
    wrong = digits > _LAST - _FIRST
    if wrong.any():
        at = int(wrong.argmax())
        which = int(behind.searchsorted(at, side="right"))
        at -= int(behind[which]) - len(raw[which])
        raise ExchangeError(
            f"run lengths {_quoted(raw[which])} have {raw[which][at : at + 1]!r} at byte {at}; "
            "expected characters from '0' to 'o'"
        )
    unfinished = np.zeros(len(raw), np.bool_)
    filled = np.array([bool(each) for each in raw])
    unfinished[filled] = digits[behind[filled] - 1] >= _MORE
    if unfinished.any():
        raise ExchangeError(
            f"run lengths {_quoted(raw[int(unfinished.argmax())])} end within a number; "
            "expected a last character below 'P'"
        )


def _quoted(text: bytes) -> str:
    return f"{text!r}" if len(text) <= _QUOTED else f"{text[:_QUOTED]!r}…"


def compress(counts: Sequence[int] | Ints) -> bytes:
    """Write run lengths as COCO's string; the inverse of `decompress`.

    Raises
    ------
    ExchangeError
        If a count is not an integer from 0 to 2**32 - 1.

    Examples
    --------
    >>> compress([5, 2, 2, 2, 5])
    b'52203'
    """
    return compress_all([counts])[0]


def compress_all(counts: Sequence[Sequence[int] | Ints]) -> list[bytes]:
    """Write many lists of run lengths, in a fraction of the time that they take one by one.

    Parameters
    ----------
    counts : sequence of (sequence of int, or ndarray of int64)
        Each as for `compress`.

    Returns
    -------
    list of bytes
        For each list its string.

    Raises
    ------
    ExchangeError
        As `compress`.
    """
    if not len(counts):
        return []
    arrays = [_as_counts(each) for each in counts]
    sizes = np.array([len(each) for each in arrays])
    ends = np.cumsum(sizes)
    number = np.concatenate(arrays)
    _check_range(number, "run lengths")
    difference = number.copy()
    difference[2:] -= number[:-2]
    # The first three of a list are told as they are.
    for nth in range(3):
        heads = (ends - sizes + nth)[sizes > nth]
        difference[heads] = number[heads]
    length = _DIGIT_ENDS.searchsorted(difference ^ (difference >> 63), side="right") + 1
    until = np.cumsum(length)
    out = np.empty(int(until[-1]) if len(until) else 0, np.uint8)
    start = until - length
    which = np.arange(len(number))
    for digit in range(int(np.maximum.reduce(length, initial=0))):
        which = which[length[which] > digit]
        low = (difference[which] >> _BITS * digit) & _LOW
        out[start[which] + digit] = low + _MORE * (length[which] > digit + 1) + _FIRST
    text = out.tobytes()
    cuts = np.append(0, until)[np.append(0, ends)].tolist()
    return [text[low:high] for low, high in pairwise(cuts)]


# ---------------------------------------------------------------------- run lengths to masks


def decode(
    counts: Sequence[int] | Ints, height: int, width: int, order: Order = "columns"
) -> tuple[BBox, Bool2D]:
    """Make the mask that run lengths describe, no larger than it has to be.

    Parameters
    ----------
    counts : sequence of int, or ndarray of int, shape (n,)
        Zeros, ones, zeros …, all pixels of the frame.
    height, width : int
        The frame, pixels.
    order : {"columns", "rows"}
        Whether counts go down the columns, as COCO's do, or along the rows.

    Returns
    -------
    bbox : BBox
        The tight box; ``BBox(0, 0, 0, 0)`` if no pixel is set.
    mask : ndarray of bool, shape (bbox.height, bbox.width)

    Raises
    ------
    ExchangeError
        If a count is not a non-negative integer, or together they are not the frame's pixels.

    Examples
    --------
    >>> box, mask = decode([5, 2, 2, 2, 5], 4, 4)
    >>> box
    BBox(minr=1, minc=1, maxr=3, maxc=3)
    >>> mask.all()
    np.True_
    """
    return decode_all([counts], height, width, order)[0]


def decode_all(
    counts: Sequence[Sequence[int] | Ints], height: int, width: int, order: Order = "columns"
) -> list[tuple[BBox, Bool2D]]:
    """Make many masks of one frame, in a fraction of the time that they take one by one.

    Parameters
    ----------
    counts : sequence of (sequence of int, or ndarray of int)
        Each as for `decode`, and so are the others.

    Returns
    -------
    list of (BBox, ndarray of bool)

    Raises
    ------
    ExchangeError
        As `decode`, for the first that is wrong, and nothing is returned. Read them one by one,
        then.
    """
    if not len(counts):
        return []
    if order == "rows":
        turned = decode_all(counts, width, height)
        return [(_turned(box), np.ascontiguousarray(mask.T)) for box, mask in turned]
    arrays = [_as_counts(each) for each in counts]
    number = np.concatenate(arrays)
    _check_range(number, "run lengths")
    last = np.cumsum([len(each) for each in arrays])
    first = np.concatenate(([0], last[:-1]))
    ends = np.cumsum(number)
    until = np.concatenate(([0], ends))
    wrong = until[last] - until[first] != height * width
    if wrong.any():
        at = int(wrong.argmax())
        total = int(until[last[at]] - until[first[at]])
        raise ExchangeError(
            f"run lengths are {total} pixels; expected {height} x {width} = {height * width}"
        )
    owner = np.repeat(np.arange(len(arrays)), last - first)
    ones = (np.arange(len(number)) - first[owner]) & 1 == 1
    ones &= number > 0
    end, owner = ends[ones], owner[ones]
    end -= owner * (height * width)
    return cut_at_columns(owner, end - number[ones], end, height).paint(len(arrays))


# ---------------------------------------------------------------------- masks to run lengths


def runs(mask: Bool2D, bbox: BBox, height: int, width: int, order: Order = "columns") -> Ints:
    """Count the runs of a mask in its frame; the inverse of `decode`.

    Parameters
    ----------
    mask : ndarray of bool, shape (bbox.height, bbox.width)
    bbox : BBox
        Where it lies; tight or not.
    height, width : int
        The frame, pixels.
    order : {"columns", "rows"}
        As for `decode`.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    ExchangeError
        If the box reaches outside the frame, or has another shape than the mask.
    """
    return runs_all([mask], [bbox], height, width, order)[0]


def runs_all(
    masks: Sequence[Bool2D],
    boxes: Sequence[BBox] | Ints,
    height: int,
    width: int,
    order: Order = "columns",
) -> list[Ints]:
    """Count the runs of many masks, in a fraction of the time that they take one by one.

    Parameters
    ----------
    masks : sequence of ndarray of bool
    boxes : sequence of BBox, or ndarray of int64, shape (len(masks), 4)
        Where each lies.
    height, width, order
        As for `runs`.

    Returns
    -------
    list of ndarray of int64

    Raises
    ------
    ExchangeError
        As `runs`.
    """
    box = np.asarray(boxes, np.int64).reshape(-1, 4)
    _check_boxes(masks, box, height, width)
    if order == "rows":
        masks = [mask.T for mask in masks]
        box, height, width = box[:, [1, 0, 3, 2]], width, height
    owner, position = changes(masks, box, height)
    return _counts(owner, position, len(masks), height * width)


def _counts(owner: Ints, position: Ints, n_masks: int, n_pixels: int) -> list[Ints]:
    """Distances between the changes of each mask, to the end of the frame."""
    # Nothing changes behind the frame.
    inside = position < n_pixels
    owner, position = owner[inside], position[inside]
    behind = np.cumsum(np.bincount(owner, minlength=n_masks) + 1)
    until = np.full(int(behind[-1]) if n_masks else 0, n_pixels)
    inner = np.ones(len(until), np.bool_)
    inner[behind - 1] = False
    until[inner] = position
    count = until.copy()
    count[1:] -= until[:-1]
    first = behind[:-1]
    count[first] = until[first]
    return [count[low:high] for low, high in pairwise([0, *behind.tolist()])]


# ---------------------------------------------------------------------- checks


def _as_counts(counts: Any) -> Ints:
    """Read counts as an array, if they are integers."""
    if not isinstance(counts, np.ndarray):
        if not isinstance(counts, Sequence) or isinstance(counts, str | bytes):
            raise ExchangeError(
                f"run lengths are {type(counts).__name__}; expected a list of integers"
            )
        # NumPy takes True for 1, and "1" for a text.
        kinds = set(map(type, counts))
        other = [k.__name__ for k in kinds if k is bool or not issubclass(k, int | np.integer)]
        if other:
            named = ", ".join(sorted(other))
            raise ExchangeError(f"run lengths hold {named}; expected integers alone")
        try:
            counts = np.array(counts, np.int64)
        except OverflowError:
            raise ExchangeError(
                f"run lengths hold a number of over 64 bits; expected 0 to {_COUNT_END - 1}"
            ) from None
    if counts.ndim != 1 or counts.dtype.kind not in "iu":
        raise ExchangeError(
            f"run lengths are {counts.ndim}-dimensional {counts.dtype}; expected a list of integers"
        )
    if counts.dtype == np.uint64:
        counts = np.minimum(counts, np.uint64(_COUNT_END))
    count: Ints = counts.astype(np.int64, copy=False)
    return count


def _check_range(counts: Ints, what: str) -> None:
    if len(counts):
        least, most = int(np.minimum.reduce(counts)), int(np.maximum.reduce(counts))
        if least < 0 or most >= _COUNT_END:
            found = least if least < 0 else most
            raise ExchangeError(f"{what} hold a count of {found}; expected 0 to {_COUNT_END - 1}")


def _check_boxes(masks: Sequence[Bool2D], box: Ints, height: int, width: int) -> None:
    if len(masks) != len(box):
        raise ExchangeError(f"{len(box)} boxes for {len(masks)} masks; expected as many")
    shapes = np.array([mask.shape for mask in masks], np.int64).reshape(-1, 2)
    outside = (box[:, :2] < 0).any(axis=1) | (box[:, 2] > height) | (box[:, 3] > width)
    if outside.any():
        found = tuple(box[int(outside.argmax())].tolist())
        raise ExchangeError(
            f"box {found} reaches outside the frame; expected rows up to {height} and "
            f"columns up to {width}"
        )
    other = (shapes != box[:, 2:] - box[:, :2]).any(axis=1)
    if other.any():
        at = int(other.argmax())
        found = tuple(box[at].tolist())
        raise ExchangeError(f"mask of shape {masks[at].shape}; expected that of its box {found}")


def _turned(box: BBox) -> BBox:
    return BBox(box.minc, box.minr, box.maxc, box.maxr) if box.n_pixels else NO_BOX
