// What there is to flash, and what is connected.
import {$, bytes, chipName, confirm, fault, fill, h, icon, oops, say, toast, upper} from '/dom.js';
import {del, get, post} from '/api.js';
import {targetCard} from '/target.js';
import {chooseJob} from '/choose.js';
import {dropZone, closeDrop} from '/upload.js';
import {chooseChannel, chooseDevice} from '/depot.js';

let info = null, card = null, depot = null, loading = null;
export const targets = new Map(); // id -> what the API says
const cards = new Map();          // id -> its element on the page

export const builds = () => [...(card?.builds || []), ...(depot?.builds || [])];

export const kinds = {
  'idf-build': 'ESP-IDF build folder', 'web-manifest': 'ESP Web Tools manifest', arduino: 'bootloader, table and app',
  merged: 'merged image', app: 'app alone', addressed: 'files with addresses', data: 'data', build: 'several files',
  files: 'files with addresses',
};

const has = part => info.parts.includes(part);

// ---- builds ----

export function tags(build) {
  return h('ul.tags', {'aria-label': 'Made for'}, (build.chips || []).map(chip => h('li', {}, chipName(chip))),
    (build.channels || []).map(channel => h('li.channel', {}, channel)));
}

async function remove(build) {
  const sure = await confirm(`Remove ${build.name}?`,
    `Its files are deleted${build.path ? ` (${build.path})` : ''}. This cannot be undone.`, 'Remove', '.danger');
  if (!sure) return;
  try {
    await del(`builds/${encodeURIComponent(build.id)}`);
    toast(`${build.name} is removed`);
  } catch (error) { oops(error); }
  load();
}

async function flash(wish) {
  const chosen = await chooseJob(info, builds(), [...targets.values()], wish);
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
      h('h3', {id: `b-${build.id}`}, build.name, build.version ? h('span.version', {}, ' ', build.version) : null),
      h('p.sub', {}, [kinds[build.kind] || build.kind, size].filter(Boolean).join(' · ')),
      build.path ? h('p.path', {}, build.path) : null,
      build.added ? h('p.sub', {}, `added ${build.added.slice(0, 10)}`) : null,
      tags(build))),
    h('div.row.acts', {},
      has('start') ? h('button.tint', {type: 'button', 'data-key': `f-${build.id}`, 'aria-label': `Flash ${build.name} ${build.version || ''}`,
        onclick: () => flash({build: build.id})}, 'Flash…') : null,
      info.kind === 'depot' && has('jobs') && has('delete') ? h('button.tint', {type: 'button', 'data-key': `j-${build.id}`,
        'aria-label': `Bring ${build.name} ${build.version || ''} to devices`, onclick: () => chooseDevice(build)}, 'Bring to…') : null,
      has('channels') && has('delete') ? h('button.quiet', {type: 'button', 'data-key': `c-${build.id}`, 'aria-label': `Channel of ${build.name} ${build.version || ''}`,
        onclick: () => chooseChannel(build)}, 'Channel…') : null,
      has('delete') && !from ? h('button.quiet', {type: 'button', 'data-key': `r-${build.id}`, 'aria-label': `Remove ${build.name}`,
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

function drawBuilds() {
  const el = $('builds');
  if (!el || !card) return;
  const list = builds();
  fill(el,
    card.fault && !list.length && card.fault.error !== 'NO_CARGO' ? fault(card.fault) : null,
    card.fault && list.length ? fault(card.fault) : null,
    list.map(buildCard),
    !list.length && (!card.fault || card.fault.error === 'NO_CARGO') ? h('div.empty', {}, icon('box'), h('h3', {}, 'Nothing here yet'),
      h('p', {}, has('upload') ? 'Drop a build folder or a .bin file onto this page, or choose one below.' : 'Add a build to the depot.')) : null,
    card.more && !card.refused?.length ? h('p.hint', {}, `and ${card.more} more that are not listed`) : null,
    depot?.fault ? fault(depot.fault) : null,
    refused(card.refused, card.more), space(card.space));
}

// Loads what there is; calls that come while it is being loaded lead to one more load.
async function load() {
  if (loading) { loading.again = true; return; }
  const mine = {again: false};
  loading = mine;
  do {
    mine.again = false;
    try {
      card = await get('builds');
      if (has('depot')) depot = await fromDepot();
    } catch (error) {
      if (error.status === 401) break;
      card = {builds: [], fault: error};
    }
    drawBuilds();
  } while (mine.again);
  loading = null;
}

async function fromDepot() {
  try {
    const answer = await get('depot/builds');
    return {builds: answer.builds.map(b => ({...b, id: `depot:${b.sha256}`, chips: b.chips || (b.chip ? [b.chip] : []),
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
    for (const target of answer.targets) targets.set(target.id, target);
    drawTargets();
  } catch (error) { if (error.status !== 401) fill($('targets'), fault(error)); }
}

// ---- the part ----

export const bench = {
  open(what) {
    info = what;
    load();
    if (has('targets')) loadTargets();
    const heading = info.kind === 'depot' ? 'In the depot' : has('depot') ? 'On the card and in the depot' : 'On the card';
    return [
      has('targets') ? h('section.side', {'aria-labelledby': 'h-targets'}, h('h2', {id: 'h-targets'}, 'Connected'), h('div.list', {id: 'targets'})) : null,
      h('section.wide', {'aria-labelledby': 'h-builds'},
        h('div.head', {}, h('h2', {id: 'h-builds'}, heading),
          h('button.quiet', {type: 'button', onclick: async () => {
            try { if (info.kind === 'updater') await request_(); } catch { /* load() tells */ }
            load();
          }}, 'Look again')),
        h('div.list', {id: 'builds'}, h('p.hint', {}, 'Looking…')),
        has('upload') ? dropZone(info, load) : null),
    ];
  },
  close() { closeDrop(); cards.clear(); },
  on(name, data) {
    if (!info) return;
    if (name === 'builds' || name === 'channels') load();
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

const request_ = () => post('builds');
