// The gaps of what is drawn, each of which can be looked at.

import { address, rowsOf } from "./asking.js";
import { button, element, failure, links, panel, table } from "./dom.js";
import { byClock, counted, number } from "./words.js";

const ROWS = 100;

export class GapPanel {
  constructor(looked) {
    this.looked = looked;
    this.content = element("div");
    this.root = panel("gaps", "Gaps", this.content);
  }

  async show(symbol, interval, range, asOf, zone) {
    const asked = this.asked = Symbol("asked");
    if (!interval) {
      this.content.replaceChildren();
      return;
    }
    const given = { symbol, interval, ...range };
    try {
      const found = (await rowsOf("gaps", { ...given, last: ROWS + 1 })).reverse();
      if (asked !== this.asked) return;
      const gaps = found.slice(0, ROWS);
      const missing = gaps.reduce((sum, gap) => sum + gap.missing_count, 0);
      const count = found.length > ROWS ? `The newest ${ROWS} gaps` : counted(gaps.length, "gap");
      this.content.replaceChildren(
        element("p", {}, gaps.length
          ? `${count} of ${interval} around here, ${counted(missing, "bar")} missing` +
            `${found.length > ROWS ? "; the links below have all" : ""}${asOf ? "; as it is now" : ""}.`
          : `No bar of ${interval} is missing around here.`),
        ...gaps.length ? [table("Gaps, newest first", [
          { title: "session", cell: (gap) => gap.session_date },
          {
            title: "from", cell: (gap) => button(byClock(gap.gap_start, zone), () => this.looked(gap), { class: "plain" }),
          },
          { title: "to", cell: (gap) => byClock(gap.gap_end, zone) },
          { title: "bars", numeric: true, cell: (gap) => number(gap.missing_count) },
          { title: "kind", cell: (gap) => gap.kind },
        ], gaps), links((form) => address("gaps", form, given), `${symbol}-gaps`)] : [],
      );
    } catch (error) {
      if (asked === this.asked) this.content.replaceChildren(failure(error));
    }
  }
}
