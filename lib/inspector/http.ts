import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { isIP } from 'node:net';

import type { InspectorSettings } from './inspector.options.js';

/** A request, as far as Express and Fastify show the same of it. */
export interface HttpRequest {
  readonly method: string;
  /** As it was asked for, where something on the way has changed `url`. */
  readonly originalUrl?: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly params: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** As the platform knows it, behind the proxies that it trusts. */
  readonly ip?: string;
  /** What a guard has left behind. */
  readonly user?: unknown;
}

/** The reply of Fastify around the response of Node. */
interface FastifyReply {
  readonly raw: ServerResponse;
  getHeaders(): Readonly<Record<string, number | string | string[] | undefined>>;
  hijack(): void;
}

/** A response, as one of the platforms gives it. */
export type HttpResponse = ServerResponse | FastifyReply;

/** What all answers say: nothing of another origin, nothing inline, in nobody's frame, kept by nobody. */
const HEADERS: Readonly<Record<string, string>> = {
  'Cache-Control': 'no-store, no-transform',
  'Content-Security-Policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** Sets {@link HEADERS}, for answers too that others give: a guard, an exception filter. */
export function secure(set: (name: string, value: string) => void): void {
  for (const [name, value] of Object.entries(HEADERS)) set(name, value);
}

/**
 * The response of Node, which is ours from now on: no interceptor of the application puts an envelope around what is
 * sent. It has the headers that were set before.
 */
export function take(response: HttpResponse): ServerResponse {
  if (!('raw' in response)) return response;
  response.hijack();
  for (const [name, value] of Object.entries(response.getHeaders())) {
    if (value !== undefined) response.raw.setHeader(name, value);
  }
  return response.raw;
}

/** Whether who has asked is there no more: a guard may have taken its time. */
export function isGone(response: HttpResponse): boolean {
  const raw = 'raw' in response ? response.raw : response;
  return raw.destroyed || raw.req.socket.destroyed;
}

/** Answers with a body. */
export function answer(
  response: HttpResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer = '',
): void {
  const raw = take(response);
  for (const [name, value] of Object.entries(headers)) raw.setHeader(name, value);
  raw.statusCode = status;
  raw.setHeader('Content-Length', Buffer.byteLength(body));
  raw.end(body);
}

/** Answers with JSON: whatever a peer has said is text in it. */
export function answerJson(response: HttpResponse, status: number, body: object): void {
  const type = { 'Content-Type': 'application/json; charset=utf-8' };
  answer(response, status, type, JSON.stringify(body));
}

/** Refuses, as Nest does. */
export function refuse(response: HttpResponse, statusCode: number, message: string): void {
  answerJson(response, statusCode, { statusCode, message });
}

/** What was asked for, as the client has written it. */
export function urlOf({ originalUrl, url }: HttpRequest): URL {
  return new URL(`http://localhost${originalUrl ?? url}`);
}

export function addressOf({ ip }: HttpRequest): string | undefined {
  return ip;
}

function one(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

/** Why a request does not come from the page; `undefined` where it does, or where no browser has made it. */
export function whyForeign(
  { headers }: HttpRequest,
  { origins, isUnguarded }: Pick<InspectorSettings, 'origins' | 'isUnguarded'>,
): string | undefined {
  const host = headers.host ?? one(headers[':authority']);
  if (isUnguarded && host !== undefined && !isOwnHost(host, origins)) {
    return (
      'without guards it is shown under localhost and addresses alone, since any name may be made to lead here (DNS rebinding); ' +
      'give guards, or list the origin in the option "origins"'
    );
  }
  const site = one(headers['sec-fetch-site']);
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    return `the request comes from another site (Sec-Fetch-Site: ${site})`;
  }
  const { origin } = headers;
  if (origin === undefined || origins.includes(origin)) return undefined;
  if (URL.canParse(origin) && new URL(origin).host === host) return undefined;
  return 'the request comes from another origin; where a proxy changes the header Host, list it in the option "origins"';
}

/** Whether a page of somebody else's cannot have this host, whatever its name leads to. */
function isOwnHost(host: string, origins: readonly string[]): boolean {
  const { hostname } = URL.canParse(`http://${host}`)
    ? new URL(`http://${host}`)
    : { hostname: '' };
  return (
    isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 ||
    /^(?:.+\.)?localhost$/.test(hostname) ||
    origins.some((origin) => new URL(origin).host === host)
  );
}
