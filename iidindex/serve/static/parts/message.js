/** What is said where there is nothing to show. */

import { shownPath } from "../bytes.js";
import { html } from "../preact.js";

const TITLES = {
  401: "This page may not ask",
  404: "Not found",
  409: "This file is not as it was indexed",
  503: "Busy",
};

/** A question that was not answered, in the place of its answer. */
export function Problem({ error, onRetry }) {
  return html`<div class="problem" role="alert">
    <strong>${TITLES[error.status] ?? "No answer"}</strong>
    <p>${shownPath(error.message)}</p>
    ${error.hint && html`<p class="hint">${shownPath(error.hint)}</p>`}
    ${onRetry && html`<button type="button" onClick=${onRetry}>Ask again</button>`}
  </div>`;
}

/** @param {{children: unknown}} props */
export function Quiet({ children }) {
  return html`<p class="quiet">${children}</p>`;
}

/** While something is on its way; nothing is shown for what comes at once. */
export function Busy({ what = "Loading…" }) {
  return html`<p class="quiet busy" role="status">${what}</p>`;
}

const grouped = new Intl.NumberFormat("en");

/** @param {number} count @param {string} one @param {string} [many] */
export function counted(count, one, many = `${one}s`) {
  return `${grouped.format(count)} ${count === 1 ? one : many}`;
}

/** @param {number} value */
export function number(value) {
  return grouped.format(value);
}
