// What there is to flash, and what is connected.
import {$, bytes, chipName, confirm, fault, fill, h, icon, oops, say, toast, upper} from './dom.js';
import {del, get, post} from './api.js';
import {targetCard} from './target.js';
import {chooseJob} from './choose.js';
import {dropZone, closeDrop} from './upload.js';
import {chooseChannel, giveJob, moreButton, showMore, soon} from './depot.js';

const MANY = 8; // builds from which on they can be searched

let info = null, card = null, depot = null, loading = null, find = '', shownOfDepot = 100;
export const targets = new Map(); // id -> what the API says
const cards = new Map();          // id -> its element on the page
const watchers = new Set();       // told when a target changes

export const builds = () => [...(card?.builds || []), ...(depot?.builds || [])];

export const kinds = {
  'idf-build': 'ESP-IDF build folder', 'web-manifest': 'ESP Web Tools manifest', arduino: 'bootloader, table and app',
  merged: 'merged image', app: 'app alone', addressed: 'files with addresses', data: 'data', build: 'several files',
  files: 'files with addresses',
};

const has = part => info.parts.includes(part);

// ---- builds ----

function tags(build) {
  return h('ul.tags', {'aria-label': 'Made for'}, (build.chips || []).map(chip => h('li', {}, chipName(chip))),
    (build.channels || []).map(channel => h('li.channel', {}, channel)),
    build.wanted ? h('li.channel', {}, 'chosen in the settings') : null, build.from === 'depot' ? h('li.from', {}, 'in the depot') : null);
}

async function remove(build) {
  const channels = (build.channels || []).join(', ');
  const sure = await confirm(`Remove ${build.name}?`,
    `Its files are deleted${build.path ? ` (${build.path})` : ''}. This cannot be undone.${channels ? ` Devices that follow ${channels} have nothing to run then.` : ''}`, 'Remove', '.danger');
  if (!sure) return;
  try {
    await del(`builds/${encodeURIComponent(build.id)}${channels ? '?force=1' : ''}`);
    toast(`${build.name} is removed`);
  } catch (error) { oops(error); }
  load();
}

async function flash(wish) {
  const chosen = await chooseJob(info, builds(), targets, watchers, wish);
  if (!chosen) return;
  for (const target of chosen.targets) {
    try {
      await post('jobs', {target, ...chosen.job});
      say('Started');
    } catch (error) { oops(error); }
  }
}

