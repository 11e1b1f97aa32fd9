import { once } from 'node:events';
import { type IncomingMessage, request as openRequest } from 'node:http';

import {
  type CanActivate,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  UnauthorizedException,
} from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ConfigurationError, WebSockexModule } from 'nestjs-websockex';
import {
  type AuditEvent,
  WebSockexInspectorModule,
  type WebSockexInspectorOptions,
} from 'nestjs-websockex/inspector';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import type { ClientsPage, InspectorInfo } from '../../../lib/inspector/inspector.protocol.js';
import { Gate } from '../../fixtures/journal.js';
import { FeedClient, open } from '../../fixtures/inspector/feed.js';
import { Inspected } from '../../fixtures/inspector/inspected.js';

const PLATFORMS = ['express', 'fastify'] as const;

@Module({ providers: [{ provide: 'PASSWORD', useValue: 'open sesame' }], exports: ['PASSWORD'] })
class PasswordModule {}

/** One that injects something, and says who has come. */
@Injectable()
class AdminGuard implements CanActivate {
  constructor(@Inject('PASSWORD') private readonly password: string) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{
      readonly headers: Readonly<Record<string, string>>;
      user?: unknown;
    }>();
    if (request.headers['authorization'] !== this.password) throw new UnauthorizedException();
    request.user = { username: 'ada' };
    return true;
  }
}

const GUARDED = { guards: [AdminGuard], imports: [PasswordModule] };

/** As that of docs/inspector.md: the browser asks for the password. */
class PasswordGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const { authorization } = http.getRequest<IncomingMessage>().headers;
    if (authorization === LOGIN) return true;
    const answer = http.getResponse<{ header(name: string, value: string): unknown }>();
    answer.header('WWW-Authenticate', 'Basic realm="inspector"');
    throw new UnauthorizedException();
  }
}

const LOGIN = `Basic ${Buffer.from('admin:s3cret').toString('base64')}`;

function bootOf(inspector: Parameters<typeof WebSockexInspectorModule.forRoot>[0]) {
  return Test.createTestingModule({
    imports: [WebSockexModule.forRoot({}), WebSockexInspectorModule.forRoot(inspector)],
  }).compile();
}

describe('In production', () => {
  beforeEach(() => void vi.stubEnv('NODE_ENV', 'production'));
  afterEach(() => void vi.unstubAllEnvs());

  it.each([{}, { guards: [] }, { mode: 'full' as const }])(
    'the application does not boot without guards: %j',
    async (inspector) => {
      await expect(bootOf(inspector)).rejects.toThrow(ConfigurationError);
      await expect(bootOf(inspector)).rejects.toThrow(
        /needs guards.*guards: \[AdminGuard\].*guards: 'none'/,
      );
    },
  );

  it('it does with options of a factory, neither', async () => {
    const made = Test.createTestingModule({
      imports: [
        WebSockexModule.forRoot({}),
        WebSockexInspectorModule.forRootAsync({ useFactory: () => ({}) }),
      ],
    }).compile();
    await expect(made).rejects.toThrow(/needs guards/);
  });

  it('it boots where that is said outright, warns, and shows no payloads', async () => {
    await using world = await Inspected.boot({ inspector: { guards: 'none' } });
    const { mode, actions } = await world.get<InspectorInfo>('info');
    expect([mode, actions]).toEqual(['metadata', []]);
    expect(world.logger.entries.map((entry) => String(entry.message)).join('\n')).toContain(
      'the inspector has no guards',
    );
  });
});

it.each<[string, object, RegExp]>([
  ['a mode', { mode: 'some' }, /option "mode" is "some"; it must be 'full' or 'metadata'/],
  ['an action', { actions: ['restart'] }, /option "actions" is .*'reconnect'/],
  ['a limit', { tails: { max: 0 } }, /option "tails" is .*whole number above 0/],
  ['an origin', { origins: ['https://admin.example/path'] }, /option "origins"/],
  ['a name', { action: ['close'] }, /unknown option "action" \(did you mean "actions"\?\)/],
])('%s that cannot be is refused when the application boots', async (_, options, message) => {
  await expect(bootOf(options as WebSockexInspectorOptions)).rejects.toThrow(message);
});

it('an application without clients of this library is told so', async () => {
  const made = Test.createTestingModule({ imports: [WebSockexInspectorModule.forRoot()] });
  const booting = made.compile();
  await expect(booting).rejects.toThrow(ConfigurationError);
  await expect(booting).rejects.toThrow(/no clients to show: import WebSockexModule\.forRoot\(\)/);
});

it('a build without the page is told so', async () => {
  await expect(bootOf({})).rejects.toThrow(/its page is not in the package .*npm run build/);
});

