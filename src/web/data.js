// SPDX-License-Identifier: MIT
// Reads the data of the page (docs/topics/pages.md) into arrays.
'use strict';

page.data = (() => {
  const {shown, setBase} = page.texts;

  /** States in the order in which charts stack them, with their patterns in lanes. */
  const states = [
    {name: 'ESTABLISHED', pattern: ''},
    {name: 'SYN_SENT', pattern: 'dots'},
    {name: 'SYN_RECEIVED', pattern: 'dots'},
    {name: 'FIN_WAIT_1', pattern: 'rising'},
    {name: 'FIN_WAIT_2', pattern: 'rising'},
    {name: 'CLOSE_WAIT', pattern: 'falling'},
    {name: 'CLOSING', pattern: 'cross'},
    {name: 'LAST_ACK', pattern: 'cross'},
    {name: 'TIME_WAIT', pattern: 'rows'},
    {name: 'UDP', pattern: ''},
    {name: 'CLOSED', pattern: ''},
    {name: 'DELETE_TCB', pattern: ''},
    {name: 'LISTEN', pattern: ''},
    {name: 'unknown', pattern: 'cross'},
  ];
  const stateNumbers = new Map(states.map((state, number) => [state.name, number]));
  const unknown = states.length - 1;
  /** @param {any} name */
  const stateNumber = (name) => stateNumbers.get(name) ?? unknown;

  /** The object in an element: JSON, packed by zlib's deflate and base64. @param {string} id */
  async function unpack(id) {
    const {data} = JSON.parse(document.getElementById(id).textContent);
    const binary = atob(data);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; ++i) bytes[i] = binary.charCodeAt(i);
    const {readable, writable} = new DecompressionStream('deflate');
    const writer = writable.getWriter();
    writer.write(bytes).catch(() => {}); // the reader fails, too
    writer.close().catch(() => {});
    return new Response(readable).json();
  }

  /** A column of a table. `get` is the value of a row, or null. */
  class Column {
    /** @param {any} json */
    constructor(json) {
      Object.assign(this, {name: json.name, title: json.title, unit: json.unit});
      /** @type {any[]|undefined} */
      this.words = json.words?.map((word) => (typeof word === 'string' ? shown(word) : word));
      /** As given: a program's name may have characters that people should not see. */
      this.rawWords = json.words;
      /** @type {(number|null)[]} */
      this.values = json.values;
    }

    /** @param {number} row */
    get(row) {
      const value = this.values[row];
      return this.words && value !== null ? this.words[value] : value;
    }
  }

  /** @param {any} json */
  function table(json) {
    const columns = json.columns.map((column) => new Column(column));
    const named = new Map(columns.map((column) => [column.name, column]));
    return {
      name: json.name,
      title: shown(json.title),
      rows: json.rows,
      total: json.total,
      more: json.has_more,
      columns,
      /** @param {Column} column */
      add: (column) => named.set(column.name, column),
      /** @param {string} name @returns {Column} */
      column: (name) => named.get(name) ?? new Column({name, title: name, unit: '', values: []}),
    };
  }

  /** The connections in arrays: begin, end, and the states of each one after another. */
  function timeLines(connections, events, to) {
    const rows = connections.rows;
    const began = Float64Array.from(connections.column('began_ns').values);
    const ended = connections.column('ended_ns').values;
    const seen = connections.column('last_seen_ns').values;
    const direction = connections.column('direction');
    const protocol = connections.column('protocol');
    const end = new Float64Array(rows);
    const isOpen = new Uint8Array(rows); // nobody saw its end
    const isListener = new Uint8Array(rows);
    const isUdp = new Uint8Array(rows);
    for (let i = 0; i < rows; ++i) {
      isOpen[i] = ended[i] === null ? 1 : 0;
      end[i] = ended[i] ?? Math.min(to, Math.max(began[i], seen[i] ?? to));
      isListener[i] = direction.get(i) === 'listen' ? 1 : 0;
      isUdp[i] = protocol.get(i) === 'udp' ? 1 : 0;
    }
    const owner = events.column('connection').values;
    const after = events.column('after_ns').values;
    const kind = events.column('kind');
    const entered = events.column('new');
    const numbers = (entered.words ?? []).map(stateNumber);
    const kinds = (kind.words ?? []).map((word) => ['present', 'open', 'state'].includes(word));
    const isClose = (kind.words ?? []).map((word) => word === 'close');
    const firstEvent = new Uint32Array(rows + 1);
    const firstState = new Uint32Array(rows + 1);
    const from = new Float64Array(events.rows + rows);
    const until = new Float64Array(events.rows + rows);
    const state = new Uint8Array(events.rows + rows);
    let at = 0;
    let used = 0;
    for (let i = 0; i < rows; ++i) {
      firstEvent[i] = at;
      firstState[i] = used;
      let isClosed = false;
      for (; at < events.rows && owner[at] === i; ++at) {
        const enters = kinds[kind.values[at]];
        if (!enters && !isClose[kind.values[at]]) continue;
        const time = began[i] + after[at];
        if (used > firstState[i]) until[used - 1] = Math.max(from[used - 1], time);
        if (enters) {
          from[used] = time;
          state[used] =
            entered.values[at] === null
              ? isUdp[i]
                ? stateNumber('UDP')
                : unknown
              : numbers[entered.values[at]];
          until[used] = Math.max(time, end[i]);
          used += 1;
        } else {
          end[i] = Math.max(end[i], time); // TIME_WAIT goes on after the end
          isClosed = true;
        }
      }
      if (used === firstState[i]) {
        from[used] = began[i];
        until[used] = end[i];
        state[used] = isUdp[i] ? stateNumber('UDP') : unknown;
        used += 1;
      }
      // The last state lasts until its end, or as long as it was seen: TIME_WAIT may have no end.
      if (!isClosed) {
        until[used - 1] = Math.max(until[used - 1], end[i], Math.min(to, seen[i] ?? to));
      }
      end[i] = Math.max(end[i], until[used - 1]);
    }
    firstEvent[rows] = at;
    firstState[rows] = used;
    return {began, end, isOpen, isListener, isUdp, firstEvent, firstState, from, until, state};
  }

  /** The longest stay of each connection in a state that should be short, as a place in `from`, or
   * -1 where it is shorter than five seconds. */
  function stuckStates(lines, rows) {
    const short = new Set([
      'SYN_SENT',
      'SYN_RECEIVED',
      'FIN_WAIT_1',
      'CLOSE_WAIT',
      'CLOSING',
      'LAST_ACK',
    ]);
    const isShort = states.map((state) => short.has(state.name));
    const stuck = new Int32Array(rows).fill(-1);
    for (let i = 0; i < rows; ++i) {
      let longest = 5e9;
      for (let s = lines.firstState[i]; s < lines.firstState[i + 1]; ++s) {
        const stay = lines.until[s] - lines.from[s];
        if (isShort[lines.state[s]] && stay >= longest) [longest, stuck[i]] = [stay, s];
      }
    }
    return stuck;
  }

  /** The peer of each connection, as a number, and the texts of the numbers. */
  function peers(connections) {
    const [address, name, direction] = ['remote_address', 'remote_name', 'direction'].map(
      (column) => connections.column(column),
    );
    const [local, remote] = ['local_port', 'remote_port'].map((column) =>
      connections.column(column),
    );
    const numbers = new Map();
    const labels = [];
    const of = new Int32Array(connections.rows);
    for (let i = 0; i < connections.rows; ++i) {
      const inbound = direction.get(i) !== 'outbound';
      const host = name.values[i] ?? -1;
      const port = (inbound ? local : remote).values[i] ?? 0;
      const far = host >= 0 ? host : (address.values[i] ?? -1) + 1;
      const key = ((far * 2 + (host >= 0 ? 1 : 0)) * 2 + (inbound ? 1 : 0)) * 65536 + port;
      let number = numbers.get(key);
      if (number === undefined) {
        number = labels.length;
        numbers.set(key, number);
        const text = String(host >= 0 ? name.get(i) : (address.get(i) ?? 'no peer'));
        const bracketed = text.includes(':') && host < 0 ? `[${text}]` : text;
        labels.push(
          direction.get(i) === 'listen'
            ? `listens at port ${port}`
            : inbound
              ? `${text} to port ${port}`
              : `${bracketed}:${port}`,
        );
      }
      of[i] = number;
    }
    return {of, labels};
  }

  /** The process of each connection, as a number: those of one name or script are one. */
  function processes(connections) {
    const column = connections.column('program');
    const labels = [...(column.words ?? []), 'unknown process'];
    const last = labels.length - 1;
    const of = Int32Array.from({length: connections.rows}, (_, i) => column.values[i] ?? last);
    return {of, labels};
  }

  /** Gives each connection the columns of its process. */
  function addOwners(connections, owners) {
    const places = new Map(owners.column('id').values.map((id, place) => [id, place]));
    const rows = connections.column('process_id').values.map((id) => places.get(id) ?? -1);
    for (const [name, title] of [
      ['name', 'process'],
      ['pid', 'pid'],
      ['script', 'script'],
      ['cmdline', 'command line'],
      ['user', 'user'],
      ['container', 'container'],
    ]) {
      const {words, values, unit} = owners.column(name);
      connections.add(
        new Column({
          name: name === 'name' ? 'process' : name,
          title,
          unit,
          words,
          values: rows.map((row) => (row < 0 ? null : values[row])),
        }),
      );
    }
    // People know an interpreter by the script that it runs.
    const [names, scripts] = ['name', 'script'].map((name) => owners.column(name));
    const programs = Array.from({length: owners.rows}, (_, i) => scripts.get(i) ?? names.get(i));
    const words = [...new Set(programs.filter((one) => one !== null))];
    const numbers = new Map(words.map((word, place) => [word, place]));
    const values = rows.map((row) => (row < 0 ? null : (numbers.get(programs[row]) ?? null)));
    connections.add(new Column({name: 'program', title: 'process', unit: '', words, values}));
  }

  // Begins before the other scripts of the page are read.
  const packed = unpack('netlog-data');

  /** Reads everything but the reports. */
  async function load() {
    const json = await packed;
    setBase(json.base_ns);
    const tables = new Map(json.tables.map((one) => [one.name, table(one)]));
    const to = Math.max(1e6, json.completeness.to_ns);
    const connections = tables.get('connections');
    const events = tables.get('events');
    addOwners(connections, tables.get('processes'));
    const trouble = connections.column('trouble');
    const mild = new Set(['retransmits']);
    const severity = (trouble.words ?? []).map((word) => (mild.has(word) ? 1 : 2));
    const lines = timeLines(connections, events, to);
    const stuck = stuckStates(lines, connections.rows);
    const bad = Uint8Array.from(trouble.values, (word) => (word === null ? 0 : severity[word]));
    return {
      ...json,
      stuck,
      /** Why a connection is marked; empty: it is not. @param {number} i */
      trouble: (i) =>
        [
          ...(trouble.values[i] === null ? [] : [trouble.get(i)]),
          ...(stuck[i] < 0
            ? []
            : [
                `${states[lines.state[stuck[i]]].name} for ` +
                  page.texts.duration(lines.until[stuck[i]] - lines.from[stuck[i]]),
              ]),
        ].join(', '),
      to,
      connections,
      events,
      gaps: tables.get('gaps'),
      sessions: tables.get('sessions'),
      open: tables.get('open'),
      rates: tables.get('rates'),
      total: json.connections,
      lines,
      groups: {process: processes(connections), peer: peers(connections)},
      hasFailed: bad,
      severity: bad.map((one, i) => (stuck[i] >= 0 ? 2 : one)),
    };
  }

  /** Reads the reports, which stand after the scripts. */
  async function loadReports() {
    if (document.readyState === 'loading') {
      await new Promise((done) => addEventListener('DOMContentLoaded', done, {once: true}));
    }
    const {reports} = await unpack('netlog-reports');
    return reports.map(({name, about, tables}) => ({name, about, tables: tables.map(table)}));
  }

  return {load, loadReports, states, stateNumber};
})();