function buildCard(build) {
  const size = bytes(build.size);
  const from = build.from === 'depot';
  return h('article.card.build', {'aria-labelledby': `b-${build.id}`},
    h('div.what', {}, icon('box'), h('div', {},
      h('h3', {id: `b-${build.id}`}, h('bdi', {}, build.name), build.version ? h('span.version', {}, ' ', h('bdi', {}, build.version)) : null),
      h('p.sub', {}, [kinds[build.kind] || build.kind, size, build.idf && `ESP-IDF ${build.idf}`].filter(Boolean).join(' · ')),
      build.path ? h('p.path', {dir: 'ltr'}, build.path) : null,
      build.note ? h('p', {}, h('bdi', {}, build.note)) : null,
      build.added ? h('p.path', {title: build.sha256}, `${info.kind === 'depot' ? `#${build.id} · ` : ''}added ${build.added.slice(0, 10)} · ${(build.sha256 || '').slice(0, 12)}`) : null,
      tags(build))),
    h('div.row.acts', {},
      has('start') ? h('button.tint', {type: 'button', 'data-key': `f-${build.id}`, 'aria-label': `Flash ${build.name} ${build.version || ''}`,
        onclick: () => flash({build: build.id})}, 'Flash…') : null,
      info.kind === 'depot' && has('jobs') && has('edit') ? h('button.tint', {type: 'button', 'data-key': `j-${build.id}`,
        'aria-label': `Bring ${build.name} ${build.version || ''} to devices`, onclick: () => giveJob(build)}, 'Bring to…') : null,
      has('channels') && has('edit') ? h('button.quiet', {type: 'button', 'data-key': `c-${build.id}`, 'aria-label': `Channel of ${build.name} ${build.version || ''}`,
        onclick: () => chooseChannel(build).then(load)}, 'Channel…') : null,
      has('delete') && !from ? h('button.quiet', {type: 'button', 'data-key': `r-${build.id}`, 'aria-label': `Remove ${build.name} ${build.version || ''}`,
        onclick: () => remove(build)}, 'Remove') : null));
}

function refused(list, more) {
  if (!list?.length) return null;
  return h('details.refused', {}, h('summary', {}, `${list.length === 1 ? 'One file' : `${list.length} files`} cannot be used`),
    list.map(item => h('div.why', {}, h('p.what', {}, upper(item.what)), item.hint ? h('p.hint', {}, upper(item.hint)) : null)),
    more ? h('p.hint', {}, `and ${more} more that are not listed`) : null);
}

function gauge(used) {
  const bar = h(used > 90 ? 'span.tight' : 'span');
  bar.style.width = `${used}%`;
  return bar;
}

function space(s) {
  if (!s?.total) return null;
  const used = Math.round((1 - s.free / s.total) * 100);
  return h('p.space', {}, h('span.gauge', {role: 'meter', 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': used, 'aria-label': 'Space used on the card'}, gauge(used)),
    ` ${bytes(s.free)} free of ${bytes(s.total)}`);
}

const text = build => [build.name, build.version, build.path, build.note, ...(build.chips || []).map(chipName), ...(build.channels || [])].join('\n').toLowerCase();

function drawBuilds() {
  const el = $('builds');
  if (!el || !card) return;
  const all = builds(), ours = info.kind === 'depot' || !find; // a depot looks itself
  const list = ours ? all : all.filter(build => text(build).includes(find.toLowerCase()));
  const nothing = !all.length && !find && (!card.fault || card.fault.error === 'NO_CARGO');
  $('builds-find').hidden = all.length <= MANY && !find && !card.next;
  fill(el,
    card.fault && (all.length || card.fault.error !== 'NO_CARGO') ? fault(card.fault) : null,
    list.map(buildCard),
    nothing ? h('div.empty', {}, icon('box'), h('h3', {}, 'Nothing here yet'),
      h('p', {}, has('upload') ? 'Drop a build folder or a .bin file onto this page, or choose one here.' : 'Who may do so adds a build.')) : null,
    find && !list.length ? h('p.hint', {}, 'No build fits.') : null,
    card.more && !card.refused?.length ? h('p.hint', {}, `and ${card.more} more that are not listed`) : null,
    depot?.fault ? fault(depot.fault) : null,
    refused(card.refused, card.more), space(card.space));
  showMore('builds-more', card.next || depot?.next);
  const zone = el.parentElement.querySelector('.drop'), first = all.length > MANY; // below many it would not be found
  if (zone && first !== Boolean(zone.compareDocumentPosition(el) & Node.DOCUMENT_POSITION_FOLLOWING)) el.parentElement.insertBefore(zone, first ? $('builds-find') : null);
}

// Loads what there is; calls that come while it is being loaded lead to one more load.
async function load() {
  if (loading) { loading.again = true; return; }
  const mine = {again: false};
  loading = mine;
  do {
    mine.again = false;
    try {
      card = info.kind === 'depot' ? await ofDepot('builds', find) : await get('builds');
      if (has('depot')) depot = await fromDepot();
    } catch (error) {
      if (error.status === 401) break;
      card = {builds: [], fault: error};
    }
    drawBuilds();
  } while (mine.again);
  loading = null;
}

// A depot's builds, as many as are shown; page by page, for it tells no more than 1000 at once.
async function ofDepot(path, words) {
  const found = [];
  for (let before = '';;) {
    const query = new URLSearchParams({limit: String(Math.min(shownOfDepot - found.length, 500)), ...(before && {before}), ...(words && {text: words})});
    const answer = await get(`${path}?${query}`);
    found.push(...answer.builds);
    before = answer.next;
    if (!before || found.length >= shownOfDepot) return {builds: found, next: before};
  }
}

async function fromDepot() {
  try {
    const answer = await ofDepot('depot/builds', '');
    return {next: answer.next, builds: answer.builds.map(b => ({...b, id: `depot:${b.sha256}`, chips: b.chips || (b.chip ? [b.chip] : []),
      name: b.name || b.project, from: 'depot'}))};
  } catch (error) { return {builds: [], fault: error}; }
}

// ---- targets ----

const actions = {
  flash: target => flash({target: target.id}),
  async look(target) {
    try { await post('jobs', {target: target.id, kind: 'probe'}); } catch (error) { oops(error); }
  },
  async stop(target) {
    try { await del(`jobs/${target.job.id}`); } catch (error) { oops(error); }
  },
  async again(target) {
    const job = target.job;
    try {
      await post('jobs', {target: target.id, kind: job.kind, build: job.build || undefined, ...job.asked});
    } catch (error) { oops(error); }
  },
};

function drawTarget(id) {
  const list = $('targets');
  if (!list) return;
  let el = cards.get(id);
  if (!el) {
    el = targetCard(actions, has('start'));
    if (!cards.size) fill(list);
    cards.set(id, el);
    el.root.dataset.id = id;
    list.insertBefore(el.root, [...list.children].find(other => Number(other.dataset.id) > Number(id)) || null);
  }
  el.update(targets.get(id));
  for (const f of watchers) f();
}

function drawTargets() {
  const list = $('targets');
  if (!list) return;
  cards.clear();
  fill(list);
  if (!targets.size)
    fill(list, h('div.empty', {}, icon('chip'), h('h3', {}, 'No ports'), h('p', {}, 'Start the updater with --port, once for each target.')));
  for (const id of targets.keys()) drawTarget(id);
}

async function loadTargets() {
  try {
    const answer = await get('targets');
    targets.clear(); // those of an earlier run of the updater
    for (const target of answer.targets) targets.set(target.id, target);
    drawTargets();
  } catch (error) { if (error.status !== 401 && $('targets')) fill($('targets'), fault(error)); }
}

// ---- the part ----

const again = soon(() => load());

async function lookAgain() {
  try { if (info.kind === 'updater') await post('builds'); } catch { /* load() tells */ }
  load();
}

export const bench = {
  open(what) {
    info = what;
    card = depot = null;
    load();
    if (has('targets')) loadTargets();
    const heading = info.kind === 'depot' ? 'In the depot' : has('depot') ? 'On the card and in the depot' : 'On the card';
    return [
      has('targets') ? h('section.side', {'aria-labelledby': 'h-targets'}, h('h2', {id: 'h-targets'}, 'Connected'), h('div.list', {id: 'targets'})) : null,
      h('section.wide', {'aria-labelledby': 'h-builds'},
        h('div.head', {}, h('h2', {id: 'h-builds'}, heading), h('button.quiet', {type: 'button', onclick: lookAgain}, 'Look again')),
        h('div.filter', {id: 'builds-find', role: 'search', 'aria-label': 'Filter', hidden: true}, h('label', {for: 'find'}, 'Find'),
          h('input', {id: 'find', type: 'search', value: find, maxlength: 40, placeholder: 'name, version, chip …', oninput: event => {
            find = event.target.value.trim();
            if (info.kind === 'depot') again();
            else drawBuilds();
          }})),
        h('div.list', {id: 'builds'}, h('p.hint', {}, 'Looking…')),
        moreButton('builds-more', () => { shownOfDepot += 200; load(); }),
        has('upload') ? dropZone(info, load) : null),
    ];
  },
  close() { closeDrop(); cards.clear(); again.stop(); find = ''; },
  on(name, data) {
    if (!info) return;
    if (name === 'builds') load();
    if (name === 'channels' || name === 'reload') again();
    if (name === 'target') {
      targets.set(data.id, data);
      drawTarget(data.id);
    }
    if (name === 'progress' && targets.has(data.target)) {
      const target = targets.get(data.target);
      if (target.job?.id !== data.id) return;
      Object.assign(target.job, data, {target: undefined});
      drawTarget(data.target);
    }
  },
};
