// The gaps of what is drawn, each of which can be looked at.

import { address, rowsOf } from "./asking.js";
import { button, element, failure, links, panel, table } from "./dom.js";
import { counted, instant, number } from "./words.js";

const ROWS = 100;

export class GapPanel {
  constructor(looked) {
    this.looked = looked;
    this.content = element("div");
    this.root = panel("gaps", "Gaps", this.content);
  }

  async show(symbol, interval, range, asOf) {
    const asked = this.asked = Symbol("asked");
    if (!interval) {
      this.content.replaceChildren();
      return;
    }
    const given = { symbol, interval, ...range };
    try {
      const gaps = (await rowsOf("gaps", given)).reverse();
      if (asked !== this.asked) return;
      const missing = gaps.reduce((sum, gap) => sum + gap.missing_count, 0);
      this.content.replaceChildren(
        element("p", {}, gaps.length
          ? `${counted(gaps.length, "gap")} of ${interval} around here, ${counted(missing, "bar")} missing` +
            `${gaps.length > ROWS ? `; the newest ${ROWS}` : ""}${asOf ? "; as it is now" : ""}.`
          : `No bar of ${interval} is missing around here.`),
        ...gaps.length ? [table("Gaps, newest first", [
          { title: "session", cell: (gap) => gap.session_date },
          {
            title: "from", cell: (gap) => button(instant(gap.gap_start), () => this.looked(gap), { class: "plain" }),
          },
          { title: "to", cell: (gap) => instant(gap.gap_end) },
          { title: "bars", numeric: true, cell: (gap) => number(gap.missing_count) },
          { title: "kind", cell: (gap) => gap.kind },
        ], gaps.slice(0, ROWS)), links((form) => address("gaps", form, given), `${symbol}-gaps`)] : [],
      );
    } catch (error) {
      if (asked === this.asked) this.content.replaceChildren(failure(error));
    }
  }
}
