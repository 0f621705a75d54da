// Symbols with the quality and gaps of their base intervals: searched, problems first; only rows in sight are drawn.

import { rowsOf } from "./asking.js";
import { element, failure } from "./dom.js";
import { hashOf } from "./place.js";
import { counted, instant, number, percent } from "./words.js";

const ROW_PIXELS = 30;
const BEYOND_SIGHT = 10;

const COLUMNS = [
  { title: "symbol" },
  { title: "quality", numeric: true, cell: (one) => percent(one.quality_pct) },
  { title: "gaps", numeric: true, cell: (one) => number(one.gap_count) },
  { title: "waits", numeric: true, wide: true, cell: (one) => number(one.waiting_count) },
  { title: "bars", numeric: true, wide: true, cell: (one) => number(one.bar_count) },
  { title: "through", cell: (one) => (one.complete_through ?? "").slice(0, 10), wide: false },
  { title: "first bar", wide: true, cell: (one) => instant(one.first_bar) },
  { title: "calendar", wide: true, cell: (one) => one.calendar },
  { title: "intervals", wide: true, cell: (one) => one.intervals.join(" ") },
];

const byName = (one, other) => (one.symbol < other.symbol ? -1 : 1);

/** The worst quality first; where nothing is expected there is none, and they come last. */
const byProblem = (one, other) =>
  (one.quality_pct ?? 101) - (other.quality_pct ?? 101) || other.waiting_count - one.waiting_count ||
  other.gap_count - one.gap_count || byName(one, other);

export class SymbolList {
  constructor(chosen) {
    this.all = [];
    this.shown = [];
    this.current = "";
    this.active = 0;
    this.find = document.getElementById("find");
    this.order = document.getElementById("order");
    this.count = document.getElementById("symbol-count");
    this.chosen = chosen;
    this.body = element("tbody");
    this.table = element(
      "table", {}, element("caption", { class: "hidden" }, "Symbols"),
      element("thead", {}, element("tr", {}, COLUMNS.map(({ title, numeric, wide }) =>
        element("th", { scope: "col", class: `${numeric ? "number" : ""} ${wide ? "wide" : ""}` }, title)))),
      this.body,
    );
    this.box = element("div", { class: "scroll", id: "symbol-rows" }, this.table);
    document.getElementById("symbol-list").append(this.box);
    this.box.addEventListener("scroll", () => this.draw());
    this.box.addEventListener("keydown", (event) => this.moved(event));
    new ResizeObserver(() => this.draw()).observe(this.box);
    for (const [field, kind] of [[this.find, "input"], [this.order, "change"]]) {
      field.addEventListener(kind, () => {
        this.narrow();
        this.box.scrollTop = 0;
        this.chosen();
      });
    }
    this.find.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" && this.shown.length) {
        event.preventDefault();
        this.focus(0);
      } else if (event.key === "Enter" && this.shown.length) {
        location.hash = hashOf("chart", this.shown[0].symbol);
      }
    });
  }

  async load() {
    try {
      this.all = await rowsOf("symbols");
      this.narrow();
    } catch (error) {
      this.count.replaceChildren(failure(error));
    }
  }

  named(symbol) {
    return this.all.find((one) => one.symbol === symbol);
  }

  get worst() {
    return [...this.all].sort(byProblem)[0];
  }

  /** What narrows and orders the list, as it stands in the address. */
  get given() {
    return { find: this.find.value, order: this.order.value };
  }

  set given({ find = "", order = "" }) {
    if (find === this.find.value && order === this.order.value) return;
    this.find.value = find;
    this.order.value = order === "name" ? "name" : "";
    this.narrow();
  }

  narrow() {
    const words = this.find.value.trim().toLowerCase().split(/\s+/);
    this.shown = this.all.filter((one) => {
      const text = `${one.symbol} ${one.calendar} ${one.base}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    this.shown.sort(this.order.value === "name" ? byName : byProblem);
    this.active = Math.max(0, this.shown.findIndex((one) => one.symbol === this.current));
    const troubled = this.shown.filter((one) => (one.quality_pct ?? 100) < 100 || one.waiting_count).length;
    this.count.textContent = this.shown.length
      ? `${counted(this.shown.length, "symbol")}, ${number(troubled)} with gaps or work waiting`
      : this.all.length ? "No symbol is found; shorten what is looked for" : "There is no symbol in this store";
    this.draw(true);
  }

  mark(symbol) {
    this.current = symbol;
    const at = this.shown.findIndex((one) => one.symbol === symbol);
    if (at >= 0 && !this.box.contains(document.activeElement)) {
      this.active = at;
      this.show(at);
    }
    this.draw(true);
  }

  show(at) {
    const top = at * ROW_PIXELS;
    const room = this.box.clientHeight - ROW_PIXELS;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + ROW_PIXELS > this.box.scrollTop + room) this.box.scrollTop = top + ROW_PIXELS - room;
  }

  focus(at) {
    this.active = Math.min(Math.max(at, 0), this.shown.length - 1);
    this.show(this.active);
    this.draw(true);
    this.body.querySelector('a[tabindex="0"]')?.focus({ preventScroll: true });
  }

  moved(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW_PIXELS) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    if (event.key === "ArrowUp" && this.active === 0) this.find.focus();
    else this.focus(this.active + steps[event.key]);
  }

  draw(anew = false) {
    const rows = this.shown.length;
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW_PIXELS) - BEYOND_SIGHT);
    const last = Math.min(rows, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW_PIXELS) + BEYOND_SIGHT);
    if (!anew && this.drawn === `${first} ${last}`) return;
    this.drawn = `${first} ${last}`;
    const focused = this.body.contains(document.activeElement);
    this.table.setAttribute("aria-rowcount", rows + 1);
    this.body.replaceChildren(
      spacer(first), ...this.shown.slice(first, last).map((one, at) => this.row(one, first + at)), spacer(rows - last),
    );
    if (focused) this.body.querySelector('a[tabindex="0"]')?.focus({ preventScroll: true });
  }

  row(one, at) {
    const bad = one.quality_pct !== null && one.quality_pct < 99;
    const isCurrent = one.symbol === this.current;
    return element(
      "tr", { "aria-rowindex": at + 2, class: `${bad ? "bad" : ""} ${isCurrent ? "current" : ""}` },
      element("th", { scope: "row" }, element("a", {
        href: hashOf("chart", one.symbol), tabindex: at === this.active ? 0 : -1, title: one.symbol,
        "aria-current": isCurrent && "true",
      }, one.symbol)),
      COLUMNS.slice(1).map(({ cell, numeric, wide }) =>
        element("td", { class: `${numeric ? "number" : ""} ${wide ? "wide" : ""}` }, cell(one))),
    );
  }
}

function spacer(rows) {
  const made = element("tr", { "aria-hidden": "true", class: "spacer" }, element("td", { colspan: COLUMNS.length }));
  made.style.height = `${rows * ROW_PIXELS}px`;
  made.hidden = rows === 0;
  return made;
}
