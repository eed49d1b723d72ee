// One target: who it is, what happens to it, and what can be done.
import {bytes, duration, fault, fill, h, icon, say} from './dom.js';

const words = {
  queued: 'Waiting to begin', fetching: 'Fetching the firmware', connecting: 'Connecting', reading: 'Reading its partition table', planning: 'Checking',
  checking: 'Checking', erasing: 'Erasing the whole flash', writing: 'Crossing', verifying: 'Comparing', leaving: 'Starting the firmware', stopping: 'Stopping',
};
const results = {
  ok: 'Done and proved', unverified: 'Written; this target cannot prove it', verified: 'It holds just that', planned: 'Checked; nothing was written',
  found: 'Here it is', failed: 'Failed',
};

// Bytes a second over the last seconds.
class Rate {
  constructor() { this.points = []; }

  add(done) {
    const now = performance.now() / 1000;
    this.points.push({now, done});
    while (this.points.length > 2 && now - this.points[0].now > 6) this.points.shift();
  }

  get() {
    const a = this.points[0], b = this.points[this.points.length - 1];
    return b && b.now - a.now > 0.7 ? (b.done - a.done) / (b.now - a.now) : 0;
  }
}

const title = target => target.label || target.chip || 'Unknown target';
export const shortPort = port => (port || '').replace(/^\/dev\//, '').replace(/^\w+:\/\//, '');

function facts(target) {
  return [target.revision, target.flash_size ? `${bytes(target.flash_size)} flash` : '',
    target.running ? `runs ${target.running} ${target.running_version}` : ''].filter(Boolean).join(' · ');
}

export function targetCard(actions, mayStart) {
  let target = null, rate = new Rate(), job = null, toldState = '', toldTenth = -1, best = 0;
  const name = h('h3'), sub = h('p.sub'), mac = h('p.path'), port = h('p.path');
  const state = h('p.state'), detail = h('p.detail'), boat = h('span.boat', {}, icon('boat')), done = h('span.done');
  const line = h('div.line', {role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': 100}, h('span.water'), done, boat);
  const crossing = h('div.crossing', {hidden: true}, state, line, detail);
  const outcome = h('div.outcome'), notes = h('ul.notes'), acts = h('div.row.acts');
  const root = h('article.card.target', {}, h('div.what', {}, icon('chip'), h('div', {}, name, sub, port, mac)), crossing, outcome, notes, acts);

  function draw(percent) {
    line.style.setProperty('--at', `${percent}%`);
    line.setAttribute('aria-valuenow', String(Math.floor(percent)));
  }

  function progress(j) {
    const known = j.size > 0 && ['fetching', 'writing', 'verifying', 'leaving', 'stopping'].includes(j.state);
    if (j.state !== toldState && (j.state === 'fetching' || toldState === 'fetching')) { best = 0; rate = new Rate(); toldTenth = -1; } // other bytes
    if (known) best = Math.max(best, j.done); // while a segment is proved, the figure goes back a little
    const percent = known ? Math.min(100, best / j.size * 100) : 0;
    state.textContent = words[j.state] || j.state;
    line.classList.toggle('unknown', !known);
    line.setAttribute('aria-label', `${title(target)}: ${words[j.state] || j.state}`);
    draw(percent);
    if (known) rate.add(best);
    const speed = known ? rate.get() : 0, left = speed > 0 ? Math.round((j.size - best) / speed) : 0;
    detail.textContent = known ? [`${Math.floor(percent)} %`, `${bytes(best)} of ${bytes(j.size)}`,
      speed > 0 ? `${bytes(speed)}/s` : '', left > 0 ? `about ${left < 10 ? `${left} s` : duration(left)} left` : '', j.state === 'fetching' ? j.step : ''].filter(Boolean).join(' · ') : [j.state === 'fetching' && j.done ? bytes(j.done) : '', j.step].filter(Boolean).join(' · ');
    const tenth = Math.floor(percent / 25);
    if (j.state !== toldState || (known && tenth > toldTenth))
      say(`${title(target)}: ${words[j.state] || j.state}${known && percent >= 25 ? `, ${tenth * 25} percent` : ''}`);
    toldState = j.state;
    toldTenth = tenth;
  }

  function ended(j) {
    if (j.state === 'failed') {
      const error = j.fault || {};
      const harmless = j.kind !== 'probe' && !j.touched ? h('p.hint', {}, 'Nothing was erased or written.') : null;
      fill(outcome, fault(error, harmless));
    } else if (j.kind === 'probe') {
      fill(outcome);
    } else {
      fill(outcome, h('div.well', {}, icon('ok'), h('div', {}, h('p.what', {}, results[j.result] || j.result),
        h('p.hint', {}, [[j.name, j.version].filter(Boolean).join(' '), j.written ? `${bytes(j.written)} sent` : '',
          j.unchanged ? `${bytes(j.unchanged)} unchanged` : '', j.resumed ? `${bytes(j.resumed)} from before` : '',
          duration(j.ms / 1000)].filter(Boolean).join(' · ')))));
    }
    if (toldState && toldState !== j.state)
      say(`${title(target)}: ${j.state === 'failed' ? `failed. ${j.fault?.what || ''} ${j.fault?.hint || ''}` : results[j.result] || 'done'}`);
    toldState = j.state;
  }

  function drawActs(j, busy) {
    const id = target.id, buttons = [];
    const button = (key, kind, text, f, label) => buttons.push(h(`button${kind}`, {type: 'button', 'data-key': `${key}-${id}`,
      'aria-label': `${label || text} ${title(target)} at ${shortPort(target.port)}`, disabled: j?.state === 'stopping', onclick: () => f(target)}, text));
    if (busy) button('s', '', 'Stop', actions.stop);
    else {
      button('f', '.main', 'Flash…', actions.flash, 'Flash');
      if (j?.state === 'failed' && j.kind !== 'probe') button('a', '', 'Try again', actions.again);
      button('l', '.quiet', 'Who is there?', actions.look);
    }
    fill(acts, mayStart ? buttons : []);
  }

  let actsFor = '';
  function update(next) {
    target = next;
    const j = target.job, busy = target.busy;
    if (j && j.id !== job) { job = j.id; rate = new Rate(); toldTenth = -1; best = 0; }
    name.textContent = title(target);
    sub.textContent = facts(target) || (target.chip ? '' : 'Nobody has looked who is there yet');
    sub.hidden = !sub.textContent;
    port.textContent = target.port;
    mac.textContent = target.mac;
    mac.hidden = !target.mac;
    root.setAttribute('aria-label', `${title(target)} at ${shortPort(target.port)}`);
    root.dataset.state = busy ? 'busy' : j?.state || 'idle';
    crossing.hidden = !busy;
    outcome.hidden = busy || !j;
    if (j && busy) progress(j);
    else if (j) ended(j);
    fill(notes, (j?.notes || []).filter(n => busy || n.warning).map(n => h(n.warning ? 'li.warning' : 'li', {}, n.text)));
    const wanted = [busy, j?.id, j?.state === 'failed', j?.state === 'stopping', title(target)].join();
    if (wanted !== actsFor) drawActs(j, busy);
    actsFor = wanted;
  }
  return {root, update};
}
