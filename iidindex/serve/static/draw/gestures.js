/** What mouse, fingers and wheel do on a canvas, told as moves and zooms. */

/** So far a pointer may move while it is down, and it is a click all the same. */
const STILL = 5;

/**
 * @param {HTMLElement} element
 * @param {object} on
 * @param {(right: number, down: number) => void} on.pan
 * @param {(factor: number, at: {x: number, y: number}) => void} on.zoom
 * @param {(at: {x: number, y: number}) => void} on.click
 * @param {(at: {x: number, y: number}|null) => void} on.hover
 * @returns {() => void} stops listening
 */
export function listen(element, on) {
  const down = new Map();
  let moved = 0;
  const placeOf = (event) => {
    const { left, top } = element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const pinch = () => {
    const [a, b] = [...down.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, width: Math.hypot(a.x - b.x, a.y - b.y) };
  };
  const handlers = {
    pointerdown(event) {
      if (event.button !== 0) return;
      element.setPointerCapture(event.pointerId);
      down.set(event.pointerId, placeOf(event));
      moved = down.size > 1 ? Infinity : 0;
    },
    pointermove(event) {
      const place = placeOf(event);
      const last = down.get(event.pointerId);
      if (!last) {
        on.hover(place);
        return;
      }
      const before = down.size === 2 ? pinch() : null;
      down.set(event.pointerId, place);
      if (before) {
        const after = pinch();
        if (before.width > 0) on.zoom(after.width / before.width, after);
        on.pan(before.x - after.x, before.y - after.y);
        return;
      }
      moved += Math.hypot(place.x - last.x, place.y - last.y);
      if (moved > STILL) on.pan(last.x - place.x, last.y - place.y);
    },
    pointerup(event) {
      const place = down.get(event.pointerId);
      down.delete(event.pointerId);
      if (place && moved <= STILL) on.click(placeOf(event));
    },
    pointercancel(event) {
      down.delete(event.pointerId);
    },
    pointerleave() {
      on.hover(null);
    },
    wheel(event) {
      event.preventDefault();
      const lines = event.deltaMode === 0 ? 1 : 16;
      const speed = event.ctrlKey ? 0.01 : 0.0016;
      const delta = Math.max(-240, Math.min(240, event.deltaY * lines));
      on.zoom(Math.exp(-delta * speed), placeOf(event));
    },
  };
  for (const [name, handler] of Object.entries(handlers)) {
    element.addEventListener(name, handler, { passive: name !== "wheel" });
  }
  return () => {
    for (const [name, handler] of Object.entries(handlers)) element.removeEventListener(name, handler);
  };
}
