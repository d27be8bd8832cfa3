/** The entries of a file as a list: what the picture shows, for whoever reads. */

import * as api from "../api.js";
import { useRows } from "../asking.js";
import { shownPath } from "../bytes.js";
import { addressOf, domainOf } from "../individuals.js";
import { html, useMemo, useState } from "../preact.js";
import { Problem, Quiet, number } from "./message.js";
import { individualUrl } from "../url.js";
import { Name } from "./swatch.js";
import { Windowed } from "./windowed.js";

const HEIGHT = 34;
const COLUMNS = [
  ["address", "Address"],
  ["domain", "Domain"],
  ["area", "Area"],
];

/**
 * @param {object} props
 * @param {{path: string, root: string|null}} props.file
 * @param {import("./../views/loaded-file.js").Loaded} props.loaded
 * @param {object[]} props.masks that are seen of a file that is here whole
 * @param {string[]} props.hidden domains
 * @param {boolean} props.hasDomains whether there are several
 * @param {number|null} props.chosenKey
 * @param {(row: object) => void} props.onChoose
 */
export function EntryList({ file, loaded, masks, hidden, chosenKey, hasDomains, onChoose }) {
  const [order, setOrder] = useState("-area");
  const isRemote = loaded.frame !== null && !loaded.isWhole;
  const asked = useRows(
    async (after, signal) =>
      isRemote
        ? api.entries({ ...file, order_by: [order, "key"], limit: api.PAGE, after }, signal)
        : { rows: [], next: null },
    [file.path, file.root, isRemote, order],
  );
  const sorted = useMemo(() => [...masks].sort(by(order)), [masks, order]);
  const rows = isRemote ? asked.rows.filter((row) => !hidden.includes(row.domain_b64)) : sorted;
  const shownRow = useMemo(() => rows.findIndex((row) => row.key === chosenKey), [rows, chosenKey]);
  const isDone = !isRemote || asked.isAll;
  const turn = (name) => {
    const first = name === "area" ? "-area" : name;
    setOrder(order === first ? (first === name ? `-${name}` : name) : first);
  };
  const columns = COLUMNS.filter(([name]) => hasDomains || name !== "domain");
  const row = (nth) => html`<${Row}
    hasDomain=${hasDomains}
    key=${rows[nth].key}
    nth=${nth}
    row=${rows[nth]}
    isChosen=${rows[nth].key === chosenKey}
    onChoose=${onChoose}
  />`;
  return html`<section class="entries" aria-labelledby="entries-title">
    <h2 id="entries-title">Entries <span class="count">${number(rows.length)}${isDone ? "" : "+"}</span></h2>
    <div class=${hasDomains ? "table" : "table one-domain"} role="table" aria-labelledby="entries-title" aria-rowcount=${isDone ? rows.length + 1 : -1}
      onKeyDown=${walk}>
      <div role="rowgroup">
        <div class="head row" role="row" aria-rowindex="1">
          ${columns.map(([name, label]) => html`<div
            key=${name}
            class=${name}
            role="columnheader"
            aria-sort=${order === name ? "ascending" : order === `-${name}` ? "descending" : "none"}
          >
            <button type="button" onClick=${() => turn(name)}>${label}<span aria-hidden="true"
              >${order === name ? " ↑" : order === `-${name}` ? " ↓" : ""}</span></button>
          </div>`)}
          <div class="everywhere" role="columnheader"><span class="hidden">Everywhere</span></div>
        </div>
      </div>
      ${asked.error && html`<${Problem} error=${asked.error} />`}
      ${rows.length === 0 && isDone && loaded.frame && html`<${Quiet}>No entries.</${Quiet}>`}
      <${Windowed}
        class="scroll"
        role="rowgroup"
        count=${rows.length}
        height=${HEIGHT}
        row=${row}
        shownRow=${shownRow}
        onSeen=${(last) => isRemote && last >= rows.length - 20 && asked.more()}
      />
    </div>
  </section>`;
}

function Row({ row, nth, hasDomain, isChosen, onChoose }) {
  const address = addressOf(row);
  const groups = row.groups.map(shownPath).join(", ");
  return html`<div
    class=${isChosen ? "row chosen-row" : "row"}
    role="row"
    aria-rowindex=${nth + 2}
    aria-selected=${isChosen ? "true" : "false"}
    onClick=${() => onChoose(row)}
  >
    <div class="address" role="cell">
      <button type="button" class="entry" title=${groups ? `${address} · ${groups}` : address} aria-pressed=${isChosen ? "true" : "false"}>
        <${Name} of=${row} />
      </button>
    </div>
    ${hasDomain && html`<div class="domain" role="cell"><bdi>${domainOf(row)}</bdi></div>`}
    <div class="area" role="cell">${number(row.area)}</div>
    <div class="everywhere" role="cell">
      <a href=${individualUrl(row)} aria-label=${`${address} everywhere`} title="Everywhere" onClick=${(event) => event.stopPropagation()}>→</a>
    </div>
  </div>`;
}

/** Up and down between entries. */
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !event.target.matches(".entry")) return;
  const all = [...event.currentTarget.querySelectorAll(".entry")];
  const next = all[all.indexOf(event.target) + step];
  event.preventDefault();
  next?.focus();
}

function by(order) {
  const name = order.replace("-", "");
  const sign = order.startsWith("-") ? -1 : 1;
  const value = { address: addressOf, domain: domainOf, area: (row) => row.area }[name];
  const compare = (a, b) => (typeof a === "number" ? a - b : collator.compare(a, b));
  return (a, b) => sign * compare(value(a), value(b)) || a.key - b.key;
}

const collator = new Intl.Collator("en", { numeric: true });
