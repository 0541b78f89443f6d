import { Fault, follow, get, logIn, logOut, loggedIn, send } from './api.js';
import { el, when } from './dom.js';
import { parameters } from './form.js';

const main = document.getElementById('main');
const state = document.getElementById('state');
const filter = document.getElementById('filter');
const list = document.getElementById('entities');
const logout = document.getElementById('logout');
let entities = [];
let leave = new AbortController(); // ends what the view that is left still does

const say = text => { state.textContent = text; };
const enc = encodeURIComponent;
const statusOf = s => el('span', { class: 'status ' + s }, s);
const pathOf = (kind, id, rest = '') => `/${kind}/${enc(id)}/scripts${rest}`;

function show(title, ...nodes) {
  document.title = title + ' – Lander gateway';
  main.replaceChildren(el('h2', {}, title), ...nodes);
}

function problem(err) {
  if (err.name === 'AbortError') return;
  if (err instanceof Fault && err.status === 401) return login(err);
  main.append(el('p', { class: 'error', role: 'alert' }, err.message));
}

function login(err) {
  const id = el('input', { id: 'client', autocomplete: 'username', required: true });
  const secret = el('input', { id: 'secret', type: 'password', autocomplete: 'current-password', required: true });
  const form = el('form', {
    onsubmit: async e => {
      e.preventDefault();
      try {
        await logIn(id.value, secret.value);
        start();
      } catch (err) {
        login(err);
      }
    },
  }, el('div', {}, el('label', { for: 'client' }, 'Client'), id), el('div', {}, el('label', { for: 'secret' }, 'Secret'), secret),
  el('div', {}, el('button', { class: 'primary' }, 'Log in')));
  show('Log in', err && loggedIn() === false && err.message !== 'Missing Authorization header' ? el('p', { class: 'error', role: 'alert' }, err.message) : '', form);
  id.focus();
}

function nav() {
  const want = filter.value.toLowerCase();
  const here = location.hash.split('/').slice(1, 3).map(decodeURIComponent).join('/');
  const shown = entities.filter(e => (e.id + ' ' + e.name).toLowerCase().includes(want));
  list.replaceChildren(...shown.map(e => el('li', {}, el('a', { href: `#/${e.kind}/${enc(e.id)}`, 'aria-current': here === e.kind + '/' + e.id ? 'page' : undefined }, e.name || e.id, ' ', el('small', {}, e.kind.slice(0, -1))))));
  if (shown.length === 0) list.replaceChildren(el('li', { class: 'dim' }, entities.length ? 'Nothing fits' : 'No entities'));
}

async function scripts(kind, id) {
  const { items } = await get(pathOf(kind, id), leave.signal);
  const rows = items.map(s => el('li', {}, el('a', { href: `#/${kind}/${enc(id)}/${enc(s.id)}` }, el('span', {}, s.name || s.id, s.description ? el('small', {}, ' – ' + s.description) : ''), el('small', {}, [s['x-lander'] && s['x-lander'].format, s.managed ? 'managed' : 'uploaded'].filter(Boolean).join(', ')))));
  show(id, rows.length ? el('ul', { class: 'list', 'aria-label': 'Scripts' }, rows) : el('p', { class: 'dim' }, 'It has no scripts.'));
}

async function script(kind, id, sid) {
  const s = await get(pathOf(kind, id, '/' + enc(sid)), leave.signal);
  const fields = parameters(s.parameters_schema);
  const proof = s.proximity_proof_required ? el('input', { id: 'proof', required: true, autocomplete: 'off' }) : null;
  const note = el('p', { class: 'error', role: 'alert' });
  const go = el('button', { class: 'primary' }, 'Start');
  const form = el('form', {
    onsubmit: async e => {
      e.preventDefault();
      note.textContent = '';
      go.disabled = true;
      try {
        const body = { execution_type: 'now', parameters: fields.read() };
        if (proof) body.proximity_response = proof.value;
        const x = await send('POST', pathOf(kind, id, `/${enc(sid)}/executions`), body);
        location.hash = `#/${kind}/${enc(id)}/${enc(sid)}/${enc(x.id)}`;
      } catch (err) {
        if (err instanceof Fault && err.status === 401) login(err);
        note.textContent = err.message;
      } finally {
        go.disabled = false;
      }
    },
  }, fields.nodes, proof ? el('div', {}, el('label', { for: 'proof' }, 'Proximity response *'), proof) : '', el('div', {}, go), note);
  const past = el('ul', { class: 'list', 'aria-label': 'Executions' });
  show(s.name || sid, el('p', {}, el('a', { href: `#/${kind}/${enc(id)}` }, '← ' + id)), s.description ? el('p', {}, s.description) : '', form, el('h3', {}, 'History'), past);
  await history(past, pathOf(kind, id, `/${enc(sid)}/executions`), x => `#/${kind}/${enc(id)}/${enc(sid)}/${enc(x.id)}`);
}

