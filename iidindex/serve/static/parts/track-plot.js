/** How large an individual is, from file to file. */

import { shownPath } from "../bytes.js";
import { html } from "../preact.js";
import { counted, number } from "./message.js";
import { useWidth } from "./windowed.js";

const HEIGHT = 132;
const LEFT = 56;
const EDGE = 12;
const BELOW = 22;
/** Of more points, only a line is drawn. */
const MOST_POINTS = 150;

/**
 * @param {object} props
 * @param {object[]} props.rows entries, in the order in which they are drawn
 * @param {(row: object) => string} props.urlOf
 */
export function TrackPlot({ rows, urlOf }) {
  const [element, width] = useWidth();
  const files = [];
  for (const row of rows) {
    const last = files.at(-1);
    if (last?.location === row.location) last.area += row.area;
    else files.push({ ...row });
  }
  const most = Math.max(...files.map((row) => row.area), 1);
  const [right, bottom] = [Math.max(LEFT + 40, width - EDGE), HEIGHT - BELOW];
  const x = (nth) => LEFT + ((right - LEFT) * (files.length > 1 ? nth : 0.5)) / Math.max(1, files.length - 1);
  const y = (area) => bottom - ((bottom - EDGE) * area) / most;
  const line = files.map((row, nth) => `${nth ? "L" : "M"}${x(nth).toFixed(1)} ${y(row.area).toFixed(1)}`).join("");
  const first = shownPath(files[0].path);
  const last = shownPath(files.at(-1).path);
  const told = `Area in ${counted(files.length, "file")}, from ${first} to ${last}: ${number(Math.min(...files.map((row) => row.area)))} to ${number(most)} pixels`;
  const fits = (text, part) => (text.length > part ? `…${text.slice(-part + 1)}` : text);
  const letters = Math.max(8, Math.floor((right - LEFT) / 2 / 7.5));
  return html`<div class="plot" ref=${element}>
    ${width > 0 && html`<svg width=${width} height=${HEIGHT} role="group" aria-label=${told}>
      ${[0, most].map((area) => html`<g key=${area} aria-hidden="true">
        <line class="axis" x1=${LEFT} x2=${right} y1=${y(area)} y2=${y(area)} />
        <text class="tick" x=${LEFT - 8} y=${y(area) + 4} text-anchor="end">${number(area)}</text>
      </g>`)}
      <path class="line" d=${line} aria-hidden="true" />
      ${files.length <= MOST_POINTS && files.map((row, nth) => html`<a key=${row.location} href=${urlOf(row)} aria-label=${`${shownPath(row.path)}, ${counted(row.area, "pixel")}`}>
        <circle class="reach" cx=${x(nth)} cy=${y(row.area)} r="9" />
        <circle class="point" cx=${x(nth)} cy=${y(row.area)} r="3.5"><title>${shownPath(row.path)} · ${counted(row.area, "pixel")}</title></circle>
      </a>`)}
      <text class="tick" x=${LEFT} y=${HEIGHT - 5} aria-hidden="true">${fits(first, letters)}</text>
      ${files.length > 1 && html`<text class="tick" x=${right} y=${HEIGHT - 5} text-anchor="end" aria-hidden="true">${fits(last, letters)}</text>`}
    </svg>`}
  </div>`;
}
