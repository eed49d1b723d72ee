// Bringing builds: dropped onto the page, or chosen. Files that belong together become one folder, which appears as a
// whole when the last of them is there.
import {$, ask, bytes, confirm, fill, h, icon, say, toast} from './dom.js';
import {ApiError, del, encodePath, post, upload} from './api.js';

const MOST = 40; // files of one build
const USEFUL = /\.(bin|json|csv)$/i;
// What people bring that is not what goes onto a flash, and what to bring instead.
const OTHERS = [
  [/\.(zip|7z|rar|tgz|tbz2?|txz|tar(\.\w+)?|gz|xz|zst)$/i, 'is an archive', 'Unpack it, then drop the folder that comes out.'],
  [/\.elf$/i, 'is an ELF file, for the debugger', 'Drop the .bin that was made of it, or the whole build folder.'],
  [/\.(hex|uf2|s19|srec|dfu)$/i, 'is of a format that ESP chips do not take', 'Drop the .bin file, or the whole build folder.'],
  [/\.(ino|c|cpp|cc|h|hpp|py|rs)$/i, 'is source code', 'Build it, then drop the build folder or the .bin file.'],
];

let zone = null, info = null, loaded = () => {};

// ---- what was dropped ----

const readAll = reader => new Promise((resolve, reject) => {
  const all = [];
  const more = () => reader.readEntries(some => { if (some.length) { all.push(...some); more(); } else resolve(all); }, reject);
  more();
});

async function walk(entry, path, out, depth) {
  if (entry.name.startsWith('.') || out.length > 2000) return;
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => { entry.file(resolve, reject); });
    out.push({path: path + entry.name, file});
  } else if (depth < 3) {
    for (const inner of await readAll(entry.createReader())) await walk(inner, `${path}${entry.name}/`, out, depth + 1);
  }
}

async function dropped(transfer) {
  // All is asked for before the first wait: afterwards the transfer is empty.
  const items = [...transfer.items].filter(item => item.kind === 'file').map(item => ({entry: item.webkitGetAsEntry?.(), file: item.getAsFile()}));
  const out = [];
  for (const {entry, file} of items) {
    if (entry?.isDirectory) await walk(entry, '', out, 0);
    else if (file) out.push({path: file.name, file});
  }
  return out;
}

// Of a build folder only what its description names: the rest may be thousands of object files.
async function useful(files) {
  const args = files.find(f => /(^|\/)flasher_args\.json$/.test(f.path));
  if (args) {
    try {
      const root = args.path.slice(0, -'flasher_args.json'.length);
      const names = new Set(Object.values(JSON.parse(await args.file.text()).flash_files || {}).map(name => root + name));
      const chosen = files.filter(f => names.has(f.path));
      if (chosen.length) return [...chosen, args];
    } catch { /* damaged: the updater says so */ }
  }
  return files.filter(f => USEFUL.test(f.path));
}

// ---- sending ----

function rowFor(name, size, cancel) {
  const bar = h('progress', {max: 100, value: 0, 'aria-label': `Upload of ${name}`}), text = h('span.sub', {}, bytes(size));
  const stop = h('button.quiet', {type: 'button', 'aria-label': `Stop the upload of ${name}`, onclick: () => cancel.cancel?.()}, 'Stop');
  const root = h('li', {}, h('span.path', {}, name), bar, text, stop);
  return {
    root,
    at(done) { bar.value = size ? done / size * 100 : 100; text.textContent = `${bytes(done)} of ${bytes(size)}`; },
    fail(error) {
      bar.remove();
      stop.remove();
      root.classList.add('bad');
      root.setAttribute('role', 'alert');
      fill(text, `${error.what}. ${error.hint || ''}`);
      root.append(h('button.quiet', {type: 'button', 'aria-label': `Close the message about ${name}`, onclick: () => root.remove()}, 'Close'));
    },
  };
}

function show(row) {
  $('uploads').append(row.root);
  row.root.scrollIntoView({block: 'nearest'});
}

async function sendOne(file, path, query) {
  const cancel = {};
  const row = rowFor(path, file.size, cancel);
  show(row);
  try {
    const most = info.limit || info.upload_limit;
    if (most && file.size > most)
      throw new ApiError(413, {error: 'TOO_LARGE', what: `The file has ${bytes(file.size)}, and ${bytes(most)} are the most that is taken`, hint: 'Is it the right one?'});
    const answer = await upload('PUT', `files/${encodePath(path)}${query}`, file, row.at, cancel);
    row.root.remove();
    return answer;
  } catch (error) {
    if (error.error === 'EXISTS' && await confirm(`Replace ${path}?`, 'There is a file of that name already.', 'Replace')) {
      row.root.remove();
      return sendOne(file, path, '?replace=1');
    }
    if (error.error === 'EXISTS' || error.error === 'CANCELLED') row.root.remove();
    else row.fail(error);
    throw error;
  }
}