describe.each(PLATFORMS)('On %s', (platform) => {
  it('a guard, which may inject what its module imports, keeps others from all of it', async () => {
    await using world = await Inspected.boot({
      platform,
      clients: [FeedClient],
      inspector: { ...GUARDED, actions: ['close'] },
      headers: { authorization: 'open sesame' },
    });
    const { handle } = await open(world);
    const authorization = 'open sesame';
    const pages = [
      'websockex',
      'websockex/index.html',
      'websockex/assets/index-abc.js',
      'websockex/api/info',
      'websockex/api/clients',
      'websockex/api/clients/c1',
      'websockex/api/supervision',
      'websockex/api/live/overview',
      'websockex/api/live/clients/c1',
      'websockex/api/live/frames/c1',
    ];
    for (const page of pages) {
      const refused = await world.fetch(page);
      expect([page, refused.status]).toEqual([page, 401]);
      expect(refused.headers.get('cache-control')).toContain('no-store');
      expect(refused.headers.get('content-security-policy')).toContain("default-src 'self'");
      const shown = await world.fetch(page, { headers: { authorization } });
      expect([page, shown.status < 400]).toEqual([page, true]);
      await shown.body?.cancel();
    }
    expect((await world.act('c1', 'close')).status).toBe(401);
    expect(handle.status).toBe('open');
    expect((await world.act('c1', 'close', {}, { authorization })).status).toBe(200);
    expect(handle.status).not.toBe('open');
  });

  it('a guard has the browser ask for a password', async () => {
    await using world = await Inspected.boot({ platform, inspector: { guards: [PasswordGuard] } });
    for (const page of ['websockex', 'websockex/api/info', 'websockex/api/live/overview']) {
      const refused = await world.fetch(page);
      const asks = refused.headers.get('www-authenticate');
      expect([refused.status, asks]).toEqual([401, 'Basic realm="inspector"']);
      const shown = await world.fetch(page, { headers: { authorization: LOGIN } });
      expect(shown.status).toBeLessThan(400);
      await shown.body?.cancel();
    }
  });

  it.each<[string, Record<string, string>, number, RegExp]>([
    ['from another site', { 'sec-fetch-site': 'cross-site' }, 403, /another site/],
    ['from a neighbour', { 'sec-fetch-site': 'same-site' }, 403, /another site/],
    ['of another origin', { origin: 'https://evil.example' }, 403, /another origin/],
    ['of another port', { origin: 'http://127.0.0.1:1' }, 403, /another origin/],
    ['of no origin', { origin: 'null' }, 403, /another origin/],
    ['with another value of the header', { 'x-websockex-inspector': '0' }, 403, /x-websockex/],
    ['without the header', { 'x-websockex-inspector': '' }, 403, /x-websockex-inspector/],
    ['in one that begins alike', { 'content-type': 'application/jsonp' }, 415, /JSON|Unsupported/],
    ['in another type', { 'content-type': 'text/plain' }, 415, /JSON|Unsupported Media Type/],
  ])('an action that is asked for %s is refused', async (_, headers, status, message) => {
    await using world = await Inspected.boot({
      platform,
      clients: [FeedClient],
      inspector: { actions: ['close'], origins: ['https://admin.example'] },
    });
    const { handle, id } = await open(world);
    const refused = await world.act(id, 'close', {}, headers);
    const told = (await refused.json()) as { statusCode: number; message: string };
    expect([refused.status, told.statusCode]).toEqual([status, status]);
    expect(told.message).toMatch(message);
    expect(handle.status).toBe('open');
  });

  it('one of the page itself is done, also behind a proxy whose origin is listed', async () => {
    const admin = 'https://admin.example';
    await using world = await Inspected.boot({
      platform,
      clients: [FeedClient],
      inspector: { actions: ['suspend', 'resume'], origins: [admin] },
    });
    const { id } = await open(world);
    for (const origin of [new URL(world.origin).origin, admin]) {
      const headers = { origin, 'sec-fetch-site': 'same-origin' };
      const done = await world.act(id, 'suspend', {}, headers);
      expect([done.status, await done.json()]).toEqual([200, { ok: true, message: 'done' }]);
      expect((await world.row('FeedClient')).isSuspended).toBe(true);
      await world.act(id, 'resume', {}, headers);
    }
  });

  it('data are not read by other sites', async () => {
    await using world = await Inspected.boot({ platform, clients: [FeedClient] });
    for (const path of ['info', 'clients', 'clients/c1', 'live/overview', 'live/frames/c1']) {
      for (const [name, value] of [
        ['sec-fetch-site', 'cross-site'],
        ['origin', 'https://evil.example'],
      ] as const) {
        const refused = await world.fetch(`websockex/api/${path}`, { headers: { [name]: value } });
        expect([path, refused.status]).toEqual([path, 403]);
      }
    }
    const typed = await world.fetch('websockex/api/info', {
      headers: { 'sec-fetch-site': 'none' },
    });
    expect(typed.status).toBe(200);
    const link = await world.fetch('websockex', { headers: { 'sec-fetch-site': 'cross-site' } });
    expect(link.status).toBe(302);
  });
});

