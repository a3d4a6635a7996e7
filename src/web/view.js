// SPDX-License-Identifier: MIT
// What the page shows of the data: a time, a filter, a selected connection. It is in the URL.
'use strict';

page.view = (() => {
  const minSpan = 1e6; // a millisecond

  /** Everything that the user chooses. Listeners learn what has changed. */
  class View {
    /** @param {any} data */
    constructor(data) {
      this.data = data;
      this.from = 0;
      this.to = data.to;
      this.filter = {text: '', process: '', peer: '', port: '', outcome: '', trouble: false};
      this.group = 'process';
      /** Names of states that the chart leaves out. @type {Set<string>} */
      this.hidden = new Set();
      this.selected = -1;
      /** Rows of the filter, in the order of their begin. @type {Int32Array} */
      this.rows = new Int32Array(0);
      /** @type {((what: Set<string>) => void)[]} */
      this.listeners = [];
      /** @type {Set<string>} */
      this.changed = new Set();
      this.readFragment();
      this.changed.clear(); // nothing is drawn yet
    }

    /** Whether all connections of the window are on the page. */
    get isComplete() {
      return this.data.connections.rows === this.data.total;
    }

    get isFiltered() {
      const {text, process, peer, port, outcome, trouble} = this.filter;
      return Boolean(text || process || peer || port || outcome || trouble);
    }

    get isWhole() {
      return this.from === 0 && this.to === this.data.to;
    }

    /** @param {string} what */
    notify(what) {
      if (this.changed.size === 0) requestAnimationFrame(() => this.flush());
      this.changed.add(what);
    }

    flush() {
      const changed = this.changed;
      if (changed.size === 0) return;
      this.changed = new Set();
      for (const listener of this.listeners) listener(changed);
      this.writeFragment();
    }

    /** @param {number} from @param {number} to */
    showTime(from, to) {
      const span = Math.min(this.data.to, Math.max(minSpan, to - from));
      const begin = Math.max(0, Math.min(this.data.to - span, from));
      if (begin === this.from && begin + span === this.to) return;
      this.from = begin;
      this.to = begin + span;
      this.notify('time');
    }

    /** @param {number} factor @param {number} around a time that stays where it is */
    zoom(factor, around = (this.from + this.to) / 2) {
      this.showTime(around - (around - this.from) * factor, around + (this.to - around) * factor);
    }

    /** @param {number} share of what is shown */
    move(share) {
      const by = (this.to - this.from) * share;
      this.showTime(this.from + by, this.to + by);
    }

    /** @param {Record<string, any>} changes */
    setFilter(changes) {
      Object.assign(this.filter, changes);
      this.choose();
      this.notify('filter');
    }

    clearFilter() {
      this.setFilter({text: '', process: '', peer: '', port: '', outcome: '', trouble: false});
    }

    /** @param {string} group */
    setGroup(group) {
      this.group = group === 'peer' ? 'peer' : 'process';
      this.notify('group');
    }

    /** @param {string} state its name */
    toggleState(state) {
      if (!this.hidden.delete(state)) this.hidden.add(state);
      this.notify('hidden');
    }

    /** @param {number} row -1: none */
    select(row) {
      if (row === this.selected) return;
      this.selected = row;
      this.notify('selected');
    }

    /** Sets `rows` by the filter. */
    choose() {
      const {data, filter} = this;
      const tests = [];
      for (const kind of ['process', 'peer']) {
        if (!filter[kind]) continue;
        const {of, labels} = data.groups[kind];
        const wanted = labels.map((label) => label === filter[kind]);
        tests.push((i) => wanted[of[i]]);
      }
      const column = (name) => data.connections.column(name);
      if (filter.port) {
        const port = Number(filter.port);
        const [local, remote] = [column('local_port').values, column('remote_port').values];
        tests.push((i) => local[i] === port || remote[i] === port);
      }
      if (filter.outcome) {
        const outcome = column('outcome');
        const wanted = (outcome.words ?? []).indexOf(filter.outcome);
        tests.push((i) => outcome.values[i] === wanted);
      }
      // As many as the summary counts; with retransmits alone most connections would be shown.
      if (filter.trouble) tests.push((i) => data.severity[i] === 2);
      for (const word of filter.text.toLowerCase().split(/\s+/).filter(Boolean)) {
        tests.push(this.textTest(word));
      }
      const all = Int32Array.from({length: data.connections.rows}, (_, i) => i);
      this.rows = tests.length === 0 ? all : all.filter((i) => tests.every((test) => test(i)));
    }

    /** Whether a row has this text in one of its columns. @param {string} word */
    textTest(word) {
      const {connections, groups} = this.data;
      const texts = [
        'process',
        'script',
        'cmdline',
        'user',
        'container',
        'local_address',
        'remote_address',
        'remote_name',
        'state',
        'outcome',
        'outcome_reason',
        'trouble',
        'direction',
        'protocol',
      ]
        .map((name) => connections.column(name))
        .filter((one) => one.words);
      const found = texts
        .map((one) => ({
          values: one.values,
          has: one.words.map((text) => String(text).toLowerCase().includes(word)),
        }))
        .filter(({has}) => has.includes(true));
      const inPeer = groups.peer.labels.map((label) => label.toLowerCase().includes(word));
      const number = /^\d+$/.test(word) ? Number(word) : -1;
      const numbers =
        number < 0
          ? []
          : ['pid', 'local_port', 'remote_port', 'id'].map(
              (name) => connections.column(name).values,
            );
      return (i) =>
        inPeer[groups.peer.of[i]] ||
        numbers.some((values) => values[i] === number) ||
        found.some(({values, has}) => values[i] !== null && has[values[i]]);
    }

    writeFragment() {
      const parts = new URLSearchParams();
      if (!this.isWhole) parts.set('t', `${Math.round(this.from)}..${Math.round(this.to)}`);
      for (const [name, value] of Object.entries(this.filter)) {
        if (value) parts.set(name, value === true ? '1' : value);
      }
      if (this.group !== 'process') parts.set('by', this.group);
      if (this.hidden.size > 0) parts.set('hide', [...this.hidden].join(' '));
      if (this.selected >= 0) parts.set('c', this.data.connections.column('id').get(this.selected));
      const text = parts.toString();
      if (location.hash.slice(1) !== text) {
        history.replaceState(
          null,
          '',
          text ? `#${text}` : `${location.pathname}${location.search}`,
        );
      }
    }

    readFragment() {
      const parts = new URLSearchParams(location.hash.slice(1));
      const time = /^(-?\d+)\.\.(-?\d+)$/.exec(parts.get('t') ?? '');
      const [from, to] = time ? [Number(time[1]), Number(time[2])] : [0, this.data.to];
      const filter = {};
      for (const name of ['text', 'process', 'peer', 'port', 'outcome']) {
        filter[name] = parts.get(name) ?? '';
      }
      this.showTime(from, to);
      this.setFilter({...filter, trouble: parts.get('trouble') === '1'});
      this.setGroup(parts.get('by') ?? 'process');
      this.hidden = new Set((parts.get('hide') ?? '').split(' ').filter(Boolean));
      this.notify('hidden');
      const id = Number(parts.get('c') ?? NaN);
      this.select(this.data.connections.column('id').values.indexOf(id));
    }

    /** The command that shows what the page shows now. */
    command(report = 'report connections') {
      const {iso, shown} = page.texts;
      const {filter, data} = this;
      // The filter may come from somebody else's link. A character that a terminal would not show
      // as it is becomes `?`, which stands for any.
      const word = (text) =>
        `'${shown(text).replace(/\\u\{[0-9a-f]+\}/g, '?').replace(/'/g, "'\\''")}'`;
      const parts = ['netlog', report, '--since', `${iso(this.from)}..${iso(this.to)}`];
      if (data.filters) parts.push(data.filters);
      if (filter.process && filter.process !== 'unknown process') {
        parts.push('--process', word(filter.process));
      }
      if (filter.peer) {
        const [host, port] = filter.peer.split(' to port ');
        parts.push('--remote', word(host));
        if (port) parts.push('--local-port', String(Number(port)));
      }
      if (filter.port) parts.push('--port', String(Number(filter.port)));
      if (filter.outcome) parts.push('--outcome', word(filter.outcome));
      if (filter.trouble)
        parts.push('--outcome', 'refused,timed_out,reset,unreachable,aborted,unknown');
      if (filter.text) parts.push('| grep -iF --', word(filter.text));
      return parts.join(' ');
    }
  }

  return {View};
})();
