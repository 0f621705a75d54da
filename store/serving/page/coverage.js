// A map of symbol by session, in the sessions of one calendar, newest first: what is whole, what lacks bars, what is missing.

import { address, rowsOf } from "./asking.js";
import { button, element, failure, links } from "./dom.js";
import { hashOf } from "./place.js";
import { counted, number, percent } from "./words.js";

const SYMBOLS = 50;
const SESSIONS = 60;
const DAY_MS = 86400000;
/** Days that hold so many sessions of an exchange, holidays and all. */
const DAYS = 95;

const KINDS = { whole: "all bars are there", part: "some are missing", none: "all are missing" };

const dayAfter = (date, days) => new Date(Date.parse(date) + days * DAY_MS).toISOString().slice(0, 10);

export class CoverageView {
  constructor(context) {
    this.context = context;
    this.group = element("select", { id: "coverage-group", onchange: () => this.go({ page: 0, end: "" }) });
    this.newer = button("Newer sessions", () => this.go({ end: this.newerEnd() }));
    this.older = button("Older sessions", () => this.go({ end: this.sessions.at(-1) }));
    this.before = button("Symbols before", () => this.go({ page: this.page - 1 }));
    this.after = button("More symbols", () => this.go({ page: this.page + 1 }));
    this.said = element("p", { role: "status" });
    this.detail = element("p", { class: "legend" }, "Arrow keys move on the map, Enter shows the session's bars.");
    this.map = element("div");
    this.foot = element("div");
    this.root = element("div", { class: "view" },
      element("section", { class: "panel", "aria-labelledby": "coverage-title" },
        element("div", { class: "bar" }, element("h2", { id: "coverage-title" }, "Coverage by session"),
          element("label", { for: "coverage-group" }, "Calendar"), this.group,
          element("div", { class: "choices", role: "group", "aria-label": "Move" }, this.newer, this.older, this.before, this.after)),
        element("ul", { class: "key" }, Object.entries(KINDS).map(([kind, words]) =>
          element("li", {}, element("span", { class: `cell ${kind}`, "aria-hidden": "true" }), words)),
          element("li", {}, element("span", { class: "cell", "aria-hidden": "true" }), "none are expected")),
        this.said, this.map, this.detail, this.foot));
  }

  async show({ given }) {
    this.page = Math.max(0, Number.parseInt(given.page, 10) || 0);
    this.end = /^\d{4}-\d\d-\d\d$/.test(given.end ?? "") ? given.end : "";
    this.wanted = given.calendar && given.base ? `${given.calendar} ${given.base}` : "";
    await this.load();
  }

  renew() {
    return this.load();
  }

  narrowed() {
    this.page = 0;
    return this.load();
  }

  go(change) {
    Object.assign(this, change);
    this.wanted = this.group.value;
    return this.load();
  }

  newerEnd() {
    const end = dayAfter(this.sessions[0], DAYS);
    return end > this.newest ? "" : end;
  }

  /** Symbols by calendar and base interval: only what shares both shares columns. */
  groups() {
    const found = new Map();
    for (const one of this.context.symbols.shown) {
      const key = `${one.calendar} ${one.base}`;
      if (!found.has(key)) found.set(key, []);
      found.get(key).push(one);
    }
    return found;
  }

