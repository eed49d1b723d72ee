// Browsers other than Chromium, driven as they are, by the WebDriver commands of the W3C: Firefox by its own port
// (Marionette: JSON with its length before it, over TCP), WebKitGTK by WebKitWebDriver (the same over HTTP).
import {spawn} from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';

const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';
const pause = ms => new Promise(resolve => { setTimeout(resolve, ms); });

export function freePort() {
  return new Promise(resolve => {
    const server = net.createServer().listen(0, '127.0.0.1', () => { const {port} = server.address(); server.close(() => resolve(port)); });
  });
}

function launch(program, args, env = {}) {
  const child = spawn(program, args, {env: {...process.env, ...env}, stdio: 'ignore', detached: true});
  child.on('error', error => { throw error; });
  return () => new Promise(resolve => {
    if (child.exitCode !== null || child.signalCode) { resolve(); return; }
    child.on('exit', resolve);
    try { process.kill(-child.pid, 'SIGTERM'); } catch { resolve(); }
    setTimeout(() => { try { process.kill(-child.pid, 'SIGKILL'); } catch { /* it has ended */ } }, 5000).unref();
  });
}

// ---- Firefox ----

async function connect(port, ms = 30000) {
  for (const from = Date.now(); ; await pause(200)) {
    const socket = net.connect(port, '127.0.0.1');
    const good = await new Promise(resolve => { socket.on('connect', () => resolve(true)).on('error', () => resolve(false)); });
    if (good) return socket;
    if (Date.now() - from > ms) throw new Error('Firefox does not answer');
  }
}

function marionette(socket) {
  let text = Buffer.alloc(0), id = 0;
  const waiting = new Map();
  socket.on('data', data => {
    text = Buffer.concat([text, data]);
    for (;;) {
      const colon = text.indexOf(58), length = Number(text.subarray(0, colon));
      if (colon < 0 || text.length < colon + 1 + length) return;
      const message = JSON.parse(text.subarray(colon + 1, colon + 1 + length));
      text = text.subarray(colon + 1 + length);
      if (!Array.isArray(message)) continue; // its greeting
      const [, number, error, result] = message, {resolve, reject} = waiting.get(number);
      waiting.delete(number);
      if (error) reject(new Error(`${error.error}: ${error.message}`));
      else resolve(result);
    }
  });
  return (name, params = {}) => new Promise((resolve, reject) => {
    const data = Buffer.from(JSON.stringify([0, ++id, name, params]));
    waiting.set(id, {resolve, reject});
    setTimeout(() => reject(new Error(`${name} is not answered`)), 40000).unref();
    socket.write(`${data.length}:`);
    socket.write(data);
  });
}

async function firefox(dir) {
  const port = await freePort(), profile = path.join(dir, 'firefox');
  fs.mkdirSync(profile, {recursive: true});
  fs.writeFileSync(path.join(profile, 'user.js'), `user_pref("marionette.port", ${port});\nuser_pref("browser.shell.checkDefaultBrowser", false);\n`
    + `user_pref("browser.download.dir", ${JSON.stringify(dir)});\nuser_pref("browser.download.folderList", 2);\nuser_pref("datareporting.policy.dataSubmissionEnabled", false);\n`);
  const end = launch(process.env.FIREFOX || 'firefox-esr', ['--marionette', '--headless', '--no-remote', '--profile', profile], {HOME: dir, MOZ_REMOTE_SETTINGS_DEVTOOLS: '1'});
  const socket = await connect(port), send = marionette(socket);
  const {capabilities} = await send('WebDriver:NewSession', {});
  await send('WebDriver:SetTimeouts', {script: 30000});
  return {
    version: `${capabilities.browserName} ${capabilities.browserVersion}`,
    goto: url => send('WebDriver:Navigate', {url}),
    run: (script, args) => send('WebDriver:ExecuteAsyncScript', {script, args}).then(r => r.value),
    click: element => send('WebDriver:ElementClick', {id: element[ELEMENT]}),
    type: (element, words) => send('WebDriver:ElementSendKeys', {id: element[ELEMENT], text: words}),
    size: (width, height) => send('WebDriver:SetWindowRect', {width, height}),
    shot: () => send('WebDriver:TakeScreenshot', {full: false}).then(r => r.value),
    downloads: dir,
    async end() { socket.destroy(); await end(); },
  };
}

// ---- WebKit ----

async function webkit(dir) {
  const port = await freePort(), base = `http://127.0.0.1:${port}`;
  const display = 90 + port % 100, endX = process.env.DISPLAY ? async () => {} : launch('Xvfb', [`:${display}`, '-screen', '0', '1400x1000x24', '-nolisten', 'tcp']);
  const end = launch('WebKitWebDriver', [`--port=${port}`], {HOME: dir, DISPLAY: process.env.DISPLAY || `:${display}`, XDG_CONFIG_HOME: dir, XDG_DATA_HOME: dir,
    XDG_CACHE_HOME: dir, WEBKIT_DISABLE_DMABUF_RENDERER: '1', WEBKIT_DISABLE_COMPOSITING_MODE: '1', NO_AT_BRIDGE: '1', GIO_USE_VFS: 'local', GSETTINGS_BACKEND: 'memory'});
  const ask = async (method, where, body) => {
    const response = await fetch(base + where, {method, headers: {'Content-Type': 'application/json'}, body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(40000)});
    const {value} = await response.json();
    if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
    return value;
  };
  for (let i = 0; ; i++) {
    try { await ask('GET', '/status'); break; } catch (error) { if (i > 100) throw error; await pause(100); }
  }
  const binary = process.env.MINIBROWSER || ['4.1', '4.0', '6.0'].map(v => `/usr/lib/x86_64-linux-gnu/webkit${v === '6.0' ? 'gtk' : '2gtk'}-${v}/MiniBrowser`).find(f => fs.existsSync(f));
  const {sessionId, capabilities} = await ask('POST', '/session', {capabilities: {alwaysMatch: {'webkitgtk:browserOptions': {binary, args: ['--automation']}}}});
  const session = `/session/${sessionId}`;
  await ask('POST', `${session}/timeouts`, {script: 30000});
  return {
    version: `${capabilities.browserName} ${capabilities.browserVersion}`,
    goto: url => ask('POST', `${session}/url`, {url}),
    run: (script, args) => ask('POST', `${session}/execute/async`, {script, args}),
    click: element => ask('POST', `${session}/element/${element[ELEMENT]}/click`, {}),
    type: (element, words) => ask('POST', `${session}/element/${element[ELEMENT]}/value`, {text: words}),
    size: (width, height) => ask('POST', `${session}/window/rect`, {width, height}),
    shot: null, // does not answer while nothing moves on the page
    downloads: '',
    async end() { await ask('DELETE', session).catch(() => {}); await end(); await endX(); },
  };
}

export const drivers = {firefox, webkit};
