// Elements and tables. Text becomes text nodes and attributes, never markup, whatever it says.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** A panel with a heading that names it. */
export function panel(id, title, ...children) {
  return element(
    "section", { id, class: "panel", "aria-labelledby": `${id}-title` },
    element("h2", { id: `${id}-title` }, title), ...children,
  );
}

/**
 * A table that scrolls in a box of its own.
 *
 * columns: [{title, numeric, cell: (row, number) => text, node, or {content, mark}}]; a marked cell is one that changed.
 */
export function table(caption, columns, rows) {
  const head = element("tr", {}, columns.map(({ title, numeric }) =>
    element("th", { scope: "col", class: numeric && "number" }, title)));
  const body = rows.map((row, number) => element("tr", {}, columns.map(({ cell, numeric }) => {
    const given = cell(row, number);
    const marked = given !== null && typeof given === "object" && !(given instanceof Node);
    const content = marked ? given.content : given;
    const shown = content === null || content === undefined || content === "" ? "" : content;
    return element(
      "td", { class: numeric && "number" },
      marked && given.mark ? element("mark", {}, shown, element("span", { class: "hidden" }, " (changed)")) : shown,
    );
  })));
  return element(
    "div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    element("table", {}, element("caption", { class: "hidden" }, caption), element("thead", {}, head),
      element("tbody", {}, body)),
  );
}

export function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", onclick, ...attributes }, text);
}

/** A field that chooses one of some values, each with its text. */
export function choice(id, label, options, chosen) {
  const field = element("select", { id, onchange: () => chosen(field.value) },
    options.map(([value, text]) => element("option", { value }, text)));
  return {
    root: element("span", { class: "choice" }, element("label", { for: id }, label), field),
    set value(value) { field.value = value; },
  };
}

export function links(address, name) {
  return element("p", { class: "links" }, [["csv", "CSV"], ["parquet", "Parquet"]].map(([form, title]) =>
    element("a", { href: address(form), download: `${name}.${form}` }, title)));
}

/** Shows what went wrong where it was asked for. */
export function failure(error) {
  return element("p", { class: "failure", role: "alert" }, error.message);
}
