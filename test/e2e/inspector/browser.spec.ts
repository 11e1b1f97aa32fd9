import { readFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { pathToFileURL } from 'node:url';

import type { CanActivate, ExecutionContext, INestApplication } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { OnFrame, WebSockexClient, WebSockexManager, WebSockexModule } from 'nestjs-websockex';
import { WebSockexInspectorModule } from 'nestjs-websockex/inspector';
import type { Browser } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { INSPECTOR_PAGE } from '../../../lib/inspector/inspector.tokens.js';
import { Traffic } from '../../fixtures/inspector/traffic.js';
import { clientAt } from '../../fixtures/scene.js';
import { WsServer } from '../../fixtures/ws-server.js';
import { buildPage, CHROMIUM, launch, NO_CHROMIUM, Tab } from '../../inspector-page/browser.js';

const EVIL = '<img src=x onerror="document.title = \'owned\'">';

@WebSockexClient('ws://127.0.0.1:1')
class TradesClient {
  position = 0;

  @OnFrame('text')
  trade() {
    this.position++;
  }
}

@WebSockexClient('ws://127.0.0.1:1')
class OrdersClient {
  @OnFrame()
  any() {}
}

/** Lets in who has the cookie of an administrator. */
class AdminGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<{ headers: { cookie?: string } }>();
    return request.headers.cookie === 'role=admin';
  }
}

const title = 'The inspector of a real application, in a browser';

