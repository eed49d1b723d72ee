// The same page on the depot's server: builds are brought, put on channels, given out, taken away.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {buildFolder, chip, ferry, newCard, open, start, until, updater, work} from './rig.mjs';
import {accessible, noSideways, shot} from './checks.mjs';

let depots = 0;
async function serve(options = []) {
  const env = {FERRY_DEPOT: path.join(work, `depot${++depots}.db`)};
  const cli = (...args) => execFileSync(ferry, ['depot', ...args], {encoding: 'utf8', env: {...process.env, ...env}});
  const it = await start(['depot', 'serve', '--listen', '127.0.0.1:0', ...options], /(http:\/\/[\d.:]+\/)/, env);
  return {...it, url: it.match[1], cli};
}

export default {
  async 'depot: builds, channels, jobs, devices'() {
    const d = await serve(['--anonymous', 'read,write,device,work']), from = newCard(), page = await open(d.url);
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
    const d = await serve(['--anonymous', 'read,write']), from = newCard(), c = await chip('esp32c3', ['--time', 'fast']);
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

  async 'depot: tokens, and what they may'() {
    const d = await serve(), page = await open(d.url);
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
