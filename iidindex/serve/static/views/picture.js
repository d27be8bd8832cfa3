/** The canvas of a file: what mouse and keys do on it. */

import { masksAt } from "../bits.js";
import { listen } from "../draw/gestures.js";
import { Stage } from "../draw/stage.js";
import { boxOf, isInside, panned, pixelAt, viewOfAll, viewOfBox, zoomed } from "../draw/viewport.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../preact.js";

const STEP = 1.25;
/** Of the window, that an arrow moves. */
const PART = 0.12;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @param {object} props
 * @param {import("./loaded-file.js").Loaded} props.loaded
 * @param {import("../bits.js").Mask[]} props.masks that are drawn and can be chosen
 * @param {object} props.look `{kind, sides, hasLines, hasPicture}`
 * @param {import("../url.js").Box|null} props.box what is to be seen; null for all
 * @param {object|null} props.pixel that was chosen
 * @param {object|null} props.chosen the mask that was chosen
 * @param {string} props.label what the picture shows, for those who do not see it
 * @param {(box: import("../url.js").Box|null) => void} props.onBox
 * @param {(pixel: {row: number, column: number}) => void} props.onChoose
 * @param {(told: {pixel: object, masks: object[]}|null) => void} props.onHover
 * @param {(key: string, event: KeyboardEvent) => void} props.onKey
 */
export function Picture(props) {
  const canvas = useRef(null);
  const stage = useRef(null);
  const now = useRef(null);
  now.current = { ...props, view: now.current?.view ?? null };
  const [isAimed, setAimed] = useState(false);
  const { loaded, masks, look, box, pixel, chosen, label } = props;

  const show = (view, isOurs = true) => {
    const { frame } = now.current.loaded;
    now.current.view = view;
    stage.current.set({ view });
    now.current.onSeen(view, stage.current.size);
    if (!isOurs) return;
    const isAll = view === now.current.all;
    now.current.told = isAll ? null : boxOf(view, frame, stage.current.size);
    now.current.onBox(now.current.told);
  };
  const fit = () => {
    const { frame } = now.current.loaded;
    now.current.all = viewOfAll(frame, stage.current.size);
    return now.current.all;
  };
  const move = (change) => {
    const { view, loaded: { frame } } = now.current;
    if (view && frame) show(change(view, frame, stage.current.size));
  };
  const zoom = (factor, at) => move((view, frame, size) => zoomed(view, factor, at ?? middle(size), frame, size));
  const pan = (right, down) => move((view, frame, size) => panned(view, right, down, frame, size));
  const hitsAt = (at) => {
    const found = pixelAt(now.current.view, at);
    const [height, width] = now.current.loaded.frame;
    const isThere = found.row >= 0 && found.column >= 0 && found.row < height && found.column < width;
    return isThere ? { pixel: found, masks: masksAt(now.current.masks, found.row, found.column) } : null;
  };
  const choose = (at) => {
    const found = now.current.view && hitsAt(at);
    if (found) now.current.onChoose(found.pixel);
  };
  const hover = (at) => {
    const found = at && now.current.view && now.current.loaded.frame ? hitsAt(at) : null;
    stage.current.set({ hovered: found?.masks[0] ?? null });
    now.current.onHover(found);
  };

  useLayoutEffect(() => {
    stage.current = new Stage(canvas.current, (told) => now.current.onLayer(told));
    const stop = listen(canvas.current, { pan, zoom, click: choose, hover });
    const watcher = new ResizeObserver(() => {
      const { clientWidth, clientHeight } = canvas.current;
      if (!clientWidth || !clientHeight) return;
      stage.current.resize(clientWidth, clientHeight, window.devicePixelRatio || 1);
      if (now.current.loaded.frame) show(asTold(), false);
    });
    watcher.observe(canvas.current);
    return () => {
      stop();
      watcher.disconnect();
      stage.current.stop();
    };
  }, []);

  const asTold = () => (now.current.box ? viewOfBox(now.current.box, stage.current.size, 0) : fit());
  const { frame } = loaded;
  const boxText = box?.join(",") ?? "";
  useLayoutEffect(() => {
    stage.current.set({ frame });
    if (!frame || stage.current.size.width <= 1) return;
    // What was told from here is what is seen already.
    if (now.current.view && (now.current.told?.join(",") ?? "") === boxText && now.current.frame === frame) return;
    now.current.frame = frame;
    show(asTold(), false);
    now.current.told = box;
  }, [frame, boxText]);
  useLayoutEffect(() => {
    stage.current.set({ masks, pictures: loaded.pictures, pixel, chosen, hasAim: isAimed, ...look });
  });
  useEffect(() => {
    // What was chosen elsewhere is brought into the window.
    const { view } = now.current;
    if (!view || !frame || !chosen || !pixel) return;
    const at = [pixel.row, pixel.column, pixel.row + 1, pixel.column + 1];
    if (isInside(at, boxOf(view, frame, stage.current.size))) return;
    const size = stage.current.size;
    const [right, down] = [(pixel.column - view.x) * view.scale, (pixel.row - view.y) * view.scale];
    pan(right - size.width / 2, down - size.height / 2);
  }, [chosen, pixel?.row, pixel?.column, frame]);

  const onKeyDown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const { size } = stage.current;
    if (arrow) {
      const part = event.shiftKey ? PART / 6 : PART;
      pan(arrow[0] * size.width * part, arrow[1] * size.height * part);
    } else if (event.key === "+" || event.key === "=") zoom(STEP);
    else if (event.key === "-" || event.key === "_") zoom(1 / STEP);
    else if (event.key === "0") {
      if (now.current.loaded.frame) show(fit());
    } else if (event.key === " ") choose(middle(size));
    else if (!now.current.onKey(event)) return;
    event.preventDefault();
  };
  return html`<div class="picture">
    <canvas
      ref=${canvas}
      id="picture"
      tabindex="0"
      role="img"
      aria-label=${label}
      aria-describedby="picture-keys"
      onKeyDown=${onKeyDown}
      onFocus=${() => setAimed(canvas.current.matches(":focus-visible"))}
      onBlur=${() => setAimed(false)}
    ></canvas>
    <span id="picture-keys" class="hidden">
      Arrows move, plus and minus zoom, Space chooses what is in the middle, Tab walks the masks of the pixel,
      Enter shows everywhere one appears. The list of entries tells all that the picture shows.
    </span>
    <div class="zoom" role="group" aria-label="Zoom">
      <button type="button" aria-label="Larger" title="Larger (+)" onClick=${() => zoom(STEP * STEP)}>+</button>
      <button type="button" aria-label="Smaller" title="Smaller (−)" onClick=${() => zoom(1 / STEP / STEP)}>−</button>
      <button type="button" aria-label="All of it" title="All of it (0)" onClick=${() => now.current.loaded.frame && show(fit())}>
        <span aria-hidden="true">⤢</span>
      </button>
    </div>
  </div>`;
}

function middle({ width, height }) {
  return { x: width / 2, y: height / 2 };
}