describe.skipIf(CHROMIUM === undefined)(CHROMIUM ? title : `${title} (${NO_CHROMIUM})`, () => {
  let built: Awaited<ReturnType<typeof buildPage>>;
  let browser: Browser;
  const apps: INestApplication[] = [];
  const tabs: Tab[] = [];

  beforeAll(async () => {
    built = await buildPage();
    browser = await launch();
  });

  afterAll(async () => {
    await browser?.close();
    await built?.remove();
  });

  afterEach(async () => {
    for (const { page } of tabs) await page.close();
    for (const app of apps.splice(0)) {
      // A browser opens connections in advance; Node waits for a minute for what one that is unused may ask.
      (app.getHttpServer() as Server).closeAllConnections();
      await app.close();
    }
    expect(tabs.splice(0).flatMap((tab) => tab.complaints)).toEqual([]);
  });

  /** An application whose trades come from this exchange, and whose orders go nowhere. */
  const boot = async (
    exchange: WsServer,
    platform: 'express' | 'fastify',
  ): Promise<INestApplication> => {
    const reconnect = { initialDelay: 20, maxDelay: 20 } as const;
    const trades = clientAt(exchange.url('/v1?token=s3cret'), TradesClient, {
      reconnect,
      // Its pings would be frames of those that are counted.
      heartbeat: false,
    });
    const orders = clientAt('ws://127.0.0.1:1', OrdersClient, {
      reconnect: { initialDelay: 3_600_000, maxDelay: 3_600_000 },
    });
    const builder = Test.createTestingModule({
      imports: [
        WebSockexModule.forRoot({ clients: [trades, orders] }),
        WebSockexInspectorModule.forRoot({ guards: [AdminGuard], actions: ['reconnect'] }),
      ],
    });
    builder.overrideProvider(INSPECTOR_PAGE).useValue(pathToFileURL(`${built.folder}/`));
    const module = await builder.compile();
    const app =
      platform === 'fastify'
        ? module.createNestApplication(new FastifyAdapter(), { logger: false })
        : module.createNestApplication({ logger: false });
    app.setGlobalPrefix('ops');
    apps.push(app);
    await app.listen(0, '127.0.0.1');
    return app;
  };

  /** What a browser shows; it is closed after the test. */
  const look = async (app: INestApplication, path: string): Promise<Tab> => {
    const tab = await Tab.open(browser, `${await app.getUrl()}/ops/websockex${path}`);
    tabs.push(tab);
    return tab;
  };

  /** A page of the application, for who may see it. */
  const open = async (app: INestApplication, hash = ''): Promise<Tab> => {
    await browser.setCookie({ name: 'role', value: 'admin', domain: '127.0.0.1', path: '/' });
    const tab = await look(app, `/index.html${hash}`);
    await tab.until(`document.querySelector('.live-status.is-live') !== null`);
    return tab;
  };

  /** Where the trades are shown. */
  const hashOfTrades = async (app: INestApplication): Promise<string> => {
    const url = `${await app.getUrl()}/ops/websockex/api/clients?search=trades`;
    const answer = await fetch(url, { headers: { cookie: 'role=admin' } });
    const { rows } = (await answer.json()) as { rows: readonly { id: string }[] };
    return `#/clients/${rows[0]?.id}`;
  };

  it.each(['express', 'fastify'] as const)(
    'shows an exchange that misbehaves, and does what it may, on %s',
    async (platform) => {
      await using exchange = await WsServer.listen();
      const app = await boot(exchange, platform);
      const peer = await exchange.nextConnection();
      await browser.setCookie({ name: 'role', value: 'admin', domain: '127.0.0.1', path: '/' });
      const tab = await look(app, '');
      const steps = `[...document.querySelectorAll('.timeline .kind')].map((kind) => kind.innerText)`;

      // The overview knows who is open, and whose attempt has failed.
      await tab.reads('1\nopen');
      await tab.reads('1\nbackoff');
      await tab.reads(`ws://127.0.0.1:${exchange.port}`);
      await tab.reads('ECONNREFUSED');

      await tab.press('link', 'Clients');
      await tab.reads('2 clients');
      await tab.type('Search', 'trades');
      await tab.reads('1 of 2 clients');
      await tab.press('link', 'TradesClient');
      await tab.until(`${steps}.join() === 'connected,connecting'`);
      expect(await tab.ask('document.body.innerText')).not.toContain('s3cret');

      // It is dropped, and comes back.
      peer.drop();
      const second = await exchange.nextConnection();
      await tab.until(
        `${steps}.join().startsWith('connected,connecting,backoff,disconnected,connected')`,
      );
      await tab.until(`document.querySelector('.state.is-here text').textContent === 'open'`);

      await tab.press('link', 'Frames');
      await tab.reads('Live');
      await tab.until(`document.querySelector('.frames') !== null`);
      second.send(EVIL);
      second.send('{"price":60000,"token":"s3cret"}');
      second.send(Buffer.from('binary'));
      await tab.reads(EVIL);
      await tab.press('button', '2');
      await tab.until(`document.querySelector('.frame-details .tree') !== null`);
      await tab.reads('price: 60000');
      await tab.press('button', '3');
      await tab.reads('0000  62 69 6e 61 72 79');
      const found = `[document.querySelectorAll('img').length, document.title.includes('owned')]`;
      expect(await tab.ask(found)).toEqual([0, false]);
      expect(await tab.ask('document.body.innerText')).not.toContain('s3cret');

      // What was sent has been handled, and the state says so.
      await tab.press('link', 'TradesClient');
      await tab.reads('position: 2');
      expect(await tab.texts('.actions button')).toEqual(['Reconnect…']);
      await tab.press('button', 'Reconnect…');
      await tab.press('button', 'Reconnect');
      const third = await exchange.nextConnection();
      await tab.until(`document.querySelector('.outcome.is-good') !== null`);
      await tab.until(`document.querySelector('.facts').innerText.includes('Session\\n3')`);

      await tab.press('link', 'Supervision');
      await tab.reads('0 of 9 restarts within 5 min');

      // What a peer says as it goes is text, too.
      third.close(4_001, EVIL);
      const fourth = await exchange.nextConnection();
      await tab.press('link', 'Overview');
      await tab.reads(EVIL);
      expect(await tab.ask(found)).toEqual([0, false]);

      // An open page holds up nobody, and says what has become of the application.
      await app.close();
      expect((await fourth.closed()).code).toBe(1001);
      await tab.reads('Reconnecting…');
      await tab.reads('The application does not answer');
    },
  );

  it('shows nothing to who is kept out', async () => {
    await using exchange = await WsServer.listen();
    const app = await boot(exchange, 'express');
    await browser.deleteMatchingCookies({ name: 'role', domain: '127.0.0.1' });
    const tab = await look(app, '');
    await tab.reads('Forbidden resource');
    expect(await tab.ask(`document.querySelector('#app')`)).toBeNull();
  });

  it('follows a thousand frames a second, and tells how many it has not shown of more', async () => {
    await using exchange = await WsServer.listen();
    const app = await boot(exchange, 'express');
    const traffic = new Traffic(await exchange.nextConnection());
    const trades = await hashOfTrades(app);
    const tab = await open(app, `${trades}/frames`);
    const number = (pattern: string): string =>
      `Number(document.querySelector('.counts').innerText.replaceAll(',', '').match(/${pattern}/)?.[1] ?? 0)`;
    const [received, skipped] = [number('^(\\d+) frame'), number('(\\d+) skipped')];
    const newest = `document.querySelector('tbody:last-child tr:last-child .payload').innerText`;
    const rows = `[...document.querySelectorAll('tr[data-index] .payload')].map((one) => one.innerText)`;

    traffic.start();
    await tab.until(`${received} >= 1000`);
    // It is of use while they come: a filter, a pause during which it stands still, and on.
    await tab.type('Filter', '7}');
    await tab.until(`${rows}.length > 5 && ${rows}.every((one) => one.endsWith('7}'))`);
    await tab.press('button', 'Pause');
    await tab.reads('since paused');
    const still = await tab.ask(rows);
    await tab.until(`${number('(\\d+) since paused')} >= 1000`);
    expect(await tab.ask(rows)).toEqual(still);
    await tab.press('button', 'Resume');
    await tab.type('Filter', '');
    await tab.until(`${received} >= 4000`);
    traffic.stop();
    await tab.until(`${received} + ${skipped} === ${traffic.sent}`);
    await tab.until(`${newest} === '{"tick":${traffic.sent}}'`);

    // More than a reader can have: the newest are shown, and how many others there were.
    const before = await tab.ask<number>(skipped);
    traffic.burst(20_000);
    await tab.until(`${received} + ${skipped} === ${traffic.sent}`);
    await tab.until(`${newest} === '{"tick":${traffic.sent}}'`);
    expect(await tab.ask(skipped)).toBeGreaterThan(before);
    expect(await tab.ask(`document.querySelectorAll('tr').length`)).toBeLessThan(60);
    await tab.type('Filter', 'nothing has this');
    await tab.until(`document.querySelector('tr.missing')?.innerText.includes('skipped')`);

    // The client has handled every one of them.
    const all = traffic.sent.toLocaleString('en-US');
    await tab.press('link', 'TradesClient');
    await tab.reads(`position: ${traffic.sent}`);
    await tab.until(
      `[...document.querySelectorAll('th')].find((one) => one.innerText === 'trade')?.nextSibling.innerText === '${all}'`,
    );
    await tab.until(`document.querySelector('.facts').innerText.includes('Mailbox\\n0')`);
  });

  it('has nothing for axe to say, on any page', async () => {
    await using exchange = await WsServer.listen();
    const app = await boot(exchange, 'express');
    const peer = await exchange.nextConnection();
    const trades = await hashOfTrades(app);
    const tab = await open(app);
    await tab.ask(
      await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'),
    );
    const pages = ['#/', '#/clients', trades, `${trades}/frames`, '#/supervision', '#/none'];
    for (const hash of pages) {
      await tab.ask(`location.hash = '${hash}'`);
      const isLive = `document.querySelector('.live-status.is-live') !== null`;
      if (hash !== '#/none') await tab.until(isLive);
      await tab.until(`document.querySelector('main a') !== null`);
      if (hash.endsWith('frames')) {
        await tab.until(`document.querySelector('.frames') !== null`);
        peer.send(EVIL);
        await tab.press('button', '1');
        await tab.reads('Frame 1');
      }
      const { violations } = await tab.ask<{
        violations: readonly { id: string; nodes: readonly { html: string }[] }[];
      }>('axe.run()');
      const said = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
      expect({ hash, said }).toEqual({ hash, said: [] });
    }
  });

  it('holds up no shutdown by three open pages', async () => {
    await using exchange = await WsServer.listen();
    const app = await boot(exchange, 'express');
    const unused = new Set<Socket>();
    (app.getHttpServer() as Server)
      .on('connection', (socket: Socket) => void unused.add(socket))
      .prependListener('request', ({ socket }) => void unused.delete(socket));
    const trades = await hashOfTrades(app);
    const pages: Tab[] = [];
    for (const hash of ['', trades, `${trades}/frames`]) pages.push(await open(app, hash));
    // Those that the browser has opened in advance are no pages.
    for (const socket of unused) socket.destroy();
    await app.close();
    for (const tab of pages) {
      // One that nobody sees draws nothing.
      await tab.page.bringToFront();
      await tab.reads('Reconnecting…');
      await tab.reads('The application does not answer');
    }
  });

  it('shows five thousand clients, and is sent those alone that are seen', async () => {
    await using exchange = await WsServer.listen();
    const app = await boot(exchange, 'express');
    const manager = app.get(WebSockexManager);
    const desk = clientAt(exchange.url(), OrdersClient, { heartbeat: false, startup: 'manual' });
    const names = Array.from({ length: 4_998 }, (_, n) => `desk-${String(n).padStart(4, '0')}`);
    const desks = await Promise.all(names.map((name) => manager.start(desk, { name })));
    await Promise.all(desks.slice(0, 299).map((handle) => handle.start()));
    const tab = await open(app);
    await tab.reads('300\nopen');
    await tab.reads('1\nbackoff');
    await tab.reads('4,699\nidle');

    const asked: string[] = [];
    tab.page.on('request', (request) => asked.push(request.url()));
    await tab.press('link', 'Clients');
    await tab.reads('5,000 clients');
    const shown = `[...document.querySelectorAll('tr[data-index]:not(.unknown) th')].map((name) => name.innerText)`;
    await tab.until(`${shown}.length > 20 && ${shown}[0] === 'OrdersClient'`);
    await tab.ask(`document.querySelector('.virtual').scrollTop = 1e9`);
    await tab.until(`${shown}.at(-1) === 'desk-4997'`);
    await tab.type('Search', 'desk-123');
    await tab.reads('10 of 5,000 clients');
    await tab.until(`${shown}.join().startsWith('desk-1230,desk-1231')`);
    await tab.press('link', 'desk-1234');
    await tab.until(`document.querySelector('h1').innerText === 'desk-1234'`);
    await tab.press('link', 'Supervision');
    await tab.reads('1 to 50 of 5,000');
    const limits = asked.flatMap((url) => /[?&]limit=(\d+)/.exec(url)?.[1] ?? []);
    expect(limits.length).toBeGreaterThan(3);
    expect(Math.max(...limits.map(Number))).toBeLessThanOrEqual(100);

    // The overview counts them, and names none of those that nothing has happened to.
    const told = await tab.ask<string>(`new Promise((done) => {
      const events = new EventSource('api/live/overview');
      events.addEventListener('overview', ({ data }) => { events.close(); done(data); });
    })`);
    expect(JSON.parse(told)).toMatchObject({ states: { open: 300, backoff: 1, idle: 4_699 } });
    expect(told.length).toBeLessThan(100_000);
    const list = await tab.ask<{ rows: readonly object[]; total: number }>(
      `fetch('api/clients?limit=5000').then((answer) => answer.json())`,
    );
    expect([list.rows.length, list.total]).toEqual([100, 5_000]);
  });
});
