/** A small picture with its masks. */

import * as api from "../api.js";
import { queue } from "../asking.js";
import { frameOf } from "../bits.js";
import { GROUND, css } from "../colors.js";
import { borders, shapeOf, tints } from "./layer.js";

const AT_A_TIME = 3;
const KEPT = 240;
/** Where there are few masks: what is asked is the frame. */
const NOWHERE = [0, 0, 1, 1];

const inTurn = queue(AT_A_TIME);
const kept = new Map();

/**
 * Draw on a canvas, as large as fits.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {object} what
 * @param {string} what.name under which it is kept
 * @param {{path: string, root: string|null}} what.file
 * @param {boolean} [what.hasMasks] whether they are drawn
 * @param {import("../url.js").Box} [what.box] the part of the frame that is shown
 * @param {import("../url.js").Pairs} [what.filters] only the masks that fit these
 * @param {AbortSignal} signal
 * @returns {Promise<{isEmpty: boolean, masks: import("../bits.js").Mask[]}>}
 */
export async function drawThumbnail(canvas, what, signal) {
  const key = `${what.name} ${canvas.width} ${canvas.height}`;
  let drawn = kept.get(key);
  if (!drawn) {
    drawn = await inTurn(() => make(canvas.width, canvas.height, what, signal), signal);
    kept.set(key, drawn);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  }
  if (!signal.aborted) canvas.getContext("2d").drawImage(drawn.canvas, 0, 0);
  return drawn;
}

async function make(width, height, { file, hasMasks = true, box, filters }, signal) {
  const side = Math.max(width, height);
  const part = box ? { box: box.join(",") } : {};
  const found = await api.masks(file, { filters, box: hasMasks ? box : NOWHERE }, signal);
  if (!hasMasks) found.masks = [];
  const asked = found.hasPicture && api.picture(file, { ...part, size: side }, signal);
  const picture = asked ? await asked.catch(unlessStopped) : null;
  const frame = found.frame ?? (picture && !box ? null : frameOf(found.masks));
  const shown = box ?? [0, 0, ...(frame ?? [picture.height, picture.width])];
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  paint(canvas, shown, picture, found.masks);
  return { canvas, isEmpty: hasMasks && !picture && !found.masks.length, masks: found.masks };
}

/** A picture that cannot be had does not keep masks from being seen. */
function unlessStopped(error) {
  if (error.name === "AbortError") throw error;
  return null;
}

function paint(canvas, box, picture, masks) {
  const context = canvas.getContext("2d");
  const [minr, minc, maxr, maxc] = box;
  const zoom = Math.min(canvas.width / (maxc - minc), canvas.height / (maxr - minr));
  const [width, height] = [(maxc - minc) * zoom, (maxr - minr) * zoom];
  const [left, top] = [(canvas.width - width) / 2, (canvas.height - height) / 2];
  context.fillStyle = css(GROUND);
  context.fillRect(left, top, width, height);
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  context.imageSmoothingEnabled = zoom < 2;
  context.imageSmoothingQuality = "high";
  if (picture) context.drawImage(picture, left, top, width, height);
  const step = 2 ** Math.max(0, Math.floor(Math.log2(1 / zoom)));
  const grid = { box, step };
  const layer = document.createElement("canvas");
  [layer.height, layer.width] = shapeOf(grid);
  const [across, down] = [layer.width * step * zoom, layer.height * step * zoom];
  for (const draw of [tints, borders]) {
    layer.getContext("2d").putImageData(draw(masks, grid), 0, 0);
    context.drawImage(layer, left, top, across, down);
  }
}
