// What only a depot has: devices that were seen, and jobs that updaters carry out.
import {$, chipName, fault, fill, h, icon, when} from '/dom.js';
import {get} from '/api.js';

function part(id, title, path, empty, row) {
  const load = async () => {
    try {
      const list = (await get(path))[path];
      if ($(id)) fill($(id), list.length ? list.map(row) : h('li.empty', {}, icon('box'), h('p', {}, empty)));
    } catch (error) {
      if (error.status !== 401 && $(id)) fill($(id), h('li', {}, fault(error)));
    }
  };
  return {
    open() {
      load();
      return h('section.page', {'aria-labelledby': `h-${id}`}, h('h2', {id: `h-${id}`}, title), h('ul.entries', {id}, h('li.hint', {}, 'Reading…')));
    },
    on(name) { if (path.startsWith(name) && $(id)) load(); },
  };
}

export const devices = part('devices-list', 'Devices', 'devices', 'No device has checked in yet.', d => h('li.entry', {},
  h('div.first', {}, h('strong', {}, d.name || d.mac), h('time', {datetime: d.seen}, when(d.seen))),
  h('div.second', {}, h('span', {}, [d.project, d.version].filter(Boolean).join(' ') || 'unknown firmware'), h('span.sub', {}, chipName(d.chip))),
  h('div.third', {}, h('span.path', {}, d.mac), d.channel ? h('span.badge.calm', {}, d.channel) : null)));

const badge = {done: 'good', failed: 'bad', cancelled: 'warn'};
export const queue = part('jobs-list', 'Jobs', 'jobs', 'No job has been given to an updater yet.', j => h('li.entry', {},
  h('div.first', {}, h(`span.badge.${badge[j.state] || 'calm'}`, {}, j.state), h('time', {datetime: j.changed}, when(j.changed))),
  h('div.second', {}, h('strong', {}, j.project || j.name || j.build, j.version ? h('span.version', {}, ' ', j.version) : null), h('span.sub', {}, chipName(j.chip))),
  h('div.third', {}, h('span.path', {}, j.mac || 'any device of that chip'), h('span.sub', {}, j.worker || '')),
  j.size && j.state === 'running' ? h('progress', {max: j.size, value: j.done, 'aria-label': `Job ${j.id}`}) : null,
  j.text ? h('p.why', {}, h('span.code', {}, j.status), ' ', j.text) : null));
