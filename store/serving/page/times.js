// By which clock times are shown: "" for UTC, or "exchange"; a browser remembers what was chosen last.

const KEY = "barhouse.times";

export function remembered() {
  try {
    return localStorage.getItem(KEY) ?? "";
  } catch {
    return "";
  }
}

export function remember(times) {
  try {
    localStorage.setItem(KEY, times);
  } catch { /* a browser that keeps nothing shows them so until the page is left */ }
}
