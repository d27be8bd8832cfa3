/** Long lists: only what is seen of them is in the document. */

import { html, useEffect, useLayoutEffect, useRef, useState } from "../preact.js";

/** No browser lays out more than some 17 million pixels below each other. */
const MOST_HEIGHT = 16_000_000;
/** Rows beyond the edges that are there already when one scrolls. */
const BEYOND = 2;

/**
 * Rows of one height, in a box that scrolls.
 *
 * @param {object} props
 * @param {number} props.count of rows
 * @param {number} props.height of a row, in pixels
 * @param {(nth: number) => unknown} props.row what a row shows; it needs a key
 * @param {(last: number) => void} [props.onSeen] told how many rows end above the lower edge
 * @param {number} [props.start] where it is scrolled to at first
 * @param {(top: number) => void} [props.onScroll]
 * @param {number} [props.shownRow] a row that is to be seen
 */
export function Windowed({ count, height, row, onSeen, start = 0, onScroll, shownRow, ...rest }) {
  const box = useRef(null);
  const [{ top, room }, setSeen] = useState({ top: start, room: 800 });
  const started = useRef(false);
  const whole = Math.min(count * height, MOST_HEIGHT);

  useLayoutEffect(() => {
    if (started.current || whole <= start) return;
    started.current = true;
    box.current.scrollTop = start;
  });
  useEffect(() => {
    const watcher = new ResizeObserver(() => measure());
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);
  useEffect(() => {
    if (shownRow === undefined || shownRow < 0) return;
    const { scrollTop, clientHeight } = box.current;
    const from = shownRow * height;
    if (from < scrollTop) box.current.scrollTop = from;
    else if (from + height > scrollTop + clientHeight) {
      box.current.scrollTop = from + height - clientHeight;
    }
  }, [shownRow]);

  const measure = () => {
    if (!box.current) return;
    const { scrollTop, clientHeight } = box.current;
    setSeen((old) =>
      old.top === scrollTop && old.room === clientHeight ? old : { top: scrollTop, room: clientHeight },
    );
  };
  const first = Math.max(0, Math.floor(top / height) - BEYOND);
  const last = Math.min(count, Math.ceil((top + room) / height) + BEYOND);
  useEffect(() => {
    onSeen?.(last);
  });

  const shown = [];
  for (let nth = first; nth < last; nth++) shown.push(row(nth));
  return html`<div
    ...${rest}
    ref=${box}
    onScroll=${() => {
      measure();
      onScroll?.(box.current.scrollTop);
    }}
  >
    <div class="window" role="presentation" style=${{ height: `${whole}px` }}>
      <div class="window-part" role="presentation" style=${{ transform: `translateY(${first * height}px)` }}>
        ${shown}
      </div>
    </div>
  </div>`;
}

/** The width of an element, as it changes. @returns {[object, number]} a ref, and pixels */
export function useWidth() {
  const element = useRef(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const watcher = new ResizeObserver(() => {
      if (element.current) setWidth(element.current.clientWidth);
    });
    watcher.observe(element.current);
    setWidth(element.current.clientWidth);
    return () => watcher.disconnect();
  }, []);
  return [element, width];
}
