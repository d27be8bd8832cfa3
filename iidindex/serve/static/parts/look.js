/** What is drawn: masks, outlines, picture, heat; which domains; and how far two of them agree. */

import { AGREEMENT, css, heatScale } from "../colors.js";
import { domainOf } from "../individuals.js";
import { html } from "../preact.js";
import { number } from "./message.js";

const SWITCHES = [
  ["masks", "Masks", "o"],
  ["lines", "Outlines", "l"],
  ["picture", "Picture", "i"],
  ["heat", "Heat", "h"],
];

/** @param {{view: object, hasPicture: boolean, onChange: (part: object) => void}} props */
export function Switches({ view, hasPicture, onChange }) {
  return html`<div class="switches" role="group" aria-label="What is drawn">
    ${SWITCHES.filter(([name]) => name !== "picture" || hasPicture).map(([name, label, key]) => html`<button
      key=${name}
      type="button"
      aria-pressed=${view[name] ? "true" : "false"}
      aria-keyshortcuts=${key}
      title=${`${label} (${key})`}
      onClick=${() => onChange({ [name]: !view[name] })}
    >${label}</button>`)}
  </div>`;
}

/**
 * @param {object} props
 * @param {{domain: string|null, domain_b64: string, count: number}[]} props.domains
 * @param {object} props.view
 * @param {(part: object) => void} props.onChange
 */
export function Domains({ domains, view, onChange }) {
  if (domains.length < 2) return null;
  const turn = (b64) => {
    const isHidden = view.hide.includes(b64);
    onChange({ hide: isHidden ? view.hide.filter((other) => other !== b64) : [...view.hide, b64] });
  };
  const agree = view.agree ?? [];
  const compare = (nth, b64) => {
    const sides = [agree[0] ?? null, agree[1] ?? null];
    sides[nth] = b64;
    if (sides[0] === null && sides[1] === null) return onChange({ agree: null });
    const other = (taken) => domains.find((one) => one.domain_b64 !== taken).domain_b64;
    if (b64 === null) return onChange({ agree: null });
    sides[1 - nth] = sides[1 - nth] === null || sides[1 - nth] === b64 ? other(b64) : sides[1 - nth];
    return onChange({ agree: sides, heat: false });
  };
  const choice = (nth, label) => html`<label>
    <span class="key" aria-hidden="true" style=${{ background: css(nth ? AGREEMENT.b : AGREEMENT.a) }}></span>
    <span class="hidden">${label}</span>
    <select
      value=${agree[nth] ?? "-"}
      onChange=${(event) => compare(nth, event.target.value === "-" ? null : event.target.value)}
    >
      <option value="-">${label}</option>
      ${domains.map((one) => html`<option key=${one.domain_b64} value=${one.domain_b64}>${domainOf(one)}</option>`)}
    </select>
  </label>`;
  return html`<section class="domains" aria-label="Domains">
    <h2>Domains</h2>
    <ul>
      ${domains.map((one) => html`<li key=${one.domain_b64}><label>
        <input
          type="checkbox"
          checked=${!view.hide.includes(one.domain_b64)}
          onChange=${() => turn(one.domain_b64)}
        />
        <bdi class="grow">${domainOf(one)}</bdi> <span class="count">${number(one.count)}</span>
      </label></li>`)}
    </ul>
    <fieldset class="compare">
      <legend>Where two agree</legend>
      ${choice(0, "One domain")} ${choice(1, "Another")}
    </fieldset>
  </section>`;
}

/** What the colours of the layer mean. */
export function Legend({ told, names }) {
  if (told?.kind === "heat") {
    return html`<div class="legend" role="note">
      <span>1</span><span class="scale" style=${{ background: gradient() }}></span><span>${number(told.most || 1)}</span>
      <span>masks a pixel</span>
    </div>`;
  }
  if (told?.kind === "agreement") {
    const union = told.both + told.onlyA + told.onlyB;
    const part = (count) => (told.isWhole ? html` <b>${number(count)}</b>` : "");
    return html`<div class="legend" role="note">
      <${Key} color=${AGREEMENT.both} />both${part(told.both)}
      <${Key} color=${AGREEMENT.a} />only ${names[0]}${part(told.onlyA)}
      <${Key} color=${AGREEMENT.b} />only ${names[1]}${part(told.onlyB)}
      ${told.isWhole && union > 0 && html`<span title="Pixels of both, of those of either">IoU <b>${(told.both / union).toFixed(3)}</b></span>`}
    </div>`;
  }
  return null;
}

function Key({ color }) {
  return html`<span class="key" aria-hidden="true" style=${{ background: css(color) }}></span>`;
}

function gradient() {
  const stops = [0, 51, 102, 153, 204, 255].map((step) => css(heatScale[step]));
  return `linear-gradient(to right, ${stops.join(", ")})`;
}
