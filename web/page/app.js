// The page: which parts there are (GET info says), one of them shown at a time, the connection and the token.
import {$, ask, fault, fill, h, icon, say, upper} from './dom.js';
import {get, hasToken, listen, loadToken, setToken} from './api.js';
import {bench} from './bench.js';
import {history_} from './history.js';
import {settings} from './settings.js';
import {devices} from './devices.js';
import {queue} from './jobs.js';

let info = null, shown = null, retry = () => {}, asking = false, lost = false, asked = 0;

// ---- colours ----

const themes = ['', 'light', 'dark'];
const themeNames = {'': 'as the system', light: 'light', dark: 'dark'};
const themeIcons = {'': 'half', light: 'sun', dark: 'moon'};

function showTheme() {
  const theme = document.documentElement.dataset.theme || '';
  $('theme').setAttribute('aria-label', `Colours: ${themeNames[theme]}`);
  $('theme').title = `Colours: ${themeNames[theme]}`;
  fill($('theme'), icon(themeIcons[theme]));
}

$('theme').addEventListener('click', () => {
  const root = document.documentElement;
  const next = themes[(themes.indexOf(root.dataset.theme || '') + 1) % 3];
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  try { localStorage.setItem('ferry-theme', next); } catch { /* for this time only */ }
  showTheme();
  say(`Colours: ${themeNames[next]}`);
});

// ---- parts ----

const onDepot = () => info.kind === 'depot';
const parts = [
  {id: 'bench', name: () => (onDepot() ? 'Firmware' : 'Bench'), has: () => true, part: bench},
  {id: 'jobs', name: () => 'Jobs', has: p => onDepot() && p.includes('jobs'), part: queue},
  {id: 'devices', name: () => 'Devices', has: p => p.includes('devices'), part: devices},
  {id: 'history', name: () => 'History', has: p => p.includes('history') || (onDepot() && p.includes('jobs')), part: history_},
  {id: 'settings', name: () => 'Settings', has: p => p.includes('settings'), part: settings},
];
const there = () => parts.filter(part => part.has(info.parts));

function route(focus) {
  if (!info) return;
  const part = there().find(p => location.hash === `#${p.id}`) || there()[0];
  fill($('tabs'), there().length > 1 && there().map(p =>
    h('a', {href: `#${p.id}`, 'data-key': p.id, 'aria-current': p === part ? 'page' : null}, p.name())));
  $('tabs').hidden = there().length < 2;
  $('tabs').querySelector('[aria-current]')?.scrollIntoView({block: 'nearest', inline: 'nearest'});
  if (shown === part) return;
  shown?.part.close?.();
  shown = part;
  fill($('main'), part.part.open(info));
  if (focus) $('main').focus({preventScroll: true});
  scrollTo(0, 0);
}
addEventListener('hashchange', () => { if (!['#main', ''].includes(location.hash)) route(true); });

// ---- who may ----

async function askToken(error) {
  if (asking) return false;
  asking = true;
  const token = await ask('A token is needed', done => {
    const input = h('input', {type: 'password', name: 'token', autocomplete: 'current-password', required: true, id: 'token',
      'aria-describedby': 'token-why', spellcheck: 'false', autocapitalize: 'off'});
    const keep = h('input', {type: 'checkbox', id: 'keep'});
    const show = h('button.quiet', {type: 'button', 'aria-pressed': 'false', onclick: () => {
      input.type = input.type === 'password' ? 'text' : 'password';
      show.setAttribute('aria-pressed', String(input.type === 'text'));
    }}, 'Show');
    const go = event => { event.preventDefault(); if (input.value.trim()) done({token: input.value.trim(), keep: keep.checked}); };
    input.addEventListener('keydown', event => { if (event.key === 'Enter') go(event); });
    return [h('p', {id: 'token-why'}, error?.what ? `${upper(error.what)}: ${error.hint || ''}` : 'Whoever set this up knows it.'),
      h('label', {for: 'token'}, 'Token'), h('div.row', {}, input, show),
      h('label.check', {}, keep, 'Keep it on this device'),
      h('div.row.end', {}, h('button.main', {onclick: go}, 'Enter'))];
  });
  asking = false;
  if (token) setToken(token.token, token.keep);
  return Boolean(token);
}

// The key in the head: another token, or none any more (a shared computer).
$('key').addEventListener('click', async () => {
  const what = await ask('Token', done => [
    h('p', {}, hasToken() ? 'This page uses a token.' : 'This page uses no token: it may do what everybody may.'),
    h('div.row.end', {}, hasToken() ? h('button', {type: 'button', onclick: () => done('forget')}, 'Forget it') : null,
      h('button.main', {type: 'button', onclick: () => done('enter')}, hasToken() ? 'Enter another' : 'Enter a token'))]);
  if (what === 'forget') setToken('', false);
  if (what === 'forget' || (what === 'enter' && await askToken())) location.reload();
});

function locked(error) {
  shown?.part.close?.();
  shown = null;
  info = null;
  $('tabs').hidden = true;
  $('key').hidden = true;
  fill($('main'), h('section.empty', {}, icon('box'), h('h2', {}, 'Locked'),
    h('p', {}, 'This is only for those who have its token.'),
    h('button.main', {type: 'button', onclick: async () => { if (await askToken(error)) retry(); }}, 'Enter the token')));
}

// ---- the connection ----

function link(state, text) {
  if ($('link').dataset.state !== state && state === 'lost') say('Connection lost, trying again');
  $('link').dataset.state = state;
  $('link-text').textContent = text;
  $('stale').hidden = state !== 'lost' || !shown;
}

async function start() {
  const answer = await get('info');
  if (answer.auth && !answer.ok) return false;
  asked = performance.now();
  const changed = !info || info.boot !== answer.boot || info.parts.join() !== answer.parts.join();
  info = {parts: [], routes: [], ...answer};
  const name = (info.name || '').replace(/^Ferry\b\s*/, '');
  fill($('name'), 'Ferry', name ? h('span.on', {}, ' ', h('bdi', {}, name)) : null);
  $('name').title = info.version ? `Ferry ${info.version}` : '';
  document.title = name ? `${name} · Ferry` : 'Ferry';
  $('key').hidden = !(info.auth || onDepot() || hasToken());
  $('veil').firstElementChild.textContent = `Drop to put it ${onDepot() ? 'into the depot' : 'on the card'}`;
  if (changed) { shown?.part.close?.(); shown = null; }
  route(false);
  if (!changed && lost && onDepot()) on('reload', {}); // its stream tells only what is new
  return true;
}

async function state(what) {
  if (what === 'lost') {
    link('lost', 'no connection');
    if (!info && !shown) fill($('main'), fault({what: 'No answer', hint: 'Is it switched on, and on this network? This page keeps trying.'}));
  } else if (what === 'live') {
    link('live', 'connected');
    if (!info || lost || performance.now() - asked > 3000) await start().catch(() => {});
  } else if (what.status === 401) {
    link('locked', 'token needed');
    locked(what);
    if (await askToken(what)) retry();
  } else {
    link('lost', 'refused');
    shown?.part.close?.();
    shown = null;
    fill($('main'), fault(what));
  }
  lost = what !== 'live';
}

function on(name, data) {
  for (const part of parts) part.part.on?.(name, data);
}

fill($('mark'), icon('boat'));
fill($('key'), icon('key'));
loadToken();
showTheme();
start().then(good => {
  if (!good) state({status: 401});
}).catch(() => {}).finally(() => { retry = listen(on, state); });
