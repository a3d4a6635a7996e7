// SPDX-License-Identifier: MIT
// A page in a real browser: clicks, keys, zoom, filters, links, hostile names, accessibility.
// tools/test-web runs it. The recording is that of tests/unit/report/web_recording_test.cpp.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import test, {after, before} from 'node:test';

const require = createRequire(`${process.env.NETLOG_WEB_MODULES}/`);
const {chromium} = require('playwright-core');
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const url = `file://${process.env.NETLOG_PAGE}`;
const shots = process.env.NETLOG_SHOTS;

/** @type {import('playwright-core').Browser} */
let browser;
/** @type {string[]} */
const complaints = [];

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.NETLOG_CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});
after(() => browser?.close());

/** Opens the page; whatever it complains about or asks for is a failure of the test. */
async function open({width = 1280, height = 1000, colorScheme = 'light', hash = '', ...more} = {}) {
  const context = await browser.newContext({
    viewport: {width, height},
    colorScheme,
    offline: true,
    bypassCSP: false,
    ...more,
  });
  const page = await context.newPage();
  page.on('console', (message) => {
    const ours = /willReadFrequently/.test(message.text()); // lanesHash() reads pixels
    if (['error', 'warning'].includes(message.type()) && !ours) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!/^(file|data):/.test(request.url())) complaints.push(`request: ${request.url()}`);
  });
  await page.goto(url + hash);
  await page.waitForSelector('html[data-ready="1"]', {state: 'attached', timeout: 30000});
  return page;
}

const lanesHash = (page) =>
  page.$eval('#lanes', (canvas) => {
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let hash = 0;
    for (let i = 0; i < data.length; i += 101) hash = (hash * 31 + data[i]) | 0;
    return hash;
  });
const drawn = (page) =>
  page.evaluate(
    () =>
      new Promise((done) =>
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 180))),
      ),
  );
const range = (page) =>
  page.evaluate(() => [window.netlogPage.view.from, window.netlogPage.view.to]);

test('the page states its window, coverage, gaps and counts', async () => {
  const page = await open();
  assert.match(
    await page.textContent('#window'),
    /1970-01-01 00:00:00\.000 to 1970-01-01 00:01:40\.000 UTC/,
  );
  assert.match(await page.textContent('#complete'), /coverage .* %: .*1 gap of 20 s/);
  assert.match(await page.textContent('#facts'), /[1-9]\d* failed or stuck/);
  await page.click('#gaps-summary');
  assert.match(await page.textContent('#gaps-table'), /skipped ticks/);
});

test('the wheel, a drag and the keys choose a time, and Home shows all', async () => {
  const page = await open();
  const whole = await range(page);
  const before = await lanesHash(page);
  await page.hover('#open-chart');
  await page.mouse.wheel(0, -600);
  await drawn(page);
  const zoomed = await range(page);
  assert.ok(zoomed[1] - zoomed[0] < whole[1] - whole[0]);
  assert.notEqual(await lanesHash(page), before);
  assert.match(page.url(), /#t=\d+\.\.\d+/);
  await page.keyboard.press('Home');
  await drawn(page);
  assert.deepEqual(await range(page), whole);
  const box = await page.locator('#open-chart').boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 70, {steps: 4});
  await page.mouse.up();
  await drawn(page);
  const brushed = await range(page);
  assert.ok(brushed[1] - brushed[0] < 0.3 * whole[1]);
  for (const [key, narrower] of [
    ['w', true],
    ['s', false],
  ]) {
    const [from, to] = await range(page);
    await page.keyboard.press(key);
    await drawn(page);
    const [a, b] = await range(page);
    assert.equal(b - a < to - from, narrower, key);
  }
  const [from] = await range(page);
  await page.keyboard.press('a');
  await drawn(page);
  assert.ok((await range(page))[0] < from);
  await page.keyboard.press('ArrowRight');
  await drawn(page);
  assert.ok(Math.abs((await range(page))[0] - from) < 1e6);
  await page.keyboard.press('End');
  await drawn(page);
  assert.equal((await range(page))[1], whole[1]);
});

