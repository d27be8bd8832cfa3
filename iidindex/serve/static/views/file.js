/** A file: its picture under its masks, and the list of its entries beside it. */

import * as api from "../api.js";
import { useAnswer } from "../asking.js";
import { bySize, masksAt, pixelOf } from "../bits.js";
import { shownPath } from "../bytes.js";
import { addressOf, domainOf, idOf } from "../individuals.js";
import { EntryList } from "../parts/entry-list.js";
import { isTyping } from "../parts/help.js";
import { Hits } from "../parts/hits.js";
import { Domains, Legend, Switches } from "../parts/look.js";
import { Busy, Problem, counted, number } from "../parts/message.js";
import { Related } from "../parts/related.js";
import { fileOf, holdings } from "../places.js";
import { html, useEffect, useMemo, useRef, useState } from "../preact.js";
import { go } from "../router.js";
import { fileUrl, individualUrl } from "../url.js";
import { neighbour } from "../walk.js";
import { useFile } from "./loaded-file.js";
import { Picture } from "./picture.js";

const SETTLED = 250;
const TURNED = { o: "masks", l: "lines", i: "picture", h: "heat" };

/** @param {{view: object}} props what `parse` makes of a URL */
export function File({ view }) {
  const file = { path: view.path, root: view.root };
  const [loaded, see] = useFile(file);
  const held = useAnswer(holdings, []).value;
  const [hovered, setHovered] = useState(null);
  const [told, setTold] = useState(null);
  const [chosenKey, setChosenKey] = useState(null);
  const timer = useRef(0);
  const now = useRef(view);
  now.current = view;

  const change = (part, options) => go(fileUrl(file, { ...now.current, ...part }), options);
  const masks = useMemo(
    () => loaded.masks.filter((mask) => !view.hide.includes(mask.domain_b64)),
    [loaded.masks, view.hide.join(".")],
  );
  const pixel = view.x === null ? null : { row: view.y, column: view.x };
  const sought = useSought(file, loaded, view);
  const hits = useMemo(() => {
    if (!pixel) return [];
    if (loaded.isWhole) return masksAt(masks, pixel.row, pixel.column);
    return withBits(sought, masks).filter((mask) => !view.hide.includes(mask.domain_b64)).sort(bySize);
  }, [masks, sought, view.x, view.y, loaded.isWhole]);
  const chosen = useMemo(() => {
    const known = loaded.isWhole ? masks : withBits(sought, masks);
    const among = pixel ? hits : known.filter((mask) => idOf(mask) === view.iid);
    const fits = among.filter((mask) => !view.iid || idOf(mask) === view.iid);
    return fits.find((mask) => mask.key === chosenKey) ?? fits[0] ?? (pixel ? hits[0] : null) ?? null;
  }, [hits, masks, view.iid, chosenKey]);
  const marked = pixel ?? (chosen && placeOf(chosen));

  useEffect(() => {
    document.title = `${shownPath(view.path)} · iidindex`;
    return () => clearTimeout(timer.current);
  }, [view.path]);

  const choose = (mask, where = null) => {
    const place = where ?? placeOf(mask);
    setChosenKey(mask.key);
    change({ x: place?.column ?? null, y: place?.row ?? null, iid: idOf(mask) });
  };
  const chooseRow = (row) => {
    const mask = loaded.masks.find((one) => one.key === row.key);
    if (mask) return choose(mask);
    // It lies where nothing was asked for yet: go there, and its mask comes.
    setChosenKey(row.key);
    return change({ x: null, y: null, iid: idOf(row), box: around(row.bbox, loaded.frame) });
  };
  const onKey = (key, event) => {
    const step = key === "Tab" ? (event.shiftKey ? -1 : 1) : 0;
    const next = step && hits[hits.indexOf(chosen) + step];
    if (next) choose(next, pixel);
    else if (key === "Enter" && chosen) go(individualUrl(chosen));
    else if (key === "Escape" && (pixel || view.iid)) change({ x: null, y: null, iid: null });
    else return false;
    return true;
  };
  useKeys(view, change, file);

  const domains = useMemo(() => domainsOf(loaded.masks), [loaded.masks]);
  const agreed = view.agree && loaded.frame ? view.agree : null;
  const sides = useMemo(
    () => agreed?.map((b64) => loaded.masks.filter((mask) => mask.domain_b64 === b64)),
    [loaded.masks, agreed?.join(".")],
  );
  const kind = !view.masks ? "none" : sides ? "agreement" : view.heat ? "heat" : "masks";
  const look = { kind, sides: sides ?? null, hasLines: view.lines, hasPicture: view.picture };
  const name = (b64) => domainOf(domains.find((one) => one.domain_b64 === b64) ?? { domain: null, domain_b64: b64 });
  const path = shownPath(view.path);
  const label = `${path}: ${counted(masks.length, "mask")}${loaded.isWhole ? "" : " in the part that is seen"}`;

  if (loaded.error && !loaded.frame) {
    return html`<div class="file">
      <${Head} ...${{ path, file }} />
      <${Problem} error=${loaded.error} />
    </div>`;
  }
  return html`<div class="file">
    <${Head} ...${{ path, file, loaded }}>
      <${Switches} view=${view} hasPicture=${loaded.pictures.length > 0} onChange=${(part) => change(part.heat ? { ...part, agree: null, masks: true } : part)} />
    </${Head}>
    <div class="sides">
      <div class="stage">
        <${Picture}
          ...${{ loaded, masks, look, label, chosen, onKey: (event) => onKey(event.key, event) }}
          box=${view.box}
          pixel=${marked}
          onBox=${(box) => {
            clearTimeout(timer.current);
            timer.current = setTimeout(() => change({ box }, { isSame: true }), SETTLED);
          }}
          onSeen=${see}
          onLayer=${setTold}
          onChoose=${({ row, column }) => {
            setChosenKey(null);
            change({ x: column, y: row, iid: null });
          }}
          onHover=${setHovered}
        />
        ${!loaded.frame && html`<div class="over"><${Busy} /></div>`}
        ${kind !== "none" && html`<${Legend} told=${told?.kind === kind ? told : null} names=${agreed?.map(name)} />`}
        <${Status} hovered=${hovered} loaded=${loaded} />
      </div>
      <div class="beside">
        ${loaded.error && html`<${Problem} error=${loaded.error} />`}
        ${loaded.pictureError && html`<${Problem} error=${loaded.pictureError} />`}
        <${Hits} ...${{ pixel, hits, chosen, file, held }} onChoose=${(mask) => choose(mask, pixel && hits.includes(mask) ? pixel : null)} />
        <${Domains} ...${{ domains, view }} onChange=${change} />
        <${EntryList} ...${{ file, loaded, masks }} hasDomains=${domains.length > 1 || !loaded.isWhole} hidden=${view.hide} chosenKey=${chosen?.key ?? chosenKey} onChoose=${chooseRow} />
        <${Related} ...${{ file, held }} />
      </div>
    </div>
  </div>`;
}

