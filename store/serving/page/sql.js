// One statement of SQL: its rows, what is wrong with it where it is written, and those asked before.

import { rows, sqlColumns } from "./asking.js";
import { button, element, failure, links, table } from "./dom.js";
import { counted, number } from "./words.js";

const KEY = "barhouse.sql";
const KEPT = 50;
const ROWS = 1000;
const NOTE_MS = 300;
const EXAMPLES = [
  "SELECT symbol, interval, bar_count, quality_pct, gap_count\nFROM intervals WHERE NOT derived ORDER BY quality_pct",
  "SELECT session_date, open, high, low, close, volume, complete\nFROM bars WHERE interval = '1d' ORDER BY symbol, session_date DESC LIMIT 100",
  "FROM gaps ORDER BY missing_count DESC LIMIT 100",
];

export class SqlView {
  constructor(context) {
    this.context = context;
    this.text = element("textarea", {
      id: "statement", rows: 6, spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-describedby": "sql-hint",
      oninput: () => this.changed(), onkeydown: (event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          this.run();
        }
      },
    });
    this.runButton = button("Run", () => this.run(), { class: "main" });
    this.saved = element("div");
    this.trouble = element("div", { id: "sql-trouble" });
    this.said = element("p", { role: "status" });
    this.answer = element("div");
    this.past = element("ul", { class: "past" });
    this.root = element("div", { class: "view" },
      element("section", { class: "panel", "aria-labelledby": "sql-title" },
        element("div", { class: "bar" }, element("h2", { id: "sql-title" }, "SQL"), this.runButton, this.saved),
        element("label", { for: "statement" }, "One statement that reads"), this.text,
        element("p", { class: "hint", id: "sql-hint" },
          "Ctrl and Enter run it. Views: bars, bars_live, intervals, gaps, coverage, revisions, batches, rejected, runs, health; bars_as_of('2024-11-29 14:30Z') is the past."),
        this.trouble, this.said, this.answer),
      element("section", { class: "panel", "aria-labelledby": "past-title" },
        element("div", { class: "bar" }, element("h2", { id: "past-title" }, "Asked before"),
          button("Forget all", () => { keep([]); this.recall(); })),
        this.past));
  }

  show({ given }) {
    if (given.q !== undefined) this.text.value = given.q;
    else if (!this.text.value) this.text.value = kept()[0] ?? EXAMPLES[0];
    this.changed();
    this.recall();
  }

  changed() {
    const q = this.text.value;
    clearTimeout(this.noting);
    this.noting = setTimeout(() => this.context.note("sql", "", { q }), NOTE_MS);
    const address = (form) => `api/sql.${form}?${new URLSearchParams({ q })}`;
    this.saved.replaceChildren(links(address, "answer"));
  }

  async run() {
    const sql = this.text.value.trim();
    if (!sql) return;
    this.asking?.abort();
    const asking = this.asking = new AbortController();
    this.said.textContent = "Asking ...";
    this.trouble.replaceChildren();
    this.text.removeAttribute("aria-invalid");
    delete document.body.dataset.answered;
    const began = performance.now();
    try {
      const columns = await sqlColumns(sql, ROWS + 1, { signal: asking.signal });
      const found = rows(columns);
      const isMore = found.length > ROWS;
      const names = Object.keys(columns);
      this.said.textContent = `${isMore ? `The first ${number(ROWS)} rows of more; CSV and Parquet have all of them` : counted(found.length, "row")}, in ${number(Math.round(performance.now() - began))} ms.`;
      this.answer.replaceChildren(names.length ? table("Answer", names.map((name) => {
        const numeric = columns[name].some((value) => typeof value === "number");
        return { title: name, numeric, cell: (row) => spelled(row[name]) };
      }), found.slice(0, ROWS)) : "");
      this.remember(sql);
      document.body.dataset.answered = "ok";
    } catch (error) {
      if (error.name === "AbortError") return;
      this.said.textContent = "";
      this.text.setAttribute("aria-invalid", "true");
      this.trouble.replaceChildren(failure(error));
      document.body.dataset.answered = "failed";
    }
  }

  remember(sql) {
    keep([sql, ...kept().filter((one) => one !== sql)].slice(0, KEPT));
    this.recall();
  }

  recall() {
    const before = kept();
    this.past.replaceChildren(...[...before, ...EXAMPLES.filter((one) => !before.includes(one))].map((sql) =>
      element("li", {}, button(sql, () => {
        this.text.value = sql;
        this.changed();
        this.text.focus();
      }, { class: "plain" }))));
  }
}

function spelled(value) {
  if (value === null) return element("span", { class: "null" }, "null");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

function keep(statements) {
  try {
    localStorage.setItem(KEY, JSON.stringify(statements));
  } catch { /* a browser that keeps nothing runs statements all the same */ }
}
