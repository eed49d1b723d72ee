// Who may not: pages from elsewhere, names that are markup, answers that a browser must not misuse, a path below another
// server. The server that says what came of it is the updater's own: whether a job was started is asked of its API.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import {buildFolder, chip, newCard, open, serveDepot, updater, until} from './rig.mjs';

const silent = ['socket://127.0.0.1:1'];
const listen = server => new Promise(resolve => { server.listen(0, '127.0.0.1', () => resolve(server.address().port)); });

// A page on another origin of the same machine, which tries what pages can try.
function elsewhere(target) {
  return http.createServer((request, response) => {
    response.setHeader('Content-Type', 'text/html');
    response.end(`<body><form id=f method=post enctype="text/plain" target=out action="${target}api/v1/jobs"><input name='{"target":"0","x":"' value='"}'></form>
      <iframe name=out></iframe><iframe id=frame src="${target}"></iframe><img id=img src="${target}api/v1/builds"><script src="${target}app.js"></script></body>`);
  });
}

export default {
  async 'a page from elsewhere starts nothing, reads nothing, frames nothing'() {
    const card = newCard();
    buildFolder(card, 'kettle');
    const u = await updater(card, silent), attacker = elsewhere(u.url), page = await open(), answers = [];
    const port = await listen(attacker);
    page.on('response', response => { if (response.url().startsWith(u.url)) answers.push(`${response.request().method()} ${response.status()}`); });
    await page.goto(`http://localhost:${port}/`);
    await page.evaluate(() => document.getElementById('f').submit());
    await until(() => answers.includes('POST 403'), 'the form is refused');
    const tries = await page.evaluate(async url => {
      const say = promise => promise.then(r => `${r.type} ${r.status}`, () => 'blocked');
      const socket = new WebSocket(`${url.replace('http', 'ws')}api/v1/events`);
      return Promise.all([
        say(fetch(`${url}api/v1/jobs`, {method: 'POST', body: '{"target":"0"}'})),
        say(fetch(`${url}api/v1/jobs`, {method: 'POST', mode: 'no-cors', body: '{"target":"0"}'})),
        say(fetch(`${url}api/v1/files/x.bin`, {method: 'PUT', body: 'x'})),
        say(fetch(`${url}api/v1/jobs/1`, {method: 'DELETE'})),
        say(fetch(`${url}api/v1/settings`, {method: 'PUT', body: '{"route":"rom"}'})),
        say(fetch(`${url}api/v1/builds`)),
        navigator.sendBeacon(`${url}api/v1/builds`, 'x') && 'sent',
        new Promise(resolve => { socket.onopen = () => resolve('open'); socket.onerror = () => resolve('no'); }),
      ]);
    }, u.url);
    assert.deepEqual(tries, ['blocked', 'opaque 0', 'blocked', 'blocked', 'blocked', 'blocked', 'sent', 'no']);
    assert.ok(!answers.includes('POST 202'), answers.join());
    assert.deepEqual((await fetch(`${u.url}api/v1/jobs`).then(r => r.json())).jobs, []);
    assert.deepEqual(fs.readdirSync(card).sort().filter(f => !f.startsWith('.')), ['kettle']);
    const frame = page.frames().find(f => f !== page.mainFrame() && f.name() !== 'out');
    assert.equal(await frame.locator('#name').count().catch(() => 0), 0, 'the page is not shown in a frame');
    assert.equal(await page.evaluate(() => document.getElementById('img').naturalWidth), 0);
    // The same requests from the page itself do work: the refusals above are not for another reason.
    const own = await open(u.url);
    assert.equal(await own.evaluate(() => fetch('api/v1/jobs', {method: 'POST', body: '{"target":"0"}'}).then(r => r.status)), 202);
    attacker.close();
    attacker.closeAllConnections();
    await Promise.all([u.stop(), page.context().close(), own.context().close()]);
  },

  async 'markup in names of a depot, its devices, notes and workers, and in settings, stays text'() {
    const evil = '<img src=x onerror="window.hacked=1">', d = await serveDepot(['--anonymous', 'read,write,device,work']), from = newCard();
    buildFolder(from, 'kettle');
    d.cli('add', path.join(from, 'kettle'), '--project', `<b>${evil}`.slice(0, 60), '--note', evil, '--channel', 'stable');
    const page = await open(d.url);
    await page.locator('.build').getByText('onerror').first().waitFor();
    await page.evaluate(async text => {
      const send = (method, where, body) => fetch(where, {method, headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)}).then(r => r.json());
      await send('POST', 'api/v1/checkin', {mac: '24:0a:c4:00:01:10', chip: 'esp32c3', project: text, version: text.slice(0, 30)});
      await send('PUT', 'api/v1/devices/24:0a:c4:00:01:10', {name: text});
      const {builds} = await fetch('api/v1/builds').then(r => r.json());
      for (let i = 0; i < 2; i++) {
        await send('POST', 'api/v1/jobs', {build: builds[0].id});
        const job = await send('POST', 'api/v1/jobs/claim', {worker: text, chip: 'esp32c3'});
        await send('POST', `api/v1/jobs/${job.id}/report`, {worker: text, attempt: job.attempt, state: i ? 'running' : 'failed', result: 'VERIFY', text, done: 1, size: 2});
      }
    }, evil);
    for (const part of ['Jobs', 'Devices', 'History', 'Firmware']) {
      await page.getByRole('link', {name: part}).click();
      await page.locator('main').getByText('onerror').first().waitFor();
      assert.equal(await page.locator('main img, main b, main i, main script').count(), 0, part);
    }
    await page.getByRole('button', {name: /^Channel of/}).first().click();
    await page.getByRole('dialog').getByText('onerror').first().waitFor();
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.equal(await page.locator('dialog img').count(), 0);
    const card = newCard();
    buildFolder(card, 'kettle');
    const u = await updater(card, silent), other = await open();
    await other.route('**/api/v1/settings', route => route.fulfill({json: {settings: [
      {name: 'wifi.ssid', kind: 'text', label: 'Wi-Fi name', max: 32, value: `"><b>${evil}`}, {name: 'x', kind: 'choice', label: evil, choices: `${evil}|b`, hint: evil}]}}));
    await other.goto(`${u.url}#settings`);
    assert.equal(await other.getByLabel('Wi-Fi name').inputValue(), `"><b>${evil}`);
    assert.equal(await other.locator('main img, main b').count(), 0);
    assert.deepEqual([await other.evaluate(() => window.hacked), page.problems, other.problems], [undefined, [], []]);
    await Promise.all([d.stop(), u.stop(), page.context().close(), other.context().close()]);
  },

  async 'headers: nothing inline, nothing from elsewhere, asked for again, told when it is the same'() {
    const u = await updater(newCard(), silent), d = await serveDepot(['--anonymous', 'read']);
    for (const base of [u.url, d.url]) {
      for (const name of ['', 'app.js', 'app.css', 'icon.svg']) {
        const answer = await fetch(base + name), policy = answer.headers.get('Content-Security-Policy');
        assert.equal(answer.status, 200, base + name);
        for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"])
          assert.ok(policy.split('; ').includes(part), `${name}: ${part}`);
        assert.doesNotMatch(policy, /unsafe|https?:|\*|data:/);
        assert.equal(answer.headers.get('X-Content-Type-Options'), 'nosniff');
        assert.equal(answer.headers.get('Referrer-Policy'), 'no-referrer');
        assert.equal(answer.headers.get('Cache-Control'), 'no-cache');
        const etag = answer.headers.get('ETag'), again = await fetch(base + name, {headers: {'If-None-Match': etag}, cache: 'no-store'});
        assert.match(etag, /^"[^"]+"$/);
        assert.equal(again.status, 304, 'what is the same is not sent again');
        assert.equal((await fetch(base + name, {headers: {'If-None-Match': '"other"'}, cache: 'no-store'})).status, 200);
      }
      const api = await fetch(`${base}api/v1/builds`);
      assert.equal(api.headers.get('Cache-Control'), 'no-store');
      assert.equal(api.headers.get('X-Content-Type-Options'), 'nosniff');
    }
    const page = await open(u.url), refused = [];
    page.on('console', message => { if (/Content Security Policy|Refused/.test(message.text())) refused.push(message.text()); });
    await page.evaluate(() => {
      const script = document.createElement('script');
      script.textContent = 'window.inline = 1';
      document.head.append(script);
      const el = document.createElement('div');
      el.innerHTML = '<p style="color:red" onclick="window.inline = 2">x</p>';
      document.body.append(el);
      el.firstChild.click();
    });
    await until(() => refused.length >= 2, 'the browser refuses what is inline');
    assert.equal(await page.evaluate(() => window.inline), undefined);
    await Promise.all([u.stop(), d.stop(), page.context().close()]);
  },

  async 'below a path of another server'() {
    const card = newCard(), c = await chip('esp32c3', ['--time', 'fast']);
    buildFolder(card, 'kettle');
    const u = await updater(card, [c.url]), {port} = new URL(u.url), seen = new Set();
    const proxy = http.createServer((request, response) => {
      seen.add(request.url.replace(/^(\/bench\/).*/, '$1'));
      if (!request.url.startsWith('/bench/')) { response.writeHead(404).end(); return; }
      request.pipe(http.request({port, host: '127.0.0.1', method: request.method, path: request.url.slice(6), headers: request.headers},
        inner => { response.writeHead(inner.statusCode, inner.headers); inner.pipe(response); }).on('error', () => response.destroy()));
    });
    const page = await open(`http://127.0.0.1:${await listen(proxy)}/bench/`);
    await page.getByText('connected', {exact: true}).waitFor();
    await page.getByRole('button', {name: /^Flash conformance/}).first().click();
    await page.locator('dialog summary').click();
    await page.getByLabel('Way into the target').selectOption('rom');
    await page.getByRole('dialog').getByRole('button', {name: 'Flash'}).click();
    await page.locator('.well').getByText('Done and proved').waitFor();
    await page.locator('#pick-files').setInputFiles(path.join(card, 'kettle/conformance.bin'));
    await page.locator('.build').getByText('conformance.bin').waitFor();
    await page.getByRole('link', {name: 'History'}).click();
    await page.locator('.entry').waitFor();
    assert.deepEqual([...seen], ['/bench/'], 'nothing is asked for outside the path');
    assert.deepEqual(page.problems, []);
    proxy.close();
    proxy.closeAllConnections();
    await Promise.all([u.stop(), c.stop(), page.context().close()]);
  },
};
