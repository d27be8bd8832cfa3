/** A window onto a picture and its masks: keeps what is drawn, and draws it when it has changed. */

import { GROUND, colorOf, css } from "../colors.js";
import { agreement, borders, heat, shapeOf, tints } from "./layer.js";
import { outlineOf } from "./outline.js";
import { boxOf, isInside, widened } from "./viewport.js";

/** A layer of the whole frame has at most so many pixels; beyond, it is of what is seen. */
const MOST_PIXELS = 4_000_000;
/** From so many of the window's pixels a pixel on, outlines are lines and not pixels. */
const LINES_FROM = 1.5;
const MOST_LINES = 400;

export class Stage {
  /** @param {HTMLCanvasElement} canvas @param {(told: object) => void} onLayer */
  constructor(canvas, onLayer) {
    this.canvas = canvas;
    this.onLayer = onLayer;
    this.context = canvas.getContext("2d");
    this.size = { width: 1, height: 1 };
    this.state = {
      frame: null,
      masks: [],
      pictures: [],
      view: null,
      kind: "masks",
      sides: null,
      hasLines: true,
      hasPicture: true,
      hovered: null,
      chosen: null,
      pixel: null,
      hasAim: false,
    };
    this.layer = null;
    this.waiting = 0;
  }

  /** Change some of the state. */
  set(part) {
    const before = this.state;
    this.state = { ...before, ...part };
    const isOther = (name) => this.state[name] !== before[name];
    if (["masks", "frame", "kind", "sides"].some(isOther)) this.layer = null;
    this.ask();
  }

  resize(width, height, ratio) {
    this.size = { width, height };
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(width * ratio));
    this.canvas.height = Math.max(1, Math.round(height * ratio));
    this.draw();
  }

  ask() {
    this.waiting ||= requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  stop() {
    cancelAnimationFrame(this.waiting);
  }

  draw() {
    const { context, state, ratio } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!state.frame || !state.view) return;
    const { scale, x, y } = state.view;
    const zoom = scale * ratio;
    // Corners of pixels lie on those of the window's, so that single ones are sharp.
    context.setTransform(zoom, 0, 0, zoom, -Math.round(x * zoom), -Math.round(y * zoom));
    context.imageSmoothingEnabled = zoom < 2;
    const [height, width] = state.frame;
    context.fillStyle = css(GROUND);
    context.fillRect(0, 0, width, height);
    if (state.hasPicture) {
      for (const { bitmap, box } of state.pictures) {
        context.drawImage(bitmap, box[1], box[0], box[3] - box[1], box[2] - box[0]);
      }
    }
    this.drawLayer(zoom);
    this.drawMarks(zoom);
    if (state.hasAim) this.drawAim();
  }

  drawLayer(zoom) {
    const { context, state } = this;
    if (state.kind === "none") return;
    const grid = this.grid();
    const isFine = grid.step === 1 && zoom >= LINES_FROM;
    const layer = this.layerOf(grid);
    const [minr, minc] = layer.grid.box;
    const [height, width] = shapeOf(layer.grid).map((side) => side * layer.grid.step);
    context.imageSmoothingEnabled = zoom * layer.grid.step < 1;
    context.drawImage(layer.canvas, minc, minr, width, height);
    if (state.kind !== "masks" || !state.hasLines) return;
    const seen = isFine ? this.seenMasks() : [];
    if (isFine && seen.length <= MOST_LINES) {
      context.lineWidth = (1.5 * this.ratio) / zoom;
      for (const mask of seen) {
        context.strokeStyle = css(colorOf(mask));
        context.stroke(outlineOf(mask));
      }
    } else {
      layer.borders ??= onCanvas(borders(state.masks, layer.grid));
      context.drawImage(layer.borders, minc, minr, width, height);
    }
  }

  seenMasks() {
    const seen = boxOf(this.state.view, this.state.frame, this.size);
    return this.state.masks.filter(
      ({ bbox }) => bbox[0] < seen[2] && bbox[2] > seen[0] && bbox[1] < seen[3] && bbox[3] > seen[1],
    );
  }

  /** What a layer has to cover, and how finely. */
  grid() {
    const { frame, view } = this.state;
    const whole = /** @type {import("../url.js").Box} */ ([0, 0, frame[0], frame[1]]);
    if (frame[0] * frame[1] <= MOST_PIXELS) return { box: whole, step: 1 };
    const step = 2 ** Math.max(0, Math.floor(Math.log2(1 / (view.scale * this.ratio))));
    const box = widened(boxOf(view, frame, this.size), frame, 0.25);
    // Layers begin at multiples of their step: what is drawn does not tremble while it is moved.
    const down = (value) => Math.floor(value / step) * step;
    return { box: [down(box[0]), down(box[1]), box[2], box[3]], step };
  }

  layerOf(grid) {
    const seen = boxOf(this.state.view, this.state.frame, this.size);
    const old = this.layer;
    if (old && old.grid.step === grid.step && isInside(seen, old.grid.box)) return old;
    const { kind, masks, sides } = this.state;
    let told = {};
    let image;
    if (kind === "heat") ({ image, ...told } = heat(masks, grid));
    else if (kind === "agreement") ({ image, ...told } = agreement(...sides, grid));
    else image = tints(masks, grid);
    this.layer = { grid, canvas: onCanvas(image), borders: null };
    this.onLayer({ kind, isWhole: grid.step === 1 && covers(grid, this.state.frame), ...told });
    return this.layer;
  }

  drawMarks(zoom) {
    const { context, state } = this;
    const mark = (mask, width) => {
      const path = outlineOf(mask);
      context.lineJoin = "round";
      context.lineWidth = ((width + 2) * this.ratio) / zoom;
      context.strokeStyle = "rgb(0 0 0 / 0.75)";
      context.stroke(path);
      context.lineWidth = (width * this.ratio) / zoom;
      context.strokeStyle = "rgb(255 255 255)";
      context.stroke(path);
    };
    if (state.hovered && state.hovered !== state.chosen) mark(state.hovered, 1);
    if (state.chosen) mark(state.chosen, 2);
    if (state.pixel) this.drawPixel(state.pixel, zoom);
  }

  /** The pixel that was chosen: a square around it, which can be seen however small it is. */
  drawPixel({ row, column }, zoom) {
    const { context } = this;
    const side = Math.max(1, (7 * this.ratio) / zoom);
    const [top, left] = [row + 0.5 - side / 2, column + 0.5 - side / 2];
    for (const [width, color] of [[3, "rgb(0 0 0 / 0.75)"], [1.25, "rgb(255 255 255)"]]) {
      context.lineWidth = (width * this.ratio) / zoom;
      context.strokeStyle = color;
      context.strokeRect(left, top, side, side);
    }
  }

  /** The middle of the window, which keys point at. */
  drawAim() {
    const { context, ratio } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const [x, y] = [Math.round(this.size.width / 2), Math.round(this.size.height / 2)];
    for (const [width, color] of [[3, "rgb(0 0 0 / 0.6)"], [1, "rgb(255 255 255)"]]) {
      context.lineWidth = width;
      context.strokeStyle = color;
      context.beginPath();
      for (const [right, down] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + 4 * right, y + 4 * down);
        context.lineTo(x + 11 * right, y + 11 * down);
      }
      context.stroke();
    }
  }
}

function covers(grid, [height, width]) {
  return isInside([0, 0, height, width], grid.box);
}

/** @param {ImageData} image */
function onCanvas(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
