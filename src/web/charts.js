// SPDX-License-Identifier: MIT
// The charts of time series, by dygraphs, and the gestures that choose a time.
'use strict';

page.charts = (() => {
  const {byId, clock, moment, count, duration, ms, element} = page.texts;
  const {states} = page.data;
  const rateNames = ['opened', 'failed', 'reset'];
  const dayMs = 86400e3;

  // The legend of dygraphs sets a style that the policy of the page does not allow; the page has a
  // legend of its own.
  Dygraph.PLUGINS = Dygraph.PLUGINS.filter((one) => !/Legend/.test(one.prototype.toString()));

  /** By theme and name: the browser takes long to say a colour. @type {Map<string, string>} */
  const colours = new Map();

  /** A colour of the style. @param {string} name */
  function colour(name) {
    const root = document.documentElement;
    const key = `${root.dataset.theme} ${name}`;
    let known = colours.get(key);
    if (known === undefined) {
      colours.set(key, (known = getComputedStyle(root).getPropertyValue(name).trim()));
    }
    return known;
  }
  /** @param {number} state */
  const stateColour = (state) => colour(`--state-${state}`);

  /** Left edge and width of the time axis within a chart or the lanes, in CSS pixels.
   * @typedef {() => {x: number, w: number}} Area */

  /** Fingers hold the times below them: one moves what is shown, two zoom it.
   * @param {HTMLElement} target @param {any} view @param {Area} area */
  function addFingers(target, view, area) {
    /** @type {Map<number, {x: number, time: number}>} */
    const fingers = new Map();
    const shareAt = (clientX) => {
      const {x, w} = area();
      return (clientX - target.getBoundingClientRect().left - x) / w;
    };
    const hold = () => {
      for (const finger of fingers.values())
        finger.time = view.from + shareAt(finger.x) * (view.to - view.from);
    };
    target.addEventListener('pointerdown', (event) => {
      if (event.pointerType !== 'touch') return;
      fingers.set(event.pointerId, {x: event.clientX, time: 0});
      hold();
    });
    target.addEventListener('pointermove', (event) => {
      const moved = fingers.get(event.pointerId);
      if (!moved) return;
      moved.x = event.clientX;
      const [one, other = null] = fingers.values();
      let span = view.to - view.from;
      if (other) {
        const apart = shareAt(other.x) - shareAt(one.x);
        span = (other.time - one.time) / apart;
        if (!(span > 0 && Number.isFinite(span))) return; // one has passed the other
      }
      const from = one.time - shareAt(one.x) * span;
      view.showTime(from, from + span);
      // At an end of the recording it may not be what was asked for.
      if (view.from !== from) hold();
    });
    for (const end of ['pointerup', 'pointercancel']) {
      target.addEventListener(end, (event) => {
        if (fingers.delete(event.pointerId)) hold();
      });
    }
  }

  /** Drag chooses a time, the wheel and two fingers zoom, a double click shows the whole window.
   * @param {HTMLElement} target @param {any} view @param {Area} area
   * @param {{click?: (event: PointerEvent) => void}} options */
  function addGestures(target, view, area, {click} = {}) {
    const timeAt = (clientX) => {
      const {x, w} = area();
      const share = (clientX - target.getBoundingClientRect().left - x) / w;
      return view.from + Math.max(0, Math.min(1, share)) * (view.to - view.from);
    };
    const brush = element('div', {className: 'brush', hidden: true});
    target.append(brush);
    addFingers(target, view, area);
    /** @type {{x: number, y: number, time: number}|null} */
    let start = null;
    target.addEventListener('pointerdown', (event) => {
      if (event.button === 0)
        start = {x: event.clientX, y: event.clientY, time: timeAt(event.clientX)};
    });
    target.addEventListener('pointermove', (event) => {
      if (!start || Math.abs(event.clientX - start.x) < 5 || event.pointerType === 'touch') return;
      if (!target.hasPointerCapture(event.pointerId)) target.setPointerCapture(event.pointerId);
      const left = target.getBoundingClientRect().left;
      brush.hidden = false;
      brush.style.top = `${target.scrollTop}px`;
      brush.style.left = `${Math.min(event.clientX, start.x) - left}px`;
      brush.style.width = `${Math.abs(event.clientX - start.x)}px`;
    });
    const stop = () => {
      start = null;
      brush.hidden = true;
    };
    target.addEventListener('pointerup', (event) => {
      if (!start) return;
      const begin = start;
      const isBrush = !brush.hidden;
      stop();
      if (isBrush) {
        const times = [begin.time, timeAt(event.clientX)].sort((a, b) => a - b);
        view.showTime(times[0], times[1]);
      } else if (click && Math.hypot(event.clientX - begin.x, event.clientY - begin.y) < 5) {
        click(event);
      }
    });
    target.addEventListener('pointercancel', stop);
    target.addEventListener(
      'wheel',
      (event) => {
        if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
          event.preventDefault();
          view.move((event.deltaX || event.deltaY) / 1000);
        } else if (event.ctrlKey || target.dataset.wheel !== 'scroll') {
          event.preventDefault();
          view.zoom(Math.pow(1.002, event.deltaY), timeAt(event.clientX));
        }
      },
      {passive: false},
    );
    target.addEventListener('dblclick', () => view.showTime(0, view.data.to));
  }

  /** Draws the gaps of the recorder, and the selected connection, behind something.
   * @param {CanvasRenderingContext2D} context
   * @param {any} view @param {{x: number, y: number, w: number, h: number}} area */
  function drawGaps(context, view, {x, y, w, h}) {
    const {gaps} = view.data;
    const scale = w / (view.to - view.from);
    const left = (time) => x + (time - view.from) * scale;
    const [from, to, blind] = ['from_ns', 'to_ns', 'blind'].map((name) => gaps.column(name).values);
    context.save();
    context.beginPath();
    context.rect(x, y, w, h);
    context.clip();
    for (let i = 0; i < gaps.rows; ++i) {
      if (to[i] < view.from || from[i] > view.to) continue;
      const at = left(from[i]);
      const width = Math.max(2, left(to[i]) - at);
      context.fillStyle = colour('--gap');
      context.globalAlpha = blind[i] ? 0.55 : 0.3;
      context.fillRect(at, y, width, h);
      if (!blind[i]) continue;
      context.globalAlpha = 0.9;
      context.strokeStyle = colour('--gap-line');
      context.lineWidth = 1;
      context.beginPath();
      context.rect(at, y, width, h);
      context.save();
      context.clip();
      for (let step = Math.max(at, x) - h; step < Math.min(at + width, x + w); step += 8) {
        context.moveTo(step, y + h);
        context.lineTo(step + h, y);
      }
      context.stroke();
      context.restore();
      context.strokeRect(at, y - 1, width, h + 2);
      if (width > 60) {
        context.globalAlpha = 1;
        context.fillStyle = colour('--ink');
        context.font = '11px system-ui, sans-serif';
        context.fillText('gap', Math.max(at, x) + 4, y + 12);
      }
    }
    context.restore();
  }

  /** Marks of the time axis: round times, as many as there is room for.
   * @param {number} from @param {number} to ms since 1970 @param {number} width pixels */
  function timeTicks(from, to, width) {
    const steps = [
      1,
      2,
      5,
      10,
      20,
      50,
      100,
      200,
      500,
      1e3,
      2e3,
      5e3,
      1e4,
      15e3,
      30e3,
      60e3,
      120e3,
      300e3,
      600e3,
      900e3,
      1800e3,
      3600e3,
      7200e3,
      14400e3,
      21600e3,
      43200e3,
      dayMs,
      2 * dayMs,
      7 * dayMs,
      14 * dayMs,
      30 * dayMs,
      90 * dayMs,
      365 * dayMs,
    ];
    const room = Math.max(2, width / 85);
    const step = steps.find((one) => (to - from) / one <= room) ?? steps[steps.length - 1];
    const ticks = [];
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
      const text = new Date(at).toISOString();
      const label =
        step >= dayMs
          ? text.slice(0, 10)
          : at % dayMs === 0
            ? text.slice(5, 10)
            : step >= 60e3
              ? text.slice(11, 16)
              : step >= 1e3
                ? text.slice(11, 19)
                : text.slice(11, 23);
      ticks.push({v: at, label});
    }
    return ticks;
  }

  class Charts {
    /** @param {any} view @param {any} tip */
    constructor(view, tip) {
      this.view = view;
      this.tip = tip;
      this.shown = states.map((_, state) => state);
      this.makeGraphs();
      for (const chart of [this.open, this.rates]) {
        const box = chart.graphDiv.parentElement;
        addGestures(box, view, () => this.area());
        box.addEventListener('pointermove', (event) => this.showTip(event, chart));
        box.addEventListener('pointerleave', () => tip.hide());
      }
      view.listeners.push((changed) => {
        clearTimeout(this.timer);
        if (changed.has('filter') || changed.has('hidden')) this.draw();
        // The lanes follow each step of a zoom, the charts when it pauses.
        else if (changed.has('time')) this.timer = setTimeout(() => this.draw(), 40);
        else if (changed.has('theme')) this.recolour();
      });
    }

    makeGraphs() {
      const {view} = this;
      const common = () => ({
        labelsUTC: true,
        interactionModel: {},
        highlightCircleSize: 0,
        rightGap: 12,
        xRangePad: 0,
        axisLabelFontSize: 12,
        animatedZooms: false,
        gridLineColor: colour('--line'),
        axisLineColor: colour('--line'),
        axes: {
          x: {
            ticker: (from, to, width) => timeTicks(from, to, width),
            axisLabelWidth: 90,
          },
          y: {
            axisLabelWidth: 50,
            axisLabelFormatter: (value) => (value >= 1e4 ? `${count(value / 1e3)}k` : count(value)),
          },
        },
        underlayCallback: (context, area) => drawGaps(context, view, area),
      });
      this.series = page.series.ofView(view);
      this.usedStates();
      this.open = new Dygraph(byId('open-chart'), this.openRows(), {
        ...common(),
        labels: ['time', ...this.shown.map((state) => states[state].name)],
        colors: this.shown.map(stateColour),
        visibility: this.visibility(),
        stackedGraph: true,
        stepPlot: true,
        fillAlpha: 0.75,
        strokeWidth: 1,
        dateWindow: this.window(),
        includeZero: true,
      });
      this.rates = new Dygraph(byId('rates-chart'), this.rateRows(), {
        ...common(),
        labels: ['time', ...rateNames],
        colors: ['--opened', '--failed', '--reset'].map(colour),
        stepPlot: true,
        fillGraph: true,
        fillAlpha: 0.2,
        strokeWidth: 1.5,
        series: {failed: {strokeWidth: 2}, reset: {strokeWidth: 2, strokePattern: [6, 3]}},
        visibility: this.usedRates(),
        dateWindow: this.window(),
        includeZero: true,
      });
    }

    /** Those that are ever more than none. */
    usedRates() {
      return this.series.rates.map((values, i) => i === 0 || values.some((one) => one > 0));
    }

    /** Only states that are ever entered are stacked. */
    usedStates() {
      const used = new Set(this.view.data.open.column('state').words ?? []);
      this.shown = states.map((_, state) => state).filter((state) => used.has(states[state].name));
      if (this.shown.length === 0) this.shown = [0];
    }

    window() {
      return [ms(this.view.from), ms(this.view.to)];
    }

    rowsOf(series) {
      const {from, width} = this.series;
      const rows = [];
      for (let i = 0; i < series[0].length; ++i) {
        rows.push([ms(from + i * width), ...series.map((values) => values[i])]);
      }
      const last = rows[rows.length - 1];
      rows.push([ms(from + series[0].length * width), ...last.slice(1)]);
      return rows;
    }

    visibility() {
      return this.shown.map((state) => !this.view.hidden.has(states[state].name));
    }

    openRows() {
      return this.rowsOf(this.shown.map((state) => this.series.open[state]));
    }

    rateRows() {
      return this.rowsOf(this.series.rates);
    }

    draw() {
      this.series = page.series.ofView(this.view);
      this.open.updateOptions({
        file: this.openRows(),
        visibility: this.visibility(),
        dateWindow: this.window(),
      });
      this.rates.updateOptions({
        file: this.rateRows(),
        visibility: this.usedRates(),
        dateWindow: this.window(),
      });
      if (byId('series-details').open) this.fillTable();
    }

    recolour() {
      const axes = {gridLineColor: colour('--line'), axisLineColor: colour('--line')};
      this.open.updateOptions({...axes, colors: this.shown.map(stateColour)});
      this.rates.updateOptions({...axes, colors: ['--opened', '--failed', '--reset'].map(colour)});
    }

    resize() {
      this.open.resize();
      this.rates.resize();
    }

    /** Where the time axis is; the lanes have the same one. */
    area() {
      const {x, w} = this.open.getArea();
      return {x, w};
    }

    showTip(event, chart) {
      const {x, w} = this.area();
      const share = (event.clientX - chart.graphDiv.getBoundingClientRect().left - x) / w;
      if (share < 0 || share > 1 || event.buttons !== 0) return this.tip.hide();
      const time = this.view.from + share * (this.view.to - this.view.from);
      const {from, width, open, rates} = this.series;
      const at = Math.min(open[0].length - 1, Math.max(0, Math.floor((time - from) / width)));
      const lines = [clock(from + at * width)];
      if (chart === this.open) {
        for (const state of [...this.shown].reverse()) {
          if (open[state][at] > 0) lines.push(`${states[state].name} ${count(open[state][at])}`);
        }
        if (lines.length === 1) lines.push('nothing open');
      } else {
        rateNames.forEach((name, i) => lines.push(`${name} ${count(rates[i][at])} a second`));
      }
      const gap = this.gapAt(time);
      if (gap) lines.push(gap);
      this.tip.show(event, lines);
    }

    gapAt(time) {
      const {gaps} = this.view.data;
      for (let i = 0; i < gaps.rows; ++i) {
        const [from, to] = [gaps.column('from_ns').get(i), gaps.column('to_ns').get(i)];
        if (from <= time && time <= to) {
          return `gap of ${duration(to - from)}: ${gaps.column('reason').get(i)}`;
        }
      }
      return '';
    }

    /** The numbers of both charts, at most sixty rows. */
    fillTable() {
      const {from, width, open, rates} = this.series;
      const {view} = this;
      const first = Math.max(0, Math.floor((view.from - from) / width));
      const last = Math.min(open[0].length, Math.ceil((view.to - from) / width));
      const step = Math.max(1, Math.ceil((last - first) / 60));
      const heads = [
        'time (UTC)',
        ...this.shown.map((state) => states[state].name),
        ...rateNames.map((name) => `${name} a second`),
      ];
      const table = element(
        'table',
        {},
        element(
          'caption',
          {},
          `Each row is the moment at its time; rates are means of ${duration(width * step)}.`,
        ),
        element(
          'thead',
          {},
          element('tr', {}, ...heads.map((head) => element('th', {scope: 'col'}, head))),
        ),
      );
      const body = element('tbody');
      for (let at = first; at < last; at += step) {
        const mean = (values) => {
          let sum = 0;
          const end = Math.min(last, at + step);
          for (let i = at; i < end; ++i) sum += values[i];
          return sum / (end - at);
        };
        body.append(
          element(
            'tr',
            {},
            element('th', {scope: 'row'}, moment(from + at * width)),
            ...this.shown.map((state) =>
              element('td', {className: 'number'}, count(open[state][at])),
            ),
            ...rates.map((values) => element('td', {className: 'number'}, count(mean(values)))),
          ),
        );
      }
      table.append(body);
      byId('series-table').replaceChildren(table);
    }
  }

  return {Charts, addGestures, drawGaps, colour, stateColour, timeTicks};
})();
