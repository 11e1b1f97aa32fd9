import { isDeepStrictEqual } from 'node:util';

import type { Redactor } from '../runtime/errors/redactor.js';
import { type ClientSettings, toSettings } from '../runtime/options/client-settings.js';
import { OPTIONS } from '../runtime/options/option.table.js';
import type { ClientView } from './inspector.protocol.js';
import { shown } from './shown.js';

type OptionName = keyof typeof OPTIONS;

const NAMES = Object.keys(OPTIONS) as OptionName[];

/** Whose values are somebody else's to know, or too many to tell apart: of these the names alone are shown. */
const OPAQUE: ReadonlySet<OptionName> = new Set(['headers', 'socket', 'tls', 'ws']);

/** Those whose strings are addresses, or may be tokens in disguise. */
const TEXTS: Partial<Record<OptionName, (value: unknown, redactor: Redactor) => unknown>> = {
  protocols: (value, redactor) => redactor.protocols(value as string[]),
  urls: (value, redactor) => (value as (string | URL)[]).map((url) => redactor.url(url)),
  heartbeat: (value) =>
    typeof value === 'object' && value !== null && 'payload' in value && value.payload !== undefined
      ? { ...value, payload: '[hidden]' }
      : value,
};

const DEFAULTS = toSettings({});

/** The options that are in force, in the order of docs/options.md. */
export function optionsInForce(
  settings: ClientSettings,
  redactor: Redactor,
): ClientView['options'] {
  return NAMES.map((name) => {
    const value = settingOf(settings, name);
    return {
      name,
      value: textOf(name, value, redactor),
      isDefault: isDeepStrictEqual(value, settingOf(DEFAULTS, name)),
    };
  });
}

function settingOf(settings: ClientSettings, name: OptionName): unknown {
  if (name in settings && name !== 'transport') return settings[name as keyof ClientSettings];
  return (settings.transport as Readonly<Record<string, unknown>>)[name];
}

function textOf(name: OptionName, value: unknown, redactor: Redactor): string {
  if (value === undefined) return 'not set';
  if (typeof value === 'function') return 'a function';
  if (value === Infinity) return 'none';
  const seen = OPAQUE.has(name) ? hidden(value) : (TEXTS[name]?.(value, redactor) ?? value);
  const plain = shown(seen, redactor, name === 'protocol' ? 1 : undefined);
  return typeof plain === 'string' ? plain : JSON.stringify(plain);
}

/** Numbers and switches as they are; of all else that it is there. */
function hidden(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return '[hidden]';
  const told = Object.entries(value).map(([name, one]: [string, unknown]) => {
    const isHarmless = typeof one === 'number' || typeof one === 'boolean';
    return [name, isHarmless ? one : '[hidden]'];
  });
  return Object.fromEntries(told);
}
