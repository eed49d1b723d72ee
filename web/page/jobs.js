// A depot's jobs that are not over: given out, watched as they go, taken back.
import {$, bytes, chipName, fault, fill, h, icon, oops, say, upper, when} from './dom.js';
import {del, get} from './api.js';
import {addJob, giveJob, soon} from './depot.js';

const badge = {done: 'good', failed: 'bad', cancelled: 'warn'};
export const isOver = job => job.state in badge;
const jobs = new Map(); // those that are on their way, and those that ended while this was looked at
const order = job => ['running', 'claimed', 'queued'].indexOf(job.state) + (isOver(job) ? 9 : 0);
let info = null, more = false;

const edits = () => info.parts.includes('edit');

async function cancel(job) {
  try { await del(`jobs/${encodeURIComponent(job.id)}`); } catch (error) { oops(error); }
}

export function jobRow(j, mayEdit) {
  const what = `job ${j.id}`;
  return h('li.entry', {},
    h('div.first', {}, h('span', {}, h(`span.badge.${badge[j.state] || 'calm'}`, {}, j.state), h('span.sub', {}, ` #${j.id}`)),
      h('time', {datetime: j.changed}, when(j.changed))),
    h('div.second', {}, h('strong', {}, h('bdi', {}, j.project || `build ${j.build}`), j.version ? h('span.version', {}, ' ', h('bdi', {}, j.version)) : null),
      h('span.sub', {}, chipName(j.chip))),
    h('div.third', {}, h('span.path', {}, j.mac || 'any device of that chip'), j.worker ? h('span.sub', {}, 'by ', h('bdi', {}, j.worker)) : null,
      j.attempt > 1 ? h('span.sub', {}, `attempt ${j.attempt}`) : null),
    j.state === 'running' ? h('progress', {max: j.size || null, value: j.size ? j.done : undefined, 'aria-label': `Progress of ${what}`}) : null,
    j.state === 'running' && j.size ? h('p.sub', {}, `${bytes(j.done)} of ${bytes(j.size)}`) : null,
    isOver(j) && j.elapsed_ms ? h('p.sub', {}, [`${(j.elapsed_ms / 1000).toFixed(1)} s`, j.written ? `${bytes(j.written)} sent` : '',
      j.skipped ? `${bytes(j.skipped)} unchanged` : ''].filter(Boolean).join(' · ')) : null,
    j.text ? h('p.why', {}, h('span.code', {}, j.result), ' ', upper(j.text)) : null,
    mayEdit && !isOver(j) ? h('div.row', {}, h('button.quiet', {type: 'button', 'data-key': `x-${j.id}`, 'aria-label': `Cancel ${what}`, onclick: () => cancel(j)}, 'Cancel')) : null,
    mayEdit && isOver(j) && j.state !== 'done' && j.build ? h('div.row', {}, h('button.quiet', {type: 'button', 'data-key': `n-${j.id}`,
      'aria-label': `Give ${what} out again`, onclick: () => addJob({build: j.build, mac: j.mac})}, 'Give out again')) : null);
}

const draw = soon(() => {
  const list = $('jobs-list');
  if (!list) return;
  const rows = [...jobs.values()].sort((a, b) => order(a) - order(b) || Number(b.id) - Number(a.id));
  fill(list, rows.length ? rows.map(j => jobRow(j, edits())) : h('li.empty', {}, icon('box'), h('p', {}, 'No job waits or runs. What is over is in the history.')),
    more ? h('li.hint', {}, 'There are more, older ones, that are not shown.') : null);
}, 120);

async function load() {
  try {
    const answer = await get('jobs?state=queued,claimed,running&limit=200');
    for (const [id, job] of jobs) if (!isOver(job)) jobs.delete(id);
    for (const job of answer.jobs) jobs.set(job.id, job);
    more = Boolean(answer.next);
    draw();
  } catch (error) {
    if (error.status !== 401 && $('jobs-list')) fill($('jobs-list'), h('li', {}, fault(error)));
  }
}

export const queue = {
  open(what) {
    info = what;
    jobs.clear();
    load();
    return h('section.page', {'aria-labelledby': 'h-jobs'},
      h('div.head', {}, h('h2', {id: 'h-jobs'}, 'Jobs'), edits() ? h('button', {type: 'button', onclick: () => giveJob()}, 'New job…') : null),
      h('ul.entries', {id: 'jobs-list'}, h('li.hint', {}, 'Reading…')));
  },
  close() { draw.stop(); },
  on(name, job) {
    if (!$('jobs-list')) return;
    if (name === 'reload') load();
    if (name !== 'job') return;
    const before = jobs.get(job.id);
    if (!before && isOver(job)) return;
    jobs.set(job.id, {...before, ...job});
    if (before?.state !== job.state) say(`Job ${job.id}: ${job.state}`);
    draw();
  },
};