test('two fingers zoom, one moves, up to the ends', async () => {
  const page = await open({width: 390, height: 800, hasTouch: true, isMobile: true});
  const whole = await range(page);
  await page.locator('#open-chart').scrollIntoViewIfNeeded();
  const box = await page.locator('#open-chart').boundingBox();
  const client = await page.context().newCDPSession(page);
  const touch = async (type, ...shares) => {
    await client.send('Input.dispatchTouchEvent', {
      type,
      touchPoints: shares.map((share, id) => ({
        x: box.x + box.width * share,
        y: box.y + 60,
        id,
      })),
    });
    await drawn(page);
  };
  await touch('touchStart', 0.45, 0.6);
  for (const by of [0.05, 0.1, 0.15, 0.2]) await touch('touchMove', 0.45 - by, 0.6 + by);
  await touch('touchEnd');
  const zoomed = await range(page);
  assert.ok(zoomed[1] - zoomed[0] < 0.4 * whole[1], `${zoomed}`);
  assert.ok(zoomed[0] > whole[0] && zoomed[1] < whole[1], `${zoomed}`);
  await touch('touchStart', 0.6);
  for (const to of [0.56, 0.5, 0.45]) await touch('touchMove', to);
  await touch('touchEnd');
  const moved = await range(page);
  assert.ok(moved[0] > zoomed[0], `${moved}`);
  assert.ok(Math.abs(moved[1] - moved[0] - (zoomed[1] - zoomed[0])) < 1e3, `${moved}`);
  for (let i = 0; i < 3; ++i) {
    await touch('touchStart', 0.4);
    await touch('touchMove', 0.6);
    await touch('touchMove', 0.95);
    await touch('touchEnd');
  }
  assert.equal((await range(page))[0], 0);
});

test('filters choose connections in the table, the lanes and the charts', async () => {
  const page = await open();
  const all = await page.textContent('#count');
  await page.keyboard.press('/');
  await page.keyboard.type('refused');
  await drawn(page);
  assert.notEqual(await page.textContent('#count'), all);
  for (const text of await page.$$eval('#connections tr[data-row]', (rows) =>
    rows.map((row) => row.textContent),
  )) {
    assert.match(text, /refused/);
  }
  assert.match(await page.textContent('#lanes-note'), /connections in \d+ lanes/);
  await page.keyboard.press('Escape'); // leaves the field
  await page.keyboard.press('Escape'); // removes the filter
  await drawn(page);
  assert.equal(await page.textContent('#count'), all);
  await page.selectOption('#process', 'web');
  await drawn(page);
  const processes = await page.$$eval('#connections tr[data-row] td:nth-child(3)', (cells) => [
    ...new Set(cells.map((cell) => cell.textContent)),
  ]);
  assert.deepEqual(processes, ['web']);
  await page.click('#clear');
  await page.check('#trouble');
  await drawn(page);
  assert.match(page.url(), /trouble=1/);
  const [shown] = /^\d+/.exec(await page.textContent('#count'));
  assert.match(await page.textContent('#facts'), new RegExp(`[a-z]${shown} failed or stuck`));
});

test('the charts count what is open as netlog does', async () => {
  const shown = await open();
  const ends = await shown.evaluate(() =>
    ['ofConnections', 'ofWindow'].map((way) =>
      page.series[way](window.netlogPage.view).open.map((counts) => counts.at(-1)),
    ),
  );
  assert.deepEqual(ends[0], ends[1]);
  assert.ok(ends[0].some((count) => count > 0));
});

test('rates are means of a second, and their sum is the count', async () => {
  const page = await open();
  const {opened, rates, seconds} = await page.evaluate(() => {
    const {view, data} = window.netlogPage;
    const {rates, width} = page.series.ofConnections(view);
    const opened = data.rates.column('opened').values.reduce((all, one) => all + one, 0);
    return {opened, rates: [...rates[0]], seconds: width / 1e9};
  });
  assert.ok(opened > 10);
  assert.ok(Math.abs(rates.reduce((all, one) => all + one * seconds, 0) - opened) < 1e-6);
  const changes = rates.filter((rate, i) => i > 0 && rate !== rates[i - 1]).length;
  assert.ok(changes <= seconds * rates.length + 1, `${changes} changes`);
});

