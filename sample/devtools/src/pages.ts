import { Injectable } from '@nestjs/common';
import { ClientHandle, InjectClient } from 'nestjs-websockex';
import { filter, firstValueFrom } from 'rxjs';
import { z } from 'zod';

import { BrowserClient } from './browser.client.js';
import type { Command } from './devtools.protocol.js';

const Created = z.object({ targetId: z.string() });
const Attached = z.object({ sessionId: z.string() });
const Evaluated = z.object({ result: z.object({ value: z.unknown() }) });
const Screenshot = z.object({
  data: z.string().transform((base64) => Buffer.from(base64, 'base64')),
});

/** One page of the browser. */
export class Page {
  constructor(
    private readonly browser: ClientHandle<BrowserClient>,
    private readonly sessionId: string,
  ) {}

  /** Goes to a URL, and waits until all of it is there. */
  async goto(url: string): Promise<void> {
    const loaded = firstValueFrom(
      this.browser
        .messages('Page.loadEventFired')
        .pipe(filter((event) => (event as Command).sessionId === this.sessionId)),
    );
    await this.browser.request(this.command('Page.navigate', { url }));
    await loaded;
  }

  async evaluate(expression: string): Promise<unknown> {
    const command = this.command('Runtime.evaluate', { expression });
    const { result } = await this.browser.request(command, { schema: Evaluated });
    return result.value;
  }

  async screenshot(): Promise<Buffer> {
    const command = this.command('Page.captureScreenshot', { format: 'png' });
    const { data } = await this.browser.request(command, { schema: Screenshot, timeout: 10_000 });
    return data;
  }

  private command(method: string, params: Command['params'] = {}): Command {
    return { method, params, sessionId: this.sessionId };
  }
}

@Injectable()
export class Pages {
  constructor(@InjectClient(BrowserClient) private readonly browser: ClientHandle<BrowserClient>) {}

  /** Opens a page, and asks for its events. */
  async open(): Promise<Page> {
    const { browser } = this;
    const create = { method: 'Target.createTarget', params: { url: 'about:blank' } };
    const { targetId } = await browser.request(create, { schema: Created });
    const attach = { method: 'Target.attachToTarget', params: { targetId, flatten: true } };
    const { sessionId } = await browser.request(attach, { schema: Attached });
    await Promise.all([
      browser.request({ method: 'Page.enable', sessionId }),
      browser.request({ method: 'Runtime.enable', sessionId }),
    ]);
    return new Page(browser, sessionId);
  }
}
