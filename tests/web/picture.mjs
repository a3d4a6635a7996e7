// SPDX-License-Identifier: MIT
// A picture of a page in a browser, from its top: picture.mjs PAGE FRAGMENT PNG [WIDTHxHEIGHT
// [light|dark [DEFICIENCY [ELEMENT]]]]
// DEFICIENCY is one of vision that Chromium simulates, such as deuteranopia; the picture begins at
// ELEMENT, a selector. tools/gallery runs it.
import {createRequire} from 'node:module';
import process from 'node:process';

const require = createRequire(`${process.env.NETLOG_WEB_MODULES}/`);
const {chromium} = require('playwright-core');
const [file, fragment, to, size = '1280x1000', colorScheme = 'light', ...more] =
  process.argv.slice(2);
const [deficiency = '', element = 'body'] = more;
const [width, height] = size.split('x').map(Number);

const browser = await chromium.launch({
  executablePath: process.env.NETLOG_CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});
try {
  const context = await browser.newContext({viewport: {width, height}, colorScheme, offline: true});
  const page = await context.newPage();
  await page.goto(`file://${file}#${fragment}`);
  await page.waitForSelector('html[data-ready="1"]', {state: 'attached', timeout: 30000});
  if (deficiency) {
    const client = await context.newCDPSession(page);
    await client.send('Emulation.setEmulatedVisionDeficiency', {type: deficiency});
  }
  await page.$eval(element, (one) => scrollBy(0, one.getBoundingClientRect().top));
  await page.waitForTimeout(500); // charts are drawn when a zoom pauses
  await page.screenshot({path: to});
} finally {
  await browser.close();
}
