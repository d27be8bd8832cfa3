/**
 * Masks as packed bits, as `masks.bin` has them: each holds its box's pixels, row by row, the most
 * significant bit first, without gaps between rows.
 */

/**
 * @typedef {object} Mask
 * @property {number} key
 * @property {string|null} address
 * @property {string|null} domain
 * @property {string} address_b64
 * @property {string} domain_b64
 * @property {import("./url.js").Box} bbox
 * @property {number} area
 * @property {string[]} groups
 * @property {Uint8Array} [bits] without them, the box stands for the mask
 */

/**
 * @typedef {object} Masks
 * @property {[number, number]|null} frame
 * @property {Mask[]} masks
 * @property {boolean} hasPicture whether there is a picture below them
 */

/** @param {ArrayBuffer} buffer @returns {Masks} */
export function parseMasks(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const all = new Uint8Array(buffer, 4 + length);
  const masks = head.masks.map(({ start, ...mask }) => {
    const [minr, minc, maxr, maxc] = mask.bbox;
    const bytes = Math.ceil(((maxr - minr) * (maxc - minc)) / 8);
    return { ...mask, bits: all.subarray(start, start + bytes) };
  });
  return { frame: head.frame, masks, hasPicture: head.picture };
}

/** Whether a mask holds a pixel. @param {Mask} mask */
export function holds({ bbox: [minr, minc, maxr, maxc], bits }, row, column) {
  if (row < minr || row >= maxr || column < minc || column >= maxc) return false;
  if (!bits) return true;
  const at = (row - minr) * (maxc - minc) + (column - minc);
  return ((bits[at >> 3] >> (7 - (at & 7))) & 1) === 1;
}

/** Masks that hold a pixel, the smallest first. @param {Mask[]} masks */
export function masksAt(masks, row, column) {
  return masks.filter((mask) => holds(mask, row, column)).sort(bySize);
}

/** @param {Mask} a @param {Mask} b */
export function bySize(a, b) {
  return a.area - b.area || a.key - b.key;
}

/**
 * A pixel of the mask: that nearest to the middle of its box, so that it can be pointed at.
 * @param {Mask} mask @returns {{row: number, column: number}|null} null if it has none
 */
export function pixelOf(mask) {
  const [minr, minc, maxr, maxc] = mask.bbox;
  const [middleRow, middleColumn] = [(minr + maxr - 1) / 2, (minc + maxc - 1) / 2];
  let best = null;
  let least = Infinity;
  for (let row = minr; row < maxr; row++) {
    const up = (row - middleRow) ** 2;
    if (up >= least) continue;
    for (let column = minc; column < maxc; column++) {
      const distance = up + (column - middleColumn) ** 2;
      if (distance < least && holds(mask, row, column)) {
        least = distance;
        best = { row, column };
      }
    }
  }
  return best;
}

/** The frame that holds all boxes, from row 0 and column 0. @param {Mask[]} masks */
export function frameOf(masks) {
  let [height, width] = [1, 1];
  for (const { bbox } of masks) {
    height = Math.max(height, bbox[2]);
    width = Math.max(width, bbox[3]);
  }
  return /** @type {[number, number]} */ ([height, width]);
}
