// What goes wrong in the middle: the updater restarted, a slow network, two tabs, uploads that cannot be.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {buildFolder, chip, newCard, open, updater, until, work} from './rig.mjs';

const silent = ['socket://127.0.0.1:1'];
const percent = async page => Number(await page.getByRole('progressbar').first().getAttribute('aria-valuenow').catch(() => 0)) || 0;
const start = (page, body) => page.evaluate(text => fetch('api/v1/jobs', {method: 'POST', body: text}).then(r => r.status), JSON.stringify(body));

export default {
  async 'the updater is killed in the middle of a job: the page says so, then shows what is true'() {
    const card = newCard(), c = await chip();
    buildFolder(card, 'kettle', 'esp32c3', 500);
    let u = await updater(card, [c.url, ...silent]);
    const page = await open(u.url), {port} = new URL(u.url);
    await page.getByText('connected', {exact: true}).waitFor();
    assert.equal(await start(page, {target: '0', route: 'rom'}), 202);
    await until(async () => await percent(page) >= 10, 'a tenth is there');
    await u.stop('SIGKILL');
    await page.getByText('what is shown may be out of date').waitFor();
    u = await updater(card, [c.url], ['--web', `127.0.0.1:${port}`]); // one port less than before
    await page.getByText('connected', {exact: true}).waitFor();
    await until(async () => await page.locator('.target').count() === 1, 'only the ports that there are');
    assert.equal(await page.getByRole('progressbar').count(), 0, 'no job runs');
    assert.equal(await page.getByText('what is shown may be out of date').isVisible(), false);
    assert.equal(await start(page, {target: '0', route: 'rom'}), 202);
    await page.locator('.well').getByText('Done and proved').waitFor({timeout: 30000});
    assert.match(await page.locator('.well').innerText(), /unchanged|before/, 'what was proved is not sent again');
    await Promise.all([u.stop(), c.stop(), page.context().close()]);
  },

  async 'a slow network: all of it works, and the last state is the true one'() {
    const card = newCard(), c = await chip('esp32c3', ['--time', 'fast']);
    buildFolder(card, 'kettle');
    const u = await updater(card, [c.url]), page = await open(), session = await page.context().newCDPSession(page);
    await session.send('Network.enable');
    await session.send('Network.emulateNetworkConditions', {offline: false, latency: 400, downloadThroughput: 30000, uploadThroughput: 15000});
    await page.goto(u.url);
    await page.locator('.build').waitFor();
    assert.equal(await start(page, {target: '0', route: 'rom'}), 202);
    await page.locator('.well').getByText('Done and proved').waitFor();
    await session.send('Network.emulateNetworkConditions', {offline: true, latency: 0, downloadThroughput: -1, uploadThroughput: -1});
    await page.getByRole('button', {name: /^Who is there/}).click();
    await page.locator('.toast.bad').getByText('No answer').waitFor();
    await Promise.all([u.stop(), c.stop(), page.context().close()]);
  },

  async 'two tabs of one browser: one stops the job of the other, both know'() {
    const card = newCard(), c = await chip();
    buildFolder(card, 'kettle', 'esp32c3', 500);
    const u = await updater(card, [c.url]), one = await open(u.url), two = await one.context().newPage();
    await two.goto(u.url);
    assert.equal(await start(one, {target: '0', route: 'rom'}), 202);
    await until(async () => await percent(two) >= 5, 'the other tab sees it');
    await two.getByRole('button', {name: /^Stop/}).click();
    for (const page of [one, two]) {
      await page.getByText('CANCELLED', {exact: true}).waitFor();
      await page.getByRole('button', {name: /^Try again/}).waitFor();
      assert.equal(await page.getByRole('button', {name: /^Stop/}).count(), 0);
    }
    assert.equal(await one.evaluate(() => fetch('api/v1/jobs/1', {method: 'DELETE'}).then(r => r.status)), 404, 'it cannot be stopped twice');
    await Promise.all([u.stop(), c.stop(), one.context().close()]);
  },

  async 'a target that becomes free while the dialog is open can be chosen'() {
    const card = newCard(), c = await chip();
    buildFolder(card, 'kettle', 'esp32c3', 500);
    const u = await updater(card, [c.url]), page = await open(u.url);
    await page.getByRole('button', {name: /^Flash conformance/}).waitFor();
    assert.equal(await start(page, {target: '0', route: 'rom'}), 202);
    await page.getByRole('button', {name: /^Stop/}).waitFor();
    await page.getByRole('button', {name: /^Flash conformance/}).click();
    const box = page.locator('dialog input[name=target]');
    assert.equal(await box.isDisabled(), true);
    await page.evaluate(() => fetch('api/v1/jobs/1', {method: 'DELETE'}));
    await until(async () => await box.isEnabled() && await box.isChecked(), 'it is free, and meant');
    await Promise.all([u.stop(), c.stop(), page.context().close()]);
  },

  async 'uploads that are too large, not allowed, there already, or no firmware'() {
    const card = newCard(), from = newCard(), u = await updater(card, silent), page = await open(u.url);
    buildFolder(from, 'kettle');
    const app = path.join(from, 'kettle/conformance.bin'), put = (name, as) => { fs.copyFileSync(as || app, path.join(from, name)); return path.join(from, name); };
    const listed = () => fs.readdirSync(card).filter(f => !f.startsWith('.')).sort();
    await page.getByText('Nothing here yet').waitFor();
    const huge = path.join(work, 'huge.bin');
    fs.closeSync(fs.openSync(huge, 'w'));
    fs.truncateSync(huge, 40 << 20);
    await page.locator('#pick-files').setInputFiles(huge);
    await page.locator('.uploads .bad').getByText('are the most that is taken').waitFor();
    assert.equal(await page.evaluate(() => fetch('api/v1/files/huge.bin', {method: 'PUT', body: new Blob([new Uint8Array(33 << 20)])})
      .then(r => r.status, () => 'cut')).then(code => code === 413 || code === 'cut'), true, 'the updater says so too');
    for (const [name, status] of [['CON.bin', 422], ['.hidden.bin', 422], ['a%3Cb.bin', 422], ['ferry.json', 422], ['%E2%80%AEgpj.bin', 422]])
      assert.equal(await page.evaluate(where => fetch(`api/v1/files/${where}`, {method: 'PUT', body: 'x'}).then(r => r.status), name), status, name);
    await page.locator('#pick-files').setInputFiles(put('CON.bin'));
    await page.locator('.uploads .bad').getByText('is that of a device').waitFor();
    assert.deepEqual(listed(), []);
    for (const [name, says] of [['firmware.zip', 'is an archive'], ['app.elf', 'is an ELF file'], ['x.uf2', 'do not take'], ['main.ino', 'is source code'], ['notes.txt', 'None of these is firmware']]) {
      await page.locator('#pick-files').setInputFiles(put(name));
      await page.locator('.toast.bad').getByText(says).waitFor();
    }
    await page.locator('#pick-files').setInputFiles(put('pump.bin'));
    await page.locator('.build').getByText('pump.bin').waitFor();
    const other = put('PUMP.bin', path.join(from, 'kettle/bootloader/bootloader.bin'));
    await page.locator('#pick-files').setInputFiles(other);
    await page.getByRole('dialog').getByText('There is a file of that name already').waitFor();
    await page.keyboard.press('Escape');
    assert.ok(fs.readFileSync(path.join(card, 'pump.bin')).equals(fs.readFileSync(app)), 'a name in another case is the same on a card');
    await page.locator('#pick-files').setInputFiles([put('one.bin'), put('two.bin')]);
    await page.getByLabel('each file is a firmware of its own').check();
    await page.getByRole('dialog').getByRole('button', {name: 'Send'}).click();
    await until(() => listed().join() === 'one.bin,pump.bin,two.bin', 'two firmwares');
    fs.cpSync(path.join(from, 'kettle'), path.join(card, 'kettle'), {recursive: true});
    await page.locator('#pick-folder').setInputFiles(path.join(from, 'kettle'));
    await page.getByLabel('Name of the folder').fill('kettle');
    await page.getByRole('dialog').getByRole('button', {name: 'Send'}).click();
    await page.getByRole('dialog').getByText('There is a folder of that name already').waitFor();
    await page.getByRole('dialog').getByRole('button', {name: 'Replace'}).click();
    await until(() => !fs.existsSync(path.join(card, '.ferry')) || !fs.readdirSync(path.join(card, '.ferry')).some(f => f.startsWith('set-')), 'it is in its place');
    await Promise.all([u.stop(), page.context().close()]);
  },

  async 'every kind of setting that a program may have'() {
    const u = await updater(newCard(), silent), page = await open(), sent = [];
    let reads = 0;
    const rows = [{name: 'name', kind: 'text', label: 'Name', min: 1, max: 31, restart: true, value: 'bench'}, {name: 'baud', kind: 'number', label: 'Baud rate', min: 9600, max: 5000000, value: 921600},
      {name: 'erase_all', kind: 'bool', label: 'Erase first', value: false}, {name: 'route', kind: 'choice', label: 'Route', choices: 'auto|rom', value: 'rom'},
      {name: 'wifi.password', kind: 'secret', label: 'Password', min: 8, max: 63, set: true}];
    await page.route('**/api/v1/settings', route => {
      if (route.request().method() === 'PUT') sent.push(route.request().postDataJSON());
      else reads++;
      const bad = sent.at(-1)?.baud === 1;
      route.fulfill(bad ? {status: 422, json: {error: 'ARG', what: 'baud is not a whole number within its bounds', where: 'baud', hint: '9600 to 5000000'}} : {json: {settings: rows}});
    });
    await page.goto(`${u.url}#settings`);
    await page.getByLabel('Baud rate').fill('115200');
    await page.getByLabel('Erase first').check();
    await page.getByLabel('Route').selectOption('');
    await page.getByLabel('Password').fill('new secret');
    await page.getByRole('button', {name: 'Save'}).click();
    await until(() => sent.length === 1, 'sent');
    assert.deepEqual(sent[0], {baud: 115200, erase_all: true, route: null, 'wifi.password': 'new secret'});
    await page.getByLabel('Baud rate').fill('1');
    await page.getByRole('button', {name: 'Remove'}).click();
    await until(() => sent.length === 2, 'sent');
    assert.deepEqual(sent[1], {'wifi.password': null});
    await until(() => reads === 3, 'read again');
    await page.waitForTimeout(300); // drawn again
    assert.equal(await page.getByLabel('Baud rate').inputValue(), '1', 'what was typed and not saved stays');
    await page.getByRole('button', {name: 'Save'}).click();
    await page.getByRole('alert').getByText('9600 to 5000000').waitFor();
    assert.deepEqual(sent[2], {baud: 1}, 'a password that is left empty stays as it is');
    assert.equal(await page.evaluate(() => document.activeElement.id), 's-baud');
    await Promise.all([u.stop(), page.context().close()]);
  },
};
