/** An individual: every appearance, how it changes over files, who is with it. */

import * as api from "../api.js";
import { useAnswer, useRows } from "../asking.js";
import { shownPath } from "../bytes.js";
import { addressOf, domainOf, idOf } from "../individuals.js";
import { Chain } from "../parts/chain.js";
import { Busy, Problem, Quiet, counted, number } from "../parts/message.js";
import { Related } from "../parts/related.js";
import { Name, Swatch } from "../parts/swatch.js";
import { Thumbnail } from "../parts/thumbnail.js";
import { TrackPlot } from "../parts/track-plot.js";
import { fileOf, holdings } from "../places.js";
import { html, useEffect, useState } from "../preact.js";
import { go } from "../router.js";
import { fileUrl, individualUrl } from "../url.js";

const TILE = 148;
const TILES = 48;
const COMPANIONS = 24;

/** @param {{individual: import("../individuals.js").Individual, to: object|null, order: string}} props */
export function IndividualPage({ individual, to, order }) {
  const id = idOf(individual);
  const address = addressOf(individual);
  const { value: held, error } = useAnswer(holdings, []);
  const found = useRows(
    (after, signal) => api.appearances(individual, { order_by: order, limit: api.PAGE, after }, signal),
    [id, order],
  );
  useEffect(() => {
    document.title = `${address} · iidindex`;
  }, [id]);
  const by = /^meta\../.test(order) ? order : "path";
  const track = useAnswer((signal) => api.track(individual, by, signal), [id, by]);
  const { rows } = found;
  return html`<div class="individual">
    <header>
      <h1 tabindex="-1"><${Swatch} of=${individual} /><bdi>${address}</bdi></h1>
      <p class="count"><bdi>${domainOf(individual)}</bdi>${track.value && html`${" · "}${counted(track.value.files, "file")}
        ${" · "}${counted(track.value.entries, "appearance")}`}</p>
    </header>
    ${(error ?? found.error) && html`<${Problem} error=${error ?? found.error} />`}
    ${found.error && order !== "path" && html`<p><a href=${individualUrl(individual, { to })}>In the order of paths</a></p>`}
    ${found.isBusy && !rows.length && html`<${Busy} />`}
    ${found.isAll && !found.error && !rows.length && html`<${Quiet}>It appears in no file that is there.</${Quiet}>`}
    ${rows.length > 0 && held && html`
      <${Appearances} ...${{ found, held, id }} />
      ${rows.length > 1 && html`<section aria-labelledby="track-title">
        <div class="title">
          <h2 id="track-title">From file to file</h2>
          <${Order} order=${order} onChange=${(name) => go(individualUrl(individual, { to, order: name }))} />
        </div>
        <${Track} ...${{ individual, order, track }} urlOf=${(row) => fileUrl(fileOf(row, held), { iid: id })} />
      </section>`}
      <div class="columns">
        <${Companions} individual=${individual} />
        <section aria-label="Files">
          <${Related} isOpen=${true} file=${fileOf(largest(rows), held)} held=${held}
            title=${`Files related to ${shownPath(largest(rows).path)}`} />
        </section>
        <${Chain} ...${{ individual, to, order, held }} />
      </div>
    `}
  </div>`;
}

/** What orders the files: their paths, or what their metadata say. */
function Order({ order, onChange }) {
  const submit = (event) => {
    event.preventDefault();
    onChange(event.target.elements.order.value.trim() || "path");
  };
  return html`<form class="order" onSubmit=${submit}>
    <label for="order">in the order of</label>
    <input id="order" name="order" key=${order} defaultValue=${order} placeholder="path, or meta.minutes" autocomplete="off" spellcheck=${false} />
  </form>`;
}

