// The page: which view is shown, that what is new is shown, and the theme.

import { snapshot } from "./asking.js";
import { ActivityView } from "./activity.js";
import { ChartView } from "./chart.js";
import { CoverageView } from "./coverage.js";
import { hashOf, notePlace, placeNow } from "./place.js";
import { SqlView } from "./sql.js";
import { SymbolList } from "./symbols.js";
import { takeTheme } from "./theme.js";
import { second } from "./words.js";

const TITLES = { symbols: "Symbols", chart: "Chart", coverage: "Coverage", activity: "Activity", sql: "SQL" };
const main = document.getElementById("main");
const served = document.getElementById("served");

/** Where one was last in each view: its link leads back there. */
const left = {};
let shown = null;
let shownSnapshot = null;

const symbols = new SymbolList(() => {
  if (placeNow().view === "symbols") notePlace("symbols", "", symbols.given);
  shown?.view.narrowed?.();
});

const context = {
  symbols,
  note(view, symbol, given) {
    const place = placeNow();
    if (place.view !== view) return; // the view was left meanwhile
    notePlace(view, symbol, given);
    remember(view);
  },
};

const MAKERS = {
  chart: () => new ChartView(context),
  coverage: () => new CoverageView(context),
  activity: () => new ActivityView(context),
  sql: () => new SqlView(context),
};

function remember(view) {
  left[view] = location.hash;
  document.querySelector(`nav a[data-view="${view}"]`)?.setAttribute("href", location.hash);
}

function route() {
  let place = placeNow();
  if (!(place.view in TITLES)) {
    notePlace("symbols", "", {});
    place = placeNow();
  }
  if (place.view === "chart" && !place.symbol) {
    const symbol = symbols.current || symbols.worst?.symbol;
    notePlace(symbol ? "chart" : "symbols", symbol ?? "", {});
    place = placeNow();
  }
  if (place.view === "symbols") symbols.given = place.given;
  remember(place.view);
  for (const link of document.querySelectorAll("nav a[data-view]")) {
    if (link.dataset.view === place.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const title = place.view === "chart" ? place.symbol : TITLES[place.view];
  document.title = `${title} - Barhouse`;
  main.setAttribute("aria-label", TITLES[place.view]);
  document.body.dataset.view = place.view;
  main.hidden = place.view === "symbols";
  const list = document.getElementById("symbols");
  if (main.hidden) list.setAttribute("role", "main");
  else list.removeAttribute("role");
  if (shown?.name !== place.view) {
    shown?.view.close?.();
    main.replaceChildren();
    shown = place.view in MAKERS ? { name: place.view, view: MAKERS[place.view]() } : null;
    if (shown) main.append(shown.view.root);
  }
  symbols.mark(place.view === "chart" ? place.symbol : symbols.current);
  shown?.view.show(place);
}

function tell(state) {
  const committed = state.committed_at ? `, committed ${second(state.committed_at)}` : "";
  served.textContent = state.batch_id === null ? "no batch yet" : `batch ${state.batch_id}${committed}`;
  document.body.dataset.snapshot = state.snapshot;
}

async function renew(state) {
  tell(state);
  if (state.snapshot === shownSnapshot) return;
  const isFirst = shownSnapshot === null;
  shownSnapshot = state.snapshot;
  if (isFirst) return;
  await symbols.load();
  await shown?.view.renew?.();
  document.body.dataset.renewed = state.snapshot;
}

function listen() {
  const events = new EventSource("api/events");
  events.addEventListener("batch", (event) => renew(JSON.parse(event.data)));
  events.addEventListener("error", () => {
    served.textContent = "The server is not heard; trying again";
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault(); // what stands behind # is the view
  const target = main.hidden ? document.getElementById("find") : main;
  target.focus();
});

takeTheme(document.getElementById("theme"), () => shown?.view.paint?.());

try {
  const state = await snapshot();
  shownSnapshot = state.snapshot;
  tell(state);
} catch (error) {
  served.textContent = error.message;
}
await symbols.load();
window.addEventListener("hashchange", route);
route();
listen();
document.body.dataset.ready = "true";
