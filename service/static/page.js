// What pages do faster or smoother with JavaScript; without it every link and form below works as it stands.
"use strict";

const main = () => document.getElementById("main");
let latest = 0;
let settled = Promise.resolve();

document.documentElement.classList.add("with-script");

/** Show the page at `url` in place of this one, without losing focus or the place on the page. */
async function swap(url, { push = true, toTop = false } = {}) {
  const mine = ++latest;
  const asked = document.getElementById("q")?.value;
  main().setAttribute("aria-busy", "true");
  let page;
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html" } });
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    location.assign(url);
    return;
  }
  if (mine !== latest) return;
  if (!page.getElementById("main")) {
    location.assign(url);
    return;
  }
  const focused = document.activeElement?.id;
  const typed = document.getElementById("q")?.value;
  const open = new Map([...document.querySelectorAll("details[id]")].map((one) => [one.id, one.open]));
  if (push) history.pushState({}, "", url);
  document.title = page.title;
  document.querySelector(".site-head").replaceWith(page.querySelector(".site-head"));
  main().replaceWith(page.getElementById("main"));
  const box = document.getElementById("q");
  if (box && typed !== undefined && typed !== asked) box.value = typed; // what was typed meanwhile stays
  for (const [id, isOpen] of open) {
    const details = document.getElementById(id);
    if (details) details.open = isOpen;
  }
  if (toTop) {
    scrollTo(0, 0);
    main().focus({ preventScroll: true });
  } else if (focused) {
    (document.getElementById(focused) ?? main()).focus({ preventScroll: true });
  }
  document.getElementById("announcer").textContent = main().dataset.announce;
  prepare();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  // A tick changes the state that the page will have once what is on its way has come: its link is a new one then.
  const target = link.id ? settled.then(() => document.getElementById(link.id) ?? link) : Promise.resolve(link);
  settled = target.then(({ href }) => swap(href, { toTop: link.closest(".pages") !== null }));
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("form[data-swap]")) return;
  event.preventDefault();
  const parameters = new URLSearchParams(new FormData(form));
  for (const [name, value] of [...parameters]) if (!value.trim()) parameters.delete(name, value);
  settled = swap(parameters.size ? `${form.getAttribute("action")}?${parameters}` : form.getAttribute("action"));
});

document.addEventListener("change", (event) => {
  if (event.target.matches("input[type=checkbox][form], select")) event.target.form?.requestSubmit();
});

addEventListener("popstate", () => {
  settled = swap(location.href, { push: false });
});

// Enter asks; Shift+Enter makes a new line.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.target.matches("textarea#q")) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
  if (event.key === "Escape") document.querySelector(".languages[open]")?.removeAttribute("open");
});

/** Make the map readable by pointer and by arrow keys: one stop for Tab, arrows go to the nearest mark that way. */
function prepareMap() {
  const map = document.querySelector("[data-map]");
  const card = document.getElementById("map-card");
  if (!map || !card) return;
  const dots = [...map.querySelectorAll(".dot")];
  const places = new Map(dots.map((dot) => [dot, dot.getAttribute("transform").match(/[\d.]+/g).map(Number)]));
  const [name, meta] = card.children;
  const tell = (dot) => {
    name.textContent = (dot.dataset.rank ? `${dot.dataset.rank}. ` : "") + dot.getAttribute("aria-label");
    meta.textContent = dot.dataset.meta;
    for (const one of dots) one.setAttribute("tabindex", one === dot ? "0" : "-1");
  };
  const first = dots.find((dot) => dot.dataset.rank === "1") ?? dots[0];
  for (const dot of dots) {
    dot.setAttribute("tabindex", dot === first ? "0" : "-1");
    dot.addEventListener("pointerenter", () => tell(dot));
    dot.addEventListener("focus", () => tell(dot));
  }
  map.addEventListener("keydown", (event) => {
    const way = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    const from = places.get(event.target.closest(".dot"));
    if (!way || !from) return;
    event.preventDefault();
    const cost = ([x, y]) => {
      const along = (x - from[0]) * way[0] + (y - from[1]) * way[1];
      const aside = Math.abs((x - from[0]) * way[1]) + Math.abs((y - from[1]) * way[0]);
      return along > 0.5 ? along + 2 * aside : Infinity;
    };
    const next = dots.reduce((best, dot) => (cost(places.get(dot)) < cost(places.get(best)) ? dot : best));
    if (cost(places.get(next)) < Infinity) next.focus();
  });
}

function prepare() {
  prepareMap();
  const filters = document.getElementById("filters");
  if (filters && !filters.dataset.met) {
    filters.dataset.met = "true";
    if (matchMedia("(min-width: 62rem)").matches) filters.open = true;
  }
}
prepare();
