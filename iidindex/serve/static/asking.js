/** Answers that come later, as state of what shows them. */

import { useCallback, useEffect, useRef, useState } from "./preact.js";

/**
 * Ask once, and again when what is asked has changed; what was under way then is given up.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} ask
 * @param {unknown[]} asked
 * @returns {{value: T|null, error: Error|null, isBusy: boolean}}
 */
export function useAnswer(ask, asked) {
  const [answer, setAnswer] = useState({ value: null, error: null, isBusy: true });
  useEffect(() => {
    const control = new AbortController();
    setAnswer({ value: null, error: null, isBusy: true });
    ask(control.signal).then(
      (value) => control.signal.aborted || setAnswer({ value, error: null, isBusy: false }),
      (error) => control.signal.aborted || setAnswer({ value: null, error, isBusy: false }),
    );
    return () => control.abort();
  }, asked);
  return answer;
}

/**
 * Rows, page by page.
 * @param {(after: string|null, signal: AbortSignal) => Promise<import("./api.js").Page>} ask
 * @param {unknown[]} asked
 * @param {{rows: object[], next: string|null}} [before] what is known already
 */
export function useRows(ask, asked, before) {
  const nothing = { rows: [], next: null, isAll: false, error: null, isBusy: true };
  const [found, setFound] = useState(nothing);
  const now = useRef(null);
  const load = useCallback((control, rows, after) => {
    const state = { control, isBusy: true, rows, after };
    now.current = state;
    ask(after, control.signal).then(
      (page) => {
        if (control.signal.aborted) return;
        state.isBusy = false;
        state.rows = rows.concat(page.rows);
        state.after = page.next;
        setFound({ rows: state.rows, next: page.next, isAll: page.next === null, error: null, isBusy: false });
      },
      (error) => {
        if (control.signal.aborted) return;
        state.isBusy = false;
        setFound({ rows, next: after, isAll: true, error, isBusy: false });
      },
    );
  }, asked);
  useEffect(() => {
    const control = new AbortController();
    if (before) {
      now.current = { control, isBusy: false, rows: before.rows, after: before.next };
      setFound({ ...nothing, ...before, isAll: before.next === null, isBusy: false });
    } else {
      setFound(nothing);
      load(control, [], null);
    }
    return () => control.abort();
  }, asked);
  const more = useCallback(() => {
    const state = now.current;
    if (!state || state.isBusy || state.after === null) return;
    setFound((known) => ({ ...known, isBusy: true }));
    load(state.control, state.rows, state.after);
  }, asked);
  return { ...found, more };
}

/** Do few things at a time, the latest asked first: what one looks at now comes before the rest. */
export function queue(most) {
  const waiting = [];
  let running = 0;
  const next = () => {
    while (running < most && waiting.length) {
      const { work, signal, resolve, reject } = waiting.pop();
      if (signal.aborted) {
        reject(new DOMException("given up", "AbortError"));
        continue;
      }
      running++;
      work()
        .then(resolve, reject)
        .finally(() => {
          running--;
          next();
        });
    }
  };
  return (work, signal) =>
    new Promise((resolve, reject) => {
      waiting.push({ work, signal, resolve, reject });
      next();
    });
}
