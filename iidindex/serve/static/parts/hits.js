/** The masks of a pixel, the smallest first, and where else the chosen one appears. */

import * as api from "../api.js";
import { useAnswer } from "../asking.js";
import { shownPath } from "../bytes.js";
import { addressOf, domainOf, idOf } from "../individuals.js";
import { fileOf } from "../places.js";
import { html } from "../preact.js";
import { fileUrl, individualUrl } from "../url.js";
import { Problem, counted, number } from "./message.js";
import { Name } from "./swatch.js";

const SHOWN = 8;

/**
 * @param {object} props
 * @param {{row: number, column: number}|null} props.pixel
 * @param {object[]} props.hits
 * @param {object|null} props.chosen one of them, or one that was chosen in the list
 * @param {{path: string, root: string|null}} props.file
 * @param {object|null} props.held
 * @param {(mask: object) => void} props.onChoose
 */
export function Hits({ pixel, hits, chosen, file, held, onChoose }) {
  const shown = hits.length ? hits : chosen ? [chosen] : [];
  return html`<section class="hits" aria-label="Chosen" aria-live="polite">
    <h2>${pixel
      ? html`${hits.length ? counted(hits.length, "mask") : "No mask"}${" "}
          <span class="count">at row ${pixel.row}, column ${pixel.column}</span>`
      : chosen ? "Chosen" : "Choose a pixel"}</h2>
    ${!pixel && !chosen && html`<p class="quiet">Click on the picture to see whose it is, and where else they are.</p>`}
    <ol>
      ${shown.map((mask) => html`<li key=${mask.key} class=${mask === chosen ? "chosen-hit" : ""}>
        <button type="button" class="hit" aria-pressed=${mask === chosen ? "true" : "false"} onClick=${() => onChoose(mask)}>
          <span class="grow"><${Name} of=${mask} /></span>
          <span class="count">${counted(mask.area, "pixel")}</span>
        </button>
        ${mask === chosen && html`<${Details} ...${{ mask, file, held }} />`}
      </li>`)}
    </ol>
  </section>`;
}

function Details({ mask, file, held }) {
  const [minr, minc, maxr, maxc] = mask.bbox;
  return html`<div class="details">
    <dl>
      <div><dt>domain</dt><dd><bdi>${domainOf(mask)}</bdi></dd></div>
      ${mask.groups.length > 0 && html`<div><dt>groups</dt><dd><bdi>${mask.groups.map(shownPath).join(", ")}</bdi></dd></div>`}
      <div><dt>rows</dt><dd>${number(minr)} … ${number(maxr - 1)}</dd></div>
      <div><dt>columns</dt><dd>${number(minc)} … ${number(maxc - 1)}</dd></div>
    </dl>
    <${Elsewhere} ...${{ mask, file, held }} />
  </div>`;
}

function Elsewhere({ mask, file, held }) {
  const id = idOf(mask);
  const { value, error } = useAnswer((signal) => api.links(mask, { limit: 1000 }, signal), [id]);
  if (error) return html`<${Problem} error=${error} />`;
  const isHere = (row) => {
    const other = fileOf(row, held);
    return other.path === file.path && other.root === file.root;
  };
  const others = (value?.rows ?? []).filter((row) => !isHere(row));
  const all = `${counted(others.length, "other file")}${value?.next ? " and more" : ""}`;
  return html`<div class="elsewhere">
    <p>${value ? html`In ${others.length ? all : "no other file"}` : "…"}</p>
    <ul>
      ${others.slice(0, SHOWN).map((row) => html`<li key=${row.location}>
        <a href=${fileUrl(fileOf(row, held), { iid: id })}><bdi>${shownPath(row.path)}</bdi></a>
      </li>`)}
    </ul>
    <a class="action" href=${individualUrl(mask)}>Everywhere<span class="hidden"> that ${addressOf(mask)} appears</span></a>
  </div>`;
}
