// SPDX-License-Identifier: MIT
// Tables that sort, filter, and draw only the rows that can be seen.
'use strict';

page.tables = (() => {
  const {cell, count, element, byId} = page.texts;
  const rowHeight = 26;
  const spareRows = 6;
  const numeric = new Set(['count', 'bytes', 'ns', 'us', 'percent', 'time', 'port']);

  /** @typedef {{title: string, name: string, unit: string, get: (row: number) => any,
   *   text?: (row: number) => string, width?: number,
   *   mark?: (row: number) => string}} TableColumn */

  class Table {
    /** @param {HTMLElement} box @param {TableColumn[]} columns @param {string} caption
     * @param {{select?: (row: number) => void, open?: (row: number) => void}} options */
    constructor(box, columns, caption, {select, open} = {}) {
      Object.assign(this, {box, columns, select, open});
      /** @type {number[]|Int32Array} */
      this.rows = [];
      this.order = this.rows;
      this.sorted = -1;
      this.down = true;
      this.selected = -1;
      const head = element('tr');
      this.heads = columns.map((column, at) => {
        const button = element(
          'button',
          {type: 'button', tabIndex: at === 0 ? 0 : -1}, // arrows reach the others
          column.title || column.name,
        );
        button.addEventListener('click', () => this.sortBy(at));
        const th = element('th', {scope: 'col', 'aria-sort': 'none'}, button);
        if (numeric.has(column.unit)) th.className = 'number';
        if (column.width) th.style.minWidth = `${column.width}px`;
        head.append(th);
        return th;
      });
      head.addEventListener('keydown', (event) => this.moveInHead(event));
      this.body = element('tbody');
      this.table = element(
        'table',
        {'aria-rowcount': '0'},
        element('caption', {className: 'hidden'}, caption),
        element('thead', {}, head),
        this.body,
      );
      box.replaceChildren(this.table);
      box.addEventListener('scroll', () => this.drawSoon());
      if (select) {
        this.body.addEventListener('click', (event) => {
          const line = event.target.closest('tr[data-row]');
          if (line) select(Number(line.dataset.row));
        });
        box.addEventListener('keydown', (event) => this.press(event));
      }
    }

    /** @param {number[]|Int32Array} rows */
    setRows(rows) {
      this.rows = rows;
      this.table.setAttribute('aria-rowcount', String(rows.length + 1));
      this.sort();
    }

    /** @param {number} at */
    sortBy(at) {
      this.down = this.sorted === at ? !this.down : numeric.has(this.columns[at].unit);
      this.sorted = at;
      this.sort();
    }

    sort() {
      const {columns, sorted, down} = this;
      this.heads.forEach((head, at) => {
        head.setAttribute('aria-sort', at !== sorted ? 'none' : down ? 'descending' : 'ascending');
      });
      this.order = this.rows;
      if (sorted >= 0) {
        const {get} = columns[sorted];
        const keys = new Map();
        for (const row of this.rows) keys.set(row, get(row));
        const sign = down ? -1 : 1;
        // Unknown is last in either order.
        this.order = [...this.rows].sort((a, b) => {
          const [x, y] = [keys.get(a) ?? null, keys.get(b) ?? null];
          if (x === null || y === null) return (x === null ? 1 : 0) - (y === null ? 1 : 0);
          if (typeof x === 'number' && typeof y === 'number') return sign * (x - y);
          const [s, t] = [String(x), String(y)];
          return sign * (s < t ? -1 : s > t ? 1 : 0);
        });
      }
      this.draw(true);
    }

    drawSoon() {
      if (this.frame) return;
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
    }

    /** @param {boolean} again even if the same rows are drawn */
    draw(again = false) {
      const {box, body, order, columns} = this;
      const first = Math.max(0, Math.floor(box.scrollTop / rowHeight) - spareRows);
      const room = Math.ceil((box.clientHeight || 400) / rowHeight) + 2 * spareRows;
      const last = this.all ? Math.min(order.length, 500) : Math.min(order.length, first + room);
      const drawn = `${first} ${last}`;
      if (!again && drawn === this.drawn) return;
      this.drawn = drawn;
      const lines = [this.filler(first)];
      for (let place = first; place < last; ++place) {
        const row = order[place];
        const line = element('tr', {'data-row': String(row), 'aria-rowindex': String(place + 2)});
        if (row === this.selected) line.className = 'selected';
        for (const column of columns) {
          const text = column.text ? column.text(row) : cell(column.get(row), column.unit);
          const short = text.length > 300 ? `${text.slice(0, 300)}…` : text;
          const td = element('td', {}, short);
          if (short.length > 24) td.title = text.slice(0, 2000);
          if (numeric.has(column.unit)) td.className = 'number';
          const mark = column.mark?.(row);
          if (mark) td.classList.add(mark);
          line.append(td);
        }
        lines.push(line);
      }
      lines.push(this.filler(this.all ? 0 : order.length - last));
      body.replaceChildren(...lines);
    }

    /** The rows that are not drawn. @param {number} rows */
    filler(rows) {
      const line = element('tr', {'aria-hidden': 'true', className: 'filler'});
      line.style.height = `${rows * rowHeight}px`;
      return line;
    }

    /** @param {number} row */
    show(row) {
      this.selected = row;
      const place = this.order.indexOf(row);
      if (place >= 0) {
        const top = place * rowHeight;
        const {scrollTop, clientHeight} = this.box;
        if (top < scrollTop || top > scrollTop + clientHeight - 3 * rowHeight) {
          this.box.scrollTop = Math.max(0, top - clientHeight / 2);
        }
      }
      this.draw(true);
    }

    /** Left and right go from head to head. @param {KeyboardEvent} event */
    moveInHead(event) {
      const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
      const buttons = this.heads.map((head) => head.querySelector('button'));
      const next = buttons[buttons.indexOf(event.target) + step];
      if (!next) return;
      buttons.forEach((button) => (button.tabIndex = button === next ? 0 : -1));
      next.focus();
      event.preventDefault();
      event.stopPropagation();
    }

    /** Selects another row. @param {number} by places from the selected one */
    step(by) {
      if (this.order.length === 0) return;
      const place = this.order.indexOf(this.selected); // -1: none
      const next = Math.max(0, Math.min(this.order.length - 1, place + by));
      this.select?.(this.order[next]);
    }

    /** @param {KeyboardEvent} event */
    press(event) {
      const all = this.order.length;
      const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -all, End: all};
      const step = steps[event.key];
      if (step && event.target === this.box) {
        this.step(step);
        event.preventDefault();
        event.stopPropagation();
      } else if (event.key === 'Enter' && event.target === this.box && this.selected >= 0) {
        this.open?.(this.selected);
        event.preventDefault();
      }
    }
  }

  /** The table of connections follows the filter and the time of the view. */
  function showConnections(view, openDetails) {
    const {data} = view;
    const {connections, lines, groups, severity} = data;
    const column = (name, title, width) => {
      const one = connections.column(name);
      return {name, title: title ?? one.title, unit: one.unit, width, get: (row) => one.get(row)};
    };
    const earlier = connections.column('open_error_ns').values;
    const took = connections.column('duration_ns').values;
    // Without the date, where it is that of the window: a phone has room for the process as well.
    const day = (time) => page.texts.iso(time, 0).slice(0, 10);
    const isOneDay = day(0) === day(data.to);
    const began = (time) =>
      isOneDay && day(time) === day(0) ? page.texts.clock(time) : cell(time, 'time');
    const lasted = (row) => took[row] ?? lines.end[row] - lines.began[row];
    const columns = [
      {
        ...column('began_ns', 'began (UTC)', isOneDay ? 110 : 170),
        text: (row) => `${earlier[row] === null ? '≤ ' : ''}${began(lines.began[row])}`,
      },
      {
        name: 'lasted',
        title: 'lasted',
        unit: 'ns',
        width: 80,
        get: lasted,
        text: (row) =>
          `${earlier[row] === null || lines.isOpen[row] ? '≥ ' : ''}` + cell(lasted(row), 'ns'),
      },
      {...column('program', undefined, 120)},
      {
        name: 'trouble',
        title: 'trouble',
        unit: '',
        get: (row) => data.trouble(row) || null,
        mark: (row) => (severity[row] === 2 ? 'bad' : ''),
      },
      column('state', 'last state'),
      column('pid'),
      column('direction'),
      {
        name: 'peer',
        title: 'peer',
        unit: '',
        width: 190,
        get: (row) => groups.peer.labels[groups.peer.of[row]],
      },
      {...column('outcome'), mark: (row) => (severity[row] === 2 ? 'bad' : '')},
      column('outcome_reason'),
      column('bytes_sent'),
      column('bytes_received'),
      column('retransmits'),
      column('rtt_us'),
      column('protocol'),
      column('local_address'),
      column('local_port'),
      column('user'),
      column('container'),
      column('id'),
    ].filter(({name, get}) => {
      if (name === 'trouble') return severity.some((one) => one > 0);
      const known = connections.column(name);
      return known.values.length === 0 || known.values.some((value) => value !== null) || !get;
    });
    const table = new Table(byId('connections'), columns, 'Connections', {
      select: (row) => view.select(row),
      open: openDetails,
    });
    const choose = () => {
      const rows = view.rows.filter(
        (row) => lines.began[row] <= view.to && lines.end[row] >= view.from,
      );
      const bad = rows.filter((row) => severity[row] === 2);
      const first = bad.length > 0 ? `, ${count(bad.length)} failed or stuck first` : '';
      byId('count').textContent = `${count(rows.length)} of ${count(connections.rows)}${first}`;
      table.setRows([...bad, ...rows.filter((row) => severity[row] !== 2)]);
    };
    choose();
    let timer = 0;
    view.listeners.push((changed) => {
      if (changed.has('filter')) choose();
      else if (changed.has('time')) {
        // Sorting many rows would hold up a zoom.
        clearTimeout(timer);
        timer = setTimeout(choose, 120);
      }
      if (changed.has('selected')) table.show(view.selected);
    });
    return table;
  }

  /** A table of the data as it is, with a filter of its own if it is long. */
  function plain(box, data, isCompact = false) {
    const columns = data.columns
      .filter((column) => column.title)
      .map((column) => ({
        name: column.name,
        title: column.title,
        unit: column.unit,
        get: (row) => column.get(row),
      }));
    const table = new Table(box, columns, data.title);
    const all = Array.from({length: data.rows}, (_, row) => row);
    table.setRows(all);
    box.style.maxHeight = isCompact ? '240px' : '420px';
    return {
      table,
      filter: (text) => {
        const wanted = text.toLowerCase();
        table.setRows(
          all.filter((row) =>
            columns.some(({get, unit}) => cell(get(row), unit).toLowerCase().includes(wanted)),
          ),
        );
      },
    };
  }

  /** Every report, closed but for the first one. */
  function showReports(data, reports) {
    const all = byId('reports');
    const made = [];
    if (data.left_out.length > 0) {
      const {from_ns: from, to_ns: to} = data.completeness;
      const window = `${page.texts.iso(from)}..${page.texts.iso(to)}`;
      const list = element(
        'ul',
        {},
        ...data.left_out.map((name) =>
          element(
            'li',
            {},
            element(
              'code',
              {},
              `netlog report ${name} --since ${window} ${data.filters}`,
            ),
          ),
        ),
      );
      all.append(
        element(
          'details',
          {},
          element('summary', {}, element('h2', {}, 'Reports that are not on this page')),
          element(
            'p',
            {},
            'The window has many connections. netlog html --reports all puts them on the page.',
          ),
          list,
        ),
      );
    }
    const empty = [];
    reports.forEach(({name, about, tables}, place) => {
      const filled = tables.filter((one) => one.rows > 0);
      const rows = filled.reduce((sum, one) => sum + one.rows, 0);
      if (rows === 0) {
        empty.push(name);
        return;
      }
      const details = element(
        'details',
        {id: `report-${name}`},
        element(
          'summary',
          {},
          element('h2', {}, `Report ${name}`),
          ' ',
          element(
            'span',
            {className: 'quiet'},
            `${about}; ${count(rows)} ${rows === 1 ? 'row' : 'rows'}`,
          ),
        ),
      );
      const fill = () => {
        if (details.dataset.filled || !details.open) return;
        details.dataset.filled = '1';
        for (const one of filled) {
          const box = element('div', {
            className: 'scroll rows',
            tabIndex: 0,
            role: 'region',
            'aria-label': `${name}: ${one.title}`,
          });
          const bar = element('div', {className: 'bar'}, element('h3', {}, one.title));
          if (one.total > one.rows || one.more) {
            bar.append(
              element(
                'span',
                {className: 'quiet'},
                `${count(one.rows)} of ${one.more ? 'more than ' : ''}${count(one.total)} rows`,
              ),
            );
          }
          details.append(bar, box);
          const {filter, table} = plain(box, one);
          made.push(table);
          if (one.rows > 8) {
            const input = element('input', {
              type: 'search',
              placeholder: 'filter these rows',
              'aria-label': `Filter the rows of ${one.title}`,
            });
            input.addEventListener('input', () => filter(input.value));
            bar.append(input);
          }
        }
      };
      details.addEventListener('toggle', fill);
      if (place === 0) details.open = true;
      all.append(details);
      fill();
    });
    if (empty.length > 0) {
      all.append(element('p', {className: 'quiet'}, `Nothing to report: ${empty.join(', ')}.`));
    }
    return made;
  }

  return {Table, showConnections, showReports, plain};
})();
