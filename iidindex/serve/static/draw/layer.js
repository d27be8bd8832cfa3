/**
 * Masks as pixels of a layer that is laid over the picture.
 *
 * A layer covers a box of the frame. Each of its pixels stands for `step` × `step` of the frame's
 * and shows that in their middle; a mask that would be smaller than two of them is drawn as its box.
 */

import { AGREEMENT, colorOf, heatScale } from "../colors.js";

/** @typedef {import("../bits.js").Mask} Mask */
/** @typedef {{box: import("../url.js").Box, step: number}} Grid */

const TINT = 0.42;
const LINE = 0.95;
const AGREED = 0.62;
const HEAT = 0.78;

/** Height and width of a layer, in its pixels. @param {Grid} grid @returns {[number, number]} */
export function shapeOf({ box: [minr, minc, maxr, maxc], step }) {
  return [Math.max(1, Math.ceil((maxr - minr) / step)), Math.max(1, Math.ceil((maxc - minc) / step))];
}

/**
 * Call with each row of a layer in which a mask has pixels: the row, its first column, and how many
 * columns; `set` then says which of them are the mask's.
 */
function eachRow(mask, { box, step }, [height, width], set, call) {
  const [minr, minc, maxr, maxc] = mask.bbox;
  if (!mask.bits || maxr - minr < 2 * step || maxc - minc < 2 * step) {
    if (mask.area > 0) eachRowOfBox(mask.bbox, { box, step }, [height, width], set, call);
    return;
  }
  const half = step >> 1;
  const first = (low, from) => Math.max(0, Math.ceil((low - from - half) / step));
  const end = (high, from, most) => Math.min(most, Math.ceil((high - from - half) / step));
  const [top, left] = [first(minr, box[0]), first(minc, box[1])];
  const [bottom, right] = [end(maxr, box[0], height), end(maxc, box[1], width)];
  if (right <= left) return;
  for (let row = top; row < bottom; row++) {
    let at = (box[0] + row * step + half - minr) * (maxc - minc);
    at += box[1] + left * step + half - minc;
    for (let column = 0; column < right - left; column++, at += step) {
      set[column] = (mask.bits[at >> 3] >> (7 - (at & 7))) & 1;
    }
    call(row, left, right - left);
  }
}

function eachRowOfBox([minr, minc, maxr, maxc], { box, step }, [height, width], set, call) {
  const top = Math.floor((minr - box[0]) / step);
  const left = Math.max(0, Math.floor((minc - box[1]) / step));
  const bottom = Math.max(top + 1, Math.round((maxr - box[0]) / step));
  const right = Math.min(width, Math.max(left + 1, Math.round((maxc - box[1]) / step)));
  if (right <= left) return;
  set.fill(1, 0, right - left);
  for (let row = Math.max(0, top); row < Math.min(height, bottom); row++) {
    call(row, left, right - left);
  }
}

/** Every mask in its colour, the largest first. @param {Mask[]} masks @param {Grid} grid */
export function tints(masks, grid) {
  const [height, width] = shapeOf(grid);
  const image = new ImageData(width, height);
  const set = new Uint8Array(width);
  for (const mask of byArea(masks)) {
    const color = colorOf(mask);
    eachRow(mask, grid, [height, width], set, (row, left, count) => {
      for (let i = 0, at = 4 * (row * width + left); i < count; i++, at += 4) {
        if (set[i]) over(image.data, at, color, TINT);
      }
    });
  }
  return image;
}

/** The pixels of every mask that have a neighbour which is not its own. */
export function borders(masks, grid) {
  const shape = shapeOf(grid);
  const [height, width] = shape;
  const image = new ImageData(width, height);
  const set = new Uint8Array(width);
  const rows = [0, 1, 2].map(() => new Uint8Array(width + 2));
  for (const mask of byArea(masks)) {
    const color = colorOf(mask);
    let [last, left, count] = [-2, 0, 0];
    const draw = (row) => {
      const [above, here, below] = rows;
      for (let i = 1, at = 4 * (row * width + left); i <= count; i++, at += 4) {
        const isInside = above[i] && below[i] && here[i - 1] && here[i + 1];
        if (here[i] && !isInside) over(image.data, at, color, LINE);
      }
      rows.push(rows.shift());
    };
    rows.forEach((row) => row.fill(0));
    eachRow(mask, grid, shape, set, (row, first, many) => {
      [left, count] = [first, many];
      rows[2].fill(0);
      rows[2].set(set.subarray(0, many), 1);
      if (last < 0) rows.push(rows.shift());
      else draw(last);
      last = row;
    });
    if (last >= 0) {
      rows[2].fill(0);
      draw(last);
    }
  }
  return image;
}

/** How many masks hold each pixel, in the colours of the scale. */
export function heat(masks, grid) {
  const [height, width] = shapeOf(grid);
  const counts = new Uint16Array(height * width);
  const set = new Uint8Array(width);
  for (const mask of masks) {
    eachRow(mask, grid, [height, width], set, (row, left, count) => {
      for (let i = 0, at = row * width + left; i < count; i++, at++) counts[at] += set[i];
    });
  }
  const most = counts.reduce((a, b) => Math.max(a, b), 0);
  const image = new ImageData(width, height);
  counts.forEach((count, at) => {
    if (count) put(image.data, 4 * at, heatScale[Math.round((255 * count) / most)], HEAT);
  });
  return { image, most };
}

/**
 * What the masks of two domains share, and what only one of them has.
 * @returns {{image: ImageData, both: number, onlyA: number, onlyB: number}} with pixels counted
 */
export function agreement(a, b, grid) {
  const [height, width] = shapeOf(grid);
  const sides = new Uint8Array(height * width);
  const set = new Uint8Array(width);
  for (const [masks, bit] of [[a, 1], [b, 2]]) {
    for (const mask of masks) {
      eachRow(mask, grid, [height, width], set, (row, left, count) => {
        for (let i = 0, at = row * width + left; i < count; i++, at++) if (set[i]) sides[at] |= bit;
      });
    }
  }
  const image = new ImageData(width, height);
  const counts = [0, 0, 0, 0];
  const colors = [null, AGREEMENT.a, AGREEMENT.b, AGREEMENT.both];
  sides.forEach((side, at) => {
    counts[side]++;
    if (side) put(image.data, 4 * at, colors[side], AGREED);
  });
  return { image, both: counts[3], onlyA: counts[1], onlyB: counts[2] };
}

function byArea(masks) {
  return [...masks].sort((a, b) => b.area - a.area || b.key - a.key);
}

function put(data, at, color, alpha) {
  data[at] = color[0];
  data[at + 1] = color[1];
  data[at + 2] = color[2];
  data[at + 3] = 255 * alpha;
}

/** Lay a colour over what is there. */
function over(data, at, color, alpha) {
  const below = (data[at + 3] / 255) * (1 - alpha);
  const sum = alpha + below;
  for (let i = 0; i < 3; i++) data[at + i] = (color[i] * alpha + data[at + i] * below) / sum;
  data[at + 3] = 255 * sum;
}
