// The same page on the depot's server: builds are brought, put on channels, given out, taken away.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import {buildFolder, chip, newCard, open, serveDepot, start, until, updater, work} from './rig.mjs';
import {accessible, noSideways, shot} from './checks.mjs';

export default {
  async 'depot: builds, channels, jobs, devices'() {
    const d = await serveDepot(['--anonymous', 'read,write,device,work']), from = newCard(), page = await open(d.url);
    buildFolder(from, 'kettle');
    buildFolder(from, 'pump', 'esp32');
    await page.getByText('Nothing here yet').waitFor();
    await page.locator('#pick-folder').setInputFiles(path.join(from, 'kettle'));
    await page.getByLabel('Name of the build').fill('kettle');
    await page.getByRole('dialog').getByRole('button', {name: 'Send'}).click();
    await page.locator('.build').getByText('kettle').first().waitFor();
    await page.locator('.build').getByText('ESP32-C3').waitFor();
    assert.match(d.cli('list'), /kettle/);
    await page.locator('#pick-files').setInputFiles(path.join(from, 'pump/conformance.bin'));
    await page.getByLabel('Note').fill('first try <b>x</b>');
    await page.getByRole('dialog').getByRole('button', {name: 'Send'}).click();
    await until(async () => await page.locator('.build').count() === 2, 'two builds');
    await page.getByRole('button', {name: /^Channel of kettle/}).click();
    await page.getByRole('textbox', {name: 'Channel'}).or(page.getByRole('combobox', {name: 'Channel'})).fill('beta');
    await page.getByRole('button', {name: 'Set', exact: true}).click();
    await page.locator('.channel').getByText('beta').waitFor();
    assert.equal(await page.locator('.toast.bad').count(), 0);
    await page.evaluate(() => fetch('/api/v1/checkin', {method: 'POST', headers: {'Content-Type': 'application/json'},
      body: '{"mac":"24:0a:c4:00:01:10","chip":"esp32c3","project":"kettle","version":"0.9"}'}));
    await accessible(page, 'the depot');
    await noSideways(page, 'the depot');
    await page.setViewportSize({width: 320, height: 700});
    await noSideways(page, 'the depot on a phone');
    await shot(page, 'depot-phone');
    await page.setViewportSize({width: 1280, height: 900});
    await shot(page, 'depot');
    await page.getByRole('button', {name: /^Bring kettle/}).click();
    await page.getByLabel('Device', {exact: true}).selectOption('24:0a:c4:00:01:10');
    await accessible(page, 'giving out a job');
    await page.getByRole('button', {name: 'Give out'}).click();
    await page.getByRole('link', {name: 'Jobs'}).click();
    await page.locator('.entry').getByText('queued').waitFor();
    await accessible(page, 'jobs');
    await shot(page, 'depot-jobs');
    const other = await open(`${d.url}#jobs`);
    await other.getByRole('button', {name: /^Cancel job/}).click();
    for (const p of [other, page]) await p.locator('.entry').getByText('cancelled').waitFor();
    await page.getByRole('link', {name: 'Devices'}).click();
    await page.locator('.entry').getByText('24:0a:c4:00:01:10').first().waitFor();
    await accessible(page, 'devices');
    await page.getByRole('link', {name: 'Firmware'}).click();
    await page.getByRole('button', {name: /^Remove conformance/}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Remove'}).click();
    await until(async () => await page.locator('.build').count() === 1, 'one is left');
    assert.deepEqual(page.problems, []);
    await Promise.all([d.stop(), page.context().close(), other.context().close()]);
  },

  async 'depot: an updater flashes out of it'() {
    const d = await serveDepot(['--anonymous', 'read,write']), from = newCard(), c = await chip('esp32c3', ['--time', 'fast']);
    buildFolder(from, 'kettle', 'esp32c3', 200);
    d.cli('add', path.join(from, 'kettle'));
    const u = await updater(newCard(), [c.url], ['--depot', d.url], {FERRY_CACHE: path.join(work, 'cache')}), page = await open(u.url);
    await page.getByText('On the card and in the depot').waitFor();
    await page.getByRole('button', {name: /^Flash conformance/}).click();
    await page.locator('dialog summary').click();
    await page.getByLabel('Way into the target').selectOption('rom');
    await page.getByRole('dialog').getByRole('button', {name: 'Flash'}).click();
    await page.locator('.well').getByText('Done and proved').waitFor();
    const app = fs.readFileSync(path.join(from, 'kettle/conformance.bin'));
    assert.ok(fs.readFileSync(c.flash).subarray(0x10000, 0x10000 + app.length).equals(app));
    await d.stop();
    await page.getByRole('button', {name: 'Look again'}).click();
    await page.getByText('The depot does not answer').waitFor();
    await accessible(page, 'without its depot');
    await Promise.all([u.stop(), c.stop(), page.context().close()]);
  },

  async 'depot: an updater fetches a build out of it: shown with its bytes, stopped, then to the end'() {
    const d = await serveDepot(['--anonymous', 'read']), from = newCard(), c = await chip('esp32c3', ['--time', 'fast']);
    buildFolder(from, 'kettle', 'esp32c3', 600);
    d.cli('add', path.join(from, 'kettle'));
    const {port} = new URL(d.url);
    let pace = 40; // milliseconds for 16 KB
    const slow = http.createServer((request, response) => {
      http.get({port, host: '127.0.0.1', path: request.url, headers: request.headers}, async inner => {
        response.writeHead(inner.statusCode, inner.headers);
        for await (const chunk of inner)
          for (let at = 0; at < chunk.length; at += 16384) {
            if (pace && request.url.includes('/blobs/')) await new Promise(resolve => { setTimeout(resolve, pace); });
            if (response.destroyed) return;
            response.write(chunk.subarray(at, at + 16384));
          }
        response.end();
      }).on('error', () => response.destroy());
    });
    await new Promise(resolve => { slow.listen(0, '127.0.0.1', resolve); });
    const u = await updater(newCard(), [c.url], ['--depot', `http://127.0.0.1:${slow.address().port}`], {FERRY_CACHE: path.join(work, 'slow-cache')});
    const page = await open(u.url), other = await open(u.url);
    await page.getByRole('button', {name: /^Flash conformance/}).click();
    await page.locator('dialog summary').click();
    await page.getByLabel('Way into the target').selectOption('rom');
    await page.getByRole('dialog').getByRole('button', {name: 'Flash'}).click();
    for (const p of [page, other]) {
      await p.locator('.state').getByText('Fetching the firmware').waitFor();
      await until(async () => /\d+ % · [\d.]+ KB of \d+ KB/.test(await p.locator('.detail').innerText()), 'its bytes are shown');
    }
    await accessible(page, 'while it is fetched');
    await shot(page, 'fetching');
    await other.getByRole('button', {name: /^Stop/}).click();
    for (const p of [page, other]) await p.getByText('CANCELLED', {exact: true}).waitFor();
    assert.match(await page.locator('.target').innerText(), /Nothing was erased or written/);
    pace = 0;
    await page.getByRole('button', {name: /^Try again/}).click();
    await page.locator('.well').getByText('Done and proved').waitFor();
    const app = fs.readFileSync(path.join(from, 'kettle/conformance.bin'));
    assert.ok(fs.readFileSync(c.flash).subarray(0x10000, 0x10000 + app.length).equals(app));
    slow.close();
    slow.closeAllConnections();
    await Promise.all([u.stop(), d.stop(), c.stop(), page.context().close(), other.context().close()]);
  },

  async 'depot: channels are set, moved and taken away; devices are named, follow a channel, are forgotten'() {
    const d = await serveDepot(['--anonymous', 'read,write,device,work']), from = newCard();
    for (const [name, version] of [['old', '1.0'], ['new', '2.0']]) {
      buildFolder(from, name, 'esp32c3', version === '1.0' ? 20 : 24);
      d.cli('add', path.join(from, name), '--project', 'kettle', '--version', version);
    }
    const page = await open(d.url), checkin = body => page.evaluate(text => fetch('api/v1/checkin', {method: 'POST',
      headers: {'Content-Type': 'application/json'}, body: text}).then(r => r.json()), JSON.stringify({mac: '24:0a:c4:00:01:10', chip: 'esp32c3', project: 'kettle', version: '0.9', ...body}));
    const channel = async (version, name) => {
      await page.getByRole('button', {name: `Channel of kettle ${version}`}).click();
      await page.getByRole('combobox', {name: 'Channel'}).fill(name);
      await page.getByRole('button', {name: 'Set', exact: true}).click();
      await page.locator('.build', {hasText: version}).locator('.channel').getByText(name).waitFor();
    };
    await channel('1.0', 'lab');
    await channel('2.0', 'lab');
    await until(async () => await page.locator('.channel').count() === 1, 'a channel points at one build');
    await page.getByRole('link', {name: 'Devices'}).click();
    assert.equal((await checkin({})).answer, 'nothing');
    await page.getByRole('button', {name: 'Name and channel of 24:0a:c4:00:01:10'}).click();
    await accessible(page, 'a device');
    await page.getByRole('textbox', {name: 'Name'}).or(page.getByLabel('Name', {exact: true})).first().fill('Kitchen \u{1F6B0}');
    await page.getByLabel('Channel it follows').fill('lab');
    await page.getByRole('button', {name: 'Save'}).click();
    await page.locator('.entry').getByText('Kitchen').waitFor();
    const told = await checkin({});
    assert.deepEqual([told.answer, told.build?.version], ['update', '2.0'], 'what the page has set is what the device is told');
    assert.equal((await checkin({channel: 'wild'})).answer, 'update', 'it counts more than what the device says');
    await page.getByRole('button', {name: /^Name and channel of Kitchen/}).click();
    await page.getByLabel('Let the device say which').check();
    await page.getByRole('button', {name: 'Save'}).click();
    await until(async () => (await checkin({channel: 'wild'})).answer === 'nothing', 'now the device says which');
    await page.getByRole('button', {name: /^Forget Kitchen/}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Forget'}).click();
    await page.getByText('No device has checked in yet').waitFor();
    assert.doesNotMatch(d.cli('devices'), /24:0a/);
    await page.getByRole('link', {name: 'Firmware'}).click();
    await page.getByRole('button', {name: 'Channel of kettle 2.0'}).click();
    await page.getByRole('button', {name: 'Take lab away'}).click();
    await until(async () => await page.locator('.channel').count() === 0, 'it is gone');
    assert.doesNotMatch(d.cli('channel'), /lab/);
    assert.deepEqual(page.problems, []);
    await Promise.all([d.stop(), page.context().close()]);
  },

  async 'depot: a job is given out, watched as it goes, and is history: filter, CSV, given out again'() {
    const d = await serveDepot(['--anonymous', 'read,write,device,work']), from = newCard();
    buildFolder(from, 'kettle', 'esp32c3', 20);
    d.cli('add', path.join(from, 'kettle'), '--project', 'kettle', '--version', '1.0');
    const page = await open(`${d.url}#jobs`), post = (where, body) => page.evaluate(([w, text]) => fetch(`api/v1/${w}`, {method: 'POST',
      headers: {'Content-Type': 'application/json'}, body: text}).then(r => r.json()), [where, JSON.stringify(body)]);
    await page.getByText('No job waits or runs').waitFor();
    const give = async () => {
      await page.getByRole('button', {name: 'New job…'}).click();
      await page.getByRole('button', {name: 'Give out'}).click();
      await page.locator('.entry').getByText('queued').first().waitFor();
      return post('jobs/claim', {worker: '=cmd|"x"', chip: 'esp32c3'});
    };
    const report = (job, body) => post(`jobs/${job.id}/report`, {worker: '=cmd|"x"', attempt: job.attempt, ...body});
    await page.getByRole('button', {name: 'New job…'}).click();
    await accessible(page, 'a new job');
    await page.keyboard.press('Escape');
    const first = await give();
    await page.locator('.entry').getByText('claimed').waitFor();
    for (const done of [250, 700]) {
      await report(first, {state: 'running', done, size: 1000});
      await page.locator('.entry').getByText(`${done} B of 1000 B`).waitFor();
      assert.equal(await page.getByRole('progressbar').evaluate(bar => bar.value), done);
    }
    await accessible(page, 'a running job');
    await report(first, {state: 'failed', result: 'VERIFY', text: 'the flash, "kettle", differs', elapsed_ms: 5300, written: 2048});
    await page.locator('.entry').getByText('failed', {exact: true}).waitFor();
    assert.match(await page.locator('.entry').innerText(), /VERIFY[^]*differs/);
    await report(await give(), {state: 'done', result: 'OK', elapsed_ms: 900, written: 10});
    await page.getByRole('link', {name: 'History'}).click();
    const entries = count => until(async () => await page.locator('#history > .entry').count() === count, `${count} entries`);
    await entries(2);
    await accessible(page, 'history of a depot');
    await page.getByLabel('Result').selectOption('done');
    await entries(1);
    await page.getByLabel('Result').selectOption('');
    await page.getByLabel('Find').fill('VERIFY');
    await entries(1);
    await page.getByLabel('Find').fill('nothing like it');
    await page.getByText('No job that is over fits').waitFor();
    await page.getByLabel('Find').fill('');
    await entries(2);
    const download = page.waitForEvent('download');
    await page.getByRole('button', {name: 'Save as CSV'}).click();
    const csv = await (await download).path();
    const rows = JSON.parse(execFileSync('python3', ['-c', 'import csv,json,sys; print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline="")))))', csv], {encoding: 'utf8'}));
    assert.deepEqual(rows.map(r => [r.state, r.result, r.worker, r.text, r.written]),
      [['done', 'OK', '\'=cmd|"x"', '', '10'], ['failed', 'VERIFY', '\'=cmd|"x"', 'the flash, "kettle", differs', '2048']]);
    await page.getByRole('button', {name: `Give job ${first.id} out again`}).click();
    await until(() => /queued/.test(d.cli('jobs')), 'it waits again');
    await page.getByRole('link', {name: 'Jobs'}).click();
    await page.getByRole('button', {name: /^Cancel job/}).click();
    await page.locator('.entry').getByText('cancelled').waitFor();
    await page.getByRole('link', {name: 'History'}).click();
    await entries(3);
    assert.deepEqual(page.problems, []);
    await Promise.all([d.stop(), page.context().close()]);
  },

  async 'depot: many builds come in pages and are searched; its server restarted, the page shows what is there'() {
    let d = await serveDepot(['--anonymous', 'read,write']);
    const from = newCard(), {port} = new URL(d.url), page = await open(d.url);
    buildFolder(from, 'kettle', 'esp32c3', 8);
    await page.getByText('Nothing here yet').waitFor();
    const app = [...fs.readFileSync(path.join(from, 'kettle/conformance.bin'))];
    await page.evaluate(async bytes => {
      const blob = body => fetch('api/v1/blobs', {method: 'PUT', body}).then(r => r.json()), image = await blob(new Uint8Array(bytes));
      for (let i = 0; i < 104; i++) {
        const data = await blob(`data ${i}`), files = [{sha256: image.sha256, name: 'a.bin', address: '0x10000'}, {sha256: data.sha256, name: 'd.bin', address: '0x200000', role: 'data'}];
        await fetch('api/v1/builds', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({project: i % 2 ? 'pump' : 'kettle', version: `1.${i}`, files})});
      }
    }, app);
    await page.reload();
    await until(async () => await page.locator('.build').count() === 100, 'a page of them');
    await page.getByRole('button', {name: 'More', exact: true}).click();
    await until(async () => await page.locator('.build').count() === 104, 'all');
    await page.getByLabel('Find').fill('1.77');
    await until(async () => await page.locator('.build').count() === 1, 'the one that fits');
    await page.getByLabel('Find').fill('no such thing');
    await page.getByText('No build fits').waitFor();
    await page.getByLabel('Find').fill('');
    await until(async () => await page.locator('.build').count() >= 100, 'all again');
    await d.stop('SIGKILL');
    await page.getByText('what is shown may be out of date').waitFor();
    d.cli('rm', 'pump@1.103');
    d = {...d, ...await start(['depot', 'serve', '--listen', `127.0.0.1:${port}`, '--anonymous', 'read,write'], /(http:\/\/[\d.:]+\/)/, d.env)};
    await page.getByText('connected', {exact: true}).waitFor();
    await page.locator('.build').getByText('1.102').waitFor();
    assert.equal(await page.locator('.build').getByText('1.103').count(), 0, 'what was removed meanwhile is not shown');
    await Promise.all([d.stop(), page.context().close()]);
  },

  async 'depot: the network goes for a while; what happened meanwhile is shown afterwards'() {
    const d = await serveDepot(['--anonymous', 'read,write,device']), {port} = new URL(d.url), sockets = new Set();
    const send = (method, where, body) => fetch(`${d.url}api/v1/${where}`, {method, headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});
    const wire = net.createServer(near => {
      const far = net.connect(port, '127.0.0.1');
      for (const socket of [near, far]) sockets.add(socket.on('error', () => {}).on('close', () => { near.destroy(); far.destroy(); }));
      near.pipe(far).pipe(near);
    });
    await new Promise(resolve => { wire.listen(0, '127.0.0.1', resolve); });
    await send('POST', 'checkin', {mac: '24:0a:c4:00:01:10', chip: 'esp32c3', project: 'kettle', version: '0.9'});
    const here = wire.address().port, page = await open(`http://127.0.0.1:${here}/#devices`);
    await page.locator('.entry').getByText('24:0a:c4:00:01:10').waitFor();
    wire.close();
    for (const socket of sockets) socket.destroy();
    await page.getByText('what is shown may be out of date').waitFor();
    await send('PUT', 'devices/24:0a:c4:00:01:10', {name: 'Kitchen'});
    await new Promise(resolve => { wire.listen(here, '127.0.0.1', resolve); });
    await page.getByText('connected', {exact: true}).waitFor();
    await page.locator('.entry').getByText('Kitchen').waitFor();
    wire.close();
    await Promise.all([d.stop(), page.context().close()]);
  },

  async 'depot: tokens, and what they may'() {
    const d = await serveDepot(), page = await open(d.url);
    const [read, write] = ['read', 'read,write'].map(scopes => /fd_\w+/.exec(d.cli('token', 'add', scopes.replace(',', '-'), '--scopes', scopes))[0]);
    await page.getByRole('textbox', {name: 'Token'}).fill('fd_wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('textbox', {name: 'Token'}).waitFor();
    await page.getByRole('textbox', {name: 'Token'}).fill(read);
    await page.keyboard.press('Enter');
    await page.getByText('Nothing here yet').waitFor();
    assert.equal(await page.locator('#pick-files').count(), 0, 'who may only read is not offered to bring');
    const writer = await open(`${d.url}#token=${write}`);
    await writer.getByRole('button', {name: 'Choose files'}).waitFor();
    await Promise.all([d.stop(), page.context().close(), writer.context().close()]);
  },
};