async function history(past, path, link, query = '?limit=20') {
  const page = await get(path + query, leave.signal);
  past.append(...page.items.map(x => el('li', {}, el('a', { href: link(x) }, el('span', {}, when(x.started_at)), statusOf(x.status)))));
  if (!past.children.length) past.append(el('li', { class: 'dim' }, 'Not started yet'));
  const next = page._links && page._links.next;
  if (next) {
    const more = el('button', { type: 'button', onclick: () => { item.remove(); history(past, path, link, next.slice(next.indexOf('?'))).catch(problem); } }, 'Earlier ones');
    const item = el('li', {}, more);
    past.append(item);
  }
}

async function execution(kind, id, sid, xid) {
  const path = pathOf(kind, id, `/${enc(sid)}/executions/${enc(xid)}`);
  const signal = leave.signal;
  const out = el('pre', { tabindex: 0, 'aria-label': 'Output' });
  const facts = el('dl'), bar = el('progress', { max: 100, hidden: true }), now = el('p', { role: 'status' });
  const control = action => async () => {
    try { told(await send('PUT', path, { action })); } catch (err) { problem(err); }
  };
  const stop = el('button', { type: 'button', onclick: control('stop') }, 'Stop');
  const kill = el('button', { type: 'button', onclick: control('forced_termination') }, 'Kill');
  const forget = el('button', {
    type: 'button', hidden: true,
    onclick: async () => {
      try { await send('DELETE', path); location.hash = `#/${kind}/${enc(id)}/${enc(sid)}`; } catch (err) { problem(err); }
    },
  }, 'Delete');
  const fact = (name, value) => value === undefined || value === null || value === '' ? [] : [el('dt', {}, name), el('dd', {}, String(value))];
  function told(x) {
    const open = x.status === 'running' || x.status === 'prepared';
    now.replaceChildren(statusOf(x.status));
    stop.hidden = kill.hidden = !open;
    forget.hidden = open || !x.completed_at;
    const p = x.parameters || {}, e = x.error || {};
    facts.replaceChildren(...[fact('Started', when(x.started_at)), fact('Ended', when(x.completed_at)), fact('Exit code', p.exit_code), fact('Error', e.message)].flat());
  }
  show(sid, el('p', {}, el('a', { href: `#/${kind}/${enc(id)}/${enc(sid)}` }, '← ' + sid)), now, bar, facts, el('div', { class: 'row' }, stop, kill, forget), el('h3', {}, 'Output'), out);
  told(await get(path, signal));
  await follow(path + '/events', (event, data) => {
    if (signal.aborted) return;
    switch (event) {
      case 'stdout':
      case 'stderr': {
        const atEnd = out.scrollTop + out.clientHeight >= out.scrollHeight - 4;
        out.append(el('span', { class: event }, data.text));
        if (atEnd) out.scrollTop = out.scrollHeight;
        break;
      }
      case 'progress':
        bar.hidden = false;
        bar.value = data.progress;
        break;
      case 'status':
        told(data);
        break;
    }
  }, signal);
  told(await get(path, signal));
}

async function route() {
  leave.abort();
  leave = new AbortController();
  nav();
  const [kind, id, sid, xid] = location.hash.split('/').slice(1).map(decodeURIComponent);
  try {
    if (xid) await execution(kind, id, sid, xid);
    else if (sid) await script(kind, id, sid);
    else if (id) await scripts(kind, id);
    else show('Entities', el('p', { class: 'dim' }, entities.length ? 'Choose an entity.' : 'No entities yet.'));
  } catch (err) {
    problem(err);
  }
}

async function start() {
  logout.hidden = !loggedIn();
  try {
    const [components, apps] = await Promise.all(['components', 'apps'].map(async kind => (await get('/' + kind)).items.map(e => ({ ...e, kind }))));
    entities = [...components, ...apps];
    say('');
  } catch (err) {
    nav();
    return problem(err);
  }
  route();
}

filter.addEventListener('input', nav);
logout.addEventListener('click', () => { logOut(); start(); });
window.addEventListener('hashchange', () => { route(); main.focus({ preventScroll: true }); });
window.addEventListener('offline', () => say('This machine is offline.'));
window.addEventListener('online', () => say(''));
start();
