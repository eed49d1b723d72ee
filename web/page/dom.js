// Elements made of data: text is always set as text, never as HTML.

// h('p.note', {id: 'x', onclick: f, hidden: true}, 'text', element, ...)
export function h(what, props, ...children) {
  const [tag, ...classes] = what.split('.');
  const el = document.createElement(tag || 'div');
  if (classes.length) el.className = classes.join(' ');
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) el.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked' || name === 'indeterminate') el[name] = value;
    else el.setAttribute(name, value === true ? '' : String(value));
  }
  add(el, children);
  return el;
}

function add(el, children) {
  for (const child of children.flat(9)) {
    if (child === undefined || child === null || child === false || child === '') continue;
    el.append(child instanceof Node ? child : String(child));
  }
}

// New children for el; what had the focus keeps it when something with the same data-key is there again.
export function fill(el, ...children) {
  const active = document.activeElement;
  const key = active && el.contains(active) ? active.dataset.key : null;
  el.replaceChildren();
  add(el, children);
  if (key) el.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  return el;
}

export const $ = id => document.getElementById(id);

const SVG = 'http://www.w3.org/2000/svg';
const shapes = {
  boat: 'M14 4h4v4h4a1 1 0 0 1 1 1v5l5 2-3.2 7.4c-1.400 1-3 1-4.400 0-1.600 1-3.300 1-4.900 0-1.600 1-3.300 1-4.900 0-1.200.8-2.600.9-3.900.3L4 16l5-2V9a1 1 0 0 1 1-1h4zm-3 6v3.200L16 11l5 2.200V10z',
  sun: 'M16 10a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM15 3h2v4h-2zM15 25h2v4h-2zM3 15h4v2H3zM25 15h4v2h-4zM6.100 7.500l1.400-1.400 2.800 2.800-1.400 1.400zM21.700 23.100l1.400-1.400 2.800 2.800-1.400 1.400zM6.100 24.500l2.800-2.800 1.400 1.400-2.800 2.800zM21.700 8.900l2.800-2.800 1.400 1.400-2.800 2.800z',
  moon: 'M19 4a12 12 0 1 0 9 17A10 10 0 0 1 19 4z',
  half: 'M16 4a12 12 0 1 1 0 24 12 12 0 0 1 0-24zm0 2.500v19a9.500 9.500 0 0 0 0-19z',
  chip: 'M12 3h2v4h4V3h2v4h3a2 2 0 0 1 2 2v3h4v2h-4v4h4v2h-4v3a2 2 0 0 1-2 2h-3v4h-2v-4h-4v4h-2v-4H9a2 2 0 0 1-2-2v-3H3v-2h4v-4H3v-2h4V9a2 2 0 0 1 2-2h3zm-2.500 6.500v13h13v-13z',
  box: 'M16 3l12 6v14l-12 6-12-6V9zm0 2.800L8.300 9.600 16 13.500l7.700-3.900zM6.500 11.500v10l8.300 4.100v-10zm19 0l-8.300 4.100v10l8.300-4.100z',
  ok: 'M13 21.200L7.400 15.600l-2 2L13 25.200 27.600 10.600l-2-2z',
  bad: 'M16 3l14 25H2zm-1.200 9v8h2.400v-8zm0 10v2.400h2.400V22z',
  key: 'M21 3a8 8 0 1 1-2.800 15.500L16 20.700V23h-2.500v2.500H11V28H4v-5.200l9.500-9.500A8 8 0 0 1 21 3zm1.500 4a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z',
  up: 'M16 4l8 8-1.800 1.800-4.900-4.900V22h-2.600V8.900l-4.900 4.900L8 12zM5 25h22v2.600H5z',
};
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 32 32');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('class', 'glyph');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', shapes[name]);
  path.setAttribute('fill-rule', 'evenodd');
  svg.append(path);
  return svg;
}

// ---- figures ----

export function bytes(n) {
  if (!Number.isFinite(n)) return '';
  if (n < 1024) return `${n} B`;
  const units = ['KB', 'MB', 'GB', 'TB'];
  let i = -1;
  do { n /= 1024; i++; } while (n >= 1023.5 && i < 3);
  return `${n < 10 && i > 0 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export function when(iso) {
  const time = iso ? new Date(iso) : null;
  if (!time || Number.isNaN(time.getTime())) return '';
  const today = new Date().toDateString() === time.toDateString();
  return time.toLocaleString(undefined, today ? {hour: '2-digit', minute: '2-digit', second: '2-digit'}
    : {year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit'});
}

export const chipName = chip => ({esp8266: 'ESP8266', esp32: 'ESP32'})[chip]
  || (chip || '').replace(/^esp32([a-z]\d+)$/, (_, kind) => `ESP32-${kind.toUpperCase()}`);

// ---- talking ----

let spoken = '';
export function say(text) { // for those who hear the page
  if (text === spoken) return;
  spoken = text;
  $('say').textContent = text;
}

export function toast(text, kind = 'good') {
  const el = h(`p.toast.${kind}`, {role: kind === 'bad' ? 'alert' : 'status'}, icon(kind === 'bad' ? 'bad' : 'ok'),
    h('span', {}, text));
  while ($('toasts').childElementCount > 1) $('toasts').firstElementChild.remove();
  $('toasts').append(el);
  setTimeout(() => el.remove(), kind === 'bad' ? 9000 : 4500);
}

// Begins a sentence; not when that would change a file's name.
export const upper = text => (/^[a-z][a-z']*( |$)/.test(text || '') ? text.charAt(0).toUpperCase() + text.slice(1) : text || '');

export const oops = error => toast([upper(error.what || error.message || 'Something went wrong'), upper(error.hint)].filter(Boolean).join('. '), 'bad');

// An error as the API tells it: what, where, what to try.
export function fault(error, ...more) {
  return h('div.fault', {role: 'alert'}, icon('bad'), h('div', {},
    h('p.what', {}, upper(error.what) || 'Something went wrong', error.where && !String(error.what).includes(error.where)
      ? h('span.where', {}, ' ', error.where) : null),
    error.hint ? h('p.hint', {}, upper(error.hint)) : null, more,
    error.error ? h('p.code', {}, error.error, error.peer_code > 0 ? `, target says 0x${error.peer_code.toString(16)}` : '') : null));
}

// A dialog; resolves to what done() was called with, undefined when it was closed.
export function ask(title, build) {
  return new Promise(resolve => {
    const id = `d${Math.random().toString(36).slice(2, 8)}`;
    let result;
    const dialog = h('dialog', {'aria-labelledby': id});
    const done = value => { result = value; dialog.close(); };
    dialog.append(h('form', {method: 'dialog', novalidate: true}, h('h2', {id}, title), build(done, dialog)));
    dialog.addEventListener('close', () => { dialog.remove(); resolve(result); });
    dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

export function confirm(title, text, yes, kind = '') {
  return ask(title, done => [
    h('p', {}, text),
    h('div.row.end', {}, h('button', {type: 'button', onclick: () => done(false)}, 'Cancel'),
      h(`button.main${kind}`, {type: 'button', autofocus: true, onclick: () => done(true)}, yes))]);
}
