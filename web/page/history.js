// What is over, newest first, filtered, a page at a time, and as CSV: the log on the card (filtered there), or a depot's
// jobs (by result there, by text here).
import {$, bytes, chipName, fault, fill, h, icon, oops, upper, when} from './dom.js';
import {get, request} from './api.js';
import {soon} from './depot.js';
import {isOver, jobRow} from './jobs.js';

const results = {'': 'All results', ok: 'Done and proved', failed: 'Failed', unverified: 'Not proved', verified: 'Compared', planned: 'Only checked'};
const badge = {ok: 'good', verified: 'good', failed: 'bad', unverified: 'warn', planned: 'calm'};
const MOST_CSV = 50000; // of a depot's jobs

let info = null, filter = {q: '', result: ''}, next = 0, rows = [], turn = 0;

const query = extra => new URLSearchParams(Object.entries({...filter, ...extra}).filter(([, v]) => v !== '' && v !== undefined)).toString();

function entry(e) {
  const label = results[e.result] || e.result;
  return h('li.entry', {},
    h('div.first', {}, h(`span.badge.${badge[e.result] || 'calm'}`, {}, label), h('time', {datetime: e.time}, when(e.time) || 'clock was not set')),
    h('div.second', {}, h('strong', {}, h('bdi', {}, e.cargo || 'no firmware'), e.version ? h('span.version', {}, ' ', h('bdi', {}, e.version)) : null),
      h('span.sub', {}, [chipName(e.chip), e.revision].filter(Boolean).join(' '))),
    h('div.third', {}, h('span.path', {}, e.mac), h('span.path', {}, e.port)),
    h('div.fourth.sub', {}, [e.seconds ? `${e.seconds} s` : '', Number(e.written) ? `${bytes(Number(e.written))} sent` : '',
      Number(e.skipped) ? `${bytes(Number(e.skipped))} unchanged` : ''].filter(Boolean).join(' · ')),
    e.error ? h('p.why', {}, h('span.code', {}, e.error), ' ', upper(e.message)) : null);
}

const card = {
  results, row: entry, name: 'ferry-history.csv',
  nothing: () => (filter.q || filter.result ? 'Nothing in the log fits.' : 'No job has been run with this card yet.'),
  async page(before) {
    const page = await get(`history?${query({limit: 50, before})}`);
    return {rows: page.history, next: page.next};
  },
  async csv() { return (await request('GET', `history.csv?${query({})}`, {accept: 'text/csv'})).blob(); },
};

// ---- a depot ----

const columns = ['id', 'created', 'finished', 'state', 'result', 'project', 'version', 'chip', 'mac', 'worker', 'attempt', 'written', 'skipped', 'retries', 'elapsed_ms', 'text'];

// What a spreadsheet would take for a formula is kept from being one.
function cell(value) {
  const text = String(value ?? ''), formula = /^[=+\-@\t\r]/.test(text);
  return formula || /[",\r\n]/.test(text) ? `"${formula ? "'" : ''}${text.replaceAll('"', '""')}"` : text;
}

const depot = {
  results: {'': 'All results', done: 'Done', failed: 'Failed', cancelled: 'Cancelled'}, name: 'ferry-jobs.csv',
  row: job => jobRow(job, info.parts.includes('edit')),
  nothing: () => (filter.q || filter.result ? 'No job that is over fits.' : 'No job is over yet.'),
  async page(before, limit = 100) {
    const q = filter.q.trim().toLowerCase(), state = filter.result || 'done,failed,cancelled';
    const page = await get(`jobs?state=${state}&limit=${limit}${before ? `&before=${before}` : ''}`);
    return {rows: page.jobs.filter(job => !q || columns.map(name => job[name] ?? '').join('\n').toLowerCase().includes(q)), next: page.next};
  },
  async csv() {
    const lines = [columns.join()];
    for (let before = ''; lines.length < MOST_CSV;) {
      const page = await depot.page(before, 1000);
      for (const job of page.rows) lines.push(columns.map(name => cell(job[name])).join());
      before = page.next;
      if (!before) break;
    }
    return new Blob([`${lines.join('\r\n')}\r\n`], {type: 'text/csv'});
  },
};

// ---- both ----

const source = () => (info.kind === 'depot' ? depot : card);

function draw() {
  if (!$('history')) return;
  fill($('history'), rows.length ? rows.map(source().row) : h('li.empty', {}, icon('box'), h('p', {}, source().nothing())));
  $('older').hidden = !next;
}

async function load(more) {
  const mine = ++turn;
  try {
    const found = [];
    let before = more ? next : undefined;
    for (let i = 0; i < 8; i++) { // a long log in which little fits is looked through bit by bit
      const page = await source().page(before);
      if (mine !== turn) return;
      found.push(...page.rows);
      before = page.next;
      if (!before || found.length >= 20) break;
    }
    next = before;
    rows = more ? rows.concat(found) : found;
    draw();
  } catch (error) {
    if (mine === turn && error.status !== 401 && $('history')) fill($('history'), h('li', {}, fault(error)));
  }
}

async function save() {
  try {
    const url = URL.createObjectURL(await source().csv());
    const a = h('a', {href: url, download: source().name, hidden: true});
    document.body.append(a); // some browsers want it there
    a.click();
    a.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  } catch (error) { oops(error); }
}

const again = soon(() => { if ($('history')) load(false); }, 400), later = soon(() => load(false), 250);

export const history_ = {
  open(what) {
    if (info?.kind !== what.kind) filter = {q: '', result: ''};
    info = what;
    rows = [];
    load(false);
    return h('section.page', {'aria-labelledby': 'h-history'},
      h('div.head', {}, h('h2', {id: 'h-history'}, 'History'), h('button', {type: 'button', onclick: save}, 'Save as CSV')),
      h('div.filter', {role: 'search', 'aria-label': 'Filter'},
        h('label', {for: 'q'}, 'Find'), h('input', {id: 'q', type: 'search', value: filter.q, maxlength: 40, placeholder: 'MAC, firmware, port, error …',
          oninput: event => { filter.q = event.target.value; later.stop(); later(); }}),
        h('label', {for: 'result'}, 'Result'), h('select', {id: 'result', onchange: event => { filter.result = event.target.value; load(false); }},
          Object.entries(source().results).map(([value, text]) => h('option', {value, selected: value === filter.result}, text)))),
      h('ul.entries', {id: 'history'}, h('li.hint', {}, 'Reading…')),
      h('button', {type: 'button', id: 'older', hidden: true, onclick: () => load(true)}, 'Older'));
  },
  close() { later.stop(); again.stop(); turn++; },
  on(name, data) {
    if ($('history') && (name === 'history' || name === 'reload' || (name === 'job' && isOver(data)))) again();
  },
};
