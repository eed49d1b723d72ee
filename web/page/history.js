// The log on the card: newest first, filtered there, a page at a time; and as CSV.
import {$, bytes, chipName, fault, fill, h, icon, oops, upper, when} from '/dom.js';
import {get, request} from '/api.js';

const results = {'': 'All results', ok: 'Done and proved', failed: 'Failed', unverified: 'Not proved', verified: 'Compared', planned: 'Only checked'};
const badge = {ok: 'good', verified: 'good', failed: 'bad', unverified: 'warn', planned: 'calm'};

let filter = {q: '', result: ''}, next = 0, rows = [], timer = 0, turn = 0, fresh = false;

const query = extra => new URLSearchParams(Object.entries({...filter, ...extra}).filter(([, v]) => v !== '' && v !== undefined)).toString();

function entry(e) {
  const label = results[e.result] || e.result;
  return h('li.entry', {},
    h('div.first', {}, h(`span.badge.${badge[e.result] || 'calm'}`, {}, label), h('time', {datetime: e.time}, when(e.time) || 'clock was not set')),
    h('div.second', {}, h('strong', {}, e.cargo || 'no firmware', e.version ? h('span.version', {}, ' ', e.version) : null),
      h('span.sub', {}, [chipName(e.chip), e.revision].filter(Boolean).join(' '))),
    h('div.third', {}, h('span.path', {}, e.mac), h('span.path', {}, e.port)),
    h('div.fourth.sub', {}, [e.seconds ? `${e.seconds} s` : '', Number(e.written) ? `${bytes(Number(e.written))} sent` : '',
      Number(e.skipped) ? `${bytes(Number(e.skipped))} unchanged` : ''].filter(Boolean).join(' · ')),
    e.error ? h('p.why', {}, h('span.code', {}, e.error), ' ', upper(e.message)) : null);
}

function draw() {
  if (!$('history')) return;
  fill($('history'), rows.length ? rows.map(entry) : h('li.empty', {}, icon('box'),
    h('p', {}, filter.q || filter.result ? 'Nothing in the log fits.' : 'No job has been run with this card yet.')));
  $('older').hidden = !next;
}

async function load(more) {
  const mine = ++turn;
  try {
    let before = more ? next : undefined, found = [];
    for (let i = 0; i < 8; i++) { // a long log in which little fits is looked through bit by bit
      const page = await get(`history?${query({limit: 50, before})}`);
      found.push(...page.history);
      next = page.next;
      before = next;
      if (!next || found.length >= 20) break;
    }
    if (mine !== turn) return;
    rows = more ? rows.concat(found) : found;
    draw();
  } catch (error) {
    if (mine === turn && error.status !== 401) fill($('history'), h('li', {}, fault(error)));
  }
}

async function save() {
  try {
    const response = await request('GET', `history.csv?${query({})}`, {accept: 'text/csv'});
    const url = URL.createObjectURL(await response.blob());
    const a = h('a', {href: url, download: 'ferry-history.csv'});
    a.click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  } catch (error) { oops(error); }
}

export const history_ = {
  open() {
    load(false);
    fresh = false;
    const later = () => { clearTimeout(timer); timer = setTimeout(() => load(false), 250); };
    return h('section.page', {'aria-labelledby': 'h-history'},
      h('div.head', {}, h('h2', {id: 'h-history'}, 'History'), h('button', {type: 'button', onclick: save}, 'Save as CSV')),
      h('div.filter', {role: 'search', 'aria-label': 'Filter'},
        h('label', {for: 'q'}, 'Find'), h('input', {id: 'q', type: 'search', value: filter.q, maxlength: 40, placeholder: 'MAC, firmware, port, error …',
          oninput: event => { filter.q = event.target.value; later(); }}),
        h('label', {for: 'result'}, 'Result'), h('select', {id: 'result', onchange: event => { filter.result = event.target.value; load(false); }},
          Object.entries(results).map(([value, text]) => h('option', {value, selected: value === filter.result}, text)))),
      h('ul.entries', {id: 'history'}, h('li.hint', {}, 'Reading…')),
      h('button', {type: 'button', id: 'older', hidden: true, onclick: () => load(true)}, 'Older'));
  },
  close() { clearTimeout(timer); turn++; },
  on(name) {
    if (name === 'history' && $('history') && !fresh) { // several jobs that end together are one look
      fresh = true;
      setTimeout(() => { fresh = false; if ($('history')) load(false); }, 400);
    }
  },
};
