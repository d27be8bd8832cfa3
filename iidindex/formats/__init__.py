"""Other people's files: pictures and their masks, as records, from whatever format."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from iidindex.formats.annotation import Picture


def read(
    source: str | os.PathLike[str],
    format: str | None = None,  # noqa: A002
    *,
    domain: bytes | None = None,
    identity: str | None = None,
    group_by: str | None = None,
    images: str | os.PathLike[str] | None = None,
    axes: str | None = None,
    exif: Literal["raw", "turned"] | None = None,
    colors: bool = False,
    split: bool = False,
    threshold: int | None = None,
) -> Iterator[Picture]:
    """Read pictures and masks of another format, one at a time.

    Parameters
    ----------
    source : path-like
        A file or a directory.
    format : str, optional
        Its name, as `iidindex import --help` lists them; by default it is recognised.
    domain : bytes, optional
        The domain of all individuals; by default the name of the source without its suffix.
    identity : str, optional
        The field of an annotation that names the individual.
    group_by : str, optional
        The field that names the groups; by default the category.
    images : path-like, optional
        The directory of the pictures themselves; by default the source, or its directory.
    axes : str, optional
        The axes of a stack, such as ``"TYX"``.
    exif : {"raw", "turned"}, optional
        For square pictures that EXIF rotates: whether coordinates are those of the stored pixels
        (`raw`) or of the picture as shown (`turned`).
    colors : bool
        Take each colour of a coloured label image for a label.
    split : bool
        Make each connected part of a label an entry of its own.
    threshold : int, optional
        The smallest value of a pixel that is inside a grey mask.

    Yields
    ------
    Picture
        With ``name``, ``width``, ``height``, ``meta`` and ``entries``; each entry has
        ``address``, ``domain``, ``bbox = (minr, minc, maxr, maxc)``, half-open, pixels, ``mask``
        of that box, and ``groups``. Annotations that cannot be read are in ``refused``.

    Raises
    ------
    FormatGuessError
        If no format is given and it is not clear which it is.
    ExchangeError
        If the source, or a picture of it, cannot be read.
    """
    from iidindex.formats.finishing import read_pictures
    from iidindex.formats.planes import Keeper, kept_open
    from iidindex.formats.reading import Options
    from iidindex.formats.registry import format_named, guess
    from iidindex.storage.folder import Folder

    files = Folder(source)
    lies = files if files.is_folder else Folder(os.path.dirname(files.location))
    where = lies if images is None else Folder(images)
    options = Options(domain, identity, group_by, where, axes, exif, colors, split, threshold)
    name = guess(files) if format is None else format
    survey = format_named(name).survey(files, options)
    has_pictures = images is not None or not survey.masks_are_images
    keeper = Keeper()
    try:
        for task in survey.tasks:
            if task.image is None and has_pictures:
                task = task._replace(image=where.picture_of(task.name.replace("\\", "/")))
            # What is kept open is not for whoever has the picture meanwhile.
            with kept_open(keeper):
                pictures = list(read_pictures(name, files, options, survey.shared, task))
            yield from pictures
    finally:
        keeper.close()


__all__ = ["read"]
