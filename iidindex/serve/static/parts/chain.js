/** How an individual is linked with another, over files that share individuals. */

import * as api from "../api.js";
import { useAnswer } from "../asking.js";
import { shownPath } from "../bytes.js";
import { addressOf, domainOf, idOf } from "../individuals.js";
import { fileOf } from "../places.js";
import { html } from "../preact.js";
import { go } from "../router.js";
import { fileUrl, individualUrl } from "../url.js";
import { Busy, Problem, Quiet } from "./message.js";
import { Search } from "./search.js";
import { Name } from "./swatch.js";

/** @param {{individual: object, to: object|null, order: string, held: object}} props */
export function Chain({ individual, to, order, held }) {
  return html`<section class="chain" aria-labelledby="chain-title">
    <h2 id="chain-title">Linked with</h2>
    <${Search} id="chain-search" label="Another individual" onChoose=${(row) => go(individualUrl(individual, { to: row, order }))} />
    ${to && html`<${Steps} ...${{ individual, to, held }} />`}
  </section>`;
}

function Steps({ individual, to, held }) {
  const { value, error, isBusy } = useAnswer(
    (signal) => api.chain(individual, to, signal),
    [idOf(individual), idOf(to)],
  );
  if (error) return html`<${Problem} error=${error} />`;
  if (isBusy) return html`<${Busy} what="Looking for a chain…" />`;
  if (!value.rows.length) {
    return html`<${Quiet}>Nothing links it with <bdi>${addressOf(to)}</bdi> of ${domainOf(to)}.</${Quiet}>`;
  }
  return html`<ol class="steps" aria-live="polite">
    ${value.rows.map((row, nth) => html`<li key=${nth} class=${row.path === null ? "who" : "where"}>
      ${row.path === null
        ? html`<a href=${individualUrl(row)}><${Name} of=${row} /></a>`
        : html`<a href=${fileUrl(fileOf(row, held))}><bdi>${shownPath(row.path)}</bdi></a>`}
    </li>`)}
  </ol>`;
}
