import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { NestFactory } from '@nestjs/core';
import { type ClientHandle, getClientToken, RequestFailedError } from 'nestjs-websockex';

import { AppModule } from './app.module.js';
import { BrowserClient } from './browser.client.js';
import { findChromium } from './chromium.js';
import { Pages } from './pages.js';

const PAGE = `<!doctype html><title>Hello</title><h1>From a headless browser</h1>
<script>console.log('the answer is', 6 * 7)</script>`;
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

/** Shows a page, and tells whether all of it went well. */
async function show(): Promise<boolean> {
  const app = await NestFactory.createApplicationContext(AppModule, {
    logger: ['log', 'warn', 'error'],
  });
  const browser = app.get<ClientHandle<BrowserClient>>(getClientToken(BrowserClient));
  try {
    await browser.connected({ timeout: 10_000 });
    const page = await app.get(Pages).open();
    await page.goto(`data:text/html,${encodeURIComponent(PAGE)}`);
    const title = await page.evaluate('document.title');
    console.log(`The title is ${JSON.stringify(title)}`);

    const picture = await page.screenshot();
    const file = join(await mkdtemp(join(tmpdir(), 'screenshot-')), 'page.png');
    await writeFile(file, picture);
    console.log(`A picture of ${picture.length} bytes is in ${file}`);

    const refused = await browser.request({ method: 'Page.fly' }).catch((error: unknown) => error);
    console.log(String(refused));

    const lines = await browser.call('console');
    await browser.request({ method: 'Browser.close' });
    const reason = await browser.terminated;
    console.log(`The client has ended, by ${reason.by}`);
    return (
      title === 'Hello' &&
      picture.subarray(0, PNG.length).equals(PNG) &&
      lines.includes('log: the answer is 42') &&
      refused instanceof RequestFailedError
    );
  } finally {
    await app.close();
  }
}

if (findChromium() === undefined) {
  console.log('Skipped: there is no Chromium here. On Debian: apt-get install chromium');
} else if (!(await show())) {
  process.exitCode = 1;
}
