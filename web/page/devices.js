// The devices that a depot has seen: what they are called, which channel they follow, what runs there.
import {$, ask, chipName, confirm, fault, fill, h, icon, oops, toast, when} from './dom.js';
import {del, get, put} from './api.js';
import {channelNames, moreButton, showMore, soon} from './depot.js';

let info = null, rows = [], next = '', find = '';

async function change(device) {
  const names = await channelNames();
  const wish = await ask(device.name || device.mac, done => {
    const name = h('input', {id: 'device-name', value: device.name || '', maxlength: 60, spellcheck: 'false', autofocus: true});
    const channel = h('input', {id: 'device-channel', list: 'channels', value: device.channel || '', maxlength: 60, spellcheck: 'false', autocapitalize: 'off'});
    const release = h('input', {type: 'checkbox', id: 'device-release', onchange: () => { channel.disabled = release.checked; }});
    const go = event => {
      event.preventDefault();
      const said = name.value.trim(), follows = release.checked ? null : channel.value.trim();
      done({...(said !== (device.name || '') && {name: said}), ...(follows !== (device.channel || '') && {channel: follows})}); // what is left as it is stays the device's own choice
    };
    return [device.name ? h('p.path', {}, device.mac) : null, h('label', {for: 'device-name'}, 'Name'), name,
      h('label', {for: 'device-channel'}, 'Channel it follows'), channel, h('datalist', {id: 'channels'}, names.map(value => h('option', {value}))),
      h('p.hint', {}, device.assigned ? 'Was set here, and counts more than what the device says.' : 'Set here, it counts more than what the device says. Empty: none.'),
      device.assigned ? h('label.check', {}, release, 'Let the device say which') : null,
      h('div.row.end', {}, h('button', {type: 'button', onclick: () => done()}, 'Cancel'),
        h('button.main', {onclick: go}, 'Save'))];
  });
  if (!wish || !Object.keys(wish).length) return;
  try {
    await put(`devices/${encodeURIComponent(device.mac)}`, wish);
    toast('Saved');
  } catch (error) { oops(error); }
  load();
}

async function forget(device) {
  if (!await confirm(`Forget ${device.name || device.mac}?`, 'Its name and channel are lost. It is known again when it checks in the next time.', 'Forget', '.danger')) return;
  try {
    await del(`devices/${encodeURIComponent(device.mac)}`);
    toast(`${device.name || device.mac} is forgotten`);
  } catch (error) { oops(error); }
  load();
}

const row = d => h('li.entry', {},
  h('div.first', {}, h('strong', {}, h('bdi', {}, d.name || d.mac)), h('time', {datetime: d.seen}, d.seen ? `seen ${when(d.seen)}` : '')),
  h('div.second', {}, h('span', {}, h('bdi', {}, [d.project, d.version].filter(Boolean).join(' ') || 'unknown firmware')), h('span.sub', {}, chipName(d.chip))),
  h('div.third', {}, d.name ? h('span.path', {}, d.mac) : null, d.channel ? h('span.badge.calm', {}, d.channel) : null),
  info.parts.includes('edit') ? h('div.row', {},
    h('button.quiet', {type: 'button', 'data-key': `e-${d.mac}`, 'aria-label': `Name and channel of ${d.name || d.mac}`, onclick: () => change(d)}, 'Name, channel…'),
    h('button.quiet', {type: 'button', 'data-key': `g-${d.mac}`, 'aria-label': `Forget ${d.name || d.mac}`, onclick: () => forget(d)}, 'Forget')) : null);

function draw() {
  if (!$('devices-list')) return;
  const wanted = rows.filter(d => !find || Object.values(d).join('\n').toLowerCase().includes(find.toLowerCase()));
  fill($('devices-list'), wanted.length ? wanted.map(row) : h('li.empty', {}, icon('box'),
    h('p', {}, rows.length ? 'No device fits.' : 'No device has checked in yet.')));
  $('devices-find').hidden = rows.length < 2 && !find;
  showMore('devices-more', next);
}

async function load(more) {
  try {
    let after = more ? next : '', found = more ? rows : [];
    const least = more ? rows.length + 1 : Math.max(rows.length, 1); // as many as there were
    do {
      const answer = await get(`devices?limit=200${after ? `&after=${encodeURIComponent(after)}` : ''}`);
      found = found.concat(answer.devices);
      after = answer.next || '';
    } while (after && (found.length < least || find));
    rows = found;
    next = after;
    draw();
  } catch (error) {
    if (error.status !== 401 && $('devices-list')) fill($('devices-list'), h('li', {}, fault(error)));
  }
}

const again = soon(() => load());

export const devices = {
  open(what) {
    info = what;
    rows = [];
    load();
    return h('section.page', {'aria-labelledby': 'h-devices'}, h('h2', {id: 'h-devices'}, 'Devices'),
      h('div.filter', {id: 'devices-find', role: 'search', 'aria-label': 'Filter', hidden: true}, h('label', {for: 'find-device'}, 'Find'),
        h('input', {id: 'find-device', type: 'search', value: find, maxlength: 40, placeholder: 'name, MAC, firmware, channel …',
          oninput: event => { find = event.target.value.trim(); if (find && next) again(); else draw(); }})),
      h('ul.entries', {id: 'devices-list'}, h('li.hint', {}, 'Reading…')), moreButton('devices-more', () => load(true)));
  },
  close() { again.stop(); },
  on(name) { if ((name === 'devices' || name === 'reload') && $('devices-list')) again(); },
};
