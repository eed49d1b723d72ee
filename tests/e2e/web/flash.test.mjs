// Flashing from the page: to the end, stopped, the target pulled, two people at once, by keyboard alone.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import {buildFolder, chip, newCard, open, start, updater, until} from './rig.mjs';
import {accessible} from './checks.mjs';

function holds(chipProcess, card, name) {
  const flash = fs.readFileSync(chipProcess.flash), app = fs.readFileSync(path.join(card, name, 'conformance.bin'));
  return flash.subarray(0x10000, 0x10000 + app.length).equals(app);
}

// Opens the dialog from the build and starts it, by the serial loader (which needs no waiting for a link).
async function flash(page, target = 0) {
  await page.getByRole('button', {name: /^Flash conformance/}).first().click();
  await page.locator('dialog input[name=target]').nth(target).check();
  await page.locator('dialog summary').click();
  await page.getByLabel('Way into the target').selectOption('rom');
  await page.getByRole('dialog').getByRole('button', {name: 'Flash'}).click();
}

const done = page => page.locator('.well').getByText('Done and proved');
const progress = page => page.getByRole('progressbar').first();
const percent = async page => Number(await progress(page).getAttribute('aria-valuenow').catch(() => 0)) || 0;

export default {
  async 'who is there, flash to the end, history and CSV'() {
    const card = newCard(), c = await chip('esp32c3', ['--time', 'fast']);
    buildFolder(card, 'kettle');
    const u = await updater(card, [c.url]), page = await open(u.url), other = await open(`${u.url}#history`);
    await other.getByText('No job has been run with this card yet').waitFor();
    await page.getByRole('button', {name: /^Who is there/}).click();
    await page.getByRole('heading', {name: 'ESP32-C3'}).waitFor();
    await page.getByText('02:00:00:00:00:').waitFor();
    await flash(page);
    await done(page).waitFor();
    assert.ok(holds(c, card, 'kettle'), 'the flash holds the app');
    await other.locator('.entry').getByText('Done and proved').waitFor(); // a history that was open already is told
    await page.getByRole('link', {name: 'History'}).click();
    await page.locator('.entry').getByText('Done and proved').waitFor();
    await page.getByLabel('Result').selectOption('failed');
    await page.getByText('Nothing in the log fits').waitFor();
    await page.getByLabel('Result').selectOption('');
    await page.getByLabel('Find').fill('conform');
    await page.locator('.entry').waitFor();
    const download = page.waitForEvent('download');
    await page.getByRole('button', {name: 'Save as CSV'}).click();
    const csv = fs.readFileSync(await (await download).path(), 'utf8');
    assert.equal(csv, fs.readFileSync(path.join(card, 'ferry-log.csv'), 'utf8'));
    assert.deepEqual(page.problems, []);
    await Promise.all([u.stop(), c.stop(), page.context().close(), other.context().close()]);
  },

  async 'the target is pulled in the middle, and comes back'() {
    const card = newCard(), c = await chip();
    buildFolder(card, 'kettle', 'esp32c3', 500);
    const u = await updater(card, [c.url]), page = await open(u.url);
    await flash(page);
    await until(async () => await percent(page) >= 20, 'a fifth is there');
    await accessible(page, 'while it is flashed');
    await c.stop('SIGKILL');
    const alert = page.locator('.target').getByRole('alert');
    await alert.waitFor();
    assert.match(await alert.innerText(), /WIRE_|NO_ANSWER|TIMEOUT/);
    await accessible(page, 'failed');
    const again = await start(['vchip', '--chip', 'esp32c3', '--flash', c.flash, '--listen', new URL(c.url.replace('rfc2217', 'http')).host,
      '--rfc2217', '--boot', 'download', '--time', 'fast'], /on (rfc2217:\S+)/);
    await page.getByRole('button', {name: /^Try again/}).click();
    await done(page).waitFor();
    assert.ok(holds(c, card, 'kettle'));
    await Promise.all([u.stop(), again.stop(), page.context().close()]);
  },

  async 'two browsers: one starts, both see it, the other stops it'() {
    const card = newCard(), c = await chip();
    buildFolder(card, 'kettle', 'esp32c3', 500);
    const u = await updater(card, [c.url]), [one, two] = await Promise.all([open(u.url), open(u.url)]);
    await flash(one);
    await until(async () => await percent(two) >= 10, 'the other sees it');
    const second = await two.evaluate(() => fetch('/api/v1/jobs', {method: 'POST', body: '{"target":"0"}'}).then(r => r.status));
    assert.equal(second, 409);
    assert.equal(await one.getByRole('button', {name: /^Flash…? ESP/}).count(), 0, 'no second start is offered');
    await two.getByRole('button', {name: /^Stop/}).click();
    for (const page of [one, two]) await page.getByText('CANCELLED', {exact: true}).waitFor();
    const both = await Promise.all([one, two].map(page => page.evaluate(() =>
      fetch('/api/v1/jobs', {method: 'POST', body: '{"target":"0","route":"rom"}'}).then(r => r.status))));
    assert.deepEqual(both.sort(), [202, 409], 'of two at once one gets it');
    for (const page of [one, two]) await done(page).waitFor({timeout: 30000});
    assert.ok(holds(c, card, 'kettle'));
    assert.match(await one.locator('.well').innerText(), /unchanged|before/, 'what was there is not sent again');
    await Promise.all([u.stop(), c.stop(), one.context().close(), two.context().close()]);
  },

  async 'with the keyboard alone'() {
    const card = newCard(), c = await chip('esp32c3', ['--time', 'fast']);
    buildFolder(card, 'kettle');
    const u = await updater(card, [c.url]), page = await open(u.url);
    await page.getByRole('button', {name: /^Flash conformance/}).waitFor();
    const focus = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim() || document.activeElement.id);
    const to = async (pattern, key = 'Tab') => {
      for (let i = 0; i < 30; i++) {
        await page.keyboard.press(key);
        if (pattern.test(await focus())) return;
      }
      assert.fail(`no ${pattern} is reached by ${key}; last was ${await focus()}`);
    };
    await page.keyboard.press('Tab');
    assert.match(await focus(), /Skip to the content/);
    await page.keyboard.press('Enter');
    await to(/^Flash conformance/);
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(outline, 'none', 'what has the focus is seen');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await until(async () => await page.getByRole('dialog').count() === 0, 'Escape closes it');
    assert.match(await focus(), /^Flash conformance/, 'the focus is back where it was');
    await page.keyboard.press('Enter');
    for (let i = 0; i < 12; i++) { // never leaves the dialog while it is open, but for the browser itself
      await page.keyboard.press('Tab');
      assert.ok(await page.evaluate(() => Boolean(document.activeElement.closest('dialog')) || document.activeElement === document.body));
    }
    await to(/^More/);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.type('Serial');
    await to(/^Flash$/);
    await page.keyboard.press('Enter');
    await done(page).waitFor();
    assert.match(await page.locator('#say').innerText(), /ESP32-C3: Done and proved/);
    await to(/^History/, 'Shift+Tab');
    await page.keyboard.press('Enter');
    await page.locator('.entry').waitFor();
    await Promise.all([u.stop(), c.stop(), page.context().close()]);
  },

  async 'a bench that flashes by itself is shown as well'() {
    const card = newCard(), c = await chip('esp32c3', ['--time', 'fast']);
    buildFolder(card, 'kettle');
    const u = await updater(card, [c.url], ['--wait', '--probe', '1']), page = await open(u.url);
    await done(page).waitFor();
    await c.stop();
    await page.getByRole('heading', {name: 'Unknown target'}).waitFor(); // the target is gone, the port stays
    await Promise.all([u.stop(), page.context().close()]);
  },

  async 'without event streams the page asks again and again'() {
    const card = newCard(), c = await chip('esp32c3', ['--time', 'fast']);
    buildFolder(card, 'kettle');
    const u = await updater(card, [c.url]), page = await open();
    await page.route('**/api/v1/events', route => route.fulfill({status: 501, json: {error: 'UNSUPPORTED', what: 'no streams'}}));
    await page.goto(u.url);
    await page.getByText('connected', {exact: true}).waitFor();
    await flash(page);
    await done(page).waitFor();
    await Promise.all([u.stop(), c.stop(), page.context().close()]);
  },

  async 'the updater goes and comes back'() {
    const card = newCard(), c = await chip('esp32c3', ['--time', 'fast']);
    buildFolder(card, 'kettle');
    let u = await updater(card, [c.url]);
    const page = await open(u.url), port = new URL(u.url).port;
    await page.getByText('connected', {exact: true}).waitFor();
    await u.stop('SIGKILL');
    await page.getByText('no connection', {exact: true}).waitFor();
    buildFolder(card, 'pump', 'esp32');
    u = await updater(card, [c.url], ['--web', `127.0.0.1:${port}`]);
    await page.getByText('connected', {exact: true}).waitFor();
    await page.getByText('pump/flasher_args.json').waitFor();
    await Promise.all([u.stop(), c.stop(), page.context().close()]);
  },
};
