/** What is known of a file: its masks, its frame and its picture, as far as they are needed. */

import * as api from "../api.js";
import { frameOf } from "../bits.js";
import { boxOf, isInside, widened } from "../draw/viewport.js";
import { useEffect, useRef, useState } from "../preact.js";

/** With more masks, only what is seen is asked for. */
const MOST_MASKS = 2000;
/** Along a side, as the server sends pictures and as browsers draw them. */
const MOST_SIDE = 4096;
/** Of more masks, the boxes are drawn. */
const MOST_AT_ONCE = 5000;
const MOST_BOXES = 50_000;
const PATIENCE = 120;

/**
 * @typedef {object} Loaded
 * @property {[number, number]|null} frame
 * @property {import("../bits.js").Mask[]} masks those that are here
 * @property {boolean} isWhole whether these are all
 * @property {object[]} pictures `{bitmap, box}`, the coarser first
 * @property {Error|null} error
 * @property {boolean} isBusy
 */

const NOTHING = { frame: null, masks: [], isWhole: false, pictures: [], error: null, isBusy: true };

/**
 * @param {{path: string, root: string|null}} file
 * @returns {[Loaded, (view: import("../draw/viewport.js").View, size: object) => void]} what is
 * known, and what to call when something else is seen
 */
export function useFile(file) {
  const [loaded, setLoaded] = useState(NOTHING);
  const work = useRef(null);
  useEffect(() => {
    const control = new AbortController();
    const loading = new Loading(file, control.signal, (part) => {
      if (!control.signal.aborted) setLoaded((known) => ({ ...known, ...part }));
    });
    work.current = loading;
    setLoaded(NOTHING);
    loading.begin().catch((error) => {
      if (error.name !== "AbortError") loading.tell({ error, isBusy: false });
    });
    return () => {
      control.abort();
      clearTimeout(loading.timer);
    };
  }, [file.path, file.root]);
  return [loaded, (view, size) => work.current?.see(view, size)];
}

function meets(a, b) {
  return a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
}

class Loading {
  constructor(file, signal, tell) {
    Object.assign(this, { file, signal, tell, frame: null, isWhole: false, seen: null, boxes: null });
    this.masksOf = null;
    this.detailOf = null;
    this.timer = 0;
  }

  async begin() {
    this.isWhole = !(await this.hasMany());
    const { frame, masks, hasPicture } = await this.first();
    const picture = hasPicture ? this.whole() : null;
    let shown = frame ?? (this.isWhole ? frameOf(masks) : null);
    const bitmap = frame ? null : await picture;
    if (bitmap && bitmap.width < MOST_SIDE && bitmap.height < MOST_SIDE) {
      shown = [bitmap.height, bitmap.width];
    }
    this.frame = shown ?? [MOST_SIDE, MOST_SIDE];
    this.tell({
      frame: this.frame,
      masks: this.isWhole ? masks : [],
      isWhole: this.isWhole,
      isBusy: !this.isWhole,
    });
    const whole = await picture;
    this.coarse = whole && { bitmap: whole, box: [0, 0, ...this.frame] };
    if (whole) this.tell({ pictures: [this.coarse] });
    if (this.seen) this.see(...this.seen);
  }

  /** All of the picture, or null if it cannot be had. */
  async whole() {
    try {
      return await api.picture(this.file, { size: MOST_SIDE }, this.signal);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      this.tell({ pictureError: error });
      return null;
    }
  }

  /** All masks, or only what the file says of its frame. */
  async first() {
    try {
      if (this.isWhole) return await api.masks(this.file, {}, this.signal);
    } catch (error) {
      // Few, but too large to be sent at once.
      if (error.status !== 400) throw error;
      this.isWhole = false;
    }
    return api.masks(this.file, { box: [0, 0, 1, 1] }, this.signal);
  }

  /** Whether the file has so many masks that only those that are seen are asked for. */
  async hasMany() {
    const asked = { ...this.file, limit: 1000, fields: "key" };
    let after = null;
    for (let masks = 0; masks < MOST_MASKS; masks += 1000) {
      const page = await api.entries({ ...asked, after }, this.signal);
      if (page.next === null) return false;
      after = page.next;
    }
    return true;
  }

  /** Ask for what is missing of what is seen, once it stands still. */
  see(view, size) {
    this.seen = [view, size];
    if (!this.frame) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const box = boxOf(view, this.frame, size);
      if (box[2] <= box[0] || box[3] <= box[1]) return;
      this.seeMasks(box).catch((error) => this.fail(error));
      this.seePicture(box, view.scale).catch((error) => this.fail(error));
    }, PATIENCE);
  }

  fail(error) {
    if (error.name !== "AbortError") this.tell({ error, isBusy: false });
  }

  async seeMasks(box) {
    if (this.isWhole || (this.masksOf && isInside(box, this.masksOf))) return;
    const wanted = widened(box, this.frame, 0.25);
    this.masksOf = wanted;
    this.tell({ isBusy: true });
    if (this.boxes && this.boxes.filter((mask) => meets(mask.bbox, wanted)).length > MOST_AT_ONCE) {
      this.tell({ masks: this.boxes, isBusy: false });
      return;
    }
    try {
      const { masks } = await api.masks(this.file, { box: wanted }, this.signal);
      if (this.masksOf === wanted) this.tell({ masks, isBusy: false, error: null });
    } catch (error) {
      // Too many to send: there are so many only where each of them is small.
      if (error.status !== 400) throw error;
      await this.seeBoxes(wanted);
    }
  }

  async seeBoxes(wanted) {
    const found = [];
    for await (const rows of api.boxes(this.file, wanted, this.signal)) {
      if (this.masksOf !== wanted) return;
      found.push(...rows);
      this.tell({ masks: [...found], error: null });
      if (found.length >= MOST_BOXES) break;
    }
    this.boxes = found;
    this.tell({ isBusy: false });
  }

  /** A frame larger than a picture may be is seen in full only in parts. */
  async seePicture(box, scale) {
    if (!this.coarse) return;
    const coarseness = this.coarse.bitmap.width / this.frame[1];
    const ratio = window.devicePixelRatio || 1;
    if (coarseness >= 1 || scale * ratio <= coarseness) return;
    if (this.detailOf && isInside(box, this.detailOf.box) && this.detailOf.scale >= scale) return;
    const wanted = widened(box, this.frame, 0.25);
    this.detailOf = { box: wanted, scale };
    const side = Math.max(wanted[2] - wanted[0], wanted[3] - wanted[1]);
    const parameters = { box: wanted.join(","), size: Math.min(MOST_SIDE, Math.ceil(side * Math.min(1, scale * ratio))) };
    const bitmap = await api.picture(this.file, parameters, this.signal);
    if (this.detailOf.box === wanted) {
      this.tell({ pictures: [this.coarse, { bitmap, box: wanted }] });
    }
  }
}
