import { type HeaderMap, mergeHeaders } from '../transport/headers.js';
import type { ClientOptions } from './client-options.js';

/** The options among the options, by the names they stand under. */
interface Tables {
  readonly [name: string]: Tables;
}

const FLAT: Tables = {};

/** What is merged name by name. Whatever else is given replaces what stands below it. */
const NESTED: Tables = {
  debug: FLAT,
  heartbeat: FLAT,
  mailbox: FLAT,
  perMessageDeflate: { zlibDeflateOptions: FLAT, zlibInflateOptions: FLAT },
  queue: FLAT,
  reconnect: FLAT,
  replay: FLAT,
  sendRate: FLAT,
  socket: FLAT,
  tls: FLAT,
  ws: FLAT,
};

/**
 * Puts layers of options over each other, the last on top. What is `undefined` says nothing, at any
 * depth. Options that are a table of their own (`reconnect`, `mailbox`, `heartbeat`, `queue`, `replay`, `sendRate`, `debug`,
 * `headers`, `tls`, `socket`, `ws`, `perMessageDeflate`) are merged name by name, headers whatever the case of their
 * names; what is no plain object (`false`, an agent, a `Buffer`, an array) replaces all that stood
 * there. The layers stay as they are.
 */
export function mergeOptions(...layers: readonly ClientOptions[]): ClientOptions {
  return layers.reduce<ClientOptions>((below, layer) => {
    const { debug, headers, ...rest } = layer;
    return {
      ...merge(below, rest, NESTED),
      ...merge({ debug: below.debug }, { debug: toNames(debug) }, NESTED),
      ...withHeaders(below.headers, headers),
    };
  }, {});
}

function merge(below: object, layer: object, tables: Tables): Record<string, unknown> {
  const merged = new Map(Object.entries(below).filter(([, value]) => value !== undefined));
  for (const [name, value] of Object.entries(layer) as [string, unknown][]) {
    if (value === undefined) continue;
    const table = Object.hasOwn(tables, name) ? tables[name] : undefined;
    const before: unknown = merged.get(name);
    const isTable = table !== undefined && isPlain(value);
    merged.set(name, isTable ? merge(isPlain(before) ? before : {}, value, table) : value);
  }
  // Not by assignment, which would take "__proto__" for more than a name.
  return Object.fromEntries(merged);
}

/** `debug` in its short forms says what is on; `false` says that nothing is. */
function toNames(debug: ClientOptions['debug']): unknown {
  if (debug === true) return { trace: true };
  if (!Array.isArray(debug)) return debug;
  return Object.fromEntries(debug.map((name: string) => [name, true]));
}

function withHeaders(...layers: ClientOptions['headers'][]): Pick<ClientOptions, 'headers'> {
  const said = layers.map((headers = {}) => merge({}, headers, FLAT));
  const headers = mergeHeaders(...said) as HeaderMap;
  return Object.keys(headers).length === 0 ? {} : { headers };
}

/** Whether it was written as `{ … }`: what a class has made is a value of its own. */
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  // Of another realm too, whose Object.prototype is not ours.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