/** What was chosen of a file that is not here whole: the server knows it. */
function useSought(file, loaded, view) {
  const pixel = view.x === null ? null : { row: view.y, column: view.x };
  const isHere = loaded.isWhole || !loaded.frame;
  const { value } = useAnswer(
    async (signal) => {
      if (isHere) return null;
      if (pixel) return api.at(file, pixel, signal);
      return view.iid ? api.entries({ ...file, address: `iid:${view.iid}` }, signal) : null;
    },
    [view.path, view.root, isHere, view.x, view.y, pixel ? null : view.iid],
  );
  return value?.rows ?? [];
}

/** Rows as the masks that they are, where these are here. */
function withBits(rows, masks) {
  const known = new Map(rows.length ? masks.map((mask) => [mask.key, mask]) : []);
  return rows.map((row) => (known.get(row.key)?.bits ? { ...row, ...known.get(row.key) } : row));
}

/** Where a mask is pointed at. */
function placeOf(mask) {
  if (mask.bits) return pixelOf(mask);
  const [minr, minc, maxr, maxc] = mask.bbox;
  return { row: (minr + maxr - 1) >> 1, column: (minc + maxc - 1) >> 1 };
}

function Head({ path, file, loaded, children }) {
  const cut = path.lastIndexOf("/") + 1;
  return html`<header class="file-head">
    <nav aria-label="Files">
      <button type="button" title="Previous file (p)" aria-label="Previous file" onClick=${() => step(file, -1)}>‹</button>
      <button type="button" title="Next file (n)" aria-label="Next file" onClick=${() => step(file, 1)}>›</button>
    </nav>
    <h1 tabindex="-1" title=${path}><bdi class="directory">${path.slice(0, cut)}</bdi><bdi>${path.slice(cut)}</bdi></h1>
    <span class="count">${loaded?.frame && `${number(loaded.frame[1])} × ${number(loaded.frame[0])}`}</span>
    ${children}
  </header>`;
}

