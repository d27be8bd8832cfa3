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
from iidindex.masks.batching import portions
from iidindex.masks.regions import Bool2D, Bytes, Ints
from iidindex.masks.upright_runs import NO_BOX, UprightRuns
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

# Pixels of small masks that are put on one canvas.
_BLOCK = 1 << 20
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
    digits = _digits(text)
    ends = np.flatnonzero(digits < _MORE)
    if len(digits) and (not len(ends) or ends[-1] != len(digits) - 1):
        raise ExchangeError(
            f"run lengths {_quoted(text)} end within a number; expected a last character below 'P'"
        )
    lengths = np.diff(ends, prepend=-1)
    longest = int(np.maximum.reduce(lengths, initial=1))
    if longest > _MOST_DIGITS:
        raise ExchangeError(
            f"run lengths {_quoted(text)} hold a number of {longest} characters; "
            f"expected at most {_MOST_DIGITS}"
        )
    # The last digit, which has the sign, comes first.
    counts = (digits[ends].astype(np.int64) ^ _SIGN) - _SIGN
    for digit in range(1, longest):
        which = np.flatnonzero(lengths > digit)
        counts[which] = (counts[which] << _BITS) | (digits[ends[which] - digit] & _LOW)
    # Each of the fourth and later counts is told by its difference from the last but one.
    for first in (1, 2):
        np.cumsum(counts[first::2], out=counts[first::2])
    _check_range(counts, f"run lengths {_quoted(text)}")
    return counts


def _digits(text: bytes | str) -> Bytes:
    if not isinstance(text, bytes | str):
        raise ExchangeError(f"run lengths are {type(text).__name__}; expected text")
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    digits = np.frombuffer(raw, np.uint8) - np.uint8(_FIRST)
    wrong = digits > _LAST - _FIRST
    if wrong.any():
        at = int(wrong.argmax())
        raise ExchangeError(
            f"run lengths {_quoted(text)} have {raw[at : at + 1]!r} at byte {at}; "
            "expected characters from '0' to 'o'"
        )
    return digits


def _quoted(text: bytes | str) -> str:
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
    if order == "rows":
        box, mask = decode(counts, width, height)
        return _turned(box), np.ascontiguousarray(mask.T)
    count = _as_counts(counts)
    _check_range(count, "run lengths")
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    if total != height * width:
        raise ExchangeError(
            f"run lengths are {total} pixels; expected {height} x {width} = {height * width}"
        )
    end = ends[1::2]
    begin = ends[::2][: len(end)]
    filled = begin < end
    runs = _down_columns(begin[filled], end[filled], height)
    return runs.paint(1)[0]


def _down_columns(begin: Ints, end: Ints, height: int) -> UprightRuns:
    """Cut runs of the whole frame into those of its columns."""
    if not len(begin):
        return UprightRuns(begin, begin, begin, begin)
    col, last = begin // height, (end - 1) // height
    top, bottom = begin - col * height, end - last * height
    n_columns = last - col + 1
    if int(np.maximum.reduce(n_columns)) > 1:
        behind = np.cumsum(n_columns)
        first = behind - n_columns
        col = np.repeat(col - first, n_columns) + np.arange(int(behind[-1]))
        cut_top, cut_bottom = np.zeros_like(col), np.full_like(col, height)
        cut_top[first], cut_bottom[behind - 1] = top, bottom
        top, bottom = cut_top, cut_bottom
    return UprightRuns(np.zeros_like(col), col, top, bottom)


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
    # Masks of about the same width waste little of the canvas they share.
    size = box[:, 2:] - box[:, :2]
    by_width = np.argsort(size[:, 1], kind="stable")
    counted: dict[int, Ints] = {}
    for part in portions(((size[:, 0] + 1) * size[:, 1])[by_width], _BLOCK):
        which = by_width[part]
        numbers = which.tolist()
        change, behind = _change_down([masks[at] for at in numbers], box[which])
        counted.update(
            zip(numbers, _counts(change, behind, box[which], height, width), strict=True)
        )
    return [counted[at] for at in range(len(masks))]


def _change_down(masks: list[Bool2D], box: Ints) -> tuple[Bool2D, Ints]:
    """Where pixels differ from those above, with a row below each mask; and where masks end."""
    behind = np.cumsum(box[:, 2] - box[:, 0] + 1)
    change = np.zeros((int(behind[-1]), int(np.maximum.reduce(box[:, 3] - box[:, 1]))), np.bool_)
    until = 0
    for mask in masks:
        n_rows, n_columns = mask.shape
        first, until = until, until + n_rows + 1
        if mask.size:
            here = change[first:until, :n_columns]
            here[0], here[-1] = mask[0], mask[-1]
            np.not_equal(mask[1:], mask[:-1], out=here[1:-1])
    return change, behind


def _counts(change: Bool2D, behind: Ints, box: Ints, height: int, width: int) -> list[Ints]:
    """Distances between the changes of each mask, down the columns of the frame."""
    stride, n_pixels = change.shape[1], height * width
    flat = np.flatnonzero(change)
    row = flat // stride if stride else flat
    owner = behind.searchsorted(row, side="right")
    # One number tells the mask and, counted down the columns, the pixel of its frame.
    frame = n_pixels + 1
    corner = box[:, 1] * height + box[:, 0] - np.append(0, behind[:-1])
    position = (flat - row * stride) * height + row + (np.arange(len(box)) * frame + corner)[owner]
    position.sort()
    owner = position // frame
    position -= owner * frame
    # The frame's end changes nothing, nor does that of a column where the next begins set.
    keep = position < n_pixels
    same = np.flatnonzero((position[1:] == position[:-1]) & (owner[1:] == owner[:-1]))
    keep[same] = keep[same + 1] = False
    ends = np.cumsum(np.bincount(owner[keep], minlength=len(box)) + 1)
    until = np.full(int(ends[-1]), n_pixels)
    inner = np.ones(len(until), np.bool_)
    inner[ends - 1] = False
    until[inner] = position[keep]
    count = until.copy()
    count[1:] -= until[:-1]
    cuts = [0, *ends.tolist()]
    count[cuts[:-1]] = until[cuts[:-1]]
    return [count[low:high] for low, high in pairwise(cuts)]


# ---------------------------------------------------------------------- checks


def _as_counts(counts: Any) -> Ints:
    """Read counts as an array, if they are integers."""
    if not isinstance(counts, np.ndarray):
        if not isinstance(counts, Sequence) or isinstance(counts, str | bytes):
            raise ExchangeError(
                f"run lengths are {type(counts).__name__}; expected a list of integers"
            )
        # NumPy takes True for 1, and "1" for a text.
        kinds = {kind for kind in set(map(type, counts)) if not _is_integer(kind)}
        if kinds:
            named = ", ".join(sorted(kind.__name__ for kind in kinds))
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


def _is_integer(kind: type) -> bool:
    return issubclass(kind, int | np.integer) and kind is not bool


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
