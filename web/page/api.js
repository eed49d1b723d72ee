// Requests to whoever served this page, and what happens there as it happens. Addresses are relative: the page may lie
// below a path of another server.

const KEY = 'ferry-token';
let token = '';

function stored(store) {
  try { return store().getItem(KEY) || ''; } catch { return ''; }
}

export function loadToken() {
  const given = /[#&]token=([^&]+)/.exec(location.hash);
  if (given) { // from a link that was printed or scanned: not kept in the address or the history
    setToken(decodeURIComponent(given[1]), false);
    history.replaceState(null, '', location.pathname);
  } else {
    token = stored(() => sessionStorage) || stored(() => localStorage);
  }
}

export function setToken(value, keep) {
  token = value;
  try {
    sessionStorage.setItem(KEY, value);
    if (keep) localStorage.setItem(KEY, value);
    else localStorage.removeItem(KEY);
  } catch { /* storage is off: for this page only */ }
}

export const hasToken = () => Boolean(token);
export const authorization = () => (token ? {Authorization: `Bearer ${token}`} : {});

// An answer that is none: {status, error, what, where, hint}
export class ApiError extends Error {
  constructor(status, body) {
    super(body.what || `HTTP ${status}`);
    Object.assign(this, {status}, body);
  }
}

export const unreachable = new ApiError(0, {error: 'UNREACHABLE', what: 'No answer', hint: 'Is it still switched on, and on the same network?'});

async function failure(response) {
  let body = null;
  try { body = await response.json(); } catch { /* not ours */ }
  if (!body || typeof body !== 'object') body = {error: 'HTTP', what: `The answer was ${response.status} ${response.statusText}`};
  return new ApiError(response.status, body);
}

export async function request(method, path, {json, headers, signal, accept = 'application/json'} = {}) {
  let response;
  try {
    response = await fetch(`api/v1/${path}`, {
      method, signal, cache: 'no-store', credentials: 'omit',
      headers: {Accept: accept, ...authorization(), ...(json ? {'Content-Type': 'application/json'} : {}), ...headers},
      body: json ? JSON.stringify(json) : undefined,
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw unreachable;
  }
  if (!response.ok) throw await failure(response);
  return response;
}

export async function get(path) {
  const response = await request('GET', path);
  try { return await response.json(); } catch { throw unreachable; }
}
const answer = async response => { const text = await response.text(); return text ? JSON.parse(text) : {}; };
export const post = (path, json) => request('POST', path, {json: json || {}}).then(answer);
export const put = (path, json) => request('PUT', path, {json}).then(answer);
export const del = path => request('DELETE', path).then(r => r.text());

export const encodePath = path => path.split('/').map(encodeURIComponent).join('/');

// A file, with progress (fetch has none for what it sends). cancel: an object that gets a cancel() function.
export function upload(method, path, file, progress, cancel) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, `api/v1/${path}`);
    for (const [name, value] of Object.entries(authorization())) xhr.setRequestHeader(name, value);
    xhr.setRequestHeader('Content-Type', 'application/octet-stream');
    xhr.responseType = 'json';
    xhr.upload.onprogress = event => progress(event.loaded, event.total);
    xhr.onload = () => (xhr.status < 300 ? resolve(xhr.response || {})
      : reject(new ApiError(xhr.status, xhr.response || {error: 'HTTP', what: `The answer was ${xhr.status}`})));
    xhr.onerror = () => reject(new ApiError(0, {error: 'UNREACHABLE', what: 'The upload was cut off', hint: 'Try again; nothing of it was kept.'}));
    xhr.onabort = () => reject(new ApiError(0, {error: 'CANCELLED', what: 'Stopped; nothing of it was kept'}));
    if (cancel) cancel.cancel = () => xhr.abort();
    xhr.send(file);
  });
}

// ---- events ----

const pause = ms => new Promise(resolve => { setTimeout(resolve, ms); });

// One text/event-stream, until it ends. alive() when it has begun.
async function stream(path, on, alive) {
  const control = new AbortController();
  let timer = 0;
  const watch = () => { clearTimeout(timer); timer = setTimeout(() => control.abort(), 45000); };
  watch();
  try {
    const response = await request('GET', path, {accept: 'text/event-stream', signal: control.signal});
    if (!(response.headers.get('Content-Type') || '').startsWith('text/event-stream')) return 'poll';
    const reader = response.body.getReader(), decoder = new TextDecoder();
    alive();
    for (let text = '';;) {
      const {value, done} = await reader.read();
      if (done) return 'again';
      watch();
      text += decoder.decode(value, {stream: true});
      const parts = text.split('\n\n');
      text = parts.pop();
      for (const part of parts) take(part, on);
    }
  } finally {
    clearTimeout(timer);
    control.abort();
  }
}

function take(part, on) {
  let name = 'message', data = '';
  for (const line of part.split('\n')) {
    if (line.startsWith('event:')) name = line.slice(6).trim();
    else if (line.startsWith('data:')) data += line.slice(5).trim();
  }
  if (!data) return;
  try { on(name, JSON.parse(data)); } catch (error) { console.error('event', name, error); }
}

async function poll(on, alive) {
  let after = 0, boot;
  for (;;) {
    const answer = await get(`events?after=${after}`);
    if (boot === undefined) alive();
    else if (boot !== answer.boot) return;
    boot = answer.boot;
    after = answer.seq;
    if (answer.reload) on('reload', {});
    for (const event of answer.events) on(event.event, event.data);
    await pause(document.hidden ? 5000 : 1200);
  }
}

// Listens for ever. on(name, data); state('live' | 'lost' | ApiError of a refusal): 'live' with every new connection,
// before which anything may have happened; after a refusal it waits for retry().
export function listen(on, state) {
  let wait = 500, wake = () => {};
  const alive = () => { wait = 500; state('live'); };
  const sleep = ms => Promise.race([pause(ms), new Promise(resolve => { wake = resolve; })]);
  (async () => {
    for (let polling = false;;) {
      try {
        const end = polling ? await poll(on, alive) : await stream('events', on, alive);
        if (end === 'poll') polling = true;
        if (end) { // not lost: the server ends a stream now and then
          await sleep(200);
          continue;
        }
      } catch (error) {
        if (error.status === 404 || error.status === 405 || error.status === 501) {
          polling = !polling;
          if (polling) continue;
        }
        if (error.status === 401 || error.status === 403) {
          state(error);
          await new Promise(resolve => { wake = resolve; });
          continue;
        }
      }
      state('lost');
      await sleep(wait);
      wait = Math.min(wait * 2, 8000);
    }
  })();
  addEventListener('online', () => wake());
  return () => wake();
}