test('a state can be left out of the chart', async () => {
  const page = await open();
  const top = () => page.evaluate(() => window.netlogPage.charts.open.yAxisRange()[1]);
  const before = await top();
  await page.click('#legend button:has-text("ESTABLISHED")');
  await drawn(page);
  assert.ok((await top()) < before);
  assert.match(page.url(), /hide=ESTABLISHED/);
  const again = await open({hash: new URL(page.url()).hash});
  assert.equal(
    await again.getAttribute('#legend button:has-text("ESTABLISHED")', 'aria-pressed'),
    'false',
  );
  assert.ok((await again.evaluate(() => window.netlogPage.charts.open.yAxisRange()[1])) < before);
});

test('a link shows the same view again', async () => {
  const page = await open({hash: '#t=10000000000..40000000000&text=refused&by=peer'});
  assert.deepEqual(await range(page), [10e9, 40e9]);
  assert.equal(await page.inputValue('#text'), 'refused');
  assert.equal(await page.inputValue('#group'), 'peer');
});

test('the keyboard alone finds a connection and opens its time line', async () => {
  const page = await open();
  await page.keyboard.press('/');
  await page.keyboard.type('refused');
  await page.keyboard.press('Enter');
  await drawn(page);
  await page.keyboard.press('ArrowDown');
  await drawn(page);
  await page.keyboard.press('Enter');
  await drawn(page);
  const text = await page.textContent('#details');
  assert.match(text, /refused/);
  assert.match(text, /SYN_SENT/);
  assert.match(text, /ended/);
  assert.equal(await page.evaluate(() => document.activeElement.id), 'details-title');
  assert.match(page.url(), /c=\d+/);
  await page.keyboard.press('Escape');
  await drawn(page);
  assert.ok(await page.isHidden('#details'));
});

test('keys: one Esc removes the text, arrows and Home choose rows, R goes to the reports', async () => {
  const page = await open();
  const selected = () => page.evaluate(() => window.netlogPage.view.selected);
  const focus = () => page.evaluate(() => document.activeElement.closest('[id]').id);
  const all = await page.evaluate(() => window.netlogPage.data.connections.rows);
  await page.keyboard.press('/');
  await page.keyboard.type('refused');
  await page.keyboard.press('Escape');
  await drawn(page);
  assert.equal(await page.evaluate(() => window.netlogPage.view.rows.length), all);
  assert.equal(await page.inputValue('#text'), '');
  assert.equal(await focus(), 'connections');
  await page.keyboard.press('End');
  const last = await selected();
  await page.keyboard.press('Home');
  const first = await selected();
  assert.notEqual(first, last);
  assert.equal(await page.evaluate(() => window.netlogPage.view.isWhole), true);
  await page.keyboard.press('Enter');
  await drawn(page);
  assert.equal(await focus(), 'details-title');
  await page.keyboard.press('ArrowDown');
  await drawn(page);
  assert.notEqual(await selected(), first);
  await page.keyboard.press('r');
  assert.equal(await focus(), 'report-overview');
  await page.keyboard.press('?');
  assert.ok(await page.isVisible('#keys'));
  await page.keyboard.press('Escape');
  assert.ok(await page.isHidden('#keys'));
});

test('the table shows first what failed or is stuck', async () => {
  const page = await open();
  const [first, bad] = await page.evaluate(() => {
    const {table, data} = window.netlogPage;
    return [data.severity[table.order[0]], data.severity.filter((one) => one === 2).length];
  });
  assert.equal(first, 2);
  assert.match(await page.textContent('#count'), new RegExp(`, ${bad} failed or stuck first$`));
});

test('a click on a lane opens the time line, one on a group chooses it', async () => {
  const page = await open();
  const place = await page.evaluate(() => {
    const {lanes, view, charts} = window.netlogPage;
    const group = lanes.groups[0];
    const {row, lane} = group.lanes[0];
    const {x, w} = charts.area();
    const {began, end} = view.data.lines;
    const middle = ((began[row] + end[row]) / 2 - view.from) / (view.to - view.from);
    return {
      x: x + middle * w,
      y: group.top + 20 + (lane + 0.4) * lanes.laneHeight,
      head: group.top + 8,
    };
  });
  await page.click('#lanes-box', {position: {x: place.x, y: place.y}});
  await drawn(page);
  assert.ok(await page.isVisible('#details'));
  await page.click('#lanes-box', {position: {x: 200, y: place.head}});
  await drawn(page);
  assert.notEqual(await page.inputValue('#process'), '');
});

