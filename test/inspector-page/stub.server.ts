import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';

import type {
  ActionBody,
  FrameView,
  InspectorInfo,
} from '../../lib/inspector/inspector.protocol.js';
import { INFO, type StubClient, StubWorld } from './stub.world.js';

/** The headers that the inspector sends with the page. */
const HEADERS = {
  'content-security-policy': "default-src 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface Stream {
  readonly response: ServerResponse;
  /** What it says each second; a tail says nothing by itself. */
  readonly say?: () => void;
  /** Whose frames it tells. */
  readonly tailOf?: string;
}

export interface StubOptions {
  /** The folder with the page. */
  readonly page: string;
  readonly clients?: number;
  readonly info?: Partial<InspectorInfo>;
  /** Where the page stands; `/` at the end. */
  readonly path?: string;
}

/** The inspector's server as its page sees it, over real HTTP, for clients that are none. */
export class StubServer {
  readonly world: StubWorld;
  /** What was asked for, by path and query. */
  readonly asked: string[] = [];
  readonly actions: { readonly id: string; readonly body: ActionBody }[] = [];
  /** Frames that tails were told of. */
  sent = 0;
  /** As of a proxy whose application is not there. */
  isDown = false;
  readonly #info: InspectorInfo;
  readonly #path: string;
  readonly #streams = new Set<Stream>();
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch((error: unknown) => {
      response.writeHead(500).end(JSON.stringify({ statusCode: 500, message: String(error) }));
    });
  });
  // Real time: a browser has no other, and the server speaks each second.
  readonly #second = setInterval(() => {
    this.world.tick();
    this.tell();
  }, 1000);
  #traffic: NodeJS.Timeout | undefined;

  private constructor(private readonly options: StubOptions) {
    this.world = new StubWorld(options.clients ?? 5000);
    this.#info = { ...INFO, ...options.info };
    this.#path = options.path ?? '/admin/websockex/';
  }

  static async start(options: StubOptions): Promise<StubServer> {
    const stub = new StubServer(options);
    stub.#server.listen(0, '127.0.0.1');
    await once(stub.#server, 'listening');
    return stub;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `${this.origin}${this.#path}`;
  }

  /** How many listen. */
  get listeners(): number {
    return this.#streams.size;
  }

  /** Says at once what else would be said within a second. */
  tell(): void {
    for (const { say } of this.#streams) say?.();
  }

  send(id: string, frames: readonly FrameView[]): void {
    this.sent += frames.length;
    this.#tail(id, 'frame', frames);
  }

  skip(id: string, count: number): void {
    this.#tail(id, 'skipped', { count });
  }

  over(id: string, reason: 'time' | 'ended'): void {
    this.#tail(id, 'over', { reason });
    for (const { response, tailOf } of this.#streams) if (tailOf === id) response.end();
  }

  /** So many frames a second for each tail, from now on. */
  traffic(perSecond: number): void {
    clearInterval(this.#traffic);
    if (perSecond === 0) return;
    // Real time: the page shall keep up with a rate.
    this.#traffic = setInterval(() => {
      const frames = this.world.frames(perSecond / 50);
      for (const { tailOf } of this.#streams) if (tailOf !== undefined) this.send(tailOf, frames);
    }, 20);
  }

  /** The application forgets a client. */
  forget(client: StubClient): void {
    this.world.clients.splice(this.world.clients.indexOf(client), 1);
    this.tell();
  }

  /** Ends every stream, without a word. */
  cut(): void {
    for (const { response } of this.#streams) response.destroy();
  }

  async close(): Promise<void> {
    clearInterval(this.#second);
    clearInterval(this.#traffic);
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #tail(id: string, event: string, data: unknown): void {
    for (const { response, tailOf } of this.#streams) {
      if (tailOf === id) write(response, event, data);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.origin);
    this.asked.push(request.url ?? '');
    if (this.isDown) {
      response.writeHead(503, { 'content-type': 'text/html' }).end('<h1>No upstream</h1>');
      return;
    }
    const path = pathname.startsWith(this.#path) ? pathname.slice(this.#path.length) : undefined;
    if (path === undefined) return refuse(response, 404, 'Nothing is there');
    if (path === '') {
      response.writeHead(302, { location: `${this.#path}index.html` }).end();
      return;
    }
    if (!path.startsWith('api/')) return this.#file(path, response);
    const [first = '', second = '', third = '', ...rest] = path.split('/').slice(1);
    if (request.method === 'POST') return this.#act(second, rest[0] ?? '', request, response);
    if (first === 'info') return json(response, this.#info);
    if (first === 'live') return this.#live(second, third, searchParams, request, response);
    if (first === 'clients' && second === '') return json(response, this.world.page(searchParams));
    const client = this.world.byId(second);
    if (client === undefined) return refuse(response, 404, 'No client has this id');
    json(response, this.world.view(client));
  }

  async #file(path: string, response: ServerResponse): Promise<void> {
    try {
      const body = await readFile(join(this.options.page, normalize(`/${path}`)));
      const type = TYPES[extname(path)] ?? 'application/octet-stream';
      response.writeHead(200, { ...HEADERS, 'content-type': type }).end(body);
    } catch {
      refuse(response, 404, 'No such file');
    }
  }

  #live(
    kind: string,
    id: string,
    query: URLSearchParams,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const { world } = this;
    let isFirst = true;
    const views: Readonly<Record<string, () => void>> = {
      overview: () => {
        write(response, 'overview', world.overview(isFirst));
        isFirst = false;
      },
      clients: () => {
        if (id === '') return write(response, 'clients', world.page(query));
        const client = world.byId(id);
        if (client === undefined) write(response, 'gone', {});
        else write(response, 'client', world.view(client));
      },
      supervision: () => {
        const [offset, limit] = [Number(query.get('offset')), Number(query.get('limit') ?? 50)];
        write(response, 'supervision', world.supervision(offset, limit));
      },
    };
    const say = views[kind];
    if (id !== '' && world.byId(id) === undefined) {
      return refuse(response, 404, 'No client has this id');
    }
    if (say === undefined && kind !== 'frames') return refuse(response, 404, 'No such stream');
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.flushHeaders();
    const stream: Stream = say === undefined ? { response, tailOf: id } : { response, say };
    this.#streams.add(stream);
    request.socket.setNoDelay(true);
    response.on('close', () => this.#streams.delete(stream));
    say?.();
  }

  async #act(
    id: string,
    name: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const isOurs =
      request.headers['x-websockex-inspector'] === '1' &&
      request.headers['content-type'] === 'application/json';
    if (!isOurs || !this.#info.actions.some((action) => action === name)) {
      return refuse(response, 403, 'This action is not allowed');
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as ActionBody;
    this.actions.push({ id, body });
    if (body.name === 'send' && body.data === 'refuse me') {
      return refuse(response, 409, 'The client is not open');
    }
    json(response, { ok: true, message: `${name} is done` });
  }
}

function json(response: ServerResponse, body: unknown, status = 200): void {
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  response.writeHead(status, headers).end(JSON.stringify(body));
}

function refuse(response: ServerResponse, statusCode: number, message: string): void {
  json(response, { statusCode, message }, statusCode);
}

function write(response: ServerResponse, event: string, data: unknown): void {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}
