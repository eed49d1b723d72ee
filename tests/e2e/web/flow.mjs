// The main flow in a browser other than Chromium: bring a build, see who is there, flash a virtual chip with progress,
// stop, history with filter and CSV, settings, a wrong token, the updater gone and back. What is on the flash is
// compared with the file that was brought.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {buildFolder, chip, newCard, updater, until, work} from './rig.mjs';
import {drivers} from './drivers.mjs';

// In the page: elements by role-like kind and name, as a person names them.
const FIND = `
const [kind, name, done] = arguments;
const seen = el => el.getClientRects().length > 0;
const nameOf = el => (el.getAttribute('aria-label') || (el.labels && el.labels[0] && el.labels[0].textContent) || el.textContent || '').trim();
const kinds = {button: 'button, summary', link: 'a', field: 'input, select, textarea', text: 'p, h2, h3, span, li, strong, dialog'};
const top = document.querySelector('dialog[open]') || document;
const pattern = new RegExp(name);
done([...top.querySelectorAll(kinds[kind])].find(el => seen(el) && pattern.test(nameOf(el))) || null);`;

export async function flow(name) {
  const dir = path.join(work, name);
  fs.mkdirSync(dir);
  const b = await drivers[name](dir);
  const run = (body, ...args) => b.run(`const done = arguments[arguments.length - 1]; (async (...args) => { ${body} })(...[...arguments].slice(0, -1)).then(done, e => done('ERROR ' + e));`, args);
  const find = async (kind, pattern) => {
    let found;
    const look = () => b.run(FIND, [kind, pattern]).catch(error => { if (/stale/.test(error.message)) return null; throw error; });
    await until(async () => { found = await look(); return found; }, `${kind} ${pattern}`, 30000);
    return found;
  };
  const click = async (kind, pattern, times = 5) => { // what is redrawn meanwhile is looked for again
    try { await b.click(await find(kind, pattern)); } catch (error) {
      if (!/stale|intercepted/.test(error.message) || !times) throw error;
      await new Promise(resolve => { setTimeout(resolve, 200); });
      await click(kind, pattern, times - 1);
    }
  };
  const there = pattern => find('text', pattern);
  const picture = async what => {
    if (!process.env.FERRY_WEB_SHOTS || !b.shot) return;
    fs.mkdirSync(process.env.FERRY_WEB_SHOTS, {recursive: true});
    fs.writeFileSync(path.join(process.env.FERRY_WEB_SHOTS, `${name}-${what}.png`), Buffer.from(await b.shot(), 'base64'));
  };
  console.log(`      ${b.version}`);
  return {...b, run, find, click, there, picture};
}

const files = (b, id, list) => b.run('return document.getElementById(args[0]);', id).then(el => b.type(el, list.join('\n')));

// Drops files as a browser tells it: no driver drags from the desktop.
const drop = (b, list) => b.run(`
  const data = new DataTransfer();
  for (const [name, bytes] of args[0]) data.items.add(new File([Uint8Array.from(atob(bytes), c => c.charCodeAt(0))], name));
  for (const type of ['dragenter', 'dragover', 'drop'])
    document.querySelector('main').dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));`,
list.map(file => [path.basename(file), fs.readFileSync(file).toString('base64')]));

async function choose(b, label, value) {
  const select = await b.find('field', label);
  await b.run('args[0].value = args[1]; args[0].dispatchEvent(new Event("change", {bubbles: true})); args[0].dispatchEvent(new Event("input", {bubbles: true}));', select, value);
}

async function flash(b) {
  await b.click('button', '^Flash conformance');
  await b.click('button', '^More$');
  await choose(b, '^Way into', 'rom');
  await b.click('button', '^Flash$');
}

