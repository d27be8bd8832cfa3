/** Which keys there are. */

import { html, useEffect, useRef } from "../preact.js";

const KEYS = [
  ["Everywhere", [["/", "search"], ["?", "this help"]]],
  ["The archive", [["h", "where the masks of all files lie"]]],
  ["A file", [
    ["← → ↑ ↓", "move the picture"],
    ["+  −", "larger, smaller"],
    ["0", "all of it"],
    ["Space", "choose what is in the middle"],
    ["Tab", "the next mask of the pixel"],
    ["Enter", "everywhere that it appears"],
    ["Esc", "choose nothing"],
    ["n  p", "next file, previous file"],
    ["o", "masks on, off"],
    ["l", "outlines on, off"],
    ["i", "picture on, off"],
    ["h", "how many masks hold each pixel"],
  ]],
];

export function Help({ isOpen, onClose }) {
  const dialog = useRef(null);
  useEffect(() => {
    const element = dialog.current;
    if (isOpen && !element.open) element.showModal();
    if (!isOpen && element.open) element.close();
  }, [isOpen]);
  return html`<dialog ref=${dialog} class="help" aria-labelledby="help-title" onClose=${onClose}
    onClick=${(event) => event.target === dialog.current && onClose()}>
    <div class="help-body">
      <h2 id="help-title">Keys</h2>
      ${KEYS.map(([title, keys]) => html`<h3>${title}</h3>
        <dl>${keys.map(([key, told]) => html`<div>
          <dt>${key.split("  ").map((one) => html`<kbd>${one}</kbd> `)}</dt>
          <dd>${told}</dd>
        </div>`)}</dl>`)}
      <p class="quiet">
        Drag to move, turn the wheel or pinch to zoom, click to choose. The address of the page always
        tells what you see: copy it to share it.
      </p>
      <button type="button" onClick=${onClose}>Close</button>
    </div>
  </dialog>`;
}

/** Whether a key is meant for what one types into. @param {KeyboardEvent} event */
export function isTyping(event) {
  const { target } = event;
  const isField = target.matches?.("input:not([type=checkbox]), textarea, select, [contenteditable]");
  return isField || event.ctrlKey || event.metaKey || event.altKey;
}
