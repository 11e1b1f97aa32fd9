// What stands around a handler, on each kind of handler that something comes in by: a row for each of both.
import {
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
  type Provider,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import {
  close,
  getClientToken,
  jsonRpc,
  OnCall,
  OnCast,
  OnError,
  OnFrame,
  OnMessage,
  OnRequest,
  OnTerminate,
  WebSockexClient,
  WebSockexModule,
  type ClientHandle,
  type CloseReason,
  type MessageError,
} from 'nestjs-websockex';
import { createTestNet, type ScriptedPeer, type TestNet } from 'nestjs-websockex/testing';
import {
  catchError,
  concat,
  finalize,
  isObservable,
  lastValueFrom,
  map,
  of,
  throwError,
  toArray,
  type Observable,
} from 'rxjs';
import { describe, expect, it } from 'vitest';

const KINDS = ['frame', 'message', 'cast', 'call', 'request'] as const;
type Kind = (typeof KINDS)[number];

/** What came of one call of a handler. */
interface Outcome {
  /** The session is open, and the client has not crashed, unless this says otherwise. */
  readonly end?: unknown;
  /** How often the handler has run. */
  readonly ran: number;
  /** What `@OnError` was told. */
  readonly errors: readonly string[];
  /** What the peer was sent. */
  readonly sent: readonly unknown[];
  /** What the caller got. */
  readonly answer?: unknown;
}

interface Play {
  /** What stands on the handler. */
  readonly on?: (net: TestNet) => readonly MethodDecorator[];
  /** What it does. */
  readonly does?: (net: TestNet) => unknown;
  readonly providers?: Provider[];
  readonly inheritGlobalEnhancers?: boolean;
}

/** Calls the handler of a kind, once, in an application of its own, and gives a second to what it does. */
async function play(
  kind: Kind,
  { on = () => [], does = () => undefined, providers = [], inheritGlobalEnhancers }: Play,
): Promise<Outcome> {
  const errors: string[] = [];
  const reasons: CloseReason[] = [];
  const net = createTestNet();
  let ran = 0;
  const run = (): unknown => {
    ran++;
    return does(net);
  };
  const decorated: MethodDecorator = (target, key, descriptor) => {
    for (const decorate of on(net)) decorate(target, key, descriptor);
  };

  @WebSockexClient('wss://feed.example', {
    heartbeat: false,
    protocol: jsonRpc(),
    restart: 'temporary',
    reconnect: false,
  })
  class FiveClient {
    @decorated
    @OnFrame('text', /^a frame/)
    frame(_: unknown) {
      return run() as never;
    }

    @decorated
    @OnMessage('told')
    message(_: unknown) {
      return run() as never;
    }

    @decorated
    @OnCast()
    cast(_: unknown) {
      return run() as never;
    }

    @decorated
    @OnCall()
    call(_: unknown): unknown {
      return run();
    }

    @decorated
    @OnRequest('ask')
    request(_: unknown): unknown {
      return run();
    }

    @OnError() bad({ code }: MessageError) {
      errors.push(code.replace('ERR_WEBSOCKEX_MESSAGE_', ''));
    }

    @OnTerminate() gone(reason: CloseReason) {
      reasons.push(reason);
    }
  }
  const app = await net.install(
    Test.createTestingModule({
      imports: [WebSockexModule.forRoot({ clients: [FiveClient], inheritGlobalEnhancers })],
      providers,
    }),
  );
  app.useLogger(false);
  await app.init();
  const server = net.server(FiveClient);
  server.acceptAll();
  const handle = app.get<ClientHandle<FiveClient>>(getClientToken(FiveClient));
  await handle.connected();
  const { peer } = server;

  const call: Record<Kind, () => unknown> = {
    frame: () => peer.send('a frame'),
    message: () => peer.sendJson({ jsonrpc: '2.0', method: 'told', params: 1 }),
    cast: () => handle.cast('cast', 1),
    call: () => handle.call('call', 1),
    request: () => peer.sendJson({ jsonrpc: '2.0', id: 1, method: 'ask', params: 1 }),
  };
  const called = Promise.resolve(call[kind]()).catch((error: MessageError) => error.code);
  await net.settle();
  await net.clock.advance('1s');
  await net.settle();
  const answer = await called;
  const items = isObservable(answer) ? answer.pipe(toArray()) : undefined;
  const given = items && (await lastValueFrom(items).catch((error: Error) => error.message));
  const outcome = {
    ran,
    errors,
    sent: sentTo(peer),
    ...(reasons.length > 0 && { end: describeEnd(reasons) }),
    ...(kind === 'call' && { answer: given ?? answer }),
  };
  const closed = app.close();
  await net.clock.advance('60s');
  await closed;
  await net.dispose();
  return outcome;
}

/** What a peer was sent: of text what it says, of an answer its result or error alone. */
function sentTo({ transcript }: ScriptedPeer): unknown[] {
  return transcript.flatMap((line): unknown[] => {
    const [, closing] = /^<- close (\d+)/.exec(line) ?? [];
    if (closing !== undefined) return [`close ${closing}`];
    const [, text] = /^<- text (.*)$/.exec(line) ?? [];
    if (text === undefined) return [];
    const said = JSON.parse(text) as string;
    if (!said.startsWith('{')) return [said];
    const { result, error } = JSON.parse(said) as { result?: unknown; error?: { code: number } };
    return [error === undefined ? { result } : { error: error.code }];
  });
}

function describeEnd([reason]: readonly CloseReason[]): unknown {
  return reason?.by === 'error' ? `crash: ${(reason.error as Error).message}` : reason;
}

/** Of each kind, what comes of its call. */
type Row = Readonly<Record<Kind, Outcome>>;

/** What most kinds have in common. */
const of3 = (outcome: Outcome): Pick<Row, 'frame' | 'message' | 'cast'> => ({
  frame: outcome,
  message: outcome,
  cast: outcome,
});

const no: CanActivate = { canActivate: () => false };
const pipe: PipeTransform = {
  transform: () => {
    throw new RangeError('too much');
  },
};
const leave: ExceptionFilter = { catch: () => close(4001) };
const left = { by: 'local', code: 4001, message: '' };
const closed: Omit<Outcome, 'ran'> = { errors: [], sent: ['close 4001'], end: left };

/** Who fails, where a filter answers with `close(4001)`. */
const closedBy = (ran: number): Row => ({
  ...of3({ ...closed, ran }),
  call: { ...closed, ran, answer: undefined },
  request: { ...closed, ran, sent: [{ result: null }, 'close 4001'] },
});

const loud: NestInterceptor = {
  intercept: (_: ExecutionContext, next: CallHandler) =>
    next.handle().pipe(map((item: string) => item.toUpperCase())),
};
const mend: NestInterceptor = {
  intercept: (_: ExecutionContext, next: CallHandler) =>
    next.handle().pipe(catchError((error: Error) => of(`mended: ${error.message}`))),
};
const broken = (): Observable<string> =>
  concat(
    of('a'),
    throwError(() => new Error('broken')),
  );

/** An answer cannot be a stream. */
const notStreamed: Outcome = { ran: 1, errors: [], sent: [{ error: -32_603 }] };

const ROWS: readonly [string, Play, Row][] = [
  [
    'a guard that says no',
    { on: () => [UseGuards(no)] },
    {
      ...of3({ ran: 0, errors: ['REFUSED'], sent: [] }),
      call: { ran: 0, errors: [], sent: [], answer: 'ERR_WEBSOCKEX_MESSAGE_REFUSED' },
      request: { ran: 0, errors: ['REFUSED'], sent: [{ error: -32_000 }] },
    },
  ],
  [
    'a pipe that throws',
    { on: () => [UsePipes(pipe)] },
    {
      ...of3({ ran: 0, errors: ['INVALID'], sent: [] }),
      call: { ran: 0, errors: [], sent: [], answer: 'ERR_WEBSOCKEX_MESSAGE_INVALID' },
      request: { ran: 0, errors: ['INVALID'], sent: [{ error: -32_602 }] },
    },
  ],
  [
    "close(4001) of a filter, on a guard's no",
    { on: () => [UseFilters(leave), UseGuards(no)] },
    closedBy(0),
  ],
  [
    "close(4001) of a filter, on a pipe's error",
    { on: () => [UseFilters(leave), UsePipes(pipe)] },
    closedBy(0),
  ],
  [
    "close(4001) of a filter, on the handler's error",
    {
      on: () => [UseFilters(leave)],
      does: () => {
        throw new RangeError('of the handler');
      },
    },
    closedBy(1),
  ],
  [
    'a stream behind an interceptor',
    { on: () => [UseInterceptors(loud)], does: () => of('a', 'b') },
    {
      ...of3({ ran: 1, errors: [], sent: ['A', 'B'] }),
      call: { ran: 1, errors: [], sent: [], answer: ['A', 'B'] },
      request: notStreamed,
    },
  ],
  [
    'a failing stream behind an interceptor',
    { on: () => [UseInterceptors(loud)], does: broken },
    {
      ...of3({ ran: 1, errors: [], sent: ['A', 'close 1011'], end: 'crash: broken' }),
      call: { ran: 1, errors: [], sent: [], answer: 'broken' },
      request: notStreamed,
    },
  ],
  [
    'a failing stream behind an interceptor that catches',
    { on: () => [UseInterceptors(mend)], does: broken },
    {
      ...of3({ ran: 1, errors: [], sent: ['a', 'mended: broken'] }),
      call: { ran: 1, errors: [], sent: [], answer: ['a', 'mended: broken'] },
      request: notStreamed,
    },
  ],
];

describe.each(KINDS)('on a handler of the kind %s:', (kind) => {
  it.each(ROWS)('%s', async (_, what, row) => {
    expect(await play(kind, what)).toEqual(row[kind]);
  });

  it('an interceptor that times', async () => {
    const took: number[] = [];
    const timing = ({ clock }: TestNet): NestInterceptor => ({
      intercept: (_: ExecutionContext, next: CallHandler) => {
        const from = clock.now();
        return next.handle().pipe(finalize(() => took.push(clock.now() - from)));
      },
    });
    const does = ({ clock }: TestNet): Promise<string> =>
      new Promise((resolve) => clock.setTimer(250, () => resolve('done')));
    const on = (net: TestNet): MethodDecorator[] => [UseInterceptors(timing(net))];
    const { sent, answer } = await play(kind, { on, does });
    expect(took).toEqual([250]);
    const expected = { call: [[], 'done'], request: [[{ result: 'done' }], undefined] };
    expect([sent, answer]).toEqual(
      kind === 'call' || kind === 'request' ? expected[kind] : [['done'], undefined],
    );
  });

  describe('what is global', () => {
    const asked: string[] = [];
    const note = <T>(what: string, value: T): T => {
      asked.push(what);
      return value;
    };
    const providers: Provider[] = [
      { provide: APP_GUARD, useValue: { canActivate: () => note('guard', true) } },
      { provide: APP_PIPE, useValue: { transform: (value: unknown) => note('pipe', value) } },
      {
        provide: APP_INTERCEPTOR,
        useValue: {
          intercept: (_: ExecutionContext, next: CallHandler) => note('interceptor', next.handle()),
        },
      },
      { provide: APP_FILTER, useValue: { catch: () => note('filter', close(4001)) } },
    ];
    const does = (): never => {
      throw new Error('of the handler');
    };

    it.each<[string, MethodDecorator[]]>([
      ['', []],
      [', nor beside a guard of its own', [UseGuards({ canActivate: () => true })]],
    ])('does not apply%s', async (_, own) => {
      asked.length = 0;
      const { end } = await play(kind, { on: () => own, does, providers });
      expect(asked).toEqual([]);
      // What a request fails with is its answer.
      expect(end).toBe(kind === 'request' ? undefined : 'crash: of the handler');
    });

    it('applies where the module says so', async () => {
      asked.length = 0;
      const outcome = await play(kind, { does, providers, inheritGlobalEnhancers: true });
      expect(asked).toEqual(['guard', 'interceptor', 'pipe', 'filter']);
      expect(outcome).toEqual(closedBy(1)[kind]);
    });
  });
});
