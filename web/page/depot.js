// What only a depot has: channels, devices that were seen, and jobs that updaters carry out.
import {$, ask, bytes, chipName, fault, fill, h, icon, oops, toast, upper, when} from '/dom.js';
import {del, get, post, put} from '/api.js';

// ---- a build: to which channel, to which device ----

export async function chooseChannel(build) {
  const name = await ask(`${build.name} ${build.version || ''}`, done => {
    const input = h('input', {id: 'channel', list: 'channels', value: (build.channels || [])[0] || 'stable', maxlength: 60, spellcheck: 'false', autofocus: true});
    const go = event => { event.preventDefault(); if (input.value.trim()) done(input.value.trim()); };
    return [h('p', {}, `Devices that follow this channel of ${build.name} are told to run this build.`),
      h('label', {for: 'channel'}, 'Channel'), input, h('datalist', {id: 'channels'}, ['stable', 'beta'].map(value => h('option', {value}))),
      h('div.row.end', {}, h('button', {type: 'button', onclick: () => done()}, 'Cancel'), h('button.main', {onclick: go}, 'Set'))];
  });
  if (!name) return;
  try {
    await put(`channels/${encodeURIComponent(name)}`, {build: build.id});
    toast(`${name} is ${build.name} ${build.version || ''} now`);
  } catch (error) { oops(error); }
}

export async function chooseDevice(build) {
  let known = [];
  try { known = (await get('devices')).devices; } catch { /* any device can still be chosen */ }
  const chips = build.chips || [];
  const fitting = known.filter(d => !chips.length || chips.includes(d.chip));
  const mac = await ask(`Bring ${build.name} ${build.version || ''} to`, done => {
    const select = h('select', {id: 'device'}, h('option', {value: 'any'}, `whichever ${chips.map(chipName).join(' or ') || 'device'} an updater finds next`),
      fitting.map(d => h('option', {value: d.mac}, [d.name, d.mac, d.version && `runs ${d.version}`].filter(Boolean).join(' · '))));
    return [h('p', {}, 'An updater that works for this depot takes the job up.'), h('label', {for: 'device'}, 'Device'), select,
      h('div.row.end', {}, h('button', {type: 'button', onclick: () => done()}, 'Cancel'),
        h('button.main', {autofocus: true, onclick: event => { event.preventDefault(); done(select.value); }}, 'Give out'))];
  });
  if (!mac) return;
  try {
    await post('jobs', mac === 'any' ? {build: build.id} : {build: build.id, mac});
    toast('The job waits for an updater');
  } catch (error) { oops(error); }
}

// ---- lists ----

function part(id, title, path, empty, row) {
  const load = async () => {
    try {
      const list = (await get(path))[path];
      if ($(id)) fill($(id), list.length ? list.map(row) : h('li.empty', {}, icon('box'), h('p', {}, empty)));
    } catch (error) {
      if (error.status !== 401 && $(id)) fill($(id), h('li', {}, fault(error)));
    }
  };
  let soon = 0;
  return {
    open() {
      load();
      return h('section.page', {'aria-labelledby': `h-${id}`}, h('h2', {id: `h-${id}`}, title), h('ul.entries', {id}, h('li.hint', {}, 'Reading…')));
    },
    close() { clearTimeout(soon); soon = 0; },
    on(name) { // many changes at once are one look
      if (path.startsWith(name) && $(id)) soon ||= setTimeout(() => { soon = 0; load(); }, 300);
    },
  };
}

export const devices = part('devices-list', 'Devices', 'devices', 'No device has checked in yet.', d => h('li.entry', {},
  h('div.first', {}, h('strong', {}, d.name || d.mac), h('time', {datetime: d.seen}, when(d.seen))),
  h('div.second', {}, h('span', {}, [d.project, d.version].filter(Boolean).join(' ') || 'unknown firmware'), h('span.sub', {}, chipName(d.chip))),
  h('div.third', {}, h('span.path', {}, d.mac), d.channel ? h('span.badge.calm', {}, d.channel) : null)));

const badge = {done: 'good', failed: 'bad', cancelled: 'warn'};
const over = ['done', 'failed', 'cancelled'];

async function cancel(job) {
  try { await del(`jobs/${encodeURIComponent(job.id)}`); } catch (error) { oops(error); }
}

export const queue = part('jobs-list', 'Jobs', 'jobs', 'No job has been given to an updater yet.', j => h('li.entry', {},
  h('div.first', {}, h(`span.badge.${badge[j.state] || 'calm'}`, {}, j.state), h('time', {datetime: j.changed}, when(j.changed))),
  h('div.second', {}, h('strong', {}, j.project || j.build, j.version ? h('span.version', {}, ' ', j.version) : null), h('span.sub', {}, chipName(j.chip))),
  h('div.third', {}, h('span.path', {}, j.mac || 'any device of that chip'), j.worker ? h('span.sub', {}, `by ${j.worker}`) : null),
  j.size && j.state === 'running' ? [h('progress', {max: j.size, value: j.done, 'aria-label': `Progress of job ${j.id}`}),
    h('p.sub', {}, `${bytes(j.done)} of ${bytes(j.size)}`)] : null,
  j.text ? h('p.why', {}, h('span.code', {}, j.result), ' ', upper(j.text)) : null,
  over.includes(j.state) ? null : h('div.row', {}, h('button.quiet', {type: 'button', 'data-key': `x-${j.id}`, 'aria-label': `Cancel job ${j.id}`, onclick: () => cancel(j)}, 'Cancel'))));
