// The page in a real browser against real programs: ferry updater --web on virtual chips, ferry depot serve. What is on
// the flash is compared with the files on the card; accessibility is judged by axe-core (WCAG 2.1 AA, contrast too).
//   node run.mjs [words of the names of tests that shall run]     FERRY_WEB_SHOTS=dir keeps pictures
//   FERRY_BROWSER=firefox or webkit: the main flow in that browser instead (flow.mjs)
import fs from 'node:fs';
import path from 'node:path';
import {end} from './rig.mjs';

const wanted = process.argv.slice(2).join(' ').toLowerCase();
const here = path.dirname(new URL(import.meta.url).pathname);
let passed = 0, failed = 0;

async function run(name, test) {
  if (!name.toLowerCase().includes(wanted)) return;
  const from = Date.now();
  try {
    await test();
    passed++;
    console.log(`ok    ${name} (${((Date.now() - from) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    console.log(`FAILED ${name}\n${error.stack || error}`);
  }
}

process.on('SIGINT', () => end().then(() => process.exit(1)));
process.on('SIGTERM', () => end().then(() => process.exit(1)));
async function all() {
  for (const file of fs.readdirSync(here).filter(f => f.endsWith('.test.mjs')).sort())
    for (const [name, test] of Object.entries((await import(path.join(here, file))).default)) await run(name, test);
}

async function other(browser) {
  const {default: tests, flow} = await import('./flow.mjs');
  const driver = await flow(browser);
  try {
    for (const [name, test] of Object.entries(tests)) await run(`${browser}: ${name}`, () => test(driver));
  } finally { await driver.end(); }
}

try {
  const browser = process.env.FERRY_BROWSER || 'chromium';
  await (browser === 'chromium' ? all() : other(browser));
} finally {
  await end();
}
console.log(`web: ${passed} tests passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
