/** The viewer: which page is shown, and what all pages have. */

import { Help, isTyping } from "./parts/help.js";
import { Quiet } from "./parts/message.js";
import { Search } from "./parts/search.js";
import { html, render, useEffect, useLayoutEffect, useRef, useState } from "./preact.js";
import { follow, go, useUrl } from "./router.js";
import { archiveUrl, individualUrl, parse } from "./url.js";
import { Archive } from "./views/archive.js";
import { File } from "./views/file.js";
import { IndividualPage } from "./views/individual.js";

function App() {
  const url = useUrl();
  const [pathname, search = ""] = url.split(/(?=\?)/);
  const place = parse({ pathname, search });
  const [isHelping, setHelping] = useState(false);
  const seen = useRef(null);
  const where = place.page === "archive" ? "/" : pathname;

  useEffect(() => {
    const onKeyDown = (event) => {
      if (event.defaultPrevented || isTyping(event)) return;
      if (event.key === "/") document.getElementById("search").focus();
      else if (event.key === "?") setHelping(true);
      else return;
      event.preventDefault();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, []);
  useLayoutEffect(() => {
    // Whoever hears the page is told that it is another one.
    if (seen.current !== null && seen.current !== where) {
      (document.getElementById("picture") ?? document.querySelector("main h1"))?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    seen.current = where;
  }, [where]);

  return html`
    <a class="skip" href="#main" onClick=${skip}>To the content</a>
    <header class="top">
      <a class="brand" href="/">iidindex</a>
      <${Search} id="search" label="Search by address" placeholder="Search by address   /" onChoose=${(row) => go(individualUrl(row))} />
      <button type="button" class="round" aria-label="Keys" title="Keys (?)" onClick=${() => setHelping(true)}>?</button>
    </header>
    <main id="main" tabindex="-1">
      ${place.page === "archive" && html`<${Archive} key=${archiveUrl(place.filters)} filters=${place.filters} heat=${place.heat} />`}
      ${place.page === "file" && html`<${File} key=${pathname} view=${place} />`}
      ${place.page === "individual" && html`<${IndividualPage} key=${pathname} ...${place} />`}
      ${place.page === "unknown" && html`<${Quiet}>There is no such page. <a href="/">The archive</a></${Quiet}>`}
    </main>
    <${Help} isOpen=${isHelping} onClose=${() => setHelping(false)} />
  `;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

follow();
render(html`<${App} />`, document.body);
