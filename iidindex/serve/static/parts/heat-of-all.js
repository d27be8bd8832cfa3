/** Where masks lie in the frame, over all files that fit. */

import * as api from "../api.js";
import { useAnswer } from "../asking.js";
import { html, useEffect, useState } from "../preact.js";
import { Busy, Problem, Quiet } from "./message.js";

/** @param {{filters: import("../url.js").Pairs, name: string}} props `name` is another one for others */
export function HeatOfAll({ filters, name }) {
  const { value, error, isBusy } = useAnswer((signal) => api.heat(filters, signal), [name]);
  const [address, setAddress] = useState(null);
  useEffect(() => {
    if (!value) return undefined;
    const made = URL.createObjectURL(value);
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [value]);
  return html`<section class="heat-of-all" aria-labelledby="heat-title">
    <h1 id="heat-title" tabindex="-1">Where masks lie</h1>
    <p class="count">Over ${filters.length ? "all files that fit the filters" : "all files"}, in rows and columns of their frames.</p>
    ${isBusy && html`<${Busy} what="Counting masks, pixel by pixel…" />`}
    ${error?.status === 404 && html`<${Quiet}>No entry fits, so there is nothing to draw.</${Quiet}>`}
    ${error && error.status !== 404 && html`<${Problem} error=${error} />`}
    ${value && address && html`<img src=${address} alt="How many masks hold each pixel, in colours from few to many; the scale says how many" />`}
  </section>`;
}
