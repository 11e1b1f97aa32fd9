import { ConfigurationError } from '../errors/client.errors.js';
import { inspectShort } from '../errors/websockex.error.js';
import { checkHeaders, checkProtocols, checkUrl } from '../transport/request.checker.js';
import type { ClientOptions } from './client-options.js';
import { ELSEWHERE, FOREIGN } from './foreign-options.js';
import { type Check, isObject } from './option.checks.js';
import {
  DEBUG,
  HEARTBEAT,
  MAILBOX,
  OPTIONS,
  QUEUE,
  RECONNECT,
  REPLAY,
  SEND_RATE,
} from './option.table.js';
import { unknownOption } from './unknown-option.js';
import { checkAgent, checkCertificate, checkWayOut } from './way-out.checker.js';

type Table = Readonly<Record<string, { readonly check: Check }>>;

/** The names of the options a client may have, in order. */
export const CLIENT_OPTION_NAMES: readonly string[] = Object.keys(OPTIONS);

/** What is said of an option of a client in one of the tables among them, such as `reconnect`. */
const BESIDE: ReadonlyMap<string, string> = new Map(
  CLIENT_OPTION_NAMES.map((name) => [name, 'stands beside it, not in it']),
);

/**
 * Refuses options that are unknown or do not fit, one by one; {@link checkTogether} does the rest.
 *
 * @param client the client they are for, as errors name it
 * @param beside names that stand in the same place, and are no options of `ClientOptions`: one of
 * them may be meant. What is said where one is given all the same: `stands before the options`
 * @throws ConfigurationError naming the client and the option
 */
export function checkOptions(
  client: string,
  options: unknown,
  beside: Readonly<Record<string, string>> = {},
): ClientOptions {
  checkTable(client, '', OPTIONS, options, beside);
  const { headers, protocols, reconnect, mailbox, heartbeat, debug, urls } =
    options as ClientOptions;
  const { queue, replay, sendRate } = options as ClientOptions;
  if (headers !== undefined) checkHeaders(client, headers);
  if (protocols !== undefined) checkProtocols(client, protocols);
  if (urls !== undefined) checkUrls(client, urls);
  checkWayOut(client, options as ClientOptions);
  if (debug !== undefined && typeof debug !== 'boolean') {
    const names = Array.isArray(debug)
      ? Object.fromEntries(debug.map((one) => [one, true]))
      : debug;
    if (typeof names !== 'object' || names === null) {
      throw new ConfigurationError(
        `${client}: the option "debug" is ${inspectShort(debug)}; it must be true, false, ` +
          `an array such as ['trace'], or an object such as { trace: true }`,
      );
    }
    checkTable(client, 'debug.', DEBUG, names);
  }
  if (reconnect) checkTable(client, 'reconnect.', RECONNECT, reconnect);
  if (mailbox) checkTable(client, 'mailbox.', MAILBOX, mailbox);
  if (heartbeat) checkTable(client, 'heartbeat.', HEARTBEAT, heartbeat);
  if (queue) checkTable(client, 'queue.', QUEUE, queue);
  if (replay) checkTable(client, 'replay.', REPLAY, replay);
  if (sendRate) checkTable(client, 'sendRate.', SEND_RATE, sendRate);
  return options as ClientOptions;
}

/**
 * Refuses options that fit one by one, and contradict each other. They are those of all layers: what
 * one of them says alone may be right beside the others.
 *
 * @throws ConfigurationError naming the client and the options
 */
export function checkTogether(client: string, options: ClientOptions): ClientOptions {
  const { reconnect } = options;
  const { initialDelay = 0, maxDelay = Infinity, slowDelay = Infinity } = reconnect || {};
  if (initialDelay > maxDelay) {
    throw new ConfigurationError(
      `${client}: reconnect.initialDelay (${initialDelay}) is above reconnect.maxDelay (${maxDelay})`,
    );
  }
  if (reconnect && reconnect.maxDelay !== undefined && maxDelay > slowDelay) {
    throw new ConfigurationError(
      `${client}: reconnect.maxDelay (${maxDelay}) is above reconnect.slowDelay (${slowDelay})`,
    );
  }
  const { highWaterMark = MAILBOX.highWaterMark.default, lowWaterMark } = options.mailbox ?? {};
  if (lowWaterMark !== undefined && lowWaterMark >= highWaterMark) {
    throw new ConfigurationError(
      `${client}: mailbox.lowWaterMark (${lowWaterMark}) must be below mailbox.highWaterMark (${highWaterMark})`,
    );
  }
  const { send, expect, payload } = options.heartbeat || {};
  if (send === undefined && expect !== undefined) {
    throw new ConfigurationError(
      `${client}: heartbeat.expect waits for the answer to a message, and there is none. Give heartbeat.send, too.`,
    );
  }
  if (send !== undefined && payload !== undefined) {
    throw new ConfigurationError(
      `${client}: heartbeat.payload is that of a ping, and heartbeat.send takes the place of pings. Give one of them.`,
    );
  }
  checkSending(client, options);
  checkAgent(client, options);
  checkCertificate(client, options);
  return options;
}

function checkSending(client: string, { sendRate, ...options }: ClientOptions): void {
  for (const name of ['limit', 'per'] as const) {
    if (sendRate === undefined || sendRate[name] !== undefined) continue;
    throw new ConfigurationError(
      `${client}: the option sendRate needs both, how many messages (limit) and in how many milliseconds (per); "${name}" is missing`,
    );
  }
  const { sendHighWaterMark = OPTIONS.sendHighWaterMark.default } = options;
  const { maxBuffered = Math.max(OPTIONS.maxBuffered.default, sendHighWaterMark) } = options;
  if (options.sendHighWaterMark !== undefined && sendHighWaterMark > maxBuffered) {
    throw new ConfigurationError(
      `${client}: sendHighWaterMark (${sendHighWaterMark}) is above maxBuffered (${maxBuffered}): a send would be rejected before it waits`,
    );
  }
}

function checkUrls(client: string, urls: unknown): void {
  if (!Array.isArray(urls)) {
    throw new ConfigurationError(
      `${client}: the option "urls" is ${inspectShort(urls)}; it must be an array of URLs to try beside url`,
    );
  }
  for (const url of urls) checkUrl(client, url);
}

function checkTable(
  client: string,
  path: string,
  table: Table,
  options: unknown,
  beside: Readonly<Record<string, string>> = {},
): void {
  if (isObject(options) !== undefined) {
    throw new ConfigurationError(
      `${client}: options must be an object, not ${inspectShort(options)}`,
    );
  }
  for (const [name, value] of Object.entries(options as object)) {
    const check = Object.hasOwn(table, name) ? table[name]?.check : undefined;
    if (check === undefined) {
      const known = [...Object.keys(table), ...Object.keys(beside)];
      throw unknownOption(name, {
        where: client,
        path,
        known,
        elsewhere: new Map([...ELSEWHERE, ...(path === '' ? Object.entries(beside) : BESIDE)]),
        foreign: FOREIGN,
      });
    }
    const wanted = value === undefined ? undefined : check(value);
    if (wanted !== undefined) {
      throw new ConfigurationError(
        `${client}: the option "${path}${name}" is ${inspectShort(value)}; it must be ${wanted}`,
      );
    }
  }
}