test('what is unknown and what is open says so', async () => {
  const page = await open();
  await page.fill('#text', 'nobody-knows-its-begin');
  await drawn(page);
  await page.click('#connections tr[data-row]');
  await drawn(page);
  const text = await page.textContent('#details');
  assert.match(text, /it was there before the recorder/);
  assert.match(text, /not before the end of the window/);
  await page.fill('#text', '8443');
  await drawn(page);
  await page.click('#connections tr[data-row]');
  await drawn(page);
  assert.match(await page.textContent('#details'), /unknown: not_permitted/);
});

test('a column sorts, and a report filters its rows', async () => {
  const page = await open();
  await page.click('#connections th:has-text("lasted") button');
  assert.equal(
    await page.getAttribute('#connections th:has-text("lasted")', 'aria-sort'),
    'descending',
  );
  await page.click('#report-failed summary');
  await page.waitForSelector('#report-failed tbody tr[data-row]');
  assert.ok((await page.locator('#report-failed tbody tr[data-row]').count()) > 0);
});

test('a script has its own name, not that of its interpreter', async () => {
  const page = await open({hash: '#process=orders-api.py'});
  assert.match(await page.textContent('#count'), /^1 of /);
  assert.equal(
    await page.textContent('#connections tr[data-row] td:nth-child(3)'),
    'orders-api.py',
  );
  assert.match(await page.evaluate(() => window.netlogPage.view.command()), /'orders-api\.py'$/);
});

test('names are text, whatever is in them', async () => {
  const page = await open();
  await page.fill('#text', 'onerror');
  await drawn(page);
  assert.ok(
    (await page
      .locator('#connections td:has-text("</script><img src=x onerror=alert(1)>")')
      .count()) > 0,
  );
  assert.equal(await page.locator('img, svg, iframe').count(), 0);
  await page.fill('#text', 'gnp.exe');
  await drawn(page);
  assert.match(await page.textContent('#connections tbody'), /\\u\{202e\}gnp\.exe/);
  await page.fill('#text', 'yyyyyyyyyy');
  await drawn(page);
  await page.click('#connections tr[data-row]');
  await drawn(page);
  assert.ok(await page.isVisible('#details'));
});

test('the command for the view is one line of netlog', async () => {
  const page = await open({hash: '#t=10000000000..40000000000&process=web&outcome=refused'});
  const command = await page.evaluate(() => window.netlogPage.view.command());
  assert.match(
    command,
    /^netlog report connections --since 1970-01-01T00:00:10\.000000000Z\.\.\S+ --process 'web' --outcome 'refused'$/,
  );
});

test('a link brings no other command into the copied one', async () => {
  const hostile = "x'\x03\n; touch it; '";
  const names = ['text', 'process', 'peer', 'port', 'outcome'];
  const parts = new URLSearchParams(names.map((name) => [name, hostile]));
  parts.set('peer', `${hostile} to port ${hostile}`);
  const page = await open({hash: `#${parts}`});
  const command = await page.evaluate(() => window.netlogPage.view.command());
  assert.match(command, /touch it/);
  assert.doesNotMatch(command, /[\x00-\x1f]/);
  const functions = 'netlog() { :; }; grep() { :; }; touch() { echo "another command ran"; }; ';
  assert.equal(execFileSync('sh', ['-c', functions + command], {encoding: 'utf8'}), '');
});

test('the theme toggles', async () => {
  const page = await open({colorScheme: 'dark'});
  assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
  await page.click('#theme');
  assert.equal(await page.getAttribute('html', 'data-theme'), 'light');
});

