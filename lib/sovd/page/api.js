// The public REST API, and nothing else.
const base = '/api/v1';
let token = '';

export class Fault extends Error {
  constructor(status, body) {
    super(body.message || body.error_description || body.error || 'HTTP ' + status);
    this.status = status;
    const p = body.parameters;
    if (p && p.fields) this.message += ': ' + p.fields.map(f => (f.field ? f.field + ' ' : '') + f.message).join('; ');
    else if (p && p.details) this.message += ': ' + p.details;
  }
}

export const loggedIn = () => token !== '';
export function logOut() { token = ''; }

async function ask(path, options = {}) {
  const headers = { ...(options.headers || {}) };
  if (token) headers.Authorization = 'Bearer ' + token;
  const r = await fetch(base + path, { ...options, headers });
  if (r.ok) return r;
  let body = {};
  try { body = await r.json(); } catch { /* no JSON: the number says enough */ }
  throw new Fault(r.status, body);
}

export const get = async (path, signal) => (await ask(path, { signal })).json();

export async function send(method, path, body) {
  const r = await ask(path, { method, headers: { 'Content-Type': 'application/json' }, body: body === undefined ? undefined : JSON.stringify(body) });
  return r.status === 204 ? null : r.json();
}

export async function logIn(id, secret) {
  token = '';
  const t = await send('POST', '/auth/authorize', { grant_type: 'client_credentials', client_id: id, client_secret: secret });
  token = t.access_token;
}

// follow reads server-sent events until the end, and goes on where it was
// when the connection is lost. on(event, data) is called for each.
export async function follow(path, on, signal) {
  let last = '';
  for (;;) {
    try {
      const r = await ask(path, { headers: last ? { 'Last-Event-ID': last } : {}, signal });
      const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        rest += value;
        let at;
        while ((at = rest.indexOf('\n\n')) >= 0) {
          const e = { event: 'message', data: '', id: '' };
          for (const line of rest.slice(0, at).split('\n')) {
            const m = /^(event|data|id): ?(.*)$/.exec(line);
            if (m) e[m[1]] = m[2];
          }
          rest = rest.slice(at + 2);
          if (e.id) last = e.id;
          if (e.data) on(e.event, JSON.parse(e.data));
          if (e.id === 'end') return;
        }
      }
    } catch (err) {
      if (signal.aborted || err instanceof Fault) throw err;
    }
    await new Promise(next => setTimeout(next, 1000));
    if (signal.aborted) return;
  }
}