// Puts a folder that has come in pieces in its place, asking before it replaces one.
async function putInPlace(folder, set) {
  try {
    await post(`files/${encodePath(folder)}?set=${set}`);
  } catch (error) {
    if (error.error !== 'EXISTS' || !await confirm(`Replace ${folder}?`, 'There is a folder of that name already. All of it is replaced.', 'Replace')) throw error;
    await post(`files/${encodePath(folder)}?set=${set}&replace=1`);
  }
}

async function sendFolder(files, folder) {
  const set = Math.random().toString(36).slice(2, 12);
  const size = files.reduce((sum, f) => sum + f.file.size, 0);
  const cancel = {};
  const row = rowFor(`${folder} (${files.length} files)`, size, cancel);
  show(row);
  let before = 0, stopped = false;
  try {
    for (const {path, file} of files) {
      if (stopped) throw new ApiError(0, {error: 'CANCELLED', what: 'Stopped; nothing of it was kept'});
      await upload('PUT', `files/${encodePath(`${folder}/${path}`)}?set=${set}`, file, done => row.at(before + done), cancel);
      const inner = cancel.cancel;
      cancel.cancel = () => { stopped = true; inner(); };
      before += file.size;
    }
    await putInPlace(folder, set);
    row.root.remove();
  } catch (error) {
    del(`files/${encodePath(folder)}?set=${set}`).catch(() => { /* the updater's next start does it */ });
    if (error.error === 'EXISTS' || error.error === 'CANCELLED') row.root.remove();
    else row.fail(error);
    throw error;
  }
}

// A depot takes the files one by one, by their content, and then what they are together.
async function sendToDepot(files, project, more) {
  const size = files.reduce((sum, f) => sum + f.file.size, 0), cancel = {}, parts = [];
  const row = rowFor(`${project} (${files.length} files)`, size, cancel);
  show(row);
  const places = await addresses(files);
  let before = 0, stopped = false;
  try {
    for (const {path, file} of files.filter(f => !/\.json$/i.test(f.path))) {
      if (stopped) throw new ApiError(0, {error: 'CANCELLED', what: 'Stopped; nothing of it was kept'});
      const blob = await upload('PUT', 'blobs', file, done => row.at(before + done), cancel);
      const inner = cancel.cancel;
      cancel.cancel = () => { stopped = true; inner(); };
      before += file.size;
      parts.push({sha256: blob.sha256, name: path.split('/').pop(), address: places.get(path)});
    }
    const made = await post('builds', {project, ...more, files: parts});
    row.root.remove();
    return made;
  } catch (error) {
    if (error.error === 'CANCELLED') row.root.remove();
    else row.fail(error);
    throw error;
  }
}

async function addresses(files) {
  const places = new Map();
  const args = files.find(f => /(^|\/)flasher_args\.json$/.test(f.path));
  try {
    for (const [address, name] of Object.entries(args ? JSON.parse(await args.file.text()).flash_files || {} : {}))
      places.set(args.path.slice(0, -'flasher_args.json'.length) + name, address);
  } catch { /* the depot looks into the files themselves */ }
  return places;
}

const stem = name => name.split('/').pop().replace(/(\.ino)?(\.(merged|bootloader|partitions))?\.[^.]+$/, '');

const listed = files => h('ul.names', {}, files.slice(0, 8).map(f => h('li.path', {}, f.path)), files.length > 8 ? h('li', {}, `and ${files.length - 8} more`) : null);

// Channel and note of a build that goes into a depot.
function depotFields() {
  const channel = h('input', {id: 'to-channel', maxlength: 60, list: 'to-channels', spellcheck: 'false', autocapitalize: 'off', placeholder: 'none'});
  const note = h('input', {id: 'to-note', maxlength: 200});
  return {
    fields: [h('label', {for: 'to-channel'}, 'Channel'), channel, h('datalist', {id: 'to-channels'}, ['stable', 'beta'].map(value => h('option', {value}))),
      h('label', {for: 'to-note'}, 'Note'), note],
    get() { return Object.fromEntries([['channel', channel.value.trim()], ['note', note.value.trim()]].filter(([, v]) => v)); },
  };
}

const buttons = (done, go) => h('div.row.end', {}, h('button', {type: 'button', onclick: () => done()}, 'Cancel'),
  h('button.main', {onclick: event => { event.preventDefault(); go(); }}, 'Send'));

