/** The outline of a mask, between its pixels and those that are not its own. */

/** @typedef {import("../bits.js").Mask} Mask */

const outlines = new WeakMap();

/**
 * As lines in the frame's coordinates, from corner to corner of pixels.
 * @param {Mask} mask @returns {Path2D}
 */
export function outlineOf(mask) {
  let path = outlines.get(mask);
  if (!path) {
    path = new Path2D();
    outlines.set(mask, path);
    const [minr, minc, maxr, maxc] = mask.bbox;
    if (!mask.bits) {
      path.rect(minc, minr, maxc - minc, maxr - minr);
      return path;
    }
    const isSet = unpacked(mask);
    across(mask.bbox, isSet, (row, from, to) => {
      path.moveTo(minc + from, minr + row);
      path.lineTo(minc + to, minr + row);
    });
    down(mask.bbox, isSet, (column, from, to) => {
      path.moveTo(minc + column, minr + from);
      path.lineTo(minc + column, minr + to);
    });
  }
  return path;
}

/** One byte a pixel, with a margin of zeros around. */
function unpacked({ bbox: [minr, minc, maxr, maxc], bits }) {
  const [height, width] = [maxr - minr, maxc - minc];
  const isSet = new Uint8Array((height + 2) * (width + 2));
  for (let row = 0, at = 0; row < height; row++) {
    const start = (row + 1) * (width + 2) + 1;
    for (let column = 0; column < width; column++, at++) {
      isSet[start + column] = (bits[at >> 3] >> (7 - (at & 7))) & 1;
    }
  }
  return isSet;
}

/** Edges between rows, as long as they go. */
function across([minr, minc, maxr, maxc], isSet, line) {
  const [height, stride] = [maxr - minr, maxc - minc + 2];
  for (let row = 0; row <= height; row++) {
    let from = -1;
    for (let column = 1; column < stride; column++) {
      const isEdge = isSet[row * stride + column] !== isSet[(row + 1) * stride + column];
      if (isEdge && from < 0) from = column;
      if (!isEdge && from >= 0) {
        line(row, from - 1, column - 1);
        from = -1;
      }
    }
  }
}

/** Edges between columns, as long as they go. */
function down([minr, minc, maxr, maxc], isSet, line) {
  const [rows, stride] = [maxr - minr + 2, maxc - minc + 2];
  for (let column = 0; column < stride - 1; column++) {
    let from = -1;
    for (let row = 1; row < rows; row++) {
      const at = row * stride + column;
      const isEdge = isSet[at] !== isSet[at + 1];
      if (isEdge && from < 0) from = row;
      if (!isEdge && from >= 0) {
        line(column, from - 1, row - 1);
        from = -1;
      }
    }
  }
}
