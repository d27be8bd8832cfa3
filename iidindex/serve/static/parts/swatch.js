/** The colour of an individual, beside its name. */

import { colorOf, css } from "../colors.js";
import { addressOf } from "../individuals.js";
import { html } from "../preact.js";

const END = 6;

export function Swatch({ of }) {
  return html`<span class="swatch" aria-hidden="true" style=${{ background: css(colorOf(of)) }}></span>`;
}

/** An address with its colour. */
export function Name({ of }) {
  return html`<span class="named"><${Swatch} of=${of} /><${Cut} text=${addressOf(of)} /></span>`;
}

/** Text that loses its middle where there is no room: names often differ in their ends. */
export function Cut({ text }) {
  const letters = Array.from(text);
  if (letters.length <= 2 * END) return html`<bdi class="start">${text}</bdi>`;
  const end = letters.splice(-END).join("");
  return html`<span class="hidden">${text}</span>
    <bdi class="cut" aria-hidden="true"><span class="start">${letters.join("")}</span><span>${end}</span></bdi>`;
}
