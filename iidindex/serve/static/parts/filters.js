/** What the archive is narrowed down by. */

import * as api from "../api.js";
import { useAnswer } from "../asking.js";
import { shownPath } from "../bytes.js";
import { html, useState } from "../preact.js";

const FIELDS = [
  ["path", "Path", "cells/* or a whole path"],
  ["domain", "Domain", "whose masks"],
  ["group", "Group", "any of its groups"],
  ["meta", "Metadata", "camera.iso=200, minutes=20..30"],
];
const SINGLE = ["path", "root"];

/**
 * @param {object} props
 * @param {import("../url.js").Pairs} props.filters
 * @param {string[]} props.domains those that were met so far
 * @param {(filters: import("../url.js").Pairs) => void} props.onChange
 */
export function Filters({ filters, domains, onChange }) {
  const groups = useAnswer((signal) => api.groups({ limit: 1000 }, signal), []);
  const known = { domain: domains, group: (groups.value?.rows ?? []).map((row) => row.name) };
  const add = (name, value) => {
    const others = filters.filter(
      ([other, text]) => !(other === name && (SINGLE.includes(name) || text === value)),
    );
    onChange([...others, [name, value]]);
  };
  return html`<div class="filters">
    ${FIELDS.map(([name, label, example]) => html`<${Field}
      key=${name}
      ...${{ name, label, example }}
      known=${known[name]}
      onAdd=${(value) => add(name, value)}
    />`)}
    <${Chosen} filters=${filters} onChange=${onChange} />
  </div>`;
}

function Field({ name, label, example, known, onAdd }) {
  const [text, setText] = useState("");
  const submit = (event) => {
    event.preventDefault();
    if (text.trim()) onAdd(text.trim());
    setText("");
  };
  const take = (value) => {
    // What is chosen from the list comes without a key.
    setText(value);
    if (known?.includes(value)) {
      onAdd(value);
      setText("");
    }
  };
  return html`<form onSubmit=${submit}>
    <label for=${`filter-${name}`}>${label}</label>
    <input
      id=${`filter-${name}`}
      list=${known ? `known-${name}` : undefined}
      placeholder=${example}
      autocomplete="off"
      autocapitalize="off"
      spellcheck=${false}
      value=${text}
      onInput=${(event) =>
        event.inputType === undefined || event.inputType === "insertReplacementText"
          ? take(event.target.value)
          : setText(event.target.value)}
    />
    ${known && html`<datalist id=${`known-${name}`}>
      ${known.map((value) => html`<option value=${value}></option>`)}
    </datalist>`}
  </form>`;
}

/** The filters that hold, each to be taken away. */
function Chosen({ filters, onChange }) {
  if (!filters.length) return null;
  return html`<ul class="chosen" aria-label="Filters">
    ${filters.map(([name, value], nth) => html`<li key=${`${name}=${value}`}>
      <button
        type="button"
        aria-label=${`Without ${name} ${shownPath(value)}`}
        onClick=${() => onChange(filters.filter((_, other) => other !== nth))}
      >
        <span class="what">${name}</span> <bdi>${value === "" ? "none" : shownPath(value)}</bdi>
        <span class="away" aria-hidden="true">×</span>
      </button>
    </li>`)}
    <li><button type="button" class="plain" onClick=${() => onChange([])}>Clear all</button></li>
  </ul>`;
}