export default {
  async 'bring, flash, history, CSV, settings'(b) {
    const card = newCard(), from = newCard(), c = await chip('esp32c3', ['--time', 'fast']);
    buildFolder(from, 'kettle');
    const folder = path.join(from, 'kettle'), app = path.join(folder, 'conformance.bin');
    const u = await updater(card, [c.url]);
    await b.goto(u.url);
    await b.there('^Nothing here yet');
    await files(b, 'pick-files', [app]);
    await b.find('button', '^Flash conformance');
    assert.ok(fs.readFileSync(path.join(card, 'conformance.bin')).equals(fs.readFileSync(app)), 'one file');
    await b.click('button', '^Remove conformance');
    await b.click('button', '^Remove$');
    await b.there('^Nothing here yet');
    await drop(b, [app, path.join(folder, 'bootloader/bootloader.bin')]);
    await b.click('button', '^Send$');
    await until(() => fs.existsSync(path.join(card, 'conformance/bootloader.bin')), 'two files are a folder');
    fs.rmSync(path.join(card, 'conformance'), {recursive: true});
    fs.cpSync(folder, path.join(card, 'kettle'), {recursive: true});
    await b.click('button', '^Look again');
    await b.there('^kettle/flasher_args.json');
    await b.click('button', '^Who is there');
    await b.there('^02:00:00:00:00:');
    await b.picture('bench');
    await flash(b);
    await b.there('^Done and proved');
    const bytes = fs.readFileSync(app);
    assert.ok(fs.readFileSync(c.flash).subarray(0x10000, 0x10000 + bytes.length).equals(bytes), 'the flash holds the app');
    await b.click('link', '^History$');
    await b.there('^Done and proved');
    await choose(b, '^Result', 'failed');
    await b.there('^Nothing in the log fits');
    await choose(b, '^Result', '');
    await b.there('^conformance');
    await b.picture('history');
    await b.run(`const create = URL.createObjectURL; window.taken = new Promise(r => { URL.createObjectURL = blob => { r(blob.text()); return create(blob); }; });`);
    await b.click('button', '^Save as CSV');
    assert.equal(await b.run('return await window.taken;'), fs.readFileSync(path.join(card, 'ferry-log.csv'), 'utf8'));
    await b.click('link', '^Settings$');
    await choose(b, '^Way into', 'link');
    await b.click('button', '^Save$');
    await until(() => fs.existsSync(path.join(card, 'ferry.json')), 'saved');
    assert.deepEqual(JSON.parse(fs.readFileSync(path.join(card, 'ferry.json'))), {route: 'link'});
    await Promise.all([u.stop(), c.stop()]);
  },

  async 'progress, stop, again'(b) {
    const card = newCard(), c = await chip();
    buildFolder(card, 'kettle', 'esp32c3', 500);
    const u = await updater(card, [c.url]);
    await b.goto(u.url);
    await flash(b);
    const percent = () => b.run('const bar = document.querySelector("[role=progressbar]"); return bar && bar.getClientRects().length ? Number(bar.getAttribute("aria-valuenow")) : 0;');
    await until(async () => await percent() >= 10, 'a tenth is there', 30000);
    await b.picture('progress');
    await b.click('button', '^Stop');
    await b.there('^CANCELLED');
    await b.click('button', '^Try again');
    await b.there('^Done and proved');
    await Promise.all([u.stop(), c.stop()]);
  },

  async 'a wrong token, then the right one; the updater goes and comes back'(b) {
    const card = newCard();
    buildFolder(card, 'kettle');
    let u = await updater(card, ['socket://127.0.0.1:1'], ['--web-token', 'open sesame']);
    await b.goto(u.url);
    await b.type(await b.find('field', '^Token'), 'wrong');
    await b.click('button', '^Enter$');
    await b.there('^This is not the token');
    await b.type(await b.find('field', '^Token'), 'open sesame');
    await b.click('button', '^Enter$');
    await b.find('button', '^Flash conformance');
    const {port} = new URL(u.url);
    await u.stop('SIGKILL');
    await b.there('^no connection$');
    buildFolder(card, 'pump', 'esp32');
    u = await updater(card, ['socket://127.0.0.1:1'], ['--web-token', 'open sesame', '--web', `127.0.0.1:${port}`]);
    await b.there('^connected$');
    await b.there('^pump/flasher_args.json');
    await u.stop();
  },
};
