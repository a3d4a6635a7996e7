// SPDX-License-Identifier: MIT
// Texts for people: times, durations, bytes, and names that processes and peers chose.
'use strict';

/** What the modules of this page share. @type {Record<string, any>} */
const page = {};

page.texts = (() => {
  // What could mislead a reader: control characters, overrides of the direction, invisible ones.
  const harmful = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0\ufffc\ufffd]/gu;

  /** A text as people may see it: what could mislead them is escaped, as on a terminal.
   * @param {unknown} text @returns {string} */
  function shown(text) {
    return String(text).replace(harmful, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);
  }

  // One for all: toLocaleString() would make one for each number.
  const numbers = new Intl.NumberFormat('en-US', {maximumFractionDigits: 2});

  /** @param {number} value */
  const count = (value) => numbers.format(value);

  /** @param {number} value */
  function bytes(value) {
    const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
    let at = 0;
    while (value >= 1000 && at < units.length - 1) {
      value /= 1000;
      at += 1;
    }
    return `${at === 0 ? value : value.toPrecision(3)} ${units[at]}`;
  }

  /** @param {number} ns */
  function duration(ns) {
    const size = Math.abs(ns);
    const round = (value) => String(Number(value.toPrecision(3)));
    if (size < 1e3) return `${ns} ns`;
    if (size < 1e6) return `${round(ns / 1e3)} µs`;
    if (size < 1e9) return `${round(ns / 1e6)} ms`;
    if (size < 60e9) return `${round(ns / 1e9)} s`;
    const seconds = Math.round(size / 1e9);
    const sign = ns < 0 ? '-' : '';
    const two = (value) => String(value).padStart(2, '0');
    if (seconds < 3600) return `${sign}${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
    if (seconds < 86400) {
      return `${sign}${Math.floor(seconds / 3600)}h ${two(Math.floor(seconds / 60) % 60)}m`;
    }
    return `${sign}${Math.floor(seconds / 86400)}d ${Math.floor(seconds / 3600) % 24}h`;
  }

  let base = 0n;

  /** Times are nanoseconds after this one, UTC ns since 1970 as text. @param {string} ns */
  function setBase(ns) {
    base = BigInt(ns);
  }

  /** UTC ns since 1970 @param {number} offset */
  const absolute = (offset) => base + BigInt(Math.round(offset));

  /** Milliseconds since 1970. @param {number} offset */
  const ms = (offset) => Number(base / 1000n) / 1e3 + offset / 1e6;

  /** `2026-11-21T14:03:07.250Z`, up to nanoseconds.
   * @param {number} offset @param {number} digits */
  function iso(offset, digits = 9) {
    const ns = absolute(offset);
    const seconds = ns / 1000000000n;
    const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
    const rest = String(ns - seconds * 1000000000n)
      .padStart(9, '0')
      .slice(0, digits);
    return `${text}${digits > 0 ? '.' + rest : ''}Z`;
  }

  /** `14:03:07.250`, in UTC. @param {number} offset @param {number} digits */
  const clock = (offset, digits = 3) => iso(offset, digits).slice(11, -1);

  /** `2026-11-21 14:03:07.250` @param {number} offset @param {number} digits */
  const moment = (offset, digits = 3) => iso(offset, digits).replace('T', ' ').slice(0, -1);

  /** How a value of this unit is shown; unknown is a dash.
   * @param {any} value @param {string} unit */
  function cell(value, unit) {
    if (value === null || value === undefined) return '–';
    if (typeof value === 'number') {
      switch (unit) {
        case 'time':
          return moment(value);
        case 'ns':
          return duration(value);
        case 'us':
          return duration(value * 1e3);
        case 'bytes':
          return bytes(value);
        case 'count':
          return count(value);
        case 'percent':
          return `${Number(value.toFixed(1))} %`;
        default:
          return String(value);
      }
    }
    return shown(value);
  }

  /** An element with properties, attributes (`aria-…`, `data-…`, `role`) and children. Strings are
   * text, never markup.
   * @param {string} tag @param {Record<string, any>} properties @param {...(Node|string)} children
   * @returns {any} */
  function element(tag, properties = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (/^(aria-|data-|role$|scope$|colspan$|for$)/.test(name)) made.setAttribute(name, value);
      else made[name] = value;
    }
    made.append(...children);
    return made;
  }

  /** @param {string} id @returns {any} */
  const byId = (id) => document.getElementById(id);

  return {
    shown,
    count,
    bytes,
    duration,
    setBase,
    absolute,
    ms,
    iso,
    clock,
    moment,
    cell,
    element,
    byId,
  };
})();
