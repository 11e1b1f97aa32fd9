import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import {
  close,
  type ClientHandle,
  HandleRef,
  json,
  jsonRpc,
  JsonRpcError,
  type MessageError,
  OnError,
  OnFrame,
  OnMessage,
  OnRequest,
  Payload,
  type Protocol,
  reply,
  rpc,
  type WebSockexEvent,
} from 'nestjs-websockex';
import { map, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { NetScene } from '../../fixtures/net-scene.js';

const protocol = jsonRpc();

/** Sends a request of the peer's. */
const ask = (scene: NetScene<object>, ...asked: object[]): Promise<void> =>
  scene.feed(...asked.map((one) => JSON.stringify({ jsonrpc: '2.0', ...one })));

const answered = (id: number, result: unknown): object => ({ jsonrpc: '2.0', id, result });
const refused = (id: number, code: number, message: string, more: object = {}): object => ({
  jsonrpc: '2.0',
  id,
  error: { code, message, ...more },
});

describe('a request of the peer', () => {
  class Answering {
    readonly seen: unknown[] = [];

    @OnRequest('add')
    add([one, other]: [number, number]) {
      return one + other;
    }

    @OnRequest('later')
    async later(params: unknown) {
      await Promise.resolve();
      return { params };
    }

    @OnRequest('nothing')
    nothing() {}

    @OnMessage('told')
    told(message: unknown) {
      this.seen.push(message);
    }
  }

  it('is answered with what the handler returns, now or later', async () => {
    await using scene = await NetScene.open(Answering, { protocol });
    await ask(scene, { id: 1, method: 'add', params: [1, 2] }, { id: 2, method: 'later' });
    await ask(scene, { id: 'c', method: 'later', params: { a: 1 } }, { id: 4, method: 'nothing' });
    expect(await scene.peer.expectJson()).toEqual(answered(1, 3));
    expect(await scene.peer.expectJson()).toEqual(answered(2, {}));
    expect(await scene.peer.expectJson()).toMatchObject({ id: 'c', result: { params: { a: 1 } } });
    // JSON-RPC wants a result in an answer.
    expect(await scene.peer.expectJson()).toEqual(answered(4, null));
  });

  it('is none without an id: then it is a message', async () => {
    await using scene = await NetScene.open(Answering, { protocol });
    await ask(scene, { method: 'told', params: 1 }, { id: { a: 1 }, method: 'told', params: 2 });
    await ask(scene, { id: null, method: 'add' }, { id: 2, method: 'add', params: [1, 2] });
    expect(await scene.peer.expectJson()).toEqual(answered(2, 3));
    expect(((await scene.handle.sys.getState()) as Answering).seen).toEqual([
      { jsonrpc: '2.0', method: 'told', params: 1 },
      { jsonrpc: '2.0', id: { a: 1 }, method: 'told', params: 2 },
    ]);
  });

  it('is answered with an error where no @OnRequest is for it, which is told', async () => {
    await using scene = await NetScene.open(Answering, { protocol });
    const warnings: string[] = [];
    scene.handle.events$.subscribe((event: WebSockexEvent) => {
      if (event.event === 'warning') warnings.push(event.message);
    });
    // Not even an @OnMessage of that name takes it: it would never be answered.
    await ask(scene, { id: 1, method: 'told' }, { id: 2, method: 'constructor' });
    expect(await scene.peer.expectJson()).toEqual(refused(1, -32_601, 'Method not found'));
    expect(await scene.peer.expectJson()).toEqual(refused(2, -32_601, 'Method not found'));
    expect(warnings).toEqual([
      expect.stringContaining('the peer asks for "told", and no @OnRequest is for that'),
    ]);
    // The second to the ninth are no news.
    for (let id = 3; id <= 10; id++) await ask(scene, { id, method: 'told' });
    expect(warnings.slice(1)).toEqual([expect.stringContaining('(10 such requests so far)')]);
    expect(((await scene.handle.sys.getState()) as Answering).seen).toEqual([]);
  });

  it('is a message in a class without @OnRequest', async () => {
    class Reading {
      @OnMessage('told')
      told({ id }: { id: number }) {
        return JSON.stringify({ id, result: 'by hand' });
      }
    }
    await using scene = await NetScene.open(Reading, { protocol });
    await ask(scene, { id: 1, method: 'unknown' }, { id: 2, method: 'told' });
    expect(await scene.peer.expectJson()).toEqual({ id: 2, result: 'by hand' });
  });

  it('is answered in a session that waits for an answer itself', async () => {
    class Both {
      @OnRequest('challenge')
      async challenge(_: unknown, @HandleRef() handle: ClientHandle) {
        return handle.request(rpc('sign'));
      }
    }
    // A second parameter without a decorator would be nothing.
    class Calling extends Both {
      @OnRequest('echo')
      echo(@Payload() given: unknown, @HandleRef() handle: ClientHandle) {
        return [given, handle.name];
      }
    }
    await using scene = await NetScene.open(Calling, { protocol });
    await ask(scene, { id: 7, method: 'challenge' });
    const sign = (await scene.peer.expectJson()) as { id: number; method: string };
    expect(sign.method).toBe('sign');
    await scene.feed(JSON.stringify({ id: sign.id, result: 'signed' }));
    expect(await scene.peer.expectJson()).toEqual(answered(7, 'signed'));
    await ask(scene, { id: 8, method: 'echo', params: 1 });
    expect(await scene.peer.expectJson()).toEqual(answered(8, [1, scene.handle.name]));
  });
});

describe('what an @OnRequest throws', () => {
  class Throwing {
    static errors: MessageError[] = [];

    @OnRequest('meant')
    meant() {
      throw new JsonRpcError(-32_050, 'too much', { limit: 5 });
    }

    @OnRequest('broken')
    async broken() {
      throw new TypeError('the secret of x is undefined');
    }

    @OnRequest('bigint')
    bigint() {
      return { big: 1n };
    }

    @OnRequest('stream')
    stream() {
      return of(1, 2);
    }

    @OnRequest('checked', { schema: z.object({ price: z.coerce.number() }) })
    checked({ price }: { price: number }) {
      return price + 1;
    }

    @OnError()
    bad(error: MessageError) {
      Throwing.errors.push(error);
    }
  }

  it('is the error the peer gets, and no crash; what is not meant for the peer is told here', async () => {
    await using scene = await NetScene.open(Throwing, { protocol });
    const told: unknown[] = [];
    scene.handle.events$.subscribe((event: WebSockexEvent) => {
      if (event.event === 'error') told.push([event.where, (event.error as Error).message]);
    });
    await ask(scene, { id: 1, method: 'meant' }, { id: 2, method: 'broken' });
    await ask(scene, { id: 3, method: 'bigint' }, { id: 4, method: 'stream' });
    expect(await scene.peer.expectJson()).toEqual(
      refused(1, -32_050, 'too much', { data: { limit: 5 } }),
    );
    for (const id of [2, 3, 4]) {
      expect(await scene.peer.expectJson()).toEqual(refused(id, -32_603, 'Internal error'));
    }
    expect(told).toEqual([
      ['broken, whose request is answered with it', 'the secret of x is undefined'],
      ['the answer of bigint', expect.stringContaining('cannot write the message')],
      [
        'stream, whose request is answered with it',
        expect.stringContaining('a value that its protocol can write'),
      ],
    ]);
    expect(scene.handle.status).toBe('open');
    expect(scene.handle.session).toBe(1);
  });

  it('is a MessageError where the request is not valid, which @OnError is told', async () => {
    Throwing.errors = [];
    await using scene = await NetScene.open(Throwing, { protocol });
    await ask(scene, { id: 1, method: 'checked', params: { price: 'x' } });
    await ask(scene, { id: 2, method: 'checked', params: { price: '4' } });
    const error = (await scene.peer.expectJson()) as { error: object };
    expect(error).toMatchObject(refused(1, -32_602, 'Invalid params'));
    expect(error.error).toMatchObject({ data: [{ path: ['price'] }] });
    expect(await scene.peer.expectJson()).toEqual(answered(2, 5));
    expect(Throwing.errors).toMatchObject([
      { code: 'ERR_WEBSOCKEX_MESSAGE_INVALID', issues: [{ path: ['price'] }] },
    ]);
    expect(Throwing.errors[0]?.message).toContain('a request for checked()');
  });

  it('ends the session where onBadMessage says so, after the answer', async () => {
    await using scene = await NetScene.open(Throwing, { protocol, onBadMessage: 'close' });
    await ask(scene, { id: 1, method: 'checked', params: {} });
    expect(await scene.peer.expectJson()).toMatchObject({ id: 1, error: { code: -32_602 } });
    await scene.peer.expectClose(1007);
  });
});

describe('what stands before an @OnRequest', () => {
  class NotNo implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      return context.switchToWs().getData() !== 'no';
    }
  }
  class Doubled implements NestInterceptor {
    intercept(context: ExecutionContext, next: CallHandler) {
      return next
        .handle()
        .pipe(map((value: unknown) => [context.switchToWs().getPattern(), value]));
    }
  }
  class Guarded {
    @OnRequest('guarded')
    @UseGuards(NotNo)
    @UseInterceptors(Doubled)
    guarded(given: unknown) {
      return given;
    }
  }

  it('refuses it, or changes its answer', async () => {
    await using scene = await NetScene.open(Guarded, { protocol });
    await ask(scene, { id: 1, method: 'guarded', params: 'no' });
    await ask(scene, { id: 2, method: 'guarded', params: 'yes' });
    expect(await scene.peer.expectJson()).toEqual(refused(1, -32_000, 'Refused'));
    expect(await scene.peer.expectJson()).toEqual(answered(2, ['guarded', 'yes']));
  });
});

