// SPDX-License-Identifier: MIT
// Counts over time: open connections by state; opens, failures and resets.
'use strict';

page.series = (() => {
  const {states, stateNumber} = page.data;
  const buckets = 600;

  /** Time series of `buckets` numbers for the time of the view.
   * @typedef {{from: number, width: number, open: Float64Array[], rates: Float64Array[],
   *   isExact: boolean}} Series */

  const empty = (count, length) => Array.from({length: count}, () => new Float64Array(length));

  /** Sums of changes. @param {Float64Array} changes */
  function sum(changes) {
    let total = 0;
    for (let i = 0; i < changes.length; ++i) {
      total += changes[i];
      changes[i] = total;
    }
  }

  /** Rates of counts. In less than a second, or than a thirtieth of all, a single event would be a
   * peak: so they are means of such a time.
   * @param {Float64Array} counts @param {number} width ns of each */
  function perSecond(counts, width) {
    const size = Math.max(1, Math.min(Math.round(1e9 / width), Math.ceil(counts.length / 30)));
    for (let first = 0; first < counts.length; first += size) {
      const part = counts.subarray(first, first + size);
      const total = part.reduce((all, one) => all + one, 0);
      part.fill(total / ((part.length * width) / 1e9));
    }
  }

  /** From the connections on the page. @param {any} view @returns {Series} */
  function ofConnections(view) {
    const {data, rows, from, to} = view;
    const {lines, connections} = data;
    const width = (to - from) / buckets;
    const open = empty(states.length, buckets + 1);
    const rates = empty(3, buckets);
    const bucket = (time) => Math.floor((time - from) / width);
    const outcome = connections.column('outcome');
    const trouble = connections.column('trouble');
    const isReset = (outcome.words ?? []).map((word) => word === 'reset');
    const isFailure = (trouble.words ?? []).map(
      (word) => !['retransmits', 'reset', 'aborted'].includes(word),
    );
    const known = connections.column('open_error_ns').values;
    const ended = connections.column('ended_ns').values;
    for (const i of rows) {
      if (lines.isListener[i]) continue;
      const began = lines.began[i];
      if (began > to) break; // rows are in the order of their begin
      if (known[i] !== null && began >= from) rates[0][Math.min(buckets - 1, bucket(began))] += 1;
      if (ended[i] !== null && ended[i] >= from && ended[i] <= to) {
        const at = Math.min(buckets - 1, bucket(ended[i]));
        if (isReset[outcome.values[i]]) rates[2][at] += 1;
        else if (trouble.values[i] !== null && isFailure[trouble.values[i]]) rates[1][at] += 1;
      }
      if (lines.end[i] < from) continue;
      for (let s = lines.firstState[i]; s < lines.firstState[i + 1]; ++s) {
        if (lines.until[s] < from || lines.from[s] > to) continue;
        const changes = open[lines.state[s]];
        changes[Math.max(0, bucket(lines.from[s]))] += 1;
        // What is open at the end of the view has not ended in it.
        if (lines.until[s] < to) changes[Math.max(0, bucket(lines.until[s]))] -= 1;
      }
    }
    open.forEach(sum);
    rates.forEach((one) => perSecond(one, width));
    return {from, width, open: open.map((one) => one.subarray(0, buckets)), rates, isExact: true};
  }

  /** Of all connections of the window, as netlog counted them.
   * @param {any} view @returns {Series} */
  function ofWindow(view) {
    const {data} = view;
    const length = Math.max(1, Math.ceil(data.to / data.bucket_ns) + 1);
    const open = empty(states.length, length);
    const {open: changes, rates: ends} = data;
    for (let row = 0; row < changes.rows; ++row) {
      const at = Math.min(length - 1, changes.column('bucket').get(row));
      open[stateNumber(changes.column('state').get(row))][at] += changes.column('change').get(row);
    }
    open.forEach(sum);
    const rates = empty(3, length);
    for (let row = 0; row < ends.rows; ++row) {
      const at = Math.min(length - 1, ends.column('bucket').get(row));
      ['opened', 'failed', 'reset'].forEach((name, number) => {
        rates[number][at] += ends.column(name).get(row);
      });
    }
    rates.forEach((one) => perSecond(one, data.bucket_ns));
    return {from: 0, width: data.bucket_ns, open, rates, isExact: true};
  }

  /** What the charts show. Where connections are left out, the counts of netlog are better, and
   * there are none of a filter. @param {any} view @returns {Series} */
  function ofView(view) {
    if (view.isComplete) return ofConnections(view);
    return view.isFiltered ? {...ofConnections(view), isExact: false} : ofWindow(view);
  }

  return {ofView, ofConnections, ofWindow, buckets};
})();
