/** The colour of an individual, beside its name. */

import { colorOf, css } from "../colors.js";
import { addressOf, domainOf } from "../individuals.js";
import { html } from "../preact.js";

export function Swatch({ of }) {
  return html`<span class="swatch" aria-hidden="true" style=${{ background: css(colorOf(of)) }}></span>`;
}

/** An address, as text of whatever direction, with its colour. */
export function Name({ of, withDomain = false }) {
  const name = addressOf(of);
  return html`<span class="name" title=${name}>
    <${Swatch} of=${of} /><bdi>${name}</bdi>
    ${withDomain && html`<bdi class="domain">${domainOf(of)}</bdi>`}
  </span>`;
}