describe('Without guards', () => {
  const OWN = [
    'localhost',
    'localhost:3000',
    'app.localhost:3000',
    '127.0.0.1:3000',
    '[::1]:3000',
    '10.1.2.3',
    'box.example:3000',
  ];
  const FOREIGN = [
    'box.example:3001',
    'box.example',
    'evil.example:3000',
    'localhost.evil.example',
    'evillocalhost',
    '127.0.0.1.evil.example',
    'no host',
  ];

  /** As a browser asks that has come by this host. */
  const ask = async (world: Inspected, host: string, path = 'info'): Promise<number> => {
    const asked = openRequest(`${world.origin}/websockex/api/${path}`, {
      headers: { host, 'sec-fetch-site': 'same-origin' },
    });
    asked.end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    answer.resume();
    return answer.statusCode ?? 0;
  };

  it.each(['express', 'fastify'] as const)(
    'a name that anybody may have lead here sees no data, on %s',
    async (platform) => {
      await using world = await Inspected.boot({
        platform,
        clients: [FeedClient],
        inspector: { origins: ['http://box.example:3000'] },
      });
      const answers = new Map<string, number>();
      for (const host of [...OWN, ...FOREIGN]) {
        answers.set(host, await ask(world, host));
      }
      const refused = [...answers].flatMap(([host, status]) => (status === 200 ? [] : [host]));
      expect(refused).toEqual(FOREIGN);
      for (const path of ['live/overview', 'clients/c1', 'live/frames/c1'])
        expect([path, await ask(world, 'evil.example', path)]).toEqual([path, 403]);
    },
  );

  it('any name does where that is said outright, or guards decide', async () => {
    for (const inspector of [
      { guards: 'none' },
      { guards: [{ canActivate: () => true }] },
    ] as const) {
      await using world = await Inspected.boot({ clients: [FeedClient], inspector });
      expect(await ask(world, 'admin.example')).toBe(200);
    }
  });
});