  async load() {
    const groups = this.groups();
    const key = groups.has(this.wanted) ? this.wanted : groups.keys().next().value;
    this.group.replaceChildren(...[...groups].map(([name, members]) =>
      element("option", { value: name, selected: name === key }, `${name}: ${counted(members.length, "symbol")}`)));
    if (!key) {
      this.said.textContent = "No symbol is found.";
      this.map.replaceChildren();
      this.foot.replaceChildren();
      return;
    }
    const members = groups.get(key);
    const { calendar, base } = members[0];
    const pages = Math.ceil(members.length / SYMBOLS);
    this.page = Math.min(this.page, pages - 1);
    const rows = members.slice(this.page * SYMBOLS, (this.page + 1) * SYMBOLS);
    this.newest = dayAfter((members.map((one) => one.complete_through).sort().at(-1) ?? new Date().toISOString()).slice(0, 10), 2);
    const end = this.end || this.newest;
    const given = { symbol: rows.map((one) => one.symbol).join(","), interval: base, start: dayAfter(end, -DAYS), end };
    this.context.note("coverage", "", { calendar, base, page: this.page || "", end: this.end });
    const asked = this.asked = Symbol("asked");
    try {
      const found = await rowsOf("coverage", given);
      if (asked !== this.asked) return;
      this.draw(rows, found);
      const from = this.page * SYMBOLS + 1;
      this.said.textContent = `${calendar}, bars of ${base}: ${counted(members.length, "symbol")}` +
        `${pages > 1 ? ` (here ${number(from)} to ${number(from + rows.length - 1)})` : ""}, ${counted(this.sessions.length, "session")}` +
        `${this.sessions.length ? ` from ${this.sessions[0]} back to ${this.sessions.at(-1)}` : ""}.`;
      this.newer.disabled = !this.end || !this.sessions.length;
      this.older.disabled = !this.sessions.length;
      this.before.disabled = this.page === 0;
      this.after.disabled = this.page >= pages - 1;
      this.foot.replaceChildren(links((form) => address("coverage", form, given), "coverage"));
      document.body.dataset.sessions = this.sessions.length;
    } catch (error) {
      if (asked === this.asked) this.map.replaceChildren(failure(error));
    }
  }

  draw(rows, found) {
    this.sessions = [...new Set(found.map((one) => one.session_date))].sort().reverse().slice(0, SESSIONS);
    const there = new Map(found.map((one) => [`${one.session_date} ${one.symbol}`, one]));
    const months = [];
    for (const date of this.sessions) {
      const month = date.slice(0, 7);
      if (months.at(-1)?.month === month) months.at(-1).count += 1;
      else months.push({ month, count: 1 });
    }
    this.cells = rows.map(({ symbol }) => this.sessions.map((date) => this.cell(symbol, date, there.get(`${date} ${symbol}`))));
    const head = element("thead", {},
      element("tr", {}, element("td"), months.map(({ month, count }) => element("th", { colspan: count, scope: "colgroup" }, month))),
      element("tr", {}, element("th", { scope: "col" }, "symbol"), this.sessions.map((date) =>
        element("th", { scope: "col", title: date }, element("span", { class: "hidden" }, date.slice(0, 8)), date.slice(8)))));
    const body = element("tbody", {}, rows.map(({ symbol }, at) =>
      element("tr", {}, element("th", { scope: "row" }, element("a", { href: hashOf("chart", symbol) }, symbol)), this.cells[at])));
    this.cells[0]?.[0]?.setAttribute("tabindex", "0");
    this.map.replaceChildren(element("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "Map of coverage" },
      element("table", { class: "map", onkeydown: (event) => this.keyed(event), onfocusin: (event) => this.tell(event), onmouseover: (event) => this.tell(event), onclick: (event) => this.open(event) },
        element("caption", { class: "hidden" }, "Coverage by symbol and session, newest session first"), head, body)));
  }

  cell(symbol, date, one) {
    const isExpected = one && one.expected_count > 0;
    const kind = !isExpected ? "" : one.present_count >= one.expected_count ? "whole" : one.present_count ? "part" : "none";
    const words = isExpected ? `${percent(one.quality_pct)}%, ${one.present_count} of ${one.expected_count}` : "none expected";
    return element("td", { class: `cell ${kind}`, tabindex: -1, "data-symbol": symbol, "data-date": date, title: `${symbol} ${date}: ${words}` },
      element("span", { class: "hidden" }, words));
  }

  tell(event) {
    const cell = event.target.closest?.("td.cell");
    if (cell) this.detail.textContent = cell.title;
  }

  open(event) {
    const cell = event.target.closest("td.cell");
    if (!cell) return;
    const { symbol, date } = cell.dataset;
    location.hash = hashOf("chart", symbol, { from: `${date}T00:00:00Z`, to: `${dayAfter(date, 1)}T00:00:00Z` });
  }

  keyed(event) {
    const cell = event.target.closest("td.cell");
    if (!cell) return;
    if (event.key === "Enter") {
      this.open(event);
      return;
    }
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -Infinity], End: [0, Infinity] };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const row = this.cells.findIndex((cells) => cells.includes(cell));
    const [down, right] = steps[event.key];
    const nextRow = this.cells[Math.min(Math.max(row + down, 0), this.cells.length - 1)];
    const next = nextRow[Math.min(Math.max(this.cells[row].indexOf(cell) + right, 0), nextRow.length - 1)];
    cell.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  }
}
