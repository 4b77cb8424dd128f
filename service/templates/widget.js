/*
 * Related practices on any page:
 *
 *   <script src="https://.../widget.js" async></script>
 *   <related-practices practice="ID" top-k="4" lang="de">what stands here is shown when nothing can be</related-practices>
 *   <related-practices text="The page's own text"></related-practices>
 *
 * Attributes: practice or text, top-k, lang, mode, src (folder of a static export), heading-level.
 * Colours: --practices-accent, --practices-text, --practices-background, --practices-border, --practices-font.
 * All text is set as text, never as HTML; nothing is stored, no cookie is sent.
 */
(() => {
  "use strict";

  const NAME = "related-practices";
  if (!window.customElements || customElements.get(NAME)) return;

  const EXPORTED_FOR = {{ home|tojson }};
  const TEXTS = {{ texts|tojson }};
  const DEFAULT_LANGUAGE = {{ default_language|tojson }};
  const USUAL_LINKS = {{ usual_links }};
  const MOST_LINKS = {{ most_links }};
  const MOST_CHARACTERS = {{ most_characters }};
  const TIMEOUT_MS = 8000;

  const script = document.currentScript || document.querySelector('script[src*="widget.js"]');
  const here = (script && script.src) || document.baseURI;
  const HOME = EXPORTED_FOR || new URL(here).origin;
  const FILES = EXPORTED_FOR && new URL(".", here).href;

  /* A card has room for three lines of words and one of facts, or for four beside each other: so the height of the
     whole is known before anything has come. `all: initial` keeps the spacing and the case of the host's text out. */
  const STYLES = new CSSStyleSheet();
  STYLES.replaceSync(`
    :host { display: block; flex-grow: 1; min-inline-size: 0; }
    :host([hidden]) { display: none; }
    .reserved { min-height: calc(var(--rows) * 7.5em + 4.5em); }
    section {
      all: initial; display: block; box-sizing: border-box; min-height: inherit;
      container-type: inline-size; contain-intrinsic-inline-size: 22em;
      font-family: var(--practices-font, inherit); font-size: inherit; line-height: 1.3;
      color: var(--practices-text, inherit); color-scheme: inherit; visibility: inherit;
    }
    .heading { font-size: 1.25em; font-weight: 600; height: 1.3em; margin-bottom: .7em;
      overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
    ul { list-style: none; margin: 0; padding: 0; display: grid; gap: .5em; }
    li {
      position: relative; box-sizing: border-box; min-height: 7em; padding: .7em 1em; border-radius: .5em;
      display: grid; grid-template-columns: minmax(0, 1fr); align-content: start; align-items: start;
      gap: .15em 1.5em;
      background: var(--practices-background, transparent);
      border: 1px solid var(--practices-border, color-mix(in srgb, currentColor 22%, transparent));
    }
    .few li { min-height: 0; }
    li:hover { border-color: var(--practices-accent, currentColor); }
    a { color: var(--practices-accent, inherit); text-decoration: none; text-underline-offset: .15em; }
    a:hover, li:hover a { text-decoration: underline; }
    a:focus-visible { outline: 2px solid; outline-offset: 2px; border-radius: .2em; }
    .words, .facts { display: -webkit-box; -webkit-box-orient: vertical; overflow: hidden; overflow-wrap: anywhere; }
    .words { -webkit-line-clamp: 3; max-height: 3.9em; }
    .title { display: block; font-weight: 600; }
    .title::after { content: ""; position: absolute; inset: 0; border-radius: .5em; }
    .title:focus-visible { outline: none; }
    .title:focus-visible::after { outline: 2px solid; outline-offset: 2px; }
    .summary { margin: 0; font-size: .9em; line-height: 1.4; }
    .facts { margin: 0; font-size: .85em; line-height: 1.4; -webkit-line-clamp: 1; }
    .all { margin: 0; padding: .6em 0; }
    .all a { text-decoration: underline; }
    .waiting i { height: .9em; margin: .2em 0; border-radius: .3em; background: currentColor; opacity: .1; }
    .waiting i:first-child { inline-size: 45%; }
    .waiting i:last-child { inline-size: 80%; }
    @container (min-width: 34em) {
      li { grid-template-columns: minmax(0, 1fr) 13em; }
      .waiting i { grid-column: 1; }
      .words { -webkit-line-clamp: 4; max-height: 5.2em; }
      .facts { -webkit-line-clamp: 4; }
    }
    @media (prefers-reduced-motion: no-preference) {
      .come { animation: come .2s ease-out; }
      @keyframes come { from { opacity: 0; } }
    }
  `);

  class RelatedPractices extends HTMLElement {
    static observedAttributes = ["practice", "text", "top-k", "lang", "mode", "src", "heading-level"];

    #root = this.attachShadow({ mode: "open" });
    #reserved = make("div", { class: "reserved" });
    #observer = null;
    #asking = null;
    #isDue = false;

    constructor() {
      super();
      this.#root.adoptedStyleSheets = [STYLES];
      this.#root.append(this.#reserved);
    }

    connectedCallback() {
      this.#restart();
    }

    disconnectedCallback() {
      this.#stop();
    }

    attributeChangedCallback(name, before, after) {
      if (before !== after && this.isConnected) this.#restart();
    }

    /* Several attributes that change at once are one change. It is made before the next frame is painted. */
    #restart() {
      if (this.#isDue) return;
      this.#isDue = true;
      queueMicrotask(() => {
        this.#isDue = false;
        this.#stop();
        if (this.isConnected) this.#start();
      });
    }

    #stop() {
      if (this.#observer) this.#observer.disconnect();
      if (this.#asking) this.#asking.abort();
      this.#observer = this.#asking = null;
    }

    #start() {
      const asked = this.#asked();
      this.#reserved.style.setProperty("--rows", asked.rows);
      const list = make("ul", { "aria-hidden": "true" });
      for (let row = 0; row < asked.rows; row++) {
        const card = make("li", { class: "waiting" });
        card.append(make("i"), make("i"));
        list.append(card);
      }
      this.#show(asked, TEXTS[asked.lang][0], list).setAttribute("aria-busy", "true");
      this.#observer = new IntersectionObserver(
        (entries) => {
          if (!entries.some((entry) => entry.isIntersecting)) return;
          this.#observer.disconnect();
          this.#load(asked);
        },
        { rootMargin: "200px" },
      );
      this.#observer.observe(this);
    }

    #asked() {
      const level = parseInt(this.getAttribute("heading-level"), 10);
      return {
        practice: (this.getAttribute("practice") || "").trim(),
        text: (this.getAttribute("text") || "").trim(),
        mode: this.getAttribute("mode"),
        files: this.getAttribute("src") || FILES,
        lang: languageOf(this),
        rows: Math.min(MOST_LINKS, Math.max(1, parseInt(this.getAttribute("top-k"), 10) || USUAL_LINKS)),
        level: level >= 1 && level <= 6 ? level : 2,
      };
    }

    async #load(asked) {
      const asking = (this.#asking = new AbortController());
      const timer = setTimeout(() => asking.abort(), TIMEOUT_MS);
      try {
        const found = await linksFor(asked, asking.signal);
        if (asking === this.#asking) this.#showLinks(asked, found);
      } catch (problem) {
        if (asking === this.#asking) this.#showFallback(asked);
      } finally {
        clearTimeout(timer);
      }
    }

    #showLinks(asked, found) {
      const cards = found.links.slice(0, asked.rows).map(cardOf);
      if (!cards.length) throw new Error("nothing is related");
      const list = make("ul", { role: "list", class: "come" });
      list.append(...cards);
      const all = make("p", { class: "all" });
      all.append(make("a", { dir: "auto", href: addressOf(found.all.path) }, found.all.title));
      this.#show({ ...asked, lang: found.lang }, found.heading, list, all);
    }

    #showFallback(asked) {
      if ([...this.childNodes].some((node) => node.nodeType === 1 || (node.nodeType === 3 && node.data.trim()))) {
        this.#reserved.replaceChildren(make("slot"));
        return;
      }
      const [heading, allTitle, practiceTitle] = TEXTS[asked.lang];
      const list = make("ul", { role: "list", class: "few" });
      const link = (title, path) => {
        const card = make("li");
        card.append(make("a", { class: "title", dir: "auto", href: addressOf(`${path}?lang=${asked.lang}`) }, title));
        list.append(card);
      };
      if (asked.practice) link(practiceTitle, `/practices/${encoded(asked.practice)}`);
      link(allTitle, "/practices");
      this.#show(asked, heading, list);
    }

    #show(asked, title, ...content) {
      const section = make("section", { lang: asked.lang, "aria-labelledby": "heading" });
      const heading = { id: "heading", class: "heading", dir: "auto", role: "heading", "aria-level": asked.level };
      section.append(make("div", heading, title), ...content);
      this.#reserved.replaceChildren(section);
      return section;
    }
  }

  function make(name, attributes = {}, text = "") {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  }

  function cardOf(link) {
    const [card, words] = [make("li"), make("div", { class: "words" })];
    words.append(make("a", { class: "title", dir: "auto", href: addressOf(link.path) }, link.title));
    if (link.summary) words.append(make("p", { class: "summary", dir: "auto" }, link.summary));
    card.append(words);
    const facts = [link.country, link.reason].filter(Boolean).join(" \u00b7 ");
    if (facts) card.append(make("p", { class: "facts", dir: "auto" }, facts));
    return card;
  }

  /* Only web pages are linked to, whatever an answer says. */
  function addressOf(path) {
    const address = new URL(path.startsWith("/") ? HOME + path : path);
    if (!/^https?:$/.test(address.protocol)) throw new Error(`${path} is no web page`);
    return address.href;
  }

  function languageOf(element) {
    const holder = element.closest('[lang]:not([lang=""])');
    const wanted = [holder && holder.getAttribute("lang"), ...(navigator.languages || [navigator.language])];
    const codes = wanted.map((one) => String(one).toLowerCase().split(/[-_]/)[0]);
    return codes.find((code) => Object.hasOwn(TEXTS, code)) || DEFAULT_LANGUAGE;
  }

  /* As the file names of an export and the paths of the service have it; half a character becomes a question mark. */
  function encoded(text) {
    const hexadecimal = (sign) => "%" + sign.charCodeAt(0).toString(16).toUpperCase();
    return encodeURIComponent(text.replace(/\p{Cs}/gu, "?")).replace(/[!'()*]/g, hexadecimal);
  }

  async function linksFor({ practice, text, mode, files, lang, rows }, signal) {
    if (practice && files) return exportedLinks(practice, files, lang, signal);
    if (practice) {
      const wanted = new URLSearchParams({ lang, top_k: rows });
      if (mode) wanted.set("mode", mode);
      return fetched(`${HOME}/embed/related/${encoded(practice)}.json?${wanted}`, { signal });
    }
    if (!text) throw new Error("neither a practice nor a text is given");
    const wanted = { text: Array.from(text).slice(0, MOST_CHARACTERS).join(""), top_k: rows, lang };
    return fetched(`${HOME}/embed/related.json`, { signal, method: "POST", body: JSON.stringify(wanted) });
  }

  /* A file is named by the encoded id, so its address is encoded twice. */
  async function exportedLinks(practice, files, lang, signal) {
    const folder = new URL(files.replace(/\/*$/, "/"), document.baseURI).href;
    const file = (code) => `${folder}${encodeURIComponent(encoded(practice))}.${code}.json`;
    try {
      return await fetched(file(lang), { signal });
    } catch (problem) {
      if (signal.aborted || lang === DEFAULT_LANGUAGE) throw problem;
      return fetched(file(DEFAULT_LANGUAGE), { signal });
    }
  }

  async function fetched(address, options) {
    const answer = await fetch(address, { credentials: "omit", referrerPolicy: "no-referrer", ...options });
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return answer.json();
  }

  customElements.define(NAME, RelatedPractices);
})();
