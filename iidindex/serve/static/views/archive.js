/** The archive: its files as a grid of thumbnails. */

import * as api from "../api.js";
import { useAnswer, useRows } from "../asking.js";
import { shownPath } from "../bytes.js";
import { domainOf } from "../individuals.js";
import { filesMatching } from "../matching.js";
import { Filters } from "../parts/filters.js";
import { Busy, Problem, Quiet, counted, number } from "../parts/message.js";
import { Thumbnail } from "../parts/thumbnail.js";
import { Windowed, useWidth } from "../parts/windowed.js";
import { fileOf, holdings } from "../places.js";
import { html, useEffect, useState } from "../preact.js";
import { go, keep, kept } from "../router.js";
import { archiveUrl, fileUrl } from "../url.js";
import { remember, remembered } from "../walk.js";

const GAP = 16;
const LEAST_WIDTH = 200;
const LEAST_ON_PHONES = 148;
/** Masks of one file that are drawn on a thumbnail. */
const MOST_DRAWN = 10_000;
const CAPTION = 44;

const met = new Map();

/** @param {{filters: import("../url.js").Pairs}} props */
export function Archive({ filters }) {
  const name = archiveUrl(filters);
  const held = useAnswer(holdings, []);
  const before = remembered(name);
  const files = useRows((after, signal) => page(filters, after, signal), [name], before);
  const [, setMet] = useState(0);
  const meet = (masks) => {
    const old = met.size;
    for (const mask of masks) met.set(mask.domain_b64, domainOf(mask));
    if (met.size > old) setMet(met.size);
  };
  useEffect(() => {
    document.title = "iidindex";
  }, []);
  useEffect(() => {
    if (files.rows.length) remember(name, files.rows, files.next);
  }, [files.rows]);
  const change = (chosen) => go(archiveUrl(chosen));
  const domains = [...met].filter(([b64]) => b64 !== "").map(([, domain]) => domain);
  return html`<div class="archive">
    <aside aria-label="Filters">
      <details open=${window.innerWidth > 760}>
        <summary>Filters</summary>
        <${Filters} key=${name} filters=${filters} domains=${domains} onChange=${change} />
      </details>
      <${Holdings} held=${held.value} />
    </aside>
    <section class="files" aria-label="Files">
      <h1 class="hidden" tabindex="-1">Files</h1>
      <${Grid} name=${name} files=${files} held=${held.value} onMasks=${meet} isNarrowed=${filters.length > 0} />
    </section>
  </div>`;
}

async function page(filters, after, signal) {
  await holdings();
  if (filters.length) return filesMatching(filters, after, signal);
  return api.files({ limit: api.PAGE, after }, signal);
}

function Holdings({ held }) {
  if (!held) return null;
  const failed = held.failed + held.missing;
  return html`<dl class="holdings">
    <div><dt>files</dt><dd>${number(held.files)}</dd></div>
    <div><dt>entries</dt><dd>${number(held.entries)}</dd></div>
    <div><dt>individuals</dt><dd>${number(held.iids)}</dd></div>
    ${failed > 0 && html`<div><dt>missing or failed</dt><dd>${number(failed)}</dd></div>`}
  </dl>`;
}

function Grid({ name, files, held, onMasks, isNarrowed }) {
  const [element, width] = useWidth();
  const isPhone = width < 520;
  const least = isPhone ? LEAST_ON_PHONES : LEAST_WIDTH;
  const gap = isPhone ? 10 : GAP;
  const columns = Math.max(1, Math.floor((width - gap) / (least + gap)));
  const side = Math.floor((width - gap * (columns + 1)) / columns);
  const height = Math.round(side * 0.75);
  const { rows } = files;
  const all = !isNarrowed && held ? held.files + held.failed + held.missing : rows.length;
  const count = files.isAll ? rows.length : Math.max(all, rows.length);
  const card = (nth) =>
    rows[nth]
      ? html`<${Card} key=${rows[nth].location} row=${rows[nth]} ...${{ held, onMasks, height }} width=${side} />`
      : nth < count && html`<div key=${nth} class="card waiting" style=${{ height: `${height}px` }}></div>`;
  const line = (nth) => html`<div
    key=${nth}
    class="line"
    role="presentation"
    style=${{
      height: `${height + CAPTION + gap}px`,
      padding: `${gap}px ${gap}px 0`,
      columnGap: `${gap}px`,
      gridTemplateColumns: `repeat(${columns}, ${side}px)`,
    }}
  >${Array.from({ length: columns }, (_, column) => card(nth * columns + column))}</div>`;
  const nothing = !rows.length && files.isAll;
  return html`<div class="grid" ref=${element}>
    ${files.error && html`<${Problem} error=${files.error} />`}
    ${nothing && !files.error && html`<${Quiet}>${isNarrowed ? "No file fits these filters." : "The index holds no files."}</${Quiet}>`}
    ${!rows.length && files.isBusy && html`<${Busy} />`}
    ${width > 0 && rows.length > 0 && html`<${Windowed}
      key=${name}
      class="scroll"
      role="list"
      aria-label=${files.isAll ? counted(rows.length, "file") : "Files"}
      count=${Math.ceil(count / columns)}
      height=${height + CAPTION + gap}
      row=${line}
      start=${kept("top") ?? 0}
      onScroll=${(top) => keep("top", top)}
      onSeen=${(last) => last * columns > rows.length - columns && files.more()}
    />`}
  </div>`;
}

function Card({ row, held, width, height, onMasks }) {
  const file = fileOf(row, held);
  const path = shownPath(row.path);
  const cut = path.lastIndexOf("/") + 1;
  const isThere = row.state === "ok";
  const isMany = row.entries > MOST_DRAWN;
  const what = { name: `file ${row.location}`, file, hasMasks: !isMany };
  return html`<div class="card" role="listitem">
    <a href=${isThere ? fileUrl(file) : undefined} title=${path} aria-label=${`${path}, ${entriesOf(row)}`}>
      ${isThere
        ? html`<${Thumbnail} what=${what} width=${width} height=${height} onMasks=${onMasks} />
          ${isMany && html`<span class="note">Too many masks to draw them here</span>`}`
        : html`<span class="thumbnail" style=${{ height: `${height}px` }}><span class="refused">
            <strong>${row.state}</strong><span>${row.reason}</span>
          </span></span>`}
      <span class="caption" aria-hidden="true">
        <span class="path">
          ${cut > 0 && html`<bdi class="directory">${path.slice(0, cut)}</bdi>`}<bdi class="file-name">${path.slice(cut)}</bdi>
        </span>
        <span class="count">${entriesOf(row)}</span>
      </span>
    </a>
  </div>`;
}

function entriesOf(row) {
  return row.isPart ? `${counted(row.entries, "entry", "entries")} that fit` : counted(row.entries, "entry", "entries");
}