/** Whose pixel is under the mouse. */
function Status({ hovered, loaded }) {
  const { pixel, masks = [] } = hovered ?? {};
  const first = masks[0];
  return html`<p class="status">
    <span class="where">${pixel && `row ${pixel.row}, column ${pixel.column}`}</span>
    ${first && html`<bdi class="who">${addressOf(first)}</bdi><bdi>${domainOf(first)}</bdi>
      <span>${counted(first.area, "pixel")}</span>
      ${masks.length > 1 && html`<span class="count">and ${masks.length - 1} more here</span>`}`}
    ${!pixel && loaded.isBusy && loaded.frame && html`<span class="quiet">Loading what is seen…</span>`}
  </p>`;
}

/** Keys that hold wherever the focus is, but where one types. */
function useKeys(view, change, file) {
  const now = useRef(null);
  now.current = { view, change, file };
  useEffect(() => {
    const onKeyDown = (event) => {
      if (event.defaultPrevented || isTyping(event)) return;
      const { view: seen, change: turn, file: here } = now.current;
      const name = TURNED[event.key];
      if (name) turn({ [name]: !seen[name], ...(name === "heat" && !seen.heat ? { agree: null, masks: true } : {}) });
      else if (event.key === "n" || event.key === "p") step(here, event.key === "n" ? 1 : -1);
      else {
        const canvas = document.getElementById("picture");
        const isFree = document.activeElement === document.body || event.target.matches("h1");
        if (!canvas || !(isFree || /^[-+=0_]$/.test(event.key))) return;
        const again = new KeyboardEvent("keydown", { key: event.key, shiftKey: event.shiftKey, cancelable: true });
        if (!/^(Tab|Enter| )$/.test(event.key)) canvas.dispatchEvent(again);
        if (again.defaultPrevented) event.preventDefault();
        return;
      }
      event.preventDefault();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, []);
}

let walking = null;

async function step(file, by) {
  if (walking) return;
  walking = neighbour(file, by).catch(() => null);
  const next = await walking;
  walking = null;
  if (next) go(fileUrl(next));
}

function domainsOf(masks) {
  const found = new Map();
  for (const { domain, domain_b64 } of masks) {
    const known = found.get(domain_b64) ?? { domain, domain_b64, count: 0 };
    known.count++;
    found.set(domain_b64, known);
  }
  return [...found.values()].sort((a, b) => (domainOf(a) < domainOf(b) ? -1 : 1));
}

/** A box with some of what surrounds it. */
function around([minr, minc, maxr, maxc], [height, width]) {
  const margin = Math.max(maxr - minr, maxc - minc, 32);
  return [
    Math.max(0, minr - margin),
    Math.max(0, minc - margin),
    Math.min(height, maxr + margin),
    Math.min(width, maxc + margin),
  ];
}