/** Where it begins and ends, and its area from file to file. */
function Track({ individual, order, track, urlOf }) {
  const { value, error } = useAnswer((signal) => api.areas(individual, order, signal), [idOf(individual), order]);
  const told = track.value;
  if (error ?? track.error) return html`<${Problem} error=${error ?? track.error} />`;
  return html`
    ${told && html`<p class="count">${[
      told.gaps ? `missing in ${counted(told.gaps, "file")} between` : "in every file between",
      `${number(told.area_min)} … ${counted(told.area_max, "pixel")}, ${number(Math.round(told.area_mean))} on average`,
      told.displacement !== null && `${counted(Math.round(told.displacement), "pixel")} from the first place to the last`,
    ].filter(Boolean).join(" · ")}</p>`}
    ${value && html`<${TrackPlot} rows=${value.rows} urlOf=${urlOf} />`}
    ${value?.next && html`<${Quiet}>Only the first ${number(value.rows.length)} are drawn.</${Quiet}>`}
  `;
}

function largest(rows) {
  return rows.reduce((best, row) => (row.area > best.area ? row : best));
}

/** Crops of the same size, so that masks can be compared. */
function Appearances({ found, held, id }) {
  const [most, setMost] = useState(TILES);
  const [isFit, setFit] = useState(false);
  const { rows } = found;
  const shown = rows.slice(0, most);
  const side = Math.max(...shown.map(({ bbox }) => Math.max(bbox[2] - bbox[0], bbox[3] - bbox[1])));
  const tile = (row) => {
    const own = Math.max(row.bbox[2] - row.bbox[0], row.bbox[3] - row.bbox[1]);
    const box = squareAround(row.bbox, Math.ceil((isFit ? own : side) * 1.2) + 4);
    const what = {
      name: `entry ${row.location} ${row.key} ${box}`,
      file: fileOf(row, held),
      box,
      filters: [["key", String(row.key)]],
    };
    return html`<li key=${`${row.location} ${row.key}`}>
      <a href=${fileUrl(what.file, { iid: id })} title=${shownPath(row.path)}>
        <${Thumbnail} key=${what.name} what=${what} width=${TILE} height=${TILE} />
        <span class="caption"><bdi class="path">${shownPath(row.path)}</bdi>
          <span class="count">${counted(row.area, "pixel")}</span></span>
      </a>
    </li>`;
  };
  const showMore = () => {
    if (most + TILES > rows.length) found.more();
    setMost(most + TILES);
  };
  return html`<section aria-labelledby="appearances-title">
    <div class="title">
      <h2 id="appearances-title">Appearances</h2>
      <button type="button" class="toggle" aria-pressed=${isFit ? "true" : "false"} onClick=${() => setFit(!isFit)}>Each to its size</button>
    </div>
    <ul class="tiles">${shown.map(tile)}</ul>
    ${(rows.length > most || found.next !== null) && html`<button type="button" class="more" onClick=${showMore}>More</button>`}
  </section>`;
}

/** A square whose middle is that of a box, from row 0 and column 0 on. */
function squareAround([minr, minc, maxr, maxc], side) {
  const top = Math.max(0, Math.floor((minr + maxr - side) / 2));
  const left = Math.max(0, Math.floor((minc + maxc - side) / 2));
  return [top, left, top + side, left + side];
}

function Companions({ individual }) {
  const { value, error, isBusy } = useAnswer(
    (signal) => api.companions(individual, { limit: COMPANIONS }, signal),
    [idOf(individual)],
  );
  return html`<section aria-labelledby="with-title">
    <h2 id="with-title">Together with</h2>
    ${error && html`<${Problem} error=${error} />`}
    ${isBusy && html`<${Busy} />`}
    ${value && !value.rows.length && html`<${Quiet}>Nobody else is in its files.</${Quiet}>`}
    ${value && html`<ul class="rows">
      ${value.rows.map((row) => html`<li key=${idOf(row)}>
        <a class="grow" href=${individualUrl(row)}><${Name} of=${row} /></a>
        <bdi class="domain">${domainOf(row)}</bdi>
        <span class="count">${counted(row.count, "file")}</span>
      </li>`)}
    </ul>`}
    ${value?.next && html`<${Quiet}>These are the ${COMPANIONS} most frequent.</${Quiet}>`}
  </section>`;
}