describe('An action', () => {
  it('that is not listed is refused, and one that there is not is not found', async () => {
    await using world = await Inspected.boot({
      clients: [FeedClient],
      inspector: { actions: ['suspend'] },
    });
    const { handle, id } = await open(world);
    const answers = await Promise.all([
      world.act(id, 'close'),
      world.act(id, 'explode'),
      world.act(id, 'constructor'),
      world.act('c99', 'suspend'),
      world.act(id, 'suspend', { name: 'close' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([403, 404, 404, 404, 400]);
    expect(handle.status).toBe('open');
    expect((await world.row('FeedClient')).isSuspended).toBe(false);
  });

  it('is told with who has asked, before it is done and after', async () => {
    const events: AuditEvent[] = [];
    await using world = await Inspected.boot({
      clients: [FeedClient],
      inspector: { ...GUARDED, actions: ['send', 'close'], audit: (event) => events.push(event) },
      headers: { authorization: 'open sesame' },
    });
    const { peer } = await open(world);
    const authorization = 'open sesame';
    await world.act('c1', 'send', { data: 'hello' }, { authorization });
    await world.act('c1', 'rotate', {}, { authorization });
    await world.act('c1', 'close', { code: 1, reason: 'token=abcdef' }, { authorization });
    expect(await peer.expectText('hello')).toBeDefined();

    const who = { actor: 'ada', address: '127.0.0.1', client: 'FeedClient' };
    expect(events).toEqual([
      { ...who, time: expect.any(Number), action: 'send', outcome: 'asked', message: '' },
      { ...who, time: expect.any(Number), action: 'send', outcome: 'done', message: 'done' },
      {
        ...who,
        time: expect.any(Number),
        action: 'rotate',
        outcome: 'refused',
        message: '"rotate" is not among the actions of the inspector',
      },
      { ...who, time: expect.any(Number), action: 'close', outcome: 'asked', message: '' },
      {
        ...who,
        time: expect.any(Number),
        action: 'close',
        outcome: 'failed',
        message: expect.stringContaining('1 is no close code') as string,
      },
    ]);
    const lines = world.logger.entries.map(({ message }) => String(message));
    expect(lines).toContain('ada has asked for "send" of FeedClient: done, done');
    expect(lines.some((line) => /ada has asked for "rotate" .* refused/.test(line))).toBe(true);
  });

  it.each([
    ['send', {}, '"data" must be a text'],
    ['send', { data: ['x'] }, '"data" must be a text'],
    ['close', { code: '1000' }, '"code" must be a number'],
    ['close', { reason: 7 }, '"reason" must be a string'],
  ] as const)('%s that is given %j fails, and does nothing', async (name, body, message) => {
    await using world = await Inspected.boot({
      clients: [FeedClient],
      inspector: { actions: ['send', 'close'] },
    });
    const { handle, id } = await open(world);
    const failed = await world.act(id, name, body);
    expect([failed.status, await failed.json()]).toEqual([200, { ok: false, message }]);
    expect(handle.status).toBe('open');
  });

  it('that the audit does not take is not done', async () => {
    const events: AuditEvent[] = [];
    const audit = (event: AuditEvent): void => {
      events.push(event);
      if (event.outcome === 'asked') throw new Error('no password=hunter22 of the audit');
    };
    await using world = await Inspected.boot({
      clients: [FeedClient],
      inspector: { actions: ['close'], audit },
    });
    const { handle, id } = await open(world);
    const refused = await world.act(id, 'close');
    expect([refused.status, handle.status]).toEqual([503, 'open']);
    expect(events.map(({ outcome, message }) => [outcome, message])).toEqual([
      ['asked', ''],
      ['refused', 'the audit does not take it: no password=*** of the audit'],
    ]);
  });

  it('is told also where nobody can say who has asked, and is not done then', async () => {
    const events: AuditEvent[] = [];
    await using world = await Inspected.boot({
      clients: [FeedClient],
      inspector: {
        actions: ['close'],
        audit: (event) => events.push(event),
        actor: ((request: { headers: Record<string, string> }) => {
          if (request.headers['x-user'] === 'later') return Promise.reject(new Error('nobody'));
          throw new Error('token=hunter22\nis nobody');
        }) as never,
      },
    });
    const { handle, id } = await open(world);
    const statuses = [];
    for (const user of ['none', 'later']) {
      for (const name of ['close', 'rotate']) {
        statuses.push((await world.act(id, name, {}, { 'x-user': user })).status);
      }
    }
    expect([statuses, handle.status]).toEqual([[503, 403, 503, 403], 'open']);
    const who = ['127.0.0.1', '127.0.0.1'];
    expect(events.map(({ actor, address }) => [actor, address])).toEqual([who, who, who, who]);
    expect(events.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'close refused',
      'rotate refused',
      'close refused',
      'rotate refused',
    ]);
    const lines = world.logger.entries.map(({ message }) => String(message));
    expect(lines).toContain('the option "actor" of the inspector has failed: token=*** is nobody');
  });

  it('that is done is told in the log where the audit does not take the end of it', async () => {
    await using world = await Inspected.boot({
      clients: [FeedClient],
      inspector: {
        actions: ['suspend'],
        audit: ({ outcome }) => {
          if (outcome !== 'asked') throw Object.create(null);
        },
      },
    });
    const { id } = await open(world);
    expect((await world.act(id, 'suspend')).status).toBe(200);
    const lines = world.logger.entries.map(({ message }) => String(message)).join('\n');
    expect(lines).toMatch(/has asked for "suspend" of FeedClient: done/);
    expect(lines).toMatch(/option "audit" of the inspector has failed/);
  });

  it('says who is meant as the option says', async () => {
    const events: AuditEvent[] = [];
    const begun = new Gate();
    await using world = await Inspected.boot({
      clients: [FeedClient],
      inspector: {
        actions: ['reconnect'],
        audit: (event) => {
          events.push(event);
          begun.open();
        },
        actor: (request) =>
          (request as { readonly headers: Readonly<Record<string, string>> }).headers['x-user'],
      },
    });
    const { id } = await open(world);
    const asked = world.act(id, 'reconnect', {}, { 'x-user': 'grace' });
    await begun.opened;
    await world.net.clock.advance('3s');
    expect(await (await asked).json()).toMatchObject({ ok: true });
    expect(events.map(({ actor, outcome }) => [actor, outcome])).toEqual([
      ['grace', 'asked'],
      ['grace', 'done'],
    ]);
  });
});

it('who asks for nothing but a client sees the same as all', async () => {
  await using world = await Inspected.boot({ clients: [FeedClient] });
  const { total, rows } = await world.get<ClientsPage>('clients');
  expect([total, rows.map(({ name }) => name)]).toEqual([1, ['FeedClient']]);
});
