/** Going from page to page without loading anew; back and forward lead where one was. */

import { useEffect, useState } from "./preact.js";

const watchers = new Set();

function tell() {
  watchers.forEach((watcher) => watcher());
}

function here() {
  return window.location.pathname + window.location.search;
}

/** Go to a URL of ours. With `isSame`, what it says replaces where one is. */
export function go(url, { isSame = false } = {}) {
  if (url === here()) return;
  writeDown();
  if (isSame) window.history.replaceState(window.history.state, "", url);
  else window.history.pushState(null, "", url);
  tell();
}

// Browsers refuse a page that writes down more than a few states a second.
const LEAST_BETWEEN = 150;
let waiting = {};
let timer;

function writeDown() {
  clearTimeout(timer);
  if (!Object.keys(waiting).length) return;
  window.history.replaceState({ ...window.history.state, ...waiting }, "");
  waiting = {};
}

/** What is kept with where one is, for whoever comes back. */
export function keep(name, value) {
  waiting[name] = value;
  clearTimeout(timer);
  timer = setTimeout(writeDown, LEAST_BETWEEN);
}

/** What `keep` kept. */
export function kept(name) {
  return window.history.state?.[name];
}

/** The URL, also after it has changed. */
export function useUrl() {
  const [url, setUrl] = useState(here());
  useEffect(() => {
    const watcher = () => setUrl(here());
    watchers.add(watcher);
    watcher();
    return () => watchers.delete(watcher);
  }, []);
  return url;
}

/** Links between our pages, and the browser's buttons. */
export function follow() {
  window.addEventListener("pagehide", writeDown);
  window.addEventListener("popstate", () => {
    // It belonged to where one was, and that can no longer be changed.
    waiting = {};
    tell();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !isPlain || event.defaultPrevented || link.hasAttribute("download")) return;
    // Links in drawings have no plain `href`.
    const url = new URL(link.getAttribute("href"), window.location);
    if (url.origin !== window.location.origin || !/^\/($|file\/|iid\/)/.test(url.pathname)) return;
    event.preventDefault();
    go(url.pathname + url.search);
  });
}
