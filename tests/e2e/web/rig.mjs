// What the browser tests stand on: virtual chips, updaters and depots as processes on free ports of loopback, a card in a
// temporary folder, a browser. Everything that was started is ended, whatever happens.
import {execFileSync, spawn} from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {chromium} from 'playwright-core';

export const root = process.env.ROOT || path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');
export const ferry = process.env.FERRY || path.join(root, 'build/ferry');
export const work = fs.mkdtempSync(path.join(os.tmpdir(), 'ferry-web-'));
const running = new Set();
let browser = null;

// Starts ferry with args; resolves when its output matches `ready`, to {child, match, output()}.
export function start(args, ready, env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(ferry, args, {env: {...process.env, NO_COLOR: '1', ...env}, stdio: ['ignore', 'pipe', 'pipe']});
    let text = '', told = false;
    const timer = setTimeout(() => reject(new Error(`ferry ${args.join(' ')} does not start:\n${text}`)), 20000);
    running.add(child);
    const take = data => {
      text += data;
      const match = !told && ready.exec(text);
      if (match) {
        told = true;
        clearTimeout(timer);
        resolve({child, match, output: () => text, stop: signal => stop(child, signal)});
      }
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('exit', code => {
      running.delete(child);
      clearTimeout(timer);
      if (!told) reject(new Error(`ferry ${args.join(' ')} ended with ${code}:\n${text}`));
    });
  });
}

function stop(child, signal = 'SIGTERM') {
  return new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode) { resolve(); return; }
    child.on('exit', resolve);
    child.kill(signal);
  });
}

let chips = 0;
export async function chip(kind = 'esp32c3', options = []) {
  const n = ++chips, flash = path.join(work, `flash${n}.bin`);
  const it = await start(['vchip', '--chip', kind, '--flash', flash, '--listen', '127.0.0.1:0', '--rfc2217', '--boot', 'download',
    '--mac', `02:00:00:00:00:${String(n).padStart(2, '0')}`, ...options], /on (rfc2217:\S+)/);
  return {...it, url: it.match[1], flash};
}

export async function updater(card, ports, options = [], env = {}) {
  const it = await start(['updater', '--card', card, ...ports.flatMap(p => ['--port', p]), '--web', '127.0.0.1:0', ...options],
    /The page is at (http:\S+)/, env);
  const url = new URL(it.match[1]);
  return {...it, url: `${url.origin}/`, whole: url.href};
}

let depots = 0;
// A depot of its own on a free port; cli('add', ...) is ferry depot on the same database.
export async function serveDepot(options = []) {
  const env = {FERRY_DEPOT: path.join(work, `depot${++depots}.db`)};
  const cli = (...args) => execFileSync(ferry, ['depot', ...args], {encoding: 'utf8', env: {...process.env, ...env}});
  const it = await start(['depot', 'serve', '--listen', '127.0.0.1:0', ...options], /(http:\/\/[\d.:]+\/)/, env);
  return {...it, url: it.match[1], cli, env};
}

export function buildFolder(card, name, kind = 'esp32c3', kilobytes = 64) {
  execFileSync('python3', [path.join(root, 'tests/e2e/build_folder.py'), kind, path.join(card, name), String(kilobytes)], {stdio: 'ignore'});
}

export async function until(what, name, ms = 20000) {
  for (const from = Date.now(); Date.now() - from < ms;) {
    if (await what()) return;
    await new Promise(resolve => { setTimeout(resolve, 50); });
  }
  throw new Error(`it does not come to pass in ${ms} ms: ${name}`);
}

let cards = 0;
export function newCard() {
  const dir = path.join(work, `card${++cards}`);
  fs.mkdirSync(dir);
  return dir;
}

export async function open(url, options = {}) {
  browser ||= await chromium.launch({executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run']});
  const context = await browser.newContext({viewport: {width: 1280, height: 900}, reducedMotion: 'reduce', ...options});
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', error => page.problems.push(`${error}`));
  page.on('console', message => { if (message.type() === 'error') page.problems.push(message.text()); });
  page.setDefaultTimeout(15000);
  if (url) await page.goto(url);
  return page;
}

export async function end() {
  await browser?.close();
  await Promise.all([...running].map(child => stop(child)));
  fs.rmSync(work, {recursive: true, force: true});
}
