// Requests to the studio's server, and the stream of what changes there.

export class Refused extends Error {
  constructor(message, details = "", status = 0) {
    super(message);
    this.details = details;
    this.status = status;
  }
}

async function checked(response) {
  if (response.ok) return response;
  const said = await response.json().catch(() => ({ error: response.statusText }));
  throw new Refused(said.error, said.details ?? "", response.status);
}

async function ask(path, options = {}) {
  try {
    return await checked(await fetch(path, options));
  } catch (error) {
    if (error instanceof Refused || error.name === "AbortError") throw error;
    throw new Refused("The studio does not answer. Is it still running?");
  }
}

const json = (body) => ({ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

export const path = (...parts) => parts.map((part) => part.split("/").map(encodeURIComponent).join("/")).join("/");
export const get = async (path) => (await ask(path)).json();
export const post = async (path, body = {}, signal) => (await ask(path, { ...json(body), signal })).json();
export const upload = async (file) =>
  (await ask(`/api/files/${encodeURIComponent(file.name)}`, { method: "PUT", body: file })).json();

// A function that awaits an answer and gives it back, unless a later one was asked for meanwhile: then nothing goes on.
export function latest() {
  let turn = 0;
  return async (answer) => {
    const own = ++turn;
    const [value, error] = await answer.then((one) => [one], (one) => [null, one]);
    if (own !== turn) await new Promise(() => {});
    if (error) throw error;
    return value;
  };
}

// Calls `take` with each line of an answer, as it comes.
export async function lines(path, body, take, signal) {
  const response = await ask(path, { ...json(body), signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) {
      const item = JSON.parse(part);
      if (item.error) throw new Refused(item.error);
      take(item);
    }
  }
}

// Calls the handlers with the list of runs and with each watched run, until the function that it returns is called. A
// tab that is not looked at keeps no connection, of which a browser has few; it asks anew when it is looked at again.
export function watch(names, handlers) {
  let source = null;
  let timer = 0;
  const close = () => { source?.close(); source = null; clearTimeout(timer); };
  const open = () => {
    close();
    if (document.hidden) return;
    const query = new URLSearchParams(names.map((name) => ["watch", name]));
    source = new EventSource(`/api/events?${query}`);
    source.addEventListener("runs", (event) => handlers.runs?.(JSON.parse(event.data)));
    source.addEventListener("run", (event) => handlers.run?.(JSON.parse(event.data)));
    source.onopen = () => handlers.link?.("");
    source.onerror = async () => {
      close();
      const reply = await fetch("/api/contents").catch(() => null);
      handlers.link?.(reply?.status === 401
        ? "The studio was started anew: open the address that it has printed."
        : "The connection is lost; the trainings go on. Trying again …");
      if (reply?.status !== 401) timer = setTimeout(open, 2000);
    };
  };
  document.addEventListener("visibilitychange", open);
  open();
  return () => { document.removeEventListener("visibilitychange", open); close(); };
}
