// What was done and what is left to do: work that waits, runs, batches, and rows that were not taken.

import { address, rowsOf } from "./asking.js";
import { element, failure, links, panel, table } from "./dom.js";
import { hashOf } from "./place.js";
import { counted, duration, number, percent, second } from "./words.js";

const ROWS = 200;
const WAITING = 50;

const plain = (name, title = name.replaceAll("_", " ")) => ({ title, cell: (row) => row[name] });
const count = (name) => ({ title: name, numeric: true, cell: (row) => (row[name] ? number(row[name]) : "") });
const when = (name, title) => ({ title, cell: (row) => second(row[name]) });

const linked = { title: "symbol", cell: (row) => element("a", { href: hashOf("chart", row.symbol) }, row.symbol) };

export class ActivityView {
  constructor() {
    this.parts = [
      ["waiting", "What waits", () => waiting()],
      ["runs", "Runs", () => runs()],
      ["batches", "Batches", () => batches()],
      ["rejected", "Rows that were not taken", () => rejected()],
    ].map(([id, title, fill]) => {
      const content = element("div", {}, element("p", { class: "hint" }, "Asking ..."));
      return { content, fill, root: panel(id, title, content) };
    });
    this.root = element("div", { class: "view" }, this.parts.map(({ root }) => root));
  }

  async show() {
    await Promise.all(this.parts.map(async ({ content, fill }) => {
      try {
        content.replaceChildren(...(await fill()));
      } catch (error) {
        content.replaceChildren(failure(error));
      }
    }));
    document.body.dataset.activity = "true";
  }

  renew() {
    return this.show();
  }
}

async function waiting() {
  const health = (await rowsOf("health")).filter((one) => one.waiting_count > 0);
  if (!health.length) return [element("p", {}, "Nothing waits: every closed bar is derived.")];
  const shown = health.slice(0, WAITING);
  const intervals = await rowsOf("intervals", { symbol: shown.map((one) => one.symbol).join(",") });
  const rows = shown.map((one) => ({
    ...one,
    waiting: intervals.filter((row) => row.symbol === one.symbol && row.needs_processing).map((row) => row.interval).join(" ") ||
      "closed by the clock",
  }));
  return [
    element("p", {}, `${counted(health.length, "symbol")} with bars to derive${health.length > WAITING ? `; the ${WAITING} furthest behind` : ""}. "barhouse process" derives them.`),
    table("Symbols with work waiting", [
      linked, plain("waiting", "intervals"), when("complete_through", "loaded through"),
      { title: "behind", numeric: true, cell: (row) => duration(row.lag_seconds) },
      { title: "quality", numeric: true, cell: (row) => percent(row.quality_pct) },
    ], rows),
    links((form) => address("health", form), "health"),
  ];
}

async function runs() {
  const rows = await rowsOf("runs", { limit: ROWS });
  if (!rows.length) return [element("p", {}, "There was no run of a job, a live session or a backtest.")];
  return [
    table("Runs, newest first", [
      { title: "run", numeric: true, cell: (row) => number(row.run_id) }, plain("mode"), plain("name"), plain("state"),
      when("cursor", "has come to"), when("started_at", "started"), when("ended_at", "ended"), plain("error"),
    ], rows),
    links((form) => address("runs", form), "runs"),
  ];
}

async function batches() {
  const rows = await rowsOf("batches", { limit: ROWS });
  if (!rows.length) return [element("p", {}, "Nothing was written yet.")];
  return [
    table("Batches, newest first", [
      { title: "batch", numeric: true, cell: (row) => number(row.batch_id) }, plain("kind"), plain("source"),
      when("committed_at", "committed"), count("inserted"), count("revised"), count("unchanged"), count("rejected"),
      count("deleted"), plain("vendor"), { title: "reverts", numeric: true, cell: (row) => number(row.reverts) },
    ], rows),
    links((form) => address("batches", form, { limit: 100000 }), "batches"),
  ];
}

async function rejected() {
  const rows = await rowsOf("rejected", { limit: ROWS });
  if (!rows.length) return [element("p", {}, "Every row was taken.")];
  return [
    table("Rows that were not taken, newest first", [
      { title: "batch", numeric: true, cell: (row) => number(row.batch_id) }, plain("source"),
      { title: "row", numeric: true, cell: (row) => number(row.file_row) }, plain("reason"), plain("given"),
    ], rows),
    links((form) => address("rejected", form, { limit: 100000 }), "rejected"),
  ];
}
