/** The archive: its files as a grid of thumbnails. */

import * as api from "../api.js";
import { useAnswer, useRows } from "../asking.js";
import { shownPath } from "../bytes.js";
import { domainOf } from "../individuals.js";
import { Filters } from "../parts/filters.js";
import { HeatOfAll } from "../parts/heat-of-all.js";
import { isTyping } from "../parts/help.js";
import { Busy, Problem, Quiet, counted, number } from "../parts/message.js";
import { Thumbnail } from "../parts/thumbnail.js";
import { Windowed, useWidth } from "../parts/windowed.js";
import { fileOf, holdings } from "../places.js";
import { html, useEffect, useRef, useState } from "../preact.js";
import { go, keep, kept } from "../router.js";
import { archiveUrl, fileUrl, ofEntries } from "../url.js";
import { remember, remembered } from "../walk.js";

const GAP = 16;
const LEAST_WIDTH = 200;
const LEAST_ON_PHONES = 148;
/** Masks of one file that are drawn on a thumbnail. */
const MOST_DRAWN = 10_000;
const CAPTION = 44;

const met = new Map();

/** @param {{filters: import("../url.js").Pairs, heat: boolean}} props */
export function Archive({ filters, heat }) {
  const name = archiveUrl(filters);
  const held = useAnswer(holdings, []);
  const before = remembered(name);
  const files = useRows(
    (after, signal) => api.files(asked(filters, after), signal),
    [name],
    before,
  );
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
  const change = (chosen, view = { heat }) => go(archiveUrl(chosen, view));
  const turn = () => change(filters, { heat: !heat });
  useHeatKey(turn);
  const domains = [...met].filter(([b64]) => b64 !== "").map(([, domain]) => domain);
  return html`<div class="archive">
    <aside aria-label="Filters">
      <details open=${window.innerWidth > 760}>
        <summary>Filters</summary>
        <${Filters} key=${name} filters=${filters} domains=${domains} onChange=${(chosen) => change(chosen)} />
        <button type="button" class="turn" title="Where masks lie in the frame, over all these files (h)" aria-pressed=${heat ? "true" : "false"} onClick=${turn}>Heat of all</button>
      </details>
      <${Holdings} held=${held.value} />
    </aside>
    ${heat
      ? html`<${HeatOfAll} filters=${filters} name=${name} />`
      : html`<section class="files" aria-label="Files">
          <h1 class="hidden" tabindex="-1">Files</h1>
          <${Grid} ...${{ name, files, filters }} held=${held.value} onMasks=${meet} />
        </section>`}
  </div>`;
}

/** @returns {import("../url.js").Pairs} */
function asked(filters, after) {
  const pairs = [...filters, ["limit", String(api.PAGE)]];
  return after === null ? pairs : [...pairs, ["after", after]];
}

function useHeatKey(turn) {
  const now = useRef(turn);
  now.current = turn;
  useEffect(() => {
    const onKeyDown = (event) => {
      if (event.key !== "h" || event.defaultPrevented || isTyping(event)) return;
      event.preventDefault();
      now.current();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, []);
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

function Grid({ name, files, held, filters, onMasks }) {
  const [element, width] = useWidth();
  const isPhone = width < 520;
  const least = isPhone ? LEAST_ON_PHONES : LEAST_WIDTH;
  const gap = isPhone ? 10 : GAP;
  const columns = Math.max(1, Math.floor((width - gap) / (least + gap)));
  const side = Math.floor((width - gap * (columns + 1)) / columns);
  const height = Math.round(side * 0.75);
  const { rows } = files;
  const isNarrowed = filters.length > 0;
  const all = !isNarrowed && held ? held.files + held.failed + held.missing : rows.length;
  const count = files.isAll ? rows.length : Math.max(all, rows.length);
  const card = (nth) =>
    rows[nth]
      ? html`<${Card} key=${rows[nth].location} row=${rows[nth]} ...${{ held, filters, onMasks, height }} width=${side} />`
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

function Card({ row, held, filters, width, height, onMasks }) {
  const [fitting, setFitting] = useState(null);
  const file = fileOf(row, held);
  const path = shownPath(row.path);
  const cut = path.lastIndexOf("/") + 1;
  const isThere = row.state === "ok";
  const isMany = row.entries > MOST_DRAWN;
  const own = ofEntries(filters);
  const what = { name: `file ${row.location} ${archiveUrl(own)}`, file, filters: own, hasMasks: !isMany };
  const entries = entriesOf(row, own.length && !isMany ? fitting : null);
  const meet = (masks) => {
    setFitting(masks.length);
    onMasks(masks);
  };
  return html`<div class="card" role="listitem">
    <a href=${isThere ? fileUrl(file) : undefined} title=${path} aria-label=${`${path}, ${entries}`}>
      ${isThere
        ? html`<${Thumbnail} what=${what} width=${width} height=${height} onMasks=${meet} />
          ${isMany && html`<span class="note">Too many masks to draw them here</span>`}`
        : html`<span class="thumbnail" style=${{ height: `${height}px` }}><span class="refused">
            <strong>${row.state}</strong><span>${shownPath(row.reason ?? "")}</span>
          </span></span>`}
      <span class="caption" aria-hidden="true">
        <span class="path">
          ${cut > 0 && html`<bdi class="directory">${path.slice(0, cut)}</bdi>`}<bdi class="file-name">${path.slice(cut)}</bdi>
        </span>
        <span class="count">${entries}</span>
      </span>
    </a>
  </div>`;
}

/** How many there are; and if filters are given, how many of them fit. */
function entriesOf(row, fitting) {
  const all = counted(row.entries, "entry", "entries");
  return fitting === null ? all : `${number(fitting)} of ${all}`;
}
