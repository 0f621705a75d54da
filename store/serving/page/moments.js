// What was known when: a slider over batches, and a field for any instant.

import { rowsOf } from "./asking.js";
import { element, failure } from "./dom.js";
import { second } from "./words.js";

const BATCHES = 1000;
const SETTLE_MS = 120;

export class Moments {
  constructor(chosen) {
    this.chosen = chosen;
    this.batches = [];
    this.slider = element("input", {
      id: "as-of", type: "range", min: 0, max: 0, value: 0, step: 1, oninput: () => this.slid(),
    });
    this.field = element("input", {
      id: "as-of-instant", type: "text", placeholder: "2024-11-29 14:30Z", autocomplete: "off", spellcheck: "false", onchange: () => this.typed(),
    });
    this.output = element("output", { for: "as-of" });
    this.trouble = element("div");
    this.root = element("div", { class: "moments" },
      element("label", { for: "as-of" }, "As known"), this.slider, this.output,
      element("label", { for: "as-of-instant" }, "or at"), this.field, this.trouble);
  }

  async load(asOf) {
    try {
      this.batches = (await rowsOf("batches", { limit: BATCHES })).reverse();
      this.trouble.replaceChildren();
    } catch (error) {
      this.trouble.replaceChildren(failure(error));
    }
    const newest = Math.max(0, this.batches.length - 1);
    this.slider.max = newest;
    this.slider.disabled = newest === 0;
    const known = this.batches.filter((batch) => Date.parse(batch.committed_at) <= Date.parse(asOf)).length - 1;
    this.slider.value = asOf ? Math.max(0, known) : newest;
    this.field.value = asOf && this.batches[known]?.committed_at !== asOf ? asOf : "";
    this.tell(asOf);
  }

  tell(asOf) {
    const batch = this.batches[Number(this.slider.value)];
    const said = !asOf || !batch ? "now" : `at batch ${batch.batch_id}, ${batch.kind}, ${second(batch.committed_at)}`;
    this.output.textContent = asOf && this.field.value ? `at ${second(asOf)}` : said;
    this.slider.setAttribute("aria-valuetext", this.output.textContent);
  }

  slid() {
    this.field.value = "";
    const at = Number(this.slider.value);
    const asOf = at === this.batches.length - 1 ? "" : this.batches[at].committed_at;
    this.tell(asOf);
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.chosen(asOf), SETTLE_MS);
  }

  typed() {
    const asOf = this.field.value.trim();
    const known = this.batches.filter((batch) => Date.parse(batch.committed_at) <= Date.parse(asOf)).length - 1;
    this.slider.value = asOf ? Math.max(0, known) : this.batches.length - 1;
    this.tell(asOf);
    this.chosen(asOf);
  }
}
