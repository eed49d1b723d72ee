// The settings that this program has: GET settings tells which, what they take, and what they are.
import {$, fault, fill, h, say, toast, upper} from './dom.js';
import {get, put} from './api.js';
import {builds} from './bench.js';

const groupNames = {wifi: 'Wi-Fi', eth: 'Ethernet', net: 'Target on the network', ble: 'Bluetooth LE', now: 'ESP-NOW', pins: 'Two pins', web: 'This page'};

let rows = [], dirty = false;

function control(row) {
  const id = `s-${row.name}`, named = {id, name: row.name, 'aria-describedby': row.hint || row.unit ? `${id}-hint` : null};
  switch (row.kind) {
  case 'bool':
    return h('input', {...named, type: 'checkbox', checked: row.value === true});
  case 'number':
    return h('input', {...named, type: 'number', min: row.min, max: row.max, step: 1, inputmode: 'numeric', value: row.value ?? ''});
  case 'choice':
    return h('select', named, h('option', {value: ''}, 'not set'), row.choices.split('|').map(c => h('option', {value: c, selected: c === row.value}, c)));
  case 'build': {
    const names = [...new Set([row.value, ...row.offered].filter(Boolean))];
    return h('select', named, h('option', {value: ''}, 'whatever fits'), names.map(n => h('option', {value: n, selected: n === row.value}, n)));
  }
  case 'secret':
    return h('input', {...named, type: 'password', autocomplete: 'new-password', maxlength: row.max,
      placeholder: row.set ? 'set; stays as it is when left empty' : 'not set'});
  default:
    return h('input', {...named, type: 'text', maxlength: row.max, spellcheck: 'false', value: row.value ?? ''});
  }
}

// undefined = unchanged
function valueOf(row) {
  const el = $(`s-${row.name}`);
  if (row.kind === 'bool') return el.checked === (row.value === true) ? undefined : el.checked;
  if (row.kind === 'secret') return el.value === '' ? undefined : el.value;
  const value = el.value === '' ? null : row.kind === 'number' ? Number(el.value) : el.value;
  return value === (row.value ?? null) ? undefined : value;
}

function field(row) {
  const id = `s-${row.name}`;
  const hint = [row.hint, row.kind === 'number' ? `${row.min} to ${row.max}${row.unit ? ` ${row.unit}` : ''}` : '', row.restart ? 'Counts from the next start on.' : ''].filter(Boolean).join(' · ');
  const clear = row.kind === 'secret' && row.set ? h('button.quiet', {type: 'button', onclick: () => save({[row.name]: null})}, 'Remove') : null;
  const input = control(row);
  return h(row.kind === 'bool' ? 'div.field.check' : 'div.field', {},
    row.kind === 'bool' ? h('label.check', {}, input, row.label) : [h('label', {for: id}, row.label), h('div.row', {}, input, clear)],
    hint ? h('p.hint', {id: `${id}-hint`}, upper(hint)) : null);
}

function draw() {
  const groups = new Map();
  for (const row of rows) {
    const group = row.name.includes('.') ? row.name.split('.')[0] : '';
    groups.set(group, [...(groups.get(group) || []), row]);
  }
  fill($('fields'), [...groups].map(([group, list]) => (group
    ? h('fieldset.card', {}, h('legend', {}, groupNames[group] || upper(group)), list.map(field))
    : h('div.card', {}, list.map(field)))));
  dirty = false;
}

// What stands in the fields and is neither stored nor just saved.
function edits(saved) {
  return rows.filter(row => $(`s-${row.name}`)).map(row => [row.name, valueOf(row)])
    .filter(([name, value]) => value !== undefined && value !== saved[name]);
}

function redo(changed) {
  for (const [name, value] of changed) {
    const el = $(`s-${name}`);
    if (el && el.type === 'checkbox') el.checked = value;
    else if (el) el.value = value ?? '';
  }
  dirty = changed.length > 0;
}

async function load(saved = {}) {
  try {
    const fresh = (await get('settings')).settings;
    if (fresh.some(row => row.kind === 'build')) {
      const have = builds().length ? builds() : (await get('builds').catch(() => ({builds: []}))).builds;
      const names = have.map(b => b.name);
      for (const row of fresh) row.offered = have.map(b => (names.filter(n => n === b.name).length > 1 ? b.path : b.name));
    }
    const changed = edits(saved);
    rows = fresh;
    draw();
    redo(changed);
  } catch (error) {
    if (error.status !== 401 && $('fields')) fill($('fields'), fault(error));
  }
}

async function save(wishes) {
  fill($('problem'));
  try {
    const restart = rows.some(row => row.restart && row.name in wishes);
    await put('settings', wishes);
    toast(restart ? 'Saved; some of it counts from the next start on' : 'Saved');
    say('Saved');
    await load(wishes);
  } catch (error) {
    fill($('problem'), fault(error));
    const el = error.where && $(`s-${error.where}`);
    if (el) { el.setAttribute('aria-invalid', 'true'); el.focus(); }
  }
}

function submit(event) {
  event.preventDefault();
  const wishes = {};
  for (const row of rows) {
    const value = valueOf(row);
    if (value !== undefined) wishes[row.name] = value;
  }
  if (Object.keys(wishes).length) save(wishes);
  else toast('Nothing has changed', 'good');
}

export const settings = {
  open() {
    load();
    return h('section.page', {'aria-labelledby': 'h-settings'}, h('h2', {id: 'h-settings'}, 'Settings'),
      h('p.hint.lead', {}, 'Kept in ferry.json on the card: they go where the card goes.'),
      h('form', {onsubmit: submit, oninput: () => { dirty = true; }, novalidate: true}, h('div.list', {id: 'fields'}, h('p.hint', {}, 'Reading…')), h('div', {id: 'problem'}),
        h('div.row.end', {}, h('button.main', {}, 'Save'))));
  },
  close() { rows = []; },
  on(name) { if (name === 'settings' && $('fields') && !dirty) load(); },
};