describe('a directive of an @OnRequest', () => {
  class Directing {
    @OnRequest('leave')
    leave() {
      return close(4000, 'as you like');
    }

    @OnRequest('raw')
    raw() {
      return reply('{"id":"raw"}');
    }
  }

  it('is acted on after the answer', async () => {
    await using scene = await NetScene.open(Directing, { protocol });
    await ask(scene, { id: 1, method: 'leave' });
    expect(await scene.peer.expectJson()).toEqual(answered(1, null));
    await scene.peer.expectClose(4000);
  });

  it('is the answer itself, where it is a reply', async () => {
    await using scene = await NetScene.open(Directing, { protocol });
    await ask(scene, { id: 1, method: 'raw' }, { id: 2, method: 'raw' });
    await scene.peer.expectText('{"id":"raw"}');
    await scene.peer.expectText('{"id":"raw"}');
  });
});

describe('a batch', () => {
  class Batched {
    @OnRequest('wait')
    async wait(given: unknown) {
      await Promise.resolve();
      return given;
    }

    @OnRequest('no')
    no() {
      throw new JsonRpcError(1, 'no');
    }

    @OnRequest('raw')
    raw() {
      return reply('raw');
    }

    @OnMessage('told')
    told() {}
  }

  const batch = (scene: NetScene<object>, ...all: object[]): Promise<void> =>
    scene.feed(JSON.stringify(all.map((one) => ({ jsonrpc: '2.0', ...one }))));

  it('is answered with a batch, once all of it is', async () => {
    await using scene = await NetScene.open(Batched, { protocol });
    const mine = scene.handle.request(rpc('mine'));
    const { id } = (await scene.peer.expectJson()) as { id: number };
    await batch(
      scene,
      { id: 1, method: 'wait', params: 1 },
      { method: 'told' },
      { id, result: 'an answer among them' },
      { id: 2, method: 'no' },
      { id: 3, method: 'unknown' },
    );
    expect(await scene.peer.expectJson()).toEqual([
      answered(1, 1),
      refused(2, 1, 'no'),
      refused(3, -32_601, 'Method not found'),
    ]);
    expect(await mine).toBe('an answer among them');
  });

  it('of one is one, and of notifications none', async () => {
    await using scene = await NetScene.open(Batched, { protocol });
    await batch(scene, { method: 'told' }, { method: 'told' });
    await batch(scene, { id: 1, method: 'wait', params: 1 });
    expect(await scene.peer.expectJson()).toEqual([answered(1, 1)]);
    await batch(scene, { id: 1, method: 'raw' });
    await scene.peer.expectText('raw');
    await batch(scene, { id: 2, method: 'raw' }, { id: 3, method: 'wait', params: 3 });
    await scene.peer.expectText('raw');
    expect(await scene.peer.expectJson()).toEqual([answered(3, 3)]);
  });

  const invalid = {
    jsonrpc: '2.0',
    id: null,
    error: { code: -32_600, message: 'Invalid Request' },
  };

  it.each<[string, unknown]>([
    ['[]', invalid],
    ['[1]', [invalid]],
    ['[1,2]', [invalid, invalid]],
    ['[[],{"method":1},null]', [invalid, invalid, invalid]],
    ['1', invalid],
    ['null', invalid],
    ['{"jsonrpc":"2.0","method":1,"params":"bar"}', invalid],
    [
      '[1,{"jsonrpc":"2.0","id":7,"method":"wait","params":7},{"jsonrpc":"2.0","method":"told"}]',
      [invalid, answered(7, 7)],
    ],
  ])('or what is no request is answered as the specification says: %s', async (text, told) => {
    const errors: MessageError[] = [];
    class Strict extends Batched {
      @OnError() bad(error: MessageError) {
        errors.push(error);
      }
    }
    await using scene = await NetScene.open(Strict, { protocol });
    await scene.feed(text);
    expect(await scene.peer.expectJson()).toEqual(told);
    expect(errors[0]).toMatchObject({
      code: 'ERR_WEBSOCKEX_MESSAGE_INVALID',
      message:
        'Strict: a message is no request: in JSON-RPC it is an object, and its method is a text',
    });
    const all = Array.isArray(told) ? told : [told];
    expect(errors).toHaveLength(all.filter((one) => one === invalid).length);
  });

  it('of thousands that are none is answered as far as a hundred of them', async () => {
    await using scene = await NetScene.open(Batched, { protocol });
    await scene.feed(JSON.stringify(Array.from({ length: 5_000 }, () => 0)));
    expect(await scene.peer.expectJson()).toHaveLength(100);
  });

  it('that is empty is a message, where a class answers nothing', async () => {
    const seen: unknown[] = [];
    class Silent {
      @OnMessage() any(message: unknown) {
        seen.push(message);
      }
    }
    await using scene = await NetScene.open(Silent, { protocol });
    await scene.feed('[]', '[1]');
    expect(seen).toEqual([[], 1]);
    expect(scene.peer.transcript.filter((line) => line.startsWith('<-'))).toEqual([]);
  });

  it('goes out as one, too: calls that want no answer', async () => {
    await using scene = await NetScene.open(Batched, { protocol });
    await scene.handle.send([rpc('a'), rpc('b', [1])]);
    expect(await scene.peer.expectJson()).toEqual([
      { jsonrpc: '2.0', method: 'a' },
      { jsonrpc: '2.0', method: 'b', params: [1] },
    ]);
  });
});