for (const [width, colorScheme] of [
  [360, 'light'],
  [360, 'dark'],
  [1280, 'light'],
  [1280, 'dark'],
  [3840, 'light'],
]) {
  test(`at ${width} px, ${colorScheme}: nothing is too wide, axe finds nothing`, async () => {
    const page = await open({
      width,
      height: width < 500 ? 740 : 1000,
      colorScheme,
      reducedMotion: 'reduce',
    });
    assert.equal(
      await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
      true,
    );
    for (const details of await page.$$('details'))
      await details.evaluate((one) => (one.open = true));
    await page.evaluate(() => window.netlogPage.view.select(window.netlogPage.view.rows[2]));
    await drawn(page);
    assert.equal(
      await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
      true,
    );
    await page.evaluate(axe + ';0');
    const found = await page.evaluate(async () =>
      (await window.axe.run()).violations.map(
        (one) =>
          `${one.id}: ${one.nodes
            .slice(0, 3)
            .map((node) => `${node.html.slice(0, 160)} ${node.failureSummary}`)
            .join(' | ')}`,
      ),
    );
    assert.deepEqual(found, []);
    if (shots)
      await page.screenshot({path: `${shots}/${width}-${colorScheme}.png`, fullPage: true});
  });
}

/** CIELAB of the colours of the states, as people with such a vision see them. */
async function seenColours(page, deficiency) {
  const client = await page.context().newCDPSession(page);
  await client.send('Emulation.setEmulatedVisionDeficiency', {type: deficiency});
  const [png, places] = [
    await page.screenshot(),
    await page.$$eval('#all-states > div', (boxes) =>
      boxes.map((box) => {
        const {left, top} = box.getBoundingClientRect();
        return [left + 10, top + 10];
      }),
    ),
  ];
  await client.detach();
  const blank = await page.context().newPage(); // the policy of the page does not allow images
  const colours = await blank.evaluate(
    async ([data, at]) => {
      const image = new Image();
      image.src = `data:image/png;base64,${data}`;
      await image.decode();
      const context = new OffscreenCanvas(image.width, image.height).getContext('2d');
      context.drawImage(image, 0, 0);
      return at.map(([x, y]) => [...context.getImageData(x, y, 1, 1).data]);
    },
    [png.toString('base64'), places],
  );
  await blank.close();
  return colours.map((rgb) => {
    const linear = (value) =>
      value <= 0.04045 * 255 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = rgb.slice(0, 3).map(linear);
    const root = (t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
    const x = root((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
    const y = root(0.2126 * r + 0.7152 * g + 0.0722 * b);
    const z = root((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
  });
}

for (const colorScheme of ['light', 'dark']) {
  test(`states differ for colour-blind people, ${colorScheme}`, async () => {
    const page = await open({colorScheme});
    const states = await page.evaluate(() => {
      const all = document.createElement('div');
      all.id = 'all-states';
      all.style.cssText = 'position: fixed; inset: 0; z-index: 99';
      for (const number of page.data.states.keys()) {
        const box = document.createElement('div');
        box.style.cssText = `height: 24px; background: var(--state-${number})`;
        all.append(box);
      }
      document.body.append(all);
      return page.data.states;
    });
    // In charts, which have no patterns, these stand side by side.
    const frequent = ['ESTABLISHED', 'SYN_SENT', 'FIN_WAIT_2', 'CLOSE_WAIT', 'TIME_WAIT'];
    const absent = ['CLOSED', 'DELETE_TCB', 'LISTEN', 'unknown']; // from the lanes, or not a state
    for (const vision of ['none', 'deuteranopia', 'protanopia', 'tritanopia', 'achromatopsia']) {
      const seen = await seenColours(page, vision);
      states.forEach((a, i) =>
        states.slice(i + 1).forEach((b, after) => {
          if (absent.includes(a.name) || absent.includes(b.name)) return;
          const areFrequent = frequent.includes(a.name) && frequent.includes(b.name);
          if (a.pattern !== b.pattern && !areFrequent) return;
          const far = Math.hypot(...seen[i].map((value, k) => value - seen[i + 1 + after][k]));
          assert.ok(far >= 8.5, `${vision}: ${a.name} and ${b.name} differ by ${far.toFixed(1)}`);
        }),
      );
    }
  });
}

test('no browser complained, and nothing was asked of a network', () =>
  assert.deepEqual(complaints, []));
