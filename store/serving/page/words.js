// How values are spelled.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const exact = new Intl.NumberFormat("en-US", { maximumFractionDigits: 10 });

export const number = (value) => (value === null || value === undefined ? "" : exact.format(value));

export const counted = (count, noun) => `${whole.format(count)} ${noun}${count === 1 ? "" : "s"}`;

/** Cut off after two digits, not rounded: 100 means that nothing is missing. */
export const percent = (value) =>
  (value === null || value === undefined ? "" : String(Math.floor(value * 100 + 1e-9) / 100));

/** 2024-11-29T14:30:00Z as 2024-11-29 14:30Z. */
export const instant = (text) => (text ? text.replace("T", " ").replace(/:00(\.0+)?Z$/, "Z") : "");

const clocks = new Map();

function clock(zone) {
  if (!clocks.has(zone)) {
    clocks.set(zone, new Intl.DateTimeFormat("en-CA", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit",
    }));
  }
  return clocks.get(zone);
}

/** An instant by the clock of a zone, 2024-11-29 09:30; in UTC where there is none, with a Z. */
export function byClock(text, zone) {
  if (!zone || !text) return instant(text);
  const part = Object.fromEntries(clock(zone).formatToParts(new Date(text)).map(({ type, value }) => [type, value]));
  const seconds = part.second === "00" ? "" : `:${part.second}`;
  return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}${seconds}`;
}

/** The same to the second. */
export const second = (text) => (text ? text.replace("T", " ").replace(/\.\d+Z$/, "Z") : "");

export const isoOf = (seconds) => new Date(Math.round(seconds) * 1000).toISOString().replace(".000Z", "Z");

export const secondsOf = (text) => Date.parse(text) / 1000;

/** How long, in the two greatest units. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, length]) => seconds >= length);
  if (first < 0) return "0 s";
  let left = Math.floor(seconds);
  return units.slice(first, first + 2).map(([name, length]) => {
    const count = Math.floor(left / length);
    left -= count * length;
    return count ? `${whole.format(count)} ${name}` : "";
  }).filter(Boolean).join(" ");
}

/** Bars of such an interval are known by the date of their session. */
export const inSessions = (interval) => /(d|w|mo)$/.test(interval);
