/**
 * What part of a frame a window shows.
 *
 * A view is `{scale, x, y}`: how many of the window's pixels a pixel of the frame has, and the
 * column and row of the frame that lie at the window's corner.
 */

/** @typedef {{scale: number, x: number, y: number}} View */
/** @typedef {{width: number, height: number}} Size of the window, in its pixels */

const MOST = 64;
const MARGIN = 12;

/** All of a box, in the middle. @param {import("../url.js").Box} box @param {Size} size @returns {View} */
export function viewOfBox([minr, minc, maxr, maxc], size, margin = MARGIN) {
  const [height, width] = [maxr - minr, maxc - minc];
  const scale = Math.min(
    MOST,
    Math.max(1, size.width - 2 * margin) / width,
    Math.max(1, size.height - 2 * margin) / height,
  );
  return {
    scale,
    x: minc - (size.width / scale - width) / 2,
    y: minr - (size.height / scale - height) / 2,
  };
}

/** @param {[number, number]} frame @param {Size} size */
export function viewOfAll(frame, size) {
  return viewOfBox([0, 0, frame[0], frame[1]], size);
}

/** Larger by a factor, about a point of the window. @param {View} view */
export function zoomed(view, factor, at, frame, size) {
  const least = Math.min(viewOfAll(frame, size).scale / 4, 1);
  const scale = Math.min(MOST, Math.max(least, view.scale * factor));
  return kept(
    {
      scale,
      x: view.x + at.x / view.scale - at.x / scale,
      y: view.y + at.y / view.scale - at.y / scale,
    },
    frame,
    size,
  );
}

/** Moved by so many of the window's pixels. @param {View} view */
export function panned(view, right, down, frame, size) {
  return kept({ ...view, x: view.x + right / view.scale, y: view.y + down / view.scale }, frame, size);
}

/** Something of the frame is always seen. */
function kept(view, [height, width], size) {
  const within = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
  const [seenWidth, seenHeight] = [size.width / view.scale, size.height / view.scale];
  return {
    scale: view.scale,
    x: within(view.x, -seenWidth / 2, width - seenWidth / 2),
    y: within(view.y, -seenHeight / 2, height - seenHeight / 2),
  };
}

/** The pixels of the frame that are seen, whole ones. @returns {import("../url.js").Box} */
export function boxOf(view, [height, width], size) {
  const within = (value, most) => Math.min(Math.max(value, 0), most);
  return [
    within(Math.floor(view.y), height),
    within(Math.floor(view.x), width),
    within(Math.ceil(view.y + size.height / view.scale), height),
    within(Math.ceil(view.x + size.width / view.scale), width),
  ];
}

/** The pixel of the frame at a point of the window. @param {View} view */
export function pixelAt(view, { x, y }) {
  return { row: Math.floor(view.y + y / view.scale), column: Math.floor(view.x + x / view.scale) };
}

/** Whether all of a box lies in another. */
export function isInside(inner, outer) {
  return (
    inner[0] >= outer[0] && inner[1] >= outer[1] && inner[2] <= outer[2] && inner[3] <= outer[3]
  );
}

/** A box and as much of the frame around it as half its size. */
export function widened([minr, minc, maxr, maxc], [height, width], part = 0.5) {
  const [down, right] = [Math.ceil((maxr - minr) * part), Math.ceil((maxc - minc) * part)];
  return [
    Math.max(0, minr - down),
    Math.max(0, minc - right),
    Math.min(height, maxr + down),
    Math.min(width, maxc + right),
  ];
}
