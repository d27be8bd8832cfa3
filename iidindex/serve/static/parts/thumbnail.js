/** A thumbnail as a part of a page, which asks for what it shows when it has been there a moment. */

import { shownPath } from "../bytes.js";
import { drawThumbnail } from "../draw/thumbnail.js";
import { html, useEffect, useRef, useState } from "../preact.js";

/** Who scrolls past does not look. */
const PATIENCE = 60;

/**
 * @param {object} props
 * @param {object} props.what as `drawThumbnail` takes it
 * @param {number} props.width in pixels
 * @param {number} props.height
 * @param {(masks: import("../bits.js").Mask[]) => void} [props.onMasks]
 */
export function Thumbnail({ what, width, height, onMasks }) {
  const canvas = useRef(null);
  const [state, setState] = useState({});
  const ratio = Math.min(2, window.devicePixelRatio || 1);
  useEffect(() => {
    const control = new AbortController();
    const timer = setTimeout(() => {
      drawThumbnail(canvas.current, what, control.signal).then(
        ({ isEmpty, masks }) => {
          if (control.signal.aborted) return;
          setState({ isDrawn: true, isEmpty });
          onMasks?.(masks);
        },
        (error) => control.signal.aborted || setState({ error }),
      );
    }, PATIENCE);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [what.name, width, height, ratio]);
  return html`<span class="thumbnail">
    <canvas
      ref=${canvas}
      class=${state.isDrawn ? "drawn" : ""}
      width=${Math.round(width * ratio)}
      height=${Math.round(height * ratio)}
      style=${{ width: `${width}px`, height: `${height}px` }}
      aria-hidden="true"
    ></canvas>
    ${state.error && html`<span class="refused">
      <strong>${state.error.status === 409 ? "Not as it was indexed" : "Not shown"}</strong>
      <span>${shownPath(state.error.message)}</span>
    </span>`}
    ${state.isEmpty && html`<span class="refused">No masks</span>`}
  </span>`;
}
