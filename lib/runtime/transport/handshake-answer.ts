import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

import { HandshakeError } from '../errors/connection.errors.js';

/** The error for an answer that is no 101. */
export function toHandshakeError(client: string, answer: IncomingMessage): HandshakeError {
  const { statusCode: status = 0, statusMessage, headers } = answer;
  const retryAfter = parseRetryAfter(headers);
  const name = statusMessage ? ` ${statusMessage}` : '';
  return new HandshakeError(client, `the peer answered ${status}${name}${remedyFor(status)}`, {
    status,
    headers,
    retryAfter,
  });
}

function remedyFor(status: number): string {
  if (status === 101) return ', but its headers do not upgrade the connection';
  if (status === 401 || status === 403) return '; check the credentials, or sign in @BeforeConnect';
  if (status === 404) return '; check the path of the URL';
  if (status >= 300 && status < 400) return '; allow it with followRedirects, or change the URL';
  return '';
}

/** `Retry-After` in milliseconds: a number of seconds or a date (RFC 9110 section 10.2.3). */
export function parseRetryAfter(headers: IncomingHttpHeaders): number | undefined {
  const value = headers['retry-after']?.trim();
  if (value === undefined || value === '') return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  // A date has a time of day. Without it `Date.parse` would take "in 3600" for a year.
  const until = /\d:\d\d:\d\d/.test(value) ? Date.parse(value) : NaN;
  if (Number.isNaN(until)) return undefined;
  // The peer's own clock, where it shows it: ours may differ.
  const peerNow = Date.parse(headers.date ?? '');
  return Math.max(0, until - (Number.isNaN(peerNow) ? Date.now() : peerNow));
}
