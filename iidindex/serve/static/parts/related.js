/** Files that share individuals with one. */

import * as api from "../api.js";
import { useAnswer } from "../asking.js";
import { shownPath } from "../bytes.js";
import { fileOf } from "../places.js";
import { html, useState } from "../preact.js";
import { fileUrl } from "../url.js";
import { Busy, Problem, Quiet, counted } from "./message.js";

const SHOWN = 50;

/** Asked for when it is opened. */
export function Related({ file, held, isOpen = false, title = "Related files" }) {
  const [wasOpened, setOpened] = useState(isOpen);
  return html`<details class="related" open=${isOpen} onToggle=${(event) => event.target.open && setOpened(true)}>
    <summary><h2>${title}</h2></summary>
    ${wasOpened && html`<${List} ...${{ file, held }} />`}
  </details>`;
}

function List({ file, held }) {
  const { value, error, isBusy } = useAnswer(
    (signal) => api.related({ ...file, limit: SHOWN }, signal),
    [file.path, file.root],
  );
  if (error) return html`<${Problem} error=${error} />`;
  if (isBusy) return html`<${Busy} />`;
  if (!value.rows.length) return html`<${Quiet}>No other file has any of its individuals.</${Quiet}>`;
  return html`<ul class="rows">
    ${value.rows.map((row) => html`<li key=${row.location}>
      <a class="grow" href=${fileUrl(fileOf(row, held))}><bdi>${shownPath(row.path)}</bdi></a>
      <span class="count">${counted(row.shared, "individual")}</span>
    </li>`)}
  </ul>`;
}