async function together(files) {
  const tops = new Set(files.map(f => (f.path.includes('/') ? f.path.split('/')[0] : '')));
  const top = tops.size === 1 ? [...tops][0] : '';
  const app = files.find(f => !/bootloader|partition|boot_app0|ota_data|\.json$/i.test(f.path)) || files[0];
  const depot = info.kind === 'depot', loose = !top && files.every(f => /\.bin$/i.test(f.path));
  const wish = await ask(`${files.length} files`, done => {
    const input = h('input', {id: 'folder', value: top && top !== 'build' ? top : stem(app.path), maxlength: 60, spellcheck: 'false', autofocus: true});
    const each = h('input', {type: 'checkbox', id: 'each', onchange: () => { input.disabled = each.checked; }});
    const more = depot ? depotFields() : null;
    return [h('p', {}, depot ? 'They are kept together as one build.' : 'They are kept together in a folder of their own.'),
      h('label', {for: 'folder'}, depot ? 'Name of the build' : 'Name of the folder'), input,
      loose ? h('label.check', {}, each, 'No: each file is a firmware of its own') : null, more?.fields, listed(files),
      buttons(done, () => { if (input.value.trim() || each.checked) done({name: input.value.trim(), each: each.checked, more: more?.get() || {}}); else input.focus(); })];
  });
  return wish && {...wish, files: files.map(f => ({file: f.file, path: top ? f.path.slice(top.length + 1) : f.path}))};
}

// One file for a depot.
const alone = file => ask(file.path.split('/').pop(), done => {
  const more = depotFields();
  return [h('p', {}, `${bytes(file.file.size)}. Project, version and chip are read from it.`), more.fields, buttons(done, () => done(more.get()))];
});

function notFirmware(found) {
  for (const [pattern, what, hint] of OTHERS) {
    const one = found.find(f => pattern.test(f.path));
    if (one) return `${one.path.split('/').pop()} ${what}. ${hint}`;
  }
  return found.length ? 'None of these is firmware: .bin files, or a build folder' : 'That folder is empty';
}

async function sendEach(files, query) {
  for (const {path, file} of files) {
    try {
      const answer = await sendOne(file, path.split('/').pop(), query);
      done(path.split('/').pop(), answer);
    } catch { /* its row says it; the others go on */ }
  }
}

async function take(found) {
  const files = await useful(found);
  if (!files.length) {
    toast(notFirmware(found), 'bad');
    return;
  }
  if (files.length > MOST) {
    toast(`${files.length} files are too many: drop one build at a time`, 'bad');
    return;
  }
  const depot = info.kind === 'depot';
  const wish = files.length > 1 ? await together(files) : {each: true, files, more: depot ? await alone(files[0]) : {}};
  if (!wish?.more) return;
  const query = new URLSearchParams(wish.more).toString();
  if (wish.each) {
    await sendEach(wish.files, query && `?${query}`);
    return;
  }
  try {
    done(wish.name, await (depot ? sendToDepot(wish.files, wish.name, wish.more) : sendFolder(wish.files, wish.name)));
  } catch { /* its row says it */ }
}

function done(name, answer) {
  const where = info.kind === 'depot' ? 'in the depot' : 'on the card';
  const text = answer?.existed ? `${name} was ${where} already` : `${name} is ${where}`;
  toast(text);
  say(text);
  loaded();
}

// ---- the zone ----

const carriesFiles = event => [...(event.dataTransfer?.types || [])].includes('Files');
let depth = 0;
const over = {
  dragenter(event) { if (carriesFiles(event)) { event.preventDefault(); depth++; $('veil').hidden = false; } },
  dragover(event) { if (carriesFiles(event)) event.preventDefault(); },
  dragleave(event) { if (carriesFiles(event) && --depth <= 0) { depth = 0; $('veil').hidden = true; } },
  drop(event) {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    $('veil').hidden = true;
    dropped(event.dataTransfer).then(take).catch(error => toast(`That cannot be read: ${error.message}`, 'bad'));
  },
};

export function dropZone(what, after) {
  info = what;
  loaded = after;
  for (const [name, f] of Object.entries(over)) addEventListener(name, f);
  const pick = (id, label, folder) => {
    const input = h('input', {type: 'file', id, hidden: true, multiple: true, webkitdirectory: folder, accept: folder ? null : '.bin,.json',
      onchange: () => {
        take([...input.files].map(file => ({file, path: file.webkitRelativePath || file.name})));
        input.value = '';
      }});
    return [input, h('button', {type: 'button', onclick: () => input.click()}, label)];
  };
  zone = h('div.drop', {}, icon('up'), h('p', {}, info.kind === 'depot' ? 'Drop a build here to add it to the depot' : 'Drop a build here to put it on the card'),
    h('div.row', {}, pick('pick-files', 'Choose files'), pick('pick-folder', 'Choose a folder', true)),
    h('ul.uploads', {id: 'uploads'}));
  return zone;
}

export function closeDrop() {
  for (const [name, f] of Object.entries(over)) removeEventListener(name, f);
  zone = null;
}
