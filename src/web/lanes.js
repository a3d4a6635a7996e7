// SPDX-License-Identifier: MIT
// A lane for each connection, by group; a heat map by group where there are too many lanes.
'use strict';

page.lanes = (() => {
  const {byId, clock, duration, count, bytes, ms} = page.texts;
  const {states} = page.data;
  const {addGestures, drawGaps, colour, stateColour, timeTicks} = page.charts;
  const headHeight = 20;
  const axisHeight = 22;
  const heatHeight = 22;
  const minLane = 6;
  const maxLane = 18;
  const connectionsText = (n) => `${count(n)} ${n === 1 ? 'connection' : 'connections'}`;
  const maxLaidOut = 20000; // connections; more are more than there are pixels

  /** First fit: the lane of each connection of a group, those with trouble above the others.
   * @param {number[]} rows in the order of their begin @param {any} data */
  function fit(rows, data) {
    const {began, end} = data.lines;
    const lanes = [];
    let used = 0;
    for (const wanted of [2, 1, 0]) {
      /** Ends of the lanes, a heap by time. @type {[number, number][]} */
      const heap = [];
      const push = (entry) => {
        let at = heap.push(entry) - 1;
        for (; at > 0 && heap[(at - 1) >> 1][0] > heap[at][0]; at = (at - 1) >> 1) {
          [heap[at], heap[(at - 1) >> 1]] = [heap[(at - 1) >> 1], heap[at]];
        }
      };
      const pop = () => {
        const top = heap[0];
        const last = heap.pop();
        if (heap.length === 0) return top;
        heap[0] = last;
        for (let at = 0; ;) {
          let child = 2 * at + 1;
          if (child + 1 < heap.length && heap[child + 1][0] < heap[child][0]) child += 1;
          if (child >= heap.length || heap[child][0] >= heap[at][0]) return top;
          [heap[at], heap[child]] = [heap[child], heap[at]];
          at = child;
        }
      };
      for (const row of rows) {
        if (data.severity[row] !== wanted) continue;
        const lane = heap.length > 0 && heap[0][0] <= began[row] ? pop()[1] : used++;
        push([end[row], lane]);
        lanes.push({row, lane});
      }
    }
    return {lanes, height: used};
  }

  class Lanes {
    /** @param {any} view @param {any} charts @param {any} tip */
    constructor(view, charts, tip) {
      Object.assign(this, {view, charts, tip});
      this.box = byId('lanes-box');
      this.canvas = byId('lanes');
      this.space = byId('lanes-space');
      /** @type {CanvasRenderingContext2D} */
      this.context = this.canvas.getContext('2d');
      addGestures(this.box, view, () => charts.area(), {click: (event) => this.click(event)});
      this.box.addEventListener('scroll', () => this.drawSoon());
      this.box.addEventListener('pointermove', (event) => this.showTip(event));
      this.box.addEventListener('pointerleave', () => tip.hide());
      view.listeners.push((changed) => {
        if (changed.has('theme')) this.patterns.clear();
        if (changed.has('filter') || changed.has('group')) this.box.scrollTop = 0;
        if (changed.has('time') || changed.has('filter') || changed.has('group')) this.layOut();
        this.draw();
      });
      /** Of the names of the states, in pixels. @type {number[]} */
      this.nameWidths = [];
      /** @type {Map<number, any>} */
      this.patterns = new Map();
      this.layOut();
    }

    /** Groups of the connections that live in the time of the view, the worst first. */
    layOut() {
      const {view} = this;
      const {data, rows, from, to} = view;
      const {of, labels} = data.groups[view.group];
      const {began, end, isListener} = data.lines;
      const groups = [];
      /** The group of each label. */
      const places = new Array(labels.length);
      let living = 0;
      for (const row of rows) {
        if (began[row] > to) break;
        if (end[row] < from || isListener[row]) continue;
        living += 1;
        let group = places[of[row]];
        if (!group) {
          group = places[of[row]] = {label: labels[of[row]], rows: [], bad: 0, mild: 0};
          groups.push(group);
        }
        group.rows.push(row);
        if (data.severity[row] === 2) group.bad += 1;
        else if (data.severity[row] === 1) group.mild += 1;
      }
      this.groups = groups.sort(
        (a, b) =>
          b.bad - a.bad ||
          b.mild - a.mild ||
          b.rows.length - a.rows.length ||
          (a.label < b.label ? -1 : 1),
      );
      this.living = living;
      const most = parseFloat(getComputedStyle(this.box).maxHeight);
      const room = most - axisHeight - 2;
      this.isHeat = living > maxLaidOut;
      let lanes = 0;
      if (!this.isHeat) {
        for (const group of this.groups) {
          Object.assign(group, fit(group.rows, data));
          lanes += group.height;
        }
        this.isHeat = lanes > room;
      }
      const heads = this.groups.length * headHeight;
      this.laneHeight = Math.max(
        minLane,
        Math.min(maxLane, Math.floor((room - heads) / (lanes || 1))),
      );
      let top = 0;
      for (const group of this.groups) {
        group.top = top;
        group.bottom =
          top + headHeight + (this.isHeat ? heatHeight : group.height * this.laneHeight) + 4;
        top = group.bottom;
      }
      this.box.dataset.wheel = top > room ? 'scroll' : '';
      this.box.style.height = `${Math.min(most, Math.max(120, top + axisHeight + 2))}px`;
      this.space.style.height = `${Math.max(120 - axisHeight - 2, top) + axisHeight}px`;
      this.note(lanes);
    }

    note(lanes) {
      const what = this.isHeat
        ? `heat map: ${count(this.living)} connections are more than there are lanes; ` +
          'zoom, filter or click a group to see them'
        : `${count(this.living)} connections in ${count(lanes)} lanes`;
      byId('lanes-note').textContent = this.living === 0 ? 'no connection here' : what;
    }

    drawSoon() {
      if (this.frame) return;
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
    }

    resize() {
      this.layOut();
      this.draw();
    }

    draw() {
      const begin = performance.now();
      const {canvas, context, view, box} = this;
      const ratio = devicePixelRatio || 1;
      const [width, height] = [box.clientWidth, box.clientHeight];
      if (
        canvas.width !== Math.round(width * ratio) ||
        canvas.height !== Math.round(height * ratio)
      ) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
        canvas.style.width = `${width}px`;
        canvas.style.height = `${height}px`;
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      const {x, w} = this.charts.area();
      const area = {x, y: 0, w, h: height - axisHeight};
      this.scale = w / (view.to - view.from);
      this.left = (time) => x + (time - view.from) * this.scale;
      this.colours = states.map((_, state) => stateColour(state));
      this.ink = colour('--ink');
      this.bad = colour('--failed');
      drawGaps(context, view, area);
      context.strokeStyle = colour('--line');
      context.lineWidth = 1;
      context.strokeRect(area.x + 0.5, 0.5, area.w - 1, area.h);
      const top = box.scrollTop;
      for (const group of this.groups) {
        if (group.bottom < top || group.top > top + area.h) continue;
        this.drawHead(group, group.top - top, width);
        context.save();
        context.beginPath();
        context.rect(area.x, 0, area.w, area.h);
        context.clip();
        if (this.isHeat) this.drawHeat(group, group.top - top + headHeight, area);
        else this.drawLanes(group, group.top - top + headHeight, area);
        context.restore();
      }
      this.drawAxis(area, width, height);
      this.tookMs = performance.now() - begin;
    }

    drawHead(group, y, width) {
      const {context} = this;
      context.fillStyle = colour('--head');
      context.fillRect(0, y, width, headHeight - 3);
      context.textBaseline = 'middle';
      context.font = '600 12px system-ui, sans-serif';
      const counts =
        connectionsText(group.rows.length) +
        (group.bad ? `, ${count(group.bad)} failed or stuck` : '');
      const room = width - 24 - context.measureText(counts).width;
      context.fillStyle = this.ink;
      const label = this.cut(group.label, room);
      context.fillText(label, 6, y + headHeight / 2 - 1);
      const end = 6 + context.measureText(label).width + 10;
      context.font = '12px system-ui, sans-serif';
      context.fillStyle = group.bad ? this.bad : colour('--quiet');
      context.fillText(counts, end, y + headHeight / 2 - 1);
    }

    /** The text as far as there is room for it. */
    cut(text, room) {
      const {context} = this;
      let shown = text.length > 300 ? `${text.slice(0, 300)}…` : text;
      while (shown.length > 2 && context.measureText(shown).width > room) {
        shown = `${shown.slice(0, Math.max(1, Math.floor(shown.length * 0.85) - 1))}…`;
      }
      return shown;
    }

    drawLanes(group, y, area) {
      const {context, view, left} = this;
      const {lines, connections} = view.data;
      const h = this.laneHeight;
      const bar = Math.max(3, h - 2);
      const errors = [
        connections.column('open_error_ns').values,
        connections.column('close_error_ns').values,
      ];
      const [firstY, lastY] = [-h, area.h];
      context.font = '10px system-ui, sans-serif';
      context.textBaseline = 'middle';
      for (const {row, lane} of group.lanes) {
        const top = y + lane * h;
        if (top < firstY || top > lastY) continue;
        for (let s = lines.firstState[row]; s < lines.firstState[row + 1]; ++s) {
          if (lines.until[s] < view.from || lines.from[s] > view.to) continue;
          const from = Math.max(area.x - 2, left(lines.from[s]));
          const to = Math.min(area.x + area.w + 2, left(lines.until[s]));
          this.drawState(lines.state[s], from, top, Math.max(1, to - from), bar);
        }
        const [begin, end] = [left(lines.began[row]), left(lines.end[row])];
        this.drawBound(begin, errors[0][row], top, bar);
        if (!lines.isOpen[row]) this.drawBound(end, errors[1][row], top, bar);
        if (errors[0][row] === null) this.drawEarlier(Math.max(area.x, begin), top, bar);
        if (view.data.hasFailed[row] === 2) this.drawTrouble(end, top, bar);
        if (view.data.stuck[row] >= 0) {
          this.drawStuck(Math.max(area.x, left(lines.from[view.data.stuck[row]])), top, bar);
        }
        if (row === view.selected) {
          context.strokeStyle = this.ink;
          context.lineWidth = 2;
          const from = Math.max(area.x, begin);
          context.strokeRect(
            from - 2,
            top - 2,
            Math.max(6, Math.min(area.x + area.w, end) - from + 4),
            bar + 4,
          );
        }
      }
    }

    drawState(state, x, y, w, h) {
      const {context} = this;
      context.fillStyle = this.colours[state];
      context.fillRect(x, y, w, h);
      const pattern = w > 4 && this.pattern(state);
      if (pattern) {
        context.fillStyle = pattern;
        context.fillRect(x, y, w, h);
      }
      if (h >= 12 && w >= 96) {
        const {name} = states[state];
        const width = (this.nameWidths[state] ??= context.measureText(name).width);
        context.fillStyle = this.colours[state];
        context.fillRect(x + 2, y, width + 9, h);
        context.fillStyle = colour(`--on-state-${state}`) || '#000';
        context.fillText(name, x + 8, y + h / 2 + 0.5);
      }
    }

    /** When it happened is known to this bound. */
    drawBound(x, error, y, h) {
      const width = (error ?? 0) * this.scale;
      if (width < 2) return;
      const {context} = this;
      context.strokeStyle = this.ink;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(x - width, y + h / 2);
      context.lineTo(x, y + h / 2);
      context.moveTo(x - width + 0.5, y + 1);
      context.lineTo(x - width + 0.5, y + h - 1);
      context.stroke();
    }

    /** It was there before the recorder. */
    drawEarlier(x, y, h) {
      const {context} = this;
      context.fillStyle = this.ink;
      context.beginPath();
      context.moveTo(x + h / 2, y);
      context.lineTo(x, y + h / 2);
      context.lineTo(x + h / 2, y + h);
      context.fill();
    }

    drawTrouble(x, y, h) {
      const {context} = this;
      const size = Math.max(4, Math.min(10, h));
      const middle = y + h / 2;
      for (const [width, style] of [
        [4, colour('--paper')],
        [2, this.bad],
      ]) {
        context.strokeStyle = style;
        context.lineWidth = width;
        context.beginPath();
        context.moveTo(x - size / 2, middle - size / 2);
        context.lineTo(x + size / 2, middle + size / 2);
        context.moveTo(x + size / 2, middle - size / 2);
        context.lineTo(x - size / 2, middle + size / 2);
        context.stroke();
      }
    }

    /** It stayed for long in a state that should be short. */
    drawStuck(x, y, h) {
      const {context} = this;
      context.fillStyle = colour('--paper');
      context.fillRect(x, y, 5, h);
      context.fillStyle = this.bad;
      context.fillRect(x + 1, y, 3, h - 4);
      context.fillRect(x + 1, y + h - 2, 3, 2);
    }

    /** Lines over the colour of a state, for those who do not see the colour. */
    pattern(state) {
      if (!states[state].pattern) return null;
      if (this.patterns.has(state)) return this.patterns.get(state);
      const tile = new OffscreenCanvas(8, 8);
      const made = tile.getContext('2d');
      made.strokeStyle = made.fillStyle = colour('--pattern');
      made.lineWidth = 1.2;
      made.beginPath();
      const kind = states[state].pattern;
      if (kind === 'rising' || kind === 'cross')
        for (const d of [-8, 0, 8]) (made.moveTo(d, 8), made.lineTo(d + 8, 0));
      if (kind === 'falling' || kind === 'cross')
        for (const d of [-8, 0, 8]) (made.moveTo(d, 0), made.lineTo(d + 8, 8));
      if (kind === 'rows') for (const y of [2, 6]) (made.moveTo(0, y), made.lineTo(8, y));
      if (kind === 'dots')
        for (const [x, y] of [
          [1, 1],
          [5, 5],
        ])
          made.fillRect(x, y, 2, 2);
      made.stroke();
      const pattern = this.context.createPattern(tile, 'repeat');
      this.patterns.set(state, pattern);
      return pattern;
    }

    /** A strip: in each column the states in proportion, darker where there are more of them. */
    drawHeat(group, y, area) {
      const {context, view} = this;
      const {lines, severity} = view.data;
      const step = 2;
      const columns = Math.ceil(area.w / step);
      const scale = this.scale / step;
      const counts = states.map(() => null);
      const bad = new Float64Array(columns + 1);
      for (const row of group.rows) {
        for (let s = lines.firstState[row]; s < lines.firstState[row + 1]; ++s) {
          if (lines.until[s] < view.from || lines.from[s] > view.to) continue;
          const changes = (counts[lines.state[s]] ??= new Float64Array(columns + 1));
          const from = Math.max(0, Math.floor((lines.from[s] - view.from) * scale));
          const to = Math.min(columns, Math.floor((lines.until[s] - view.from) * scale) + 1);
          if (from >= columns) continue;
          changes[from] += 1;
          changes[to] -= 1;
        }
        if (severity[row] === 2 && lines.end[row] >= view.from && lines.end[row] <= view.to) {
          bad[Math.min(columns - 1, Math.floor((lines.end[row] - view.from) * scale))] += 1;
        }
      }
      const totals = new Float64Array(columns);
      let most = 1;
      for (const changes of counts) {
        if (!changes) continue;
        for (let i = 1; i <= columns; ++i) changes[i] += changes[i - 1];
        for (let i = 0; i < columns; ++i) most = Math.max(most, (totals[i] += changes[i]));
      }
      const strip = heatHeight - 4;
      const alphas = totals.map((total) => 0.3 + 0.7 * Math.sqrt(total / most));
      const tops = new Float64Array(columns).fill(y);
      counts.forEach((changes, state) => {
        if (!changes) return;
        context.fillStyle = this.colours[state]; // setting it takes longer than to draw
        for (let i = 0; i < columns; ++i) {
          if (changes[i] <= 0) continue;
          const part = (strip * changes[i]) / totals[i];
          context.globalAlpha = alphas[i];
          context.fillRect(area.x + i * step, tops[i], step, part);
          tops[i] += part;
        }
      });
      context.globalAlpha = 1;
      context.fillStyle = this.bad;
      for (let i = 0; i < columns; ++i) {
        if (bad[i] > 0) context.fillRect(area.x + i * step, y + strip - 4, step, 8);
      }
    }

    drawAxis(area, width, height) {
      const {context, view} = this;
      context.fillStyle = colour('--paper');
      context.fillRect(0, height - axisHeight, width, axisHeight);
      context.fillStyle = colour('--quiet');
      context.font = '12px system-ui, sans-serif';
      context.textBaseline = 'middle';
      context.textAlign = 'center';
      const [from, to] = [ms(view.from), ms(view.to)];
      for (const {v, label} of timeTicks(from, to, area.w)) {
        const x = area.x + ((v - from) / (to - from)) * area.w;
        const half = context.measureText(label).width / 2;
        context.fillText(
          label,
          Math.max(half + 2, Math.min(width - half - 2, x)),
          height - axisHeight / 2,
        );
        context.fillRect(x, area.h, 1, 4);
      }
      context.textAlign = 'left';
    }

    /** What is at a place: a group, and in lanes a connection. */
    hit(event) {
      const bounds = this.canvas.getBoundingClientRect();
      const y = event.clientY - bounds.top + this.box.scrollTop;
      if (event.clientY - bounds.top > bounds.height - axisHeight) return {};
      const group = this.groups.find((one) => y >= one.top && y < one.bottom);
      if (!group || this.isHeat || y < group.top + headHeight) return {group};
      const lane = Math.floor((y - group.top - headHeight) / this.laneHeight);
      const {x} = this.charts.area();
      const time = this.view.from + (event.clientX - bounds.left - x) / this.scale;
      const slack = 6 / this.scale;
      const {began, end} = this.view.data.lines;
      let row = -1;
      let nearest = slack;
      for (const one of group.lanes) {
        if (one.lane !== lane) continue;
        const away = Math.max(began[one.row] - time, time - end[one.row], 0);
        if (away < nearest || (away === 0 && row < 0)) [row, nearest] = [one.row, away];
      }
      return {group, row};
    }

    click(event) {
      const {group, row} = this.hit(event);
      if (row >= 0) this.view.select(row);
      else if (group) this.view.setFilter({[this.view.group]: group.label});
    }

    showTip(event) {
      const {group, row} = this.hit(event);
      if (!group || event.buttons !== 0) return this.tip.hide();
      if (!(row >= 0)) {
        const bad = group.bad ? [`${count(group.bad)} failed or stuck`] : [];
        return this.tip.show(event, [
          group.label,
          connectionsText(group.rows.length),
          ...bad,
          'click: only these',
        ]);
      }
      const {connections, lines, groups} = this.view.data;
      const get = (name) => connections.column(name).get(row);
      this.tip.show(event, [
        `${get('program') ?? 'unknown process'} ${get('pid') ?? ''}`,
        groups.peer.labels[groups.peer.of[row]],
        `${clock(lines.began[row])}, ${duration(lines.end[row] - lines.began[row])}`,
        `${get('outcome')}${get('outcome_reason') ? `, ${get('outcome_reason')}` : ''}`,
        `sent ${get('bytes_sent') === null ? 'unknown' : bytes(get('bytes_sent'))}, ` +
          `received ${get('bytes_received') === null ? 'unknown' : bytes(get('bytes_received'))}`,
      ]);
    }
  }

  return {Lanes};
})();
