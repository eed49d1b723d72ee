import assert from 'node:assert/strict';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// axe-core finds nothing: WCAG 2.1 A and AA, and its own good practice.
export async function accessible(page, what) {
  await page.evaluate(source => { if (!window.axe) (0, eval)(source); }, axe).catch(async () => {
    // The page's policy forbids eval: the debugger's world may do it.
    const session = await page.context().newCDPSession(page);
    await session.send('Runtime.evaluate', {expression: axe, allowUnsafeEvalBlockedByCSP: true});
  });
  const result = await page.evaluate(() => window.axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'],
    resultTypes: ['violations']}));
  const found = result.violations.map(v => `${v.id}: ${v.help}\n   ${v.nodes.map(n => `${n.html}\n   ${n.failureSummary}`).join('\n   ')}`);
  assert.equal(found.length, 0, `axe, ${what}:\n${found.join('\n')}`);
}

export async function noSideways(page, what) {
  const wide = await page.evaluate(() => {
    const most = document.documentElement.clientWidth;
    const out = [...document.querySelectorAll('body *')].filter(el => el.checkVisibility() && !el.closest('nav, .away, .toasts, .skip') && el.getBoundingClientRect().right > most + 1);
    return {scroll: document.documentElement.scrollWidth - most, out: out.slice(0, 3).map(el => el.outerHTML.slice(0, 120))};
  });
  assert.ok(wide.scroll <= 0 && !wide.out.length, `${what}: ${wide.scroll} pixels too wide: ${wide.out.join('\n')}`);
}

export async function shot(page, name) {
  const dir = process.env.FERRY_WEB_SHOTS;
  if (!dir) return;
  fs.mkdirSync(dir, {recursive: true});
  await page.screenshot({path: path.join(dir, `${name}.png`)});
}
