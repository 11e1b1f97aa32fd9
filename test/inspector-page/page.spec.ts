import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

import type { Browser } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { InspectorInfo } from '../../lib/inspector/inspector.protocol.js';
import { buildPage, CHROMIUM, launch, NO_CHROMIUM, Tab, type TabOptions } from './browser.js';
import { StubServer } from './stub.server.js';
import { EVIL } from './stub.world.js';

const title = "The inspector's page, in a browser";

describe.skipIf(CHROMIUM === undefined)(CHROMIUM ? title : `${title} (${NO_CHROMIUM})`, () => {
  let built: Awaited<ReturnType<typeof buildPage>>;
  let browser: Browser;
  let stub: StubServer;
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
    await stub.close();
    const complaints = tabs.splice(0).flatMap((tab) => tab.complaints);
    expect(complaints).toEqual([]);
  });

  const open = async (
    hash: string,
    {
      clients = 5000,
      ...options
    }: TabOptions & { info?: Partial<InspectorInfo>; clients?: number } = {},
  ): Promise<Tab> => {
    stub = await StubServer.start({ page: built.folder, clients, info: options.info ?? {} });
    const tab = await Tab.open(browser, stub.url + hash, options);
    tabs.push(tab);
    await tab.until(`document.querySelector('.live-status.is-live') !== null`);
    return tab;
  };

  const rows = 'tr[data-index]:not(.unknown)';
  const names = `[...document.querySelectorAll('${rows} th')].map((name) => name.innerText)`;

  describe('Overview', () => {
    it('says how many clients are in which state, and leads to them', async () => {
      const tab = await open('#/');
      const failed = stub.world.clients.filter(({ status }) => status === 'failed').length;
      expect(await tab.texts('.tile')).toContain(`${failed}\nfailed`);
      await tab.press('link', `${failed} failed`);
      await tab.reads(`${failed} of 5,000 clients`);
      await tab.until(`${names}.length === ${Math.min(failed, 30)} || ${names}.length > 20`);
      const states = await tab.texts(`${rows} .badge`);
      expect(new Set(states)).toEqual(new Set(['failed']));
    });

    it('draws the rates, and says them in words as they change', async () => {
      const tab = await open('#/');
      const words = `document.querySelector('.plot').getAttribute('aria-label')`;
      expect(await tab.ask(words)).toMatch(/^Frames a second: In [\d,]+, Out [\d,]+$/);
      expect(await tab.ask(`document.querySelectorAll('.plot canvas').length`)).toBe(2);
      const before = await tab.ask(words);
      await tab.until(`${words} !== ${JSON.stringify(before)}`);
    });

    it('stands still while it is paused', async () => {
      const tab = await open('#/');
      await tab.press('button', 'Pause');
      await tab.reads('Paused');
      await tab.hears('Paused');
      stub.world.move(stub.world.at(0), 'failed', 'disconnected', 'It has failed');
      stub.tell();
      expect(await tab.ask('document.body.innerText')).not.toContain('It has failed');
      await tab.press('button', 'Resume');
      await tab.reads('It has failed');
    });

    it('is paused at once, whatever has come by then', async () => {
      const tab = await open('#/clients');
      // As a browser does with an event that it has received, and not told yet: told, unless the source is closed.
      await tab.ask(`(() => {
        const add = EventSource.prototype.addEventListener;
        EventSource.prototype.addEventListener = function (name, listener) {
          if (name === 'open') {
            globalThis.tellOpen = () => this.readyState === EventSource.CLOSED || listener(new Event('open'));
          }
          add.call(this, name, listener);
        };
        location.hash = '#/';
      })()`);
      await tab.until(`globalThis.tellOpen && document.body.innerText.includes('Pause')`);
      await tab.ask(`(() => {
        [...document.querySelectorAll('button')].find((one) => one.innerText === 'Pause').click();
        tellOpen();
      })()`);
      await tab.reads('Paused');
      await tab.hears('Paused');
    });
  });

  describe('Clients', () => {
    it('finds clients by a part of a name, and tells how many', async () => {
      const tab = await open('#/clients');
      await tab.type('Search', 'tRaDesClient:01');
      await tab.reads('25 of 5,000 clients');
      await tab.hears('25 of 5,000 clients');
      await tab.until(`${names}.every((name) => name.startsWith('TradesClient:01'))`);
      expect(await tab.ask('location.hash')).toBe('#/clients?search=tRaDesClient%3A01');
      await tab.type('Search', 'nobody has this name');
      await tab.reads('No client matches.');
    });

    it('sorts by a column, both ways, and the focus stays', async () => {
      const tab = await open('#/clients');
      const first = `document.querySelector('${rows} td:nth-child(4)')?.innerText`;
      const order = `document.activeElement.closest('th')?.ariaSort`;
      await tab.press('button', 'In/s');
      await tab.until(`Number(${first}) >= 19`);
      expect(await tab.ask(order)).toBe('descending');
      await tab.keys('Enter');
      await tab.until(`${order} === 'ascending' && ${first} === '0'`);
    });

    it('asks for those alone that are seen, of thousands', async () => {
      const tab = await open('#/clients');
      expect(await tab.ask(`document.querySelector('table').ariaRowCount`)).toBe('5001');
      await tab.until(`${names}.length > 20`);
      expect(await tab.ask(`document.querySelectorAll('tr').length`)).toBeLessThan(60);
      await tab.ask(`document.querySelector('.virtual').scrollTop = 1e9`);
      await tab.until(`${names}.at(-1) === 'TradesClient:4996'`);
      expect(await tab.ask(`document.querySelector('tr[data-index="4999"]').ariaRowIndex`)).toBe(
        '5001',
      );
      expect(await tab.ask(`document.querySelectorAll('tr').length`)).toBeLessThan(60);
      const limits = stub.asked.flatMap((url) => /[?&]limit=(\d+)/.exec(url)?.[1] ?? []);
      expect(limits.length).toBeGreaterThan(1);
      for (const limit of limits) expect(Number(limit)).toBeLessThanOrEqual(60);
    });

    it('leads to a client by a press on its row', async () => {
      const tab = await open('#/clients');
      await tab.until(`${names}.length > 20`);
      await tab.page.locator('tr[data-index="2"] td:nth-child(2)').click();
      await tab.until(`document.querySelector('h1').innerText === 'AlertsClient:0011'`);
    });
  });

  describe('A client', () => {
    it('shows its time line as it grows, and where it stands', async () => {
      const tab = await open('#/clients/c0');
      const client = stub.world.at(0);
      await tab.until(`document.querySelectorAll('.timeline li').length === 1`);
      stub.world.move(client, 'backoff', 'disconnected', 'The peer has closed the session: 1012');
      stub.tell();
      await tab.until(`document.querySelectorAll('.timeline li').length === 2`);
      await tab.reads('The peer has closed the session: 1012');
      await tab.hears('The client is backoff');
      const drawn = `document.querySelector('.machine title').textContent`;
      expect(await tab.ask(drawn)).toBe(
        'The client is backoff. From here it may go to: connecting, closing, terminated, failed.',
      );
      stub.world.move(client, 'open', 'connected', 'Connected again');
      stub.tell();
      await tab.reads('Connected again');
      expect(await tab.ask(`document.querySelector('.state.is-here text').textContent`)).toBe(
        'open',
      );
      expect((await tab.texts('.timeline .words'))[0]).toBe('Connected again');
    });

    it('shows what is set, and on demand what is as by default', async () => {
      const tab = await open('#/clients/c0');
      await tab.reads('heartbeat');
      expect(await tab.ask('document.body.innerText')).not.toContain('maxRestarts');
      await tab.press('checkbox', 'defaults, too');
      await tab.reads('maxRestarts');
    });

    it('offers the actions that are listed, and no others', async () => {
      const tab = await open('#/clients/c0', { info: { actions: ['reconnect', 'suspend'] } });
      await tab.reads('Reconnect…');
      expect(await tab.texts('.actions button')).toEqual(['Reconnect…', 'Suspend…']);
    });

    it('offers none where it is read-only', async () => {
      const tab = await open('#/clients/c0', { info: { actions: [] } });
      await tab.reads('Read-only');
      expect(await tab.texts('main button')).toEqual(['Pause']);
    });

    it('acts once it is confirmed, and tells the outcome', async () => {
      const tab = await open('#/clients/c0');
      await tab.press('button', 'Reconnect…');
      await tab.until(`document.activeElement.closest('dialog') !== null`);
      expect(stub.actions).toEqual([]);
      await tab.keys('Escape');
      await tab.until(`document.activeElement.innerText === 'Reconnect…'`);
      await tab.press('button', 'Reconnect…');
      await tab.press('button', 'Reconnect');
      await tab.reads('reconnect is done');
      await tab.hears('reconnect is done');
      expect(await tab.ask('document.activeElement.innerText')).toBe('Reconnect…');
      expect(stub.actions).toEqual([{ id: 'c0', body: { name: 'reconnect' } }]);
    });

    it('closes with a code and a reason, and sends a text', async () => {
      const tab = await open('#/clients/c0');
      await tab.press('button', 'Close…');
      await tab.type('Code', '4001');
      await tab.type('Reason', 'for maintenance');
      await tab.press('button', 'Close');
      await tab.reads('close is done');
      await tab.press('button', 'Send…');
      await tab.type('Text', 'refuse me');
      await tab.press('button', 'Send');
      await tab.until(
        `document.querySelector('dialog [role=alert]')?.innerText === 'The client is not open'`,
      );
      expect(stub.actions.map(({ body }) => body)).toEqual([
        { name: 'close', code: 4001, reason: 'for maintenance' },
        { name: 'send', data: 'refuse me' },
      ]);
    });

    it('says that it is gone, and asks no more', async () => {
      const tab = await open('#/clients/c0');
      await tab.reads('TradesClient:0000');
      stub.forget(stub.world.at(0));
      await tab.reads('The application has forgotten this client.');
      await tab.reads('Ended');
      const asked = stub.asked.length;
      await tab.press('link', 'Clients');
      await tab.reads('4,999 clients');
      expect(stub.asked.slice(asked).filter((url) => url.includes('live/clients/c0'))).toEqual([]);
    });

    it('says where nobody knows the client', async () => {
      const tab = await open('#/');
      await tab.ask(`location.hash = '#/clients/none'`);
      await tab.reads('Nobody knows a client by this address.');
      await tab.reads('No client has this id');
    });
  });

  describe('Frames', () => {
    const received = `Number(document.querySelector('.counts').innerText.replaceAll(',', '').match(/^\\d+/)[0])`;

    it('keeps up with a thousand a second, with few rows', async () => {
      const tab = await open('#/clients/c0/frames');
      stub.traffic(1000);
      await tab.until(`${received} >= 5000`);
      stub.traffic(0);
      await tab.until(`${received} === ${stub.sent}`);
      await tab.until(
        `document.querySelector('tbody:last-child tr:last-child th').innerText === '${stub.sent}'`,
      );
      expect(await tab.ask(`document.querySelectorAll('tr').length`)).toBeLessThan(60);
      expect(await tab.ask(`document.querySelector('table').ariaRowCount`)).toBe(
        `${stub.sent + 1}`,
      );
    });

    it('keeps the last ten thousand', async () => {
      const tab = await open('#/clients/c0/frames');
      for (let n = 0; n < 30; n++) stub.send('c0', stub.world.frames(500));
      await tab.until(`${received} === 15000`);
      const kept = await tab.ask<string>(`document.querySelector('table').ariaRowCount`);
      expect(Number(kept)).toBeLessThanOrEqual(11_001);
      await tab.until(
        `document.querySelector('tbody:last-child tr:last-child th').innerText === '15000'`,
      );
    });

    it('tells of those that were skipped, where they are missing', async () => {
      const tab = await open('#/clients/c0/frames');
      stub.send('c0', stub.world.frames(2));
      stub.skip('c0', 1200);
      stub.skip('c0', 34);
      stub.send('c0', stub.world.frames(1));
      await tab.reads('1,234 skipped');
      await tab.until(`${received} === 3`);
      expect(await tab.texts(`${rows} th`)).toEqual(['1', '2', '1,234 skipped', '3']);
      expect(await tab.texts('.counts')).toEqual(['3 frames · 1,234 skipped']);
    });

    it('stands still while it is paused, and counts what comes', async () => {
      const tab = await open('#/clients/c0/frames');
      stub.send('c0', stub.world.frames(5));
      await tab.until(`${received} === 5`);
      await tab.press('button', 'Pause');
      stub.send('c0', stub.world.frames(7));
      await tab.reads('7 since paused');
      expect(await tab.texts(`${rows} th`)).toHaveLength(5);
      await tab.page.select('::-p-aria([name="Direction"])', 'in');
      await tab.reads('4 shown');
      await tab.page.select('::-p-aria([name="Direction"])', '');
      await tab.press('button', 'Resume');
      await tab.until(`document.querySelectorAll('${rows}').length === 12`);
      await tab.press('button', 'Clear');
      await tab.until(`document.querySelectorAll('${rows}').length === 0`);
    });

    it('pauses as somebody scrolls away from the end', async () => {
      const tab = await open('#/clients/c0/frames');
      stub.send('c0', stub.world.frames(500));
      await tab.until(`${received} === 500`);
      await tab.until(`document.querySelector('.virtual').scrollTop > 0`);
      await tab.ask(`document.querySelector('.virtual').scrollTop = 0`);
      await tab.reads('0 since paused');
      await tab.until(`document.querySelector('${rows} th').innerText === '1'`);
    });

    it('filters by text, direction and type', async () => {
      const tab = await open('#/clients/c0/frames');
      stub.send('c0', stub.world.frames(200));
      await tab.until(`${received} === 200`);
      await tab.type('Filter', '"ID":101,');
      await tab.until(`document.querySelectorAll('${rows}').length === 1`);
      await tab.type('Filter', '');
      await tab.page.select('::-p-aria([name="Type"])', 'ping');
      await tab.until(`document.querySelectorAll('${rows}').length === 5`);
      await tab.page.select('::-p-aria([name="Direction"])', 'out');
      await tab.reads('0 shown');
    });

    it('shows JSON as a tree, and what is binary in hexadecimal', async () => {
      const tab = await open('#/clients/c0/frames');
      stub.send('c0', stub.world.frames(33));
      await tab.until(`${received} === 33`);
      await tab.press('button', '31');
      await tab.until(`document.querySelector('.frame-details .tree') !== null`);
      expect(await tab.texts('.frame-details .leaf')).toContain('symbol: "BTC-EUR"');
      expect(await tab.texts('.frame-details')).not.toContain('side');
      await tab.page.locator('.frame-details summary ::-p-text(makers)').click();
      await tab.page.locator('.frame-details .children .children summary').click();
      await tab.reads('side: "buy"');
      await tab.press('button', '33');
      await tab.reads('0000  01 02 62 69 6e 61 72 79 20 33 33');
      const close = { seq: 34, time: Date.now(), direction: 'in', type: 'close' } as const;
      stub.send('c0', [{ ...close, size: 8, payload: '1000 bye' }]);
      await tab.press('button', 'Resume');
      await tab.press('button', '34');
      await tab.until(`document.querySelector('.frame-details pre').innerText === '1000 bye'`);
    });

    it('ends after its time, says so, and goes on when told to', async () => {
      const tab = await open('#/clients/c0/frames');
      stub.over('c0', 'time');
      await tab.reads('The tail has ended, as it has been open for 15 min.');
      await tab.press('button', 'Go on');
      await tab.reads('Live');
      stub.send('c0', stub.world.frames(3));
      await tab.until(`${received} === 3`);
      stub.over('c0', 'ended');
      await tab.reads('The client has ended: no more frames will come.');
    });

    it('has no payloads where the application shows none', async () => {
      const tab = await open('#/clients/c0/frames', { info: { mode: 'metadata' } });
      stub.send('c0', [{ seq: 1, time: Date.now(), direction: 'in', type: 'text', size: 91 }]);
      await tab.until(`${received} === 1`);
      await tab.reads('this application shows no payloads');
      expect(await tab.texts('thead th')).toEqual(['Frame', 'Direction', 'Type', 'Size', 'Time']);
      await tab.press('button', '1');
      await tab.reads('Payloads are not shown here.');
    });
  });

  it('shows groups, their budgets and links, page by page', async () => {
    const tab = await open('#/supervision');
    await tab.reads('market data');
    await tab.reads('2 of 3 restarts within 5 s');
    await tab.reads('40 more of everything at once');
    await tab.press('button', 'Next');
    await tab.reads('51 to 100 of 4,937');
    await tab.press('button', 'Previous');
    await tab.press('link', 'RatesClient:0002');
    await tab.until(`document.querySelector('h1').innerText === 'RatesClient:0002'`);
  });

  it('takes all that a peer says for text', async () => {
    const tab = await open('#/clients/c0/frames');
    const time = Date.now();
    const frame = { time, direction: 'in', type: 'text', size: EVIL.length } as const;
    stub.send('c0', [
      { ...frame, seq: 1, payload: EVIL },
      { ...frame, seq: 2, payload: JSON.stringify({ [EVIL]: EVIL }) },
    ]);
    await tab.reads(EVIL);
    await tab.press('button', '1');
    await tab.until(
      `document.querySelector('.frame-details pre')?.innerText === ${JSON.stringify(EVIL)}`,
    );
    await tab.press('button', '2');
    await tab.until(`document.querySelector('.frame-details .tree .name') !== null`);
    const found = `[document.querySelectorAll('img').length, document.title.includes('owned')]`;
    expect(await tab.ask(found)).toEqual([0, false]);
    stub.world.move(stub.world.at(0), 'backoff', 'disconnected', EVIL);
    for (const hash of ['#/clients/c0', '#/']) {
      await tab.ask(`location.hash = '${hash}'`);
      await tab.reads(EVIL);
      expect(await tab.ask(found)).toEqual([0, false]);
    }
  });

  it('says that it has lost the application, and comes back to it', async () => {
    const tab = await open('#/');
    stub.isDown = true;
    stub.cut();
    await tab.reads('Reconnecting…');
    await tab.hears('Reconnecting…');
    await tab.reads('The server answers 503');
    stub.isDown = false;
    await tab.until(`document.querySelector('.live-status').innerText === 'Live'`);
    await tab.hears('Live');
  });

  it('can be used with a keyboard alone', async () => {
    const tab = await open('#/clients');
    const focused = `document.activeElement.innerText.trim()`;
    await tab.until(`${names}.length > 20`);
    await tab.keys('Tab');
    expect(await tab.ask(focused)).toBe('Skip to the content');
    await tab.keys('Enter');
    expect(await tab.ask(focused)).toBe('Clients');
    // Pause, search, state, the table itself, ten columns, and one row of all.
    await tab.keys(...Array<'Tab'>(15).fill('Tab'));
    expect(await tab.ask(focused)).toBe('AlertsClient:0003');
    await tab.keys('ArrowDown', 'ArrowDown');
    expect(await tab.ask(focused)).toBe('AlertsClient:0011');
    await tab.keys('End');
    await tab.until(`${focused} === 'TradesClient:4996'`);
    // Another second: what is drawn anew takes nobody the focus.
    await tab.until(`new Promise((done) => new EventSource('api/live/clients').addEventListener('clients', function () {
      if (this.seen) done(this.close() ?? true);
      this.seen = true;
    }))`);
    expect(await tab.ask(focused)).toBe('TradesClient:4996');
    await tab.keys('Home');
    await tab.until(`${focused} === 'AlertsClient:0003'`);
    await tab.keys('Enter');
    await tab.until(`document.activeElement.tagName === 'H1'`);
    await tab.until(`document.title.startsWith('AlertsClient:0003')`);
  });

  describe('Nothing for axe to say', () => {
    const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
    const looks = (['light', 'dark'] as const).flatMap((scheme) => [
      { scheme, width: 1280, height: 800 },
      { scheme, width: 360, height: 740 },
    ]);

    it.each(looks)('$scheme, $width wide', async (look) => {
      const tab = await open('#/', look);
      await tab.ask(await readFile(axe, 'utf8'));
      stub.world.move(stub.world.at(0), 'backoff', 'disconnected', 'It has failed');
      const audit = async (where: string): Promise<void> => {
        const found = await tab.ask<{ violations: { id: string; nodes: { html: string }[] }[] }>(
          'axe.run()',
        );
        const said = found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
        expect({ where, said }).toEqual({ where, said: [] });
        // Nothing is wider than the screen but what scrolls by itself.
        const width = 'document.documentElement.scrollWidth';
        expect({ where, width: await tab.ask(width) }).toEqual({ where, width: look.width });
      };
      await audit('overview');
      const pages = ['#/clients', '#/clients/c0', '#/clients/c0/frames', '#/supervision'];
      for (const hash of pages) {
        await tab.ask(`location.hash = '${hash}'`);
        await tab.until(`document.querySelector('.live-status.is-live') !== null`);
        if (hash.endsWith('frames')) {
          await tab.until(`document.querySelector('.frames') !== null`);
          stub.send('c0', stub.world.frames(100));
          stub.skip('c0', 3);
          stub.send('c0', stub.world.frames(3));
          await tab.press('button', '103');
          await tab.reads('Frame 103');
        } else {
          await tab.until(`document.querySelector('main a') !== null`);
        }
        await audit(hash);
      }
      await tab.ask(`location.hash = '#/clients/c0'`);
      await tab.press('button', 'Close…');
      await tab.until(`document.querySelector('dialog[open]') !== null`);
      await audit('dialog');
    });
  });
});
