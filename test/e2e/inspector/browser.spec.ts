import { pathToFileURL } from 'node:url';

import type {
  CanActivate,
  ExecutionContext,
  INestApplication,
  NestApplicationOptions,
} from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { OnFrame, WebSockexClient, WebSockexModule } from 'nestjs-websockex';
import { WebSockexInspectorModule } from 'nestjs-websockex/inspector';
import type { Browser } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { INSPECTOR_PAGE } from '../../../lib/inspector/inspector.tokens.js';
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

  beforeAll(async () => {
    built = await buildPage();
    browser = await launch();
  });

  afterAll(async () => {
    await browser?.close();
    await built?.remove();
  });

  /** An application whose trades come from this exchange, and whose orders go nowhere. */
  const boot = async (
    exchange: WsServer,
    platform: 'express' | 'fastify',
    options: NestApplicationOptions = {},
  ): Promise<INestApplication> => {
    const reconnect = { initialDelay: 20, maxDelay: 20 } as const;
    const trades = clientAt(exchange.url('/v1?token=s3cret'), TradesClient, { reconnect });
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
        ? module.createNestApplication(new FastifyAdapter(), { logger: false, ...options })
        : module.createNestApplication({ logger: false, ...options });
    app.setGlobalPrefix('ops');
    await app.listen(0, '127.0.0.1');
    return app;
  };

  it.each(['express', 'fastify'] as const)(
    'shows an exchange that misbehaves, and does what it may, on %s',
    async (platform) => {
      await using exchange = await WsServer.listen();
      const app = await boot(exchange, platform);
      const peer = await exchange.nextConnection();
      const origin = await app.getUrl();
      await browser.setCookie({ name: 'role', value: 'admin', domain: '127.0.0.1', path: '/' });
      const tab = await Tab.open(browser, `${origin}/ops/websockex`);
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

      // An open page holds up nobody, and says what has become of the application.
      await app.close();
      expect((await third.closed()).code).toBe(1001);
      await tab.reads('Reconnecting…');
      await tab.reads('The application does not answer');
      expect(tab.complaints).toEqual([]);
      await tab.page.close();
    },
  );

  it('shows nothing to who is kept out', async () => {
    await using exchange = await WsServer.listen();
    // A browser opens connections in advance; Node waits for a minute for what one that is unused may ask.
    const app = await boot(exchange, 'express', { forceCloseConnections: true });
    await browser.deleteMatchingCookies({ name: 'role', domain: '127.0.0.1' });
    const tab = await Tab.open(browser, `${await app.getUrl()}/ops/websockex`);
    await tab.reads('Forbidden resource');
    expect(await tab.ask(`document.querySelector('#app')`)).toBeNull();
    await tab.page.close();
    await app.close();
  });
});