describe('a protocol of one’s own', () => {
  interface Told {
    readonly id: number;
    readonly ask?: string;
    readonly ok?: unknown;
    readonly no?: string;
  }
  const own: Partial<Protocol<Told>> = {
    call: ({ id, ask: name }) => (name === undefined ? undefined : { id, name, value: id }),
    reply: (id, result) =>
      'error' in result
        ? { id: id as number, no: (result.error as Error).message }
        : { id: id as number, ok: result.value },
  };

  class Own {
    @OnRequest('a')
    a(id: number) {
      if (id === 2) throw new Error('not twice');
      return id * 10;
    }

    @OnFrame()
    frame() {
      return 'a frame';
    }
  }

  it('answers as it says', async () => {
    await using scene = await NetScene.open(Own, { protocol: json<Told>(own) });
    await scene.feed('{"id":1,"ask":"a"}', '{"id":2,"ask":"a"}', '{"id":3,"ask":"b"}', '{"id":4}');
    expect(await scene.peer.expectJson()).toEqual({ id: 1, ok: 10 });
    expect(await scene.peer.expectJson()).toEqual({ id: 2, no: 'not twice' });
    expect(await scene.peer.expectJson()).toMatchObject({
      id: 3,
      no: expect.stringContaining('no @OnRequest') as string,
    });
    await scene.peer.expectText('a frame');
  });

  it('answers nothing without reply, and reads nothing as a request without call', async () => {
    const { reply: _, ...silent } = own;
    await using scene = await NetScene.open(Own, { protocol: json<Told>(silent) });
    await scene.feed('{"id":1,"ask":"a"}', '{"id":4}');
    await scene.peer.expectText('a frame');

    const deaf = json<Told>({ answer: () => undefined });
    await expect(NetScene.open(Own, { protocol: deaf })).rejects.toThrow(
      'Own: a() carries @OnRequest, and its protocol does not say what a request of the peer is (protocol.call). ' +
        'Give it: protocol: json({ call: … })',
    );
  });

  it('whose parts throw harms no other message', async () => {
    const call = ({ id }: Told) => {
      if (id === 1) throw new Error('call');
      return { id, name: 'a', value: id };
    };
    const broken = (id: unknown) => {
      if (id === 3) throw new Error('reply');
      return { id: id as number };
    };
    await using scene = await NetScene.open(Own, {
      protocol: json<Told>({ ...own, call, reply: broken }),
    });
    const told: unknown[] = [];
    scene.handle.events$.subscribe((event: WebSockexEvent) => {
      if (event.event === 'error') told.push([event.where, (event.error as Error).message]);
      if (event.event === 'message:rejected') told.push(event.error.message);
    });
    await scene.feed('{"id":1}', '{"id":3}', '{"id":4}');
    expect(await scene.peer.expectJson()).toEqual({ id: 4 });
    expect(told).toEqual([
      expect.stringContaining('could not be looked at by protocol.call: call'),
      ['the answer of a', 'reply'],
      ['the answer of a', 'reply'],
    ]);
  });
});

describe('what is asked in a session that ends', () => {
  it('is not answered in the next', async () => {
    const gates: (() => void)[] = [];
    class Slow {
      @OnRequest('slow')
      slow() {
        return new Promise<string>((resolve) => gates.push(() => resolve('late')));
      }

      @OnRequest('fast')
      fast() {
        return 'now';
      }
    }
    await using scene = await NetScene.open(Slow, { protocol });
    const dropped: unknown[] = [];
    scene.handle.events$.subscribe((event: WebSockexEvent) => {
      if (event.event === 'frame:dropped') dropped.push(event.frame.data);
    });
    await ask(scene, { id: 1, method: 'slow' });
    scene.peer.drop();
    await scene.net.settle();
    gates[0]?.();
    await scene.net.clock.advance('10s');
    expect(scene.handle.session).toBe(2);
    await ask(scene, { id: 2, method: 'fast' });
    expect(await scene.peer.expectJson()).toEqual(answered(2, 'now'));
    expect(dropped).toEqual(['{"jsonrpc":"2.0","id":1,"result":"late"}']);
  });
});
