// What the server is asked.

export class AnswerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export function address(read, form, given = {}) {
  const said = Object.entries(given).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
  return `api/${read}.${form}${query ? `?${query}` : ""}`;
}

async function answered(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new AnswerError("The server does not answer; is it running?", 0);
  }
  if (response.status === 401) {
    location.assign("login.html");
  }
  const said = await response.json().catch(() => null);
  if (!response.ok || said === null) {
    throw new AnswerError(said?.error?.message ?? `The answer is not whole (status ${response.status}); ask again`, response.status);
  }
  return said;
}

/** The columns of a typed read, by name. */
export async function columnsOf(read, given = {}, options = {}) {
  return (await answered(address(read, "json", given), options)).columns;
}

/** The rows of a typed read, each with its columns by name. */
export async function rowsOf(read, given = {}, options = {}) {
  return rows(await columnsOf(read, given, options));
}

export function rows(columns) {
  const names = Object.keys(columns);
  return (columns[names[0]] ?? []).map((_, at) => Object.fromEntries(names.map((name) => [name, columns[name][at]])));
}

/** The first rows of an answer to SQL, by columns. */
export async function sqlColumns(sql, limit, options = {}) {
  const body = JSON.stringify({ sql, limit });
  return (await answered("api/sql.json", { method: "POST", body, ...options })).columns;
}

export const snapshot = () => answered("api/snapshot", {});
