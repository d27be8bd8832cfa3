"""GeoJSON for QuPath, written: outlines along the edges of pixels, which are drawn exactly."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from iidindex.formats.annotation import Annotation, Picture
from iidindex.formats.byte_texts import text_fields
from iidindex.formats.geojson import OWN_MEMBER
from iidindex.formats.writing import Sink
from iidindex.masks.polygons import outlines


class GeoJsonWriter:
    """GeoJSON, a file a picture."""

    is_one_file = False

    def begin(self, sink: Sink) -> GeoJsonSession:
        """Begin an export."""
        return GeoJsonSession(sink)


class GeoJsonSession:
    """One export under way."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lost: dict[str, int] = {}

    @property
    def lost(self) -> dict[str, int]:
        """What the format could not keep, and how often."""
        return dict(self._lost)

    def add(self, picture: Picture) -> None:
        """Write the file of a picture."""
        # Behind the features it would be too late for a reader that goes through them once.
        own = {"width": picture.width, "height": picture.height, "image": picture.image}
        head = {
            "type": "FeatureCollection",
            OWN_MEMBER: {name: value for name, value in own.items() if value is not None},
        }
        features = [
            json.dumps(feature, separators=(",", ":"))
            for entry in picture.entries
            if (feature := self._feature(entry)) is not None
        ]
        parts = [json.dumps(head)[:-1], ', "features": [\n', ",\n".join(features), "\n]}\n"]
        self._sink.put(f"{picture.name}.geojson", "".join(parts).encode())

    def finish(self) -> None:
        """Nothing is about all pictures together."""

    def _feature(self, entry: Annotation) -> dict[str, Any] | None:
        polygons = [
            [np.concatenate([ring, ring[:1]]).tolist() for ring in rings]
            for rings in outlines(entry.mask, entry.bbox)
        ]
        if not polygons:
            told = "masks without a pixel"
            self._lost[told] = self._lost.get(told, 0) + 1
            return None
        is_one = len(polygons) == 1
        properties: dict[str, Any] = {
            "objectType": "annotation",
            "name": entry.address.decode("utf-8", "backslashreplace"),
            **text_fields("address", entry.address),
            **text_fields("domain", entry.domain),
            "groups": list(entry.groups),
        }
        if entry.groups:
            properties["classification"] = {"name": entry.groups[0]}
        if entry.key is not None:
            properties["key"] = entry.key
        return {
            "type": "Feature",
            "geometry": {
                "type": "Polygon" if is_one else "MultiPolygon",
                "coordinates": polygons[0] if is_one else polygons,
            },
            "properties": properties,
        }


WRITER = GeoJsonWriter()
