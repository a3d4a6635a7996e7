// SPDX-License-Identifier: MIT
// One connection: what is known of it, and its time line.
'use strict';

page.details = (() => {
  const {byId, cell, clock, duration, iso, moment, element} = page.texts;
  const {states, stateNumber} = page.data;
  const {stateColour} = page.charts;

  /** `− 2 ms`, `exact`, or nothing where it is unknown. @param {number|null} error */
  const bound = (error) => (error === null ? '' : error === 0 ? 'exact' : `− ${duration(error)}`);

  function facts(view, row) {
    const {connections, lines, groups} = view.data;
    const get = (name) => connections.column(name).get(row);
    const known = (name) => {
      const column = connections.column(name);
      return cell(column.get(row), column.unit);
    };
    const unknownOwner = get('owner_reason') ? `unknown: ${get('owner_reason')}` : 'unknown';
    const endpoint = (side) => {
      const address = get(`${side}_address`);
      if (address === null) return 'none';
      const host = String(address).includes(':') ? `[${address}]` : address;
      return `${host}:${get(`${side}_port`) ?? ''}`;
    };
    const opened = get('open_error_ns');
    const rows = [
      [
        'Process',
        get('process') === null ? unknownOwner : `${get('process')}, pid ${known('pid')}`,
      ],
      ['Script', get('script')],
      ['Command line', get('cmdline')],
      ['User', get('user')],
      ['Container', get('container')],
      ['Owner known by', get('owner_source')],
      ['Direction', `${known('direction')}, ${known('protocol')}`],
      ['Local', endpoint('local')],
      ['Remote', endpoint('remote')],
      ['Name', get('remote_name') && `${get('remote_name')} (${known('name_source')})`],
      ['Peer', groups.peer.labels[groups.peer.of[row]]],
      [
        'Began',
        opened === null
          ? `before ${moment(lines.began[row], 6)}: it was there before the recorder`
          : `${moment(lines.began[row], 6)} UTC, ${bound(opened)}`,
      ],
      [
        'Ended',
        lines.isOpen[row]
          ? get('outcome') === 'closed'
            ? 'before it was seen: it only stood in TIME_WAIT'
            : `not before the end of the window; last seen ${known('last_seen_ns')} UTC`
          : `${moment(get('ended_ns'), 6)} UTC, ${bound(get('close_error_ns') ?? 0)}`,
      ],
      [
        'Duration',
        get('duration_ns') !== null
          ? known('duration_ns')
          : lines.isOpen[row]
            ? `≥ ${duration(lines.end[row] - lines.began[row])}`
            : 'unknown',
      ],
      ['Trouble', view.data.trouble(row) || null],
      [
        'Outcome',
        `${known('outcome')}${get('outcome_reason') ? `: ${get('outcome_reason')}` : ''}`,
      ],
      ['Sent, received', `${known('bytes_sent')}, ${known('bytes_received')}`],
      ['Retransmits', get('retransmits') === null ? null : known('retransmits')],
      ['Round trip', get('rtt_us') === null ? null : known('rtt_us')],
      ['SYNs', get('syns') === null ? null : known('syns')],
      ['Namespace', get('netns') === null ? null : known('netns')],
      ['Seen by', get('seen_by')],
      ['Id in the recording', known('id')],
    ];
    const list = element('dl', {className: 'facts'});
    for (const [name, value] of rows) {
      if (value === null || value === undefined) continue;
      const text = String(value);
      list.append(
        element(
          'div',
          {},
          element('dt', {}, name),
          element(
            'dd',
            {},
            text.length > 4000 ? `${text.slice(0, 4000)}… (${text.length} characters)` : text,
          ),
        ),
      );
    }
    return list;
  }

  /** A bar of the states from its begin to its end. */
  function bar(view, row) {
    const {lines} = view.data;
    const [from, to] = [lines.began[row], lines.end[row]];
    const strip = element('div', {className: 'strip', 'aria-hidden': 'true'});
    const span = Math.max(1, to - from);
    for (let s = lines.firstState[row]; s < lines.firstState[row + 1]; ++s) {
      const part = element(
        'span',
        {title: states[lines.state[s]].name},
        states[lines.state[s]].name,
      );
      part.style.left = `${(100 * (lines.from[s] - from)) / span}%`;
      part.style.width = `${Math.max(0.3, (100 * (lines.until[s] - lines.from[s])) / span)}%`;
      part.style.background = stateColour(lines.state[s]);
      part.style.color = page.charts.colour(`--on-state-${lines.state[s]}`) || '#10161d';
      strip.append(part);
    }
    return strip;
  }

  /** What happened, with its time and how exactly that is known. */
  function events(view, row) {
    const {data} = view;
    const {lines} = data;
    const column = (name) => data.events.column(name);
    const body = element('tbody');
    const what = {
      present: 'already there, in',
      open: 'opened, in',
      state: 'entered',
      close: 'ended',
      offload: 'offload',
      owner: 'new owner:',
    };
    // Without the date, where it is the same throughout: a phone has room for what happened as well.
    const day = (time) => iso(time, 0).slice(0, 10);
    const when = day(lines.began[row]) === day(lines.end[row]) ? clock : moment;
    let before = null;
    for (let e = lines.firstEvent[row]; e < lines.firstEvent[row + 1]; ++e) {
      const time = lines.began[row] + column('after_ns').values[e];
      const kind = column('kind').get(e);
      const entered = column('new').get(e);
      const name = kind === 'close' ? '' : String(entered ?? '');
      const dot = element('i', {className: 'dot'});
      dot.style.background =
        entered && kind !== 'owner' && kind !== 'offload'
          ? stateColour(stateNumber(entered))
          : 'transparent';
      body.append(
        element(
          'tr',
          {},
          element('th', {scope: 'row'}, when(time, 6)),
          element('td', {}, dot, ` ${what[kind] ?? kind} ${name}`),
          element(
            'td',
            {className: 'number'},
            before === null ? '' : `+ ${duration(time - before)}`,
          ),
          element('td', {className: 'number'}, bound(column('error_ns').values[e])),
        ),
      );
      before = time;
    }
    if (data.connections.column('outcome').get(row) === 'open') {
      body.append(
        element(
          'tr',
          {},
          element('th', {scope: 'row'}, when(lines.end[row], 6)),
          element('td', {}, 'still open here'),
          element(
            'td',
            {className: 'number'},
            before === null ? '' : `+ ${duration(lines.end[row] - before)}`,
          ),
          element('td'),
        ),
      );
    }
    const heads = ['time (UTC)', 'what', 'after', 'up to so much earlier'];
    return element(
      'div',
      {className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': 'Time line'},
      element(
        'table',
        {},
        element('caption', {className: 'hidden'}, 'Time line of the connection'),
        element(
          'thead',
          {},
          element('tr', {}, ...heads.map((head) => element('th', {scope: 'col'}, head))),
        ),
        body,
      ),
    );
  }

  function draw(view) {
    const row = view.selected;
    byId('details').hidden = row < 0;
    if (row < 0) return;
    const {connections, groups} = view.data;
    const process = connections.column('program').get(row) ?? 'unknown process';
    const title = `Connection: ${process} – ${groups.peer.labels[groups.peer.of[row]]}`;
    byId('details-title').textContent = title.length > 200 ? `${title.slice(0, 200)}…` : title;
    byId('details-body').replaceChildren(bar(view, row), events(view, row), facts(view, row));
  }

  return {draw};
})();
