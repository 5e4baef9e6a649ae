// The one way to the server. The key stands behind # in the address, which no browser sends along;
// it is taken from there at once and kept for this tab alone.

const STORED = "memory-key";
let namespace = "";

export class Refused extends Error {
  constructor(status, told) {
    super(told.message ?? "no answer");
    this.status = status;
    this.error = told.error ?? "Refused";
  }
}

export function takeKey() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (!given.has("key")) return;
  sessionStorage.setItem(STORED, given.get("key"));
  given.delete("key");
  const rest = given.toString();
  history.replaceState(null, "", rest ? `#${rest}` : location.pathname);
}

export function useKey(key) {
  sessionStorage.setItem(STORED, key);
}

export function useNamespace(name) {
  namespace = name;
}

function headers() {
  const key = sessionStorage.getItem(STORED);
  return key ? { authorization: `Bearer ${key}` } : {};
}

const where = () => `namespace=${encodeURIComponent(namespace)}`;

async function told(answer) {
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}

export async function ask(operation, body = {}, signal = undefined) {
  const answer = await fetch(`/v1/${operation}?${where()}`, {
    method: "POST",
    headers: { ...headers(), "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
  return told(answer);
}

export async function namespaces() {
  return told(await fetch("/v1/namespaces", { headers: headers() }));
}

// Calls back for every journal entry that is written from now on; tries again when it is cut off.
export async function listen(heard, signal) {
  let last = "";
  while (!signal.aborted) {
    try {
      const from = last ? `&after=${last}` : "";
      const answer = await fetch(`/v1/live?${where()}${from}`, { headers: headers(), signal });
      if (!answer.ok) return;
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        const parts = text.split("\n\n");
        text = parts.pop();
        for (const part of parts) {
          const line = part.split("\n").find((each) => each.startsWith("data: "));
          if (!line) continue;
          const entry = JSON.parse(line.slice(6));
          last = entry.seq;
          heard(entry);
        }
      }
    } catch (error) {
      if (signal.aborted) return;
    }
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}
