/** Search by address, with completion. */

import * as api from "../api.js";
import { useAnswer } from "../asking.js";
import { shownPath } from "../bytes.js";
import { domainOf, idOf } from "../individuals.js";
import { html, useEffect, useRef, useState } from "../preact.js";
import { counted } from "./message.js";
import { Name } from "./swatch.js";

const SHOWN = 12;
const PATIENCE = 120;

/**
 * A field that completes addresses, as a combobox.
 * @param {object} props
 * @param {string} props.id
 * @param {string} props.label
 * @param {(individual: import("../individuals.js").Individual) => void} props.onChoose
 */
export function Search({ id, label, placeholder = label, onChoose }) {
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const [isOpen, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const field = useRef(null);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim()), PATIENCE);
    return () => clearTimeout(timer);
  }, [text]);
  const { value, error, isBusy } = useAnswer(
    async (signal) => asked && api.individuals({ prefix: asked, limit: SHOWN }, signal),
    [asked],
  );
  useEffect(() => setAt(0), [value]);
  const rows = (asked && asked === text.trim() && value?.rows) || [];
  const choose = (row) => {
    setText("");
    setOpen(false);
    field.current.blur();
    onChoose(row);
  };
  const onKeyDown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && rows.length) {
      event.preventDefault();
      setAt((at + step + rows.length) % rows.length);
    } else if (event.key === "Enter" && rows[at]) {
      event.preventDefault();
      choose(rows[at]);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      if (text) setText("");
      else field.current.blur();
    }
  };
  const isShown = isOpen && asked !== "";
  const optionId = (nth) => `${id}-option-${nth}`;
  return html`<div class="search" role="search" aria-label=${label} onFocusOut=${(event) => {
    if (!event.currentTarget.contains(event.relatedTarget)) setOpen(false);
  }}>
    <input
      id=${id}
      ref=${field}
      type="search"
      role="combobox"
      aria-label=${label}
      aria-expanded=${isShown ? "true" : "false"}
      aria-controls=${`${id}-list`}
      aria-autocomplete="list"
      aria-activedescendant=${isShown && rows.length ? optionId(at) : undefined}
      autocomplete="off"
      autocapitalize="off"
      spellcheck=${false}
      placeholder=${placeholder}
      value=${text}
      onInput=${(event) => {
        setText(event.target.value);
        setOpen(true);
      }}
      onFocus=${() => setOpen(true)}
      onKeyDown=${onKeyDown}
    />
    <ul id=${`${id}-list`} role="listbox" aria-label="Individuals" hidden=${!isShown}>
      ${isShown && rows.map((row, nth) => html`<li
        key=${idOf(row)}
        id=${optionId(nth)}
        role="option"
        aria-selected=${nth === at ? "true" : "false"}
        onPointerDown=${(event) => event.preventDefault()}
        onClick=${() => choose(row)}
      >
        <span class="grow"><${Name} of=${row} /></span>
        <bdi class="domain">${domainOf(row)}</bdi>
        <span class="count">${counted(row.files, "file")}</span>
      </li>`)}
      ${isShown && !rows.length && html`<li class="quiet" role="option" aria-disabled="true" aria-selected="false">
        ${error ? shownPath(error.message) : isBusy || asked !== text.trim() ? "Looking…" : "No address begins so."}
      </li>`}
    </ul>
  </div>`;
}
