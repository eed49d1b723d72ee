// Everything on the page that is no flashing: uploads, settings, tokens, hostile names, small screens, colours.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {buildFolder, chip, newCard, open, root, updater, until, work} from './rig.mjs';
import {accessible, noSideways, shot} from './checks.mjs';

const silent = ['socket://127.0.0.1:1']; // a port with nobody: nothing is started on it
const listing = dir => fs.readdirSync(dir, {recursive: true}).map(String).filter(f => fs.statSync(path.join(dir, f)).isFile()).sort();

// Drops files onto the page as a browser tells it.
async function drop(page, files) {
  const transfer = await page.evaluateHandle(list => {
    const data = new DataTransfer();
    for (const {name, bytes} of list) data.items.add(new File([new Uint8Array(bytes)], name));
    return data;
  }, files.map(([name, file]) => ({name, bytes: [...fs.readFileSync(file)]})));
  for (const type of ['dragenter', 'dragover', 'drop']) await page.dispatchEvent('main', type, {dataTransfer: transfer});
}

export default {
  async 'builds are dropped, chosen, replaced, taken off'() {
    const card = newCard(), from = newCard();
    buildFolder(from, 'kettle');
    const app = path.join(from, 'kettle/conformance.bin'), bytes = fs.readFileSync(app);
    const u = await updater(card, silent), page = await open(u.url);
    await page.getByText('Nothing here yet').waitFor();
    await accessible(page, 'an empty card');
    await drop(page, [['pump.bin', app]]);
    await page.locator('.build').getByText('pump.bin').waitFor();
    assert.ok(fs.readFileSync(path.join(card, 'pump.bin')).equals(bytes));
    await drop(page, [['pump.bin', path.join(from, 'kettle/bootloader/bootloader.bin')]]);
    await page.getByRole('dialog').getByRole('button', {name: 'Cancel'}).click();
    assert.ok(fs.readFileSync(path.join(card, 'pump.bin')).equals(bytes), 'not replaced unasked');
    await page.locator('#pick-folder').setInputFiles(path.join(from, 'kettle'));
    await page.getByLabel('Name of the folder').fill('tea');
    await page.getByRole('dialog').getByRole('button', {name: 'Send'}).click();
    await page.getByText('tea/flasher_args.json').waitFor();
    assert.deepEqual(listing(path.join(card, 'tea')).length, 4);
    assert.equal(page.problems.filter(p => !p.includes('409')).join(), '', 'the only complaint is the refusal to replace');
    await drop(page, [['notes.txt', app]]);
    await page.getByText('None of these is firmware').first().waitFor();
    await page.getByRole('button', {name: 'Remove conformance'}).last().click();
    await page.getByRole('dialog').getByRole('button', {name: 'Remove'}).click();
    await until(() => !fs.existsSync(path.join(card, 'tea')), 'the folder is gone');
    await until(async () => await page.locator('.build').count() === 1, 'its card is gone');
    await Promise.all([u.stop(), page.context().close()]);
  },

  async 'an upload that is stopped, or cut off, leaves nothing'() {
    const card = newCard(), large = path.join(work, 'large.bin');
    fs.writeFileSync(large, Buffer.alloc(6 << 20, 7));
    const u = await updater(card, silent), page = await open(u.url);
    const session = await page.context().newCDPSession(page);
    await page.getByText('Nothing here yet').waitFor();
    await session.send('Network.emulateNetworkConditions', {offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 400000});
    await page.locator('#pick-files').setInputFiles(large);
    const part = () => fs.existsSync(path.join(card, '.ferry')) && fs.readdirSync(path.join(card, '.ferry')).some(f => f.endsWith('.part'));
    // At once as a rule, in some seconds when the server's library has missed the hang-up; not after the idle time of 30 s.
    const gone = () => until(() => !part(), 'it is gone again', 15000);
    await until(part, 'something has come');
    await page.getByRole('button', {name: /^Stop the upload/}).click();
    await gone();
    const {hostname, port} = new URL(u.url), peer = net.connect(port, hostname);
    peer.write('PUT /api/v1/files/large.bin HTTP/1.1\r\nHost: x.local\r\nContent-Length: 900000\r\n\r\n');
    peer.write(Buffer.alloc(300000, 7));
    await until(part, 'something has come');
    peer.destroy();
    await gone();
    assert.deepEqual(listing(card), []);
    await Promise.all([u.stop(), page.context().close()]);
  },

  async 'a token: none, a wrong one, the right one, from a link, kept'() {
    const card = newCard();
    buildFolder(card, 'kettle');
    const u = await updater(card, silent, ['--web-token', 'open sesame']), page = await open(u.url);
    await page.getByRole('dialog').getByText('A token is needed').waitFor();
    await accessible(page, 'asking for the token');
    await shot(page, 'token');
    assert.equal(await page.locator('.build').count(), 0);
    await page.getByRole('textbox', {name: 'Token'}).fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('This is not the token').waitFor();
    await page.getByRole('textbox', {name: 'Token'}).fill('open sesame');
    await page.getByLabel('Keep it on this device').check();
    await page.getByRole('dialog').getByRole('button', {name: 'Enter'}).click();
    await page.locator('.build').waitFor();
    await page.reload();
    await page.locator('.build').waitFor();
    const [link, nobody] = await Promise.all([open(u.whole), open()]);
    await link.locator('.build').waitFor();
    assert.ok(!link.url().includes('sesame') && !link.url().includes('token'), 'it does not stay in the address');
    const codes = await nobody.goto(u.url).then(() => nobody.evaluate(() => Promise.all(['builds', 'targets', 'events', 'history', 'history.csv',
      'settings', 'jobs'].map(p => fetch(`/api/v1/${p}`, {headers: {Authorization: 'Bearer open sesam'}}).then(r => r.status)))));
    assert.deepEqual([...new Set(codes)], [401]);
    await Promise.all([u.stop(), page.context().close(), link.context().close(), nobody.context().close()]);
  },

  async 'hostile names and texts stay texts'() {
    const card = newCard(), evil = '<img src=x onerror="window.hacked=1">';
    buildFolder(card, 'kettle');
    fs.cpSync(path.join(card, 'kettle/conformance.bin'), path.join(card, `${evil.replace(/[/"]/g, '')}.bin`));
    fs.mkdirSync(path.join(card, '<script>alert(1)<'));
    fs.writeFileSync(path.join(card, '<script>alert(1)<', 'flasher_args.json'), '{"flash_files":{"0x0":"<svg onload=window.hacked=1>.bin"}}');
    fs.mkdirSync(path.join(card, '<iframe src=x>'));
    fs.writeFileSync(path.join(card, '<iframe src=x>', 'flasher_args.json'), '{"flash_files"');
    fs.writeFileSync(path.join(card, Buffer.from([0x62, 0xff, 0xfe, 0x2e, 0x62, 0x69, 0x6e]).toString('latin1')), fs.readFileSync(path.join(card, 'kettle/conformance.bin')));
    fs.writeFileSync(path.join(card, 'ferry-log.csv'), 'time,mac,chip,revision,port,cargo,version,sha256,written,skipped,seconds,result,error,message\n'
      + `2026-05-01T12:00:00Z,${evil.replaceAll('"', "'")},${'<b>'},v1,javascript:alert(1),"${evil.replaceAll('"', '""')}",1,,0,0,1.0,failed,<i>X</i>,<script>window.hacked=1</script>\n`);
    const u = await updater(card, ['socket://127.0.0.1:1?<script>window.hacked=1</script>'], ['--web-token', 'x']), page = await open(u.whole);
    await until(async () => await page.locator('.build').count() === 4, 'four builds are shown');
    await page.getByText('cannot be used').click();
    await page.locator('.refused').getByText('<iframe').first().waitFor();
    await page.getByRole('link', {name: 'History'}).click();
    await page.locator('.entry').getByText('onerror').first().waitFor();
    await page.getByRole('link', {name: 'Settings'}).click();
    await page.getByLabel('Firmware').waitFor();
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.equal(await page.locator('main img, main svg[onload], main script, main b, main i').count(), 0);
    assert.deepEqual(page.problems, []);
    await Promise.all([u.stop(), page.context().close()]);
  },

  async 'settings are kept on the card, and by two people'() {
    const card = newCard(), file = path.join(card, 'ferry.json');
    buildFolder(card, 'kettle');
    buildFolder(card, 'pump', 'esp32');
    fs.writeFileSync(file, '{"mine": 7}');
    const u = await updater(card, silent), page = await open(`${u.url}#settings`), other = await open(`${u.url}#settings`);
    await page.getByLabel('Firmware').selectOption('pump/flasher_args.json');
    await accessible(page, 'settings');
    await page.getByRole('button', {name: 'Save'}).click();
    await page.getByText('Saved', {exact: true}).first().waitFor();
    assert.deepEqual(JSON.parse(fs.readFileSync(file)), {mine: 7, cargo: 'pump/flasher_args.json'});
    await until(async () => await other.getByLabel('Firmware').inputValue() === 'pump/flasher_args.json', 'the other sees it');
    await other.getByLabel('Way into the target').selectOption('link');
    await other.getByRole('button', {name: 'Save'}).click();
    await until(() => fs.readFileSync(file, 'utf8').includes('link'), 'saved');
    assert.deepEqual(JSON.parse(fs.readFileSync(file)), {mine: 7, cargo: 'pump/flasher_args.json', route: 'link'});
    fs.writeFileSync(file, '{"mine": ');
    await page.reload();
    await page.getByRole('alert').getByText('ferry.json').first().waitFor();
    await Promise.all([u.stop(), page.context().close(), other.context().close()]);
  },

  async 'phones, colours, contrast'() {
    const card = newCard(), c = await chip('esp32c3', ['--time', 'fast']);
    buildFolder(card, 'kettle');
    buildFolder(card, 'a-folder-with-a-name-so-long-that-it-fits-no-phone-however-one-turns-it-round', 'esp32');
    fs.writeFileSync(path.join(card, 'broken.bin'), 'no firmware');
    const long = `${c.url}`;
    const u = await updater(card, [long, 'socket://a-host-with-a-very-long-name.and-a-domain.that-is-even-longer.example.org:12345']);
    for (const [width, colorScheme, judged] of [[320, 'dark', true], [375, 'light', false], [1280, 'dark', false], [768, 'light', true]]) {
      const page = await open(u.url, {viewport: {width, height: 740}, colorScheme, deviceScaleFactor: width < 400 ? 2 : 1});
      for (const part of ['bench', 'history', 'settings']) {
        await page.goto(`${u.url}#${part}`);
        await page.locator(part === 'bench' ? '.build' : part === 'history' ? '#history > *' : '.field').first().waitFor();
        await noSideways(page, `${part} at ${width}`);
        if (judged) await accessible(page, `${part} at ${width}, ${colorScheme}`);
        await shot(page, `${part}-${width}-${colorScheme}`);
      }
      await page.goto(`${u.url}#bench`);
      await page.getByRole('button', {name: /^Flash conformance/}).first().click();
      await page.locator('dialog summary').click();
      await noSideways(page, `dialog at ${width}`);
      if (judged) await accessible(page, `dialog at ${width}`);
      await page.context().close();
    }
    const page = await open(u.url, {colorScheme: 'light'});
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await ground();
    await page.getByRole('button', {name: /^Colours/}).click();
    await page.getByRole('button', {name: 'Colours: light'}).click();
    await page.getByRole('button', {name: 'Colours: dark'}).waitFor();
    const dark = await ground();
    assert.notEqual(light, dark);
    await page.reload();
    assert.equal(await ground(), dark, 'the choice stays');
    await Promise.all([u.stop(), c.stop(), page.context().close()]);
  },

  async 'small, and nothing from elsewhere'() {
    const card = newCard(), u = await updater(card, silent), page = await open();
    let bytes = 0;
    const hosts = new Set();
    page.on('request', request => hosts.add(new URL(request.url()).host));
    page.on('response', async response => { if (!response.url().includes('/api/')) bytes += Number(response.headers()['content-length']); });
    await page.goto(u.url);
    for (const part of ['history', 'settings', 'bench']) await page.goto(`${u.url}#${part}`);
    await page.getByText('Nothing here yet').waitFor();
    assert.deepEqual([...hosts], [new URL(u.url).host]);
    assert.ok(bytes > 5000 && bytes <= 60 * 1024, `the page has ${bytes} bytes packed`);
    const table = execFileSync('python3', [path.join(root, 'tools/embed_assets.py'), path.join(root, 'web/page'), path.join(work, 'table.c')], {encoding: 'utf8'});
    assert.match(table, /page: \d+ files, \d+ bytes packed/);
    const before = fs.readFileSync(path.join(work, 'table.c'));
    execFileSync('python3', [path.join(root, 'tools/embed_assets.py'), path.join(root, 'web/page'), path.join(work, 'table.c')]);
    assert.ok(before.equals(fs.readFileSync(path.join(work, 'table.c'))), 'packed twice, the same');
    await Promise.all([u.stop(), page.context().close()]);
  },
};
