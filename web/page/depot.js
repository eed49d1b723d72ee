// What only a depot has, and more than one part of the page asks for: a build's channels, and who is to get it.
import {$, ask, chipName, fill, h, oops, toast} from './dom.js';
import {del, get, post, put} from './api.js';

const cancelButton = done => h('button', {type: 'button', onclick: () => done()}, 'Cancel');
export const buildText = b => [b.name || b.project, b.version, b.chips?.length && `(${b.chips.map(chipName).join(', ')})`, `#${b.id}`].filter(Boolean).join(' ');

// The names of all channels there are.
export async function channelNames() {
  try {
    return [...new Set(['stable', 'beta', ...(await get('channels')).channels.map(c => c.name)])];
  } catch { return ['stable', 'beta']; }
}

async function removeChannel(build, name) {
  const query = new URLSearchParams({project: build.project || build.name, chip: build.chip || build.chips?.[0] || ''});
  await del(`channels/${encodeURIComponent(name)}?${query}`);
  toast(`${name} is no channel of ${build.name} any more`);
}

export async function chooseChannel(build) {
  const names = await channelNames(), has = build.channels || [];
  const wish = await ask(`Channels of ${build.name} ${build.version || ''}`, done => {
    const input = h('input', {id: 'channel', list: 'channels', value: has.includes('stable') ? '' : 'stable', maxlength: 60, spellcheck: 'false',
      autocapitalize: 'off', autofocus: true});
    const go = event => { event.preventDefault(); if (input.value.trim()) done({set: input.value.trim()}); else input.focus(); };
    return [h('p', {}, 'Devices that follow a channel are told to run the build that it points at.'),
      has.map(name => h('div.row.split', {}, h('span', {}, name),
        h('button.quiet', {type: 'button', 'aria-label': `Take ${name} away`, onclick: () => done({remove: name})}, 'Take away'))),
      h('label', {for: 'channel'}, 'Channel'), input, h('datalist', {id: 'channels'}, names.map(value => h('option', {value}))),
      h('div.row.end', {}, cancelButton(done), h('button.main', {onclick: go}, 'Set'))];
  });
  try {
    if (wish?.remove) await removeChannel(build, wish.remove);
    if (!wish?.set) return;
    await put(`channels/${encodeURIComponent(wish.set)}`, {build: build.id});
    toast(`${wish.set} is ${build.name} ${build.version || ''} now`);
  } catch (error) { oops(error); }
}

// A job for an updater: `build` if it is chosen already, else one of the newest.
export async function giveJob(build) {
  let known = [], builds = build ? [build] : [];
  try {
    [known, builds] = await Promise.all([get('devices?limit=1000').then(a => a.devices).catch(() => []),
      build ? [build] : get('builds?limit=500').then(a => a.builds)]);
  } catch (error) { oops(error); return; }
  const wish = await ask(build ? `Bring ${build.name} ${build.version || ''} to` : 'New job', done => {
    const which = h('select', {id: 'build', onchange: () => offer()}, builds.map(b => h('option', {value: b.id}, buildText(b))));
    const select = h('select', {id: 'device'});
    const offer = () => {
      const chips = builds.find(b => b.id === which.value)?.chips || [];
      fill(select, h('option', {value: ''}, `whichever ${chips.map(chipName).join(' or ') || 'device'} an updater finds next`),
        known.filter(d => !chips.length || chips.includes(d.chip)).map(d =>
          h('option', {value: d.mac}, [d.name, d.mac, d.version && `runs ${d.version}`].filter(Boolean).join(' · '))));
    };
    offer();
    return [h('p', {}, builds.length ? 'An updater that works for this depot takes the job up.' : 'There is no firmware in the depot yet.'),
      build ? null : [h('label', {for: 'build'}, 'Firmware'), which],
      h('label', {for: 'device'}, 'Device'), select,
      h('div.row.end', {}, cancelButton(done), h('button.main', {autofocus: true, disabled: !builds.length,
        onclick: event => { event.preventDefault(); done({build: which.value, mac: select.value || undefined}); }}, 'Give out'))];
  });
  if (wish) await addJob(wish);
}

export async function addJob(wish) {
  try {
    const job = await post('jobs', wish);
    toast(`Job ${job.id || ''} waits for an updater`);
  } catch (error) { oops(error); }
}

// Several calls that come close together are one.
export function soon(f, ms = 300) {
  let timer = 0;
  const call = () => { timer ||= setTimeout(() => { timer = 0; f(); }, ms); };
  call.stop = () => { clearTimeout(timer); timer = 0; };
  return call;
}

// The "More" button below a list that comes in pages.
export const moreButton = (id, f) => h('button', {type: 'button', id, hidden: true, onclick: f}, 'More');
export const showMore = (id, there) => { if ($(id)) $(id).hidden = !there; };
