// SPDX-License-Identifier: MIT
// Puts the page together: the summary, the filters, the keys.
'use strict';

page.main = (() => {
  const {byId, count, duration, moment, element, shown} = page.texts;
  const {states} = page.data;

  /** A note at the pointer. */
  class Tip {
    constructor() {
      this.box = byId('tip');
    }

    /** @param {PointerEvent} event @param {string[]} lines */
    show(event, lines) {
      this.box.replaceChildren(
        ...lines.map((line) =>
          element('div', {}, line.length > 120 ? `${line.slice(0, 120)}…` : line),
        ),
      );
      this.box.hidden = false;
      const {offsetWidth, offsetHeight} = this.box;
      const left = Math.min(innerWidth - offsetWidth - 8, event.clientX + 14);
      const below = event.clientY + 16 + offsetHeight < innerHeight;
      this.box.style.left = `${Math.max(4, left)}px`;
      const top = below ? event.clientY + 16 : Math.max(4, event.clientY - offsetHeight - 8);
      this.box.style.top = `${top}px`;
    }

    hide() {
      this.box.hidden = true;
    }
  }

  /** @param {string} text */
  function say(text) {
    byId('status').textContent = text;
  }

  async function copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
      say(`${what} is copied: ${text}`);
    } catch {
      say(`${what}: ${text}`); // to be copied by hand
    }
  }

  /** How complete it is, in the words of a report. */
  function completeText({completeness: of}) {
    const reasons = of.gap_reasons.map((one) => shown(one.reason)).join(', ');
    const parts = [];
    if (of.percent === null) parts.push('coverage unknown: nobody counted the opens of the kernel');
    else {
      parts.push(
        `coverage ${Number(of.percent.toFixed(2))} %: ` +
          `${count(of.recorded_opens)} of ${count(of.kernel_opens)} opens that the kernel counted`,
      );
    }
    if (of.uncounted_ns > 0) parts.push(`${duration(of.uncounted_ns)} without such a count`);
    parts.push(
      of.gaps === 0
        ? 'no gaps'
        : `${count(of.gaps)} ${of.gaps === 1 ? 'gap' : 'gaps'} of ` +
            `${duration(of.gaps_ns)} together (${reasons})`,
    );
    if (of.note) parts.push(...shown(of.note).split(' | '));
    return parts.join('; ') + '.';
  }

  function summary(data, view) {
    const {completeness: of, sessions, connections, severity} = data;
    document.title = data.host ? `netlog: ${shown(data.host)}` : 'netlog';
    byId('title').textContent = data.host ? shown(data.host) : 'netlog';
    byId('window').textContent =
      `${moment(of.from_ns)} to ${moment(of.to_ns)} UTC, ${duration(of.to_ns - of.from_ns)}` +
      (data.filters ? `; filters: ${shown(data.filters)}` : '');
    byId('complete').textContent = completeText(data);
    const bad = severity.reduce((sum, one) => sum + (one === 2 ? 1 : 0), 0);
    let open = 0;
    const outcome = connections.column('outcome');
    for (let i = 0; i < connections.rows; ++i) open += outcome.get(i) === 'open' ? 1 : 0;
    const part = view.isComplete ? '' : ' on the page';
    const processes = new Set(data.groups.process.of).size;
    const peers = data.groups.peer.labels.length;
    const facts = [
      [count(data.total), data.total === 1 ? 'connection' : 'connections', null],
      [count(bad), `failed or stuck${part}`, () => view.setFilter({trouble: true})],
      [count(open), `open or listening at the end${part}`, () => view.setFilter({outcome: 'open'})],
      [
        count(processes),
        `${processes === 1 ? 'process' : 'processes'}${part}`,
        () => view.setGroup('process'),
      ],
      [
        count(peers),
        `${peers === 1 ? 'peer' : 'peers'}${part}`,
        () => view.setGroup('peer'),
      ],
      [count(data.gaps.rows), data.gaps.rows === 1 ? 'gap' : 'gaps', null],
    ];
    for (const [number, what, click] of facts) {
      const inside = [element('b', {}, number), element('span', {}, ` ${what}`)];
      const item = click
        ? element('button', {type: 'button'}, ...inside)
        : element('span', {}, ...inside);
      if (click) item.addEventListener('click', click);
      byId('facts').append(element('li', {}, item));
    }
    if (!view.isComplete) {
      const note = byId('left-out');
      note.hidden = false;
      const rest =
        `netlog html --limit ${data.total}${data.filters ? ` ${data.filters}` : ''} ` +
        `--since ${page.texts.iso(of.from_ns)}..${page.texts.iso(of.to_ns)} -o all.html`;
      note.append(
        `The page has ${count(connections.rows)} of ${count(data.total)} connections: those ` +
          'that failed or are stuck, and an even sample of the others. Charts without a filter ' +
          'count all of them. All connections: ',
        element('code', {}, shown(rest)),
      );
    }
    const last = sessions.rows - 1;
    const get = (name) => (last < 0 ? null : sessions.column(name).get(last));
    byId('footer').textContent =
      last < 0
        ? ''
        : `Recorded by netlog ${get('netlog_version')} on ${get('os')} ${get('kernel')}, from ` +
          `${get('sources')}, each ${duration(get('interval_ns'))}.` +
          (get('redacted') ? ` Replaced by pseudonyms: ${get('redacted')}.` : '') +
          ` Made by netlog ${shown(data.netlog)}. Charts by dygraphs (MIT).`;
    byId('gaps-summary').textContent =
      data.gaps.rows === 0
        ? 'No gaps'
        : `${count(data.gaps.rows)} ${data.gaps.rows === 1 ? 'gap' : 'gaps'} as a table`;
    if (data.gaps.rows > 0) page.tables.plain(byId('gaps-table'), data.gaps, true);
  }

  /** The states, each a button that leaves it out of the chart, and the marks. */
  function legend(data, view) {
    const used = new Set();
    const {state: entered, firstState} = data.lines;
    for (let s = 0; s < firstState[firstState.length - 1]; ++s) used.add(entered[s]);
    for (const word of data.open.column('state').words ?? []) used.add(page.data.stateNumber(word));
    states.forEach((state, number) => {
      if (!used.has(number)) return;
      const swatch = element('i', {className: `swatch ${state.pattern}`, 'aria-hidden': 'true'});
      swatch.style.backgroundColor = `var(--state-${number})`;
      const button = element('button', {type: 'button'}, swatch, state.name);
      button.addEventListener('click', () => view.toggleState(state.name));
      const show = () => button.setAttribute('aria-pressed', String(!view.hidden.has(state.name)));
      view.listeners.push((changed) => changed.has('hidden') && show());
      show();
      byId('legend').append(element('span', {role: 'listitem'}, button));
    });
    const others = [
      ['mark-trouble', '×', 'failed or reset'],
      ['mark-trouble', '!', 'stuck in a state'],
      ['mark-earlier', '◀', 'there before the recorder'],
      ['mark-bound', '|–', 'error bound'],
      ['mark-gap', '', 'gap of the recorder'],
    ];
    for (const [name, sign, text] of others) {
      byId('legend').append(
        element(
          'span',
          {role: 'listitem'},
          element('i', {className: `swatch ${name}`, 'aria-hidden': 'true'}, sign),
          text,
        ),
      );
    }
  }

  /** Words with how often they occur, the most frequent first. */
  function ranked(of, labels) {
    const counts = new Float64Array(labels.length);
    for (const number of of) if (number >= 0) counts[number] += 1;
    return labels
      .map((label, number) => ({label: String(label), count: counts[number]}))
      .filter((one) => one.count > 0)
      .sort((a, b) => b.count - a.count)
      .slice(0, 500);
  }

  function fillSelect(select, entries) {
    const {value} = select;
    select.replaceChildren(
      element('option', {value: ''}, 'all'),
      ...entries.map((one) =>
        element('option', {value: one.label}, `${one.label.slice(0, 80)} (${count(one.count)})`),
      ),
    );
    setSelect(select, value);
  }

  /** @param {any} select @param {string} value one that may not be among the most frequent */
  function setSelect(select, value) {
    if (value && ![...select.options].some((option) => option.value === value)) {
      select.append(element('option', {value}, value.slice(0, 80)));
    }
    select.value = value;
  }

  /** What the filters offer. @param {any} data */
  function fillFilters({connections, groups}) {
    fillSelect(byId('process'), ranked(groups.process.of, groups.process.labels));
    fillSelect(byId('peer'), ranked(groups.peer.of, groups.peer.labels));
    const service = connections.column('direction');
    const [local, remote] = [
      connections.column('local_port').values,
      connections.column('remote_port').values,
    ];
    const ports = new Map();
    for (let i = 0; i < connections.rows; ++i) {
      const port = service.get(i) === 'outbound' ? remote[i] : local[i];
      if (port) ports.set(port, (ports.get(port) ?? 0) + 1);
    }
    fillSelect(
      byId('port'),
      [...ports]
        .map(([port, number]) => ({label: String(port), count: number}))
        .sort((a, b) => b.count - a.count)
        .slice(0, 300),
    );
    const outcome = connections.column('outcome');
    fillSelect(
      byId('outcome'),
      ranked(
        outcome.values.map((value) => value ?? -1),
        outcome.words ?? [],
      ),
    );
  }

  function filters(view) {
    for (const name of ['process', 'peer', 'port', 'outcome']) {
      byId(name).addEventListener('change', () => view.setFilter({[name]: byId(name).value}));
    }
    let timer = 0;
    byId('text').addEventListener('input', () => {
      clearTimeout(timer);
      timer = setTimeout(() => view.setFilter({text: byId('text').value}), 80);
    });
    byId('trouble').addEventListener('change', () =>
      view.setFilter({trouble: byId('trouble').checked}),
    );
    byId('clear').addEventListener('click', () => view.clearFilter());
    byId('filters').addEventListener('submit', (event) => event.preventDefault());
    const show = () => {
      const {filter} = view;
      if (byId('text').value !== filter.text) byId('text').value = filter.text;
      for (const name of ['process', 'peer', 'port', 'outcome'])
        setSelect(byId(name), filter[name]);
      byId('trouble').checked = filter.trouble;
      byId('clear').disabled = !view.isFiltered;
      byId('group').value = view.group;
    };
    view.listeners.push((changed) => {
      if (changed.has('filter') || changed.has('group')) show();
    });
    byId('group').addEventListener('change', () => view.setGroup(byId('group').value));
    show();
  }

  function setTheme(theme, view) {
    document.documentElement.dataset.theme = theme;
    byId('theme').textContent = theme === 'dark' ? 'Light' : 'Dark';
    byId('theme').setAttribute('aria-pressed', String(theme === 'dark'));
    view?.notify('theme');
  }

  /** Shows or hides the list of keys. */
  function showKeys() {
    const isHidden = (byId('keys').hidden = !byId('keys').hidden);
    byId('show-keys').setAttribute('aria-expanded', String(!isHidden));
  }

  function keys(view, table) {
    addEventListener('keydown', (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const inField = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
      if (event.key === 'Escape') {
        if (inField && event.target.id === 'text') {
          view.setFilter({text: ''});
          byId('connections').focus();
        } else if (!byId('keys').hidden) showKeys();
        else if (view.selected >= 0) view.select(-1);
        else if (view.isFiltered) view.clearFilter();
        return;
      }
      if (event.key === 'Enter' && event.target.id === 'text') byId('connections').focus();
      if (inField) return;
      const isAtDetails = event.target.id === 'details-title';
      const actions = {
        w: () => view.zoom(0.6),
        '+': () => view.zoom(0.6),
        s: () => view.zoom(1 / 0.6),
        '-': () => view.zoom(1 / 0.6),
        a: () => view.move(-0.2),
        d: () => view.move(0.2),
        ArrowLeft: () => view.move(-0.2),
        ArrowRight: () => view.move(0.2),
        Home: () => view.showTime(0, view.data.to),
        End: () => view.showTime(view.data.to * 0.9, view.data.to),
        '/': () => byId('text').focus(),
        r: () => byId('reports').querySelector('summary')?.focus(),
        '?': showKeys,
        ...(isAtDetails ? {ArrowDown: () => table.step(1), ArrowUp: () => table.step(-1)} : {}),
      };
      const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!action) return;
      event.preventDefault();
      action();
    });
    byId('zoom-in').addEventListener('click', () => view.zoom(0.6));
    byId('zoom-out').addEventListener('click', () => view.zoom(1 / 0.6));
    byId('whole').addEventListener('click', () => view.showTime(0, view.data.to));
    byId('show-keys').addEventListener('click', showKeys);
    byId('close-details').addEventListener('click', () => {
      view.select(-1);
      byId('connections').focus();
    });
    byId('copy-link').addEventListener('click', () => copy(location.href, 'The link'));
    byId('copy-command').addEventListener('click', () => copy(view.command(), 'The command'));
    addEventListener('beforeprint', () => {
      table.all = true;
      table.draw(true);
    });
    addEventListener('afterprint', () => {
      table.all = false;
      table.draw(true);
    });
  }

  function openDetails() {
    byId('details').scrollIntoView({block: 'nearest'});
    byId('details-title').focus();
  }

  async function start() {
    const began = performance.now();
    const data = await page.data.load();
    const loaded = performance.now();
    const dark = matchMedia('(prefers-color-scheme: dark)');
    setTheme(dark.matches ? 'dark' : 'light');
    const view = new page.view.View(data);
    const tip = new Tip();
    summary(data, view);
    legend(data, view);
    filters(view);
    const charts = new page.charts.Charts(view, tip);
    const lanes = new page.lanes.Lanes(view, charts, tip);
    const table = page.tables.showConnections(view, openDetails);
    keys(view, table);
    byId('series-details').addEventListener('toggle', () => charts.fillTable());
    byId('theme').addEventListener('click', () =>
      setTheme(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark', view),
    );
    dark.addEventListener('change', () => setTheme(dark.matches ? 'dark' : 'light', view));
    const showRange = () => {
      byId('range').textContent =
        `${moment(view.from)} to ${moment(view.to)} UTC, ${duration(view.to - view.from)}` +
        (charts.series.isExact
          ? ''
          : '; with this filter, charts count only connections on the page');
    };
    view.listeners.push((changed) => {
      if (changed.has('selected')) page.details.draw(view);
      showRange();
    });
    let width = innerWidth;
    addEventListener('resize', () => {
      if (width === innerWidth) return;
      width = innerWidth;
      charts.resize();
      lanes.resize();
      table.draw(true);
    });
    addEventListener('hashchange', () => view.readFragment());
    lanes.draw();
    page.details.draw(view);
    if (view.selected >= 0) table.show(view.selected);
    showRange();
    page.state = {
      data,
      view,
      charts,
      lanes,
      table,
      times: {load: loaded - began, all: performance.now()},
    };
    window.netlogPage = page.state;
    document.documentElement.dataset.ready = '1';
    // Nobody needs these at once.
    fillFilters(data);
    page.tables.showReports(data, await page.data.loadReports());
  }

  start().catch((error) => {
    say(`This page cannot be shown: ${error.message}. It needs a browser of 2023 or newer.`);
    throw error;
  });
})();
