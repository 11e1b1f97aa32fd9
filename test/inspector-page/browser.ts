import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import puppeteer, { type Browser, type KeyInput, type Page } from 'puppeteer-core';

const repo = fileURLToPath(new URL('../../', import.meta.url));
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];

/** A Chromium of this machine: that of `CHROMIUM`, or the first in the path. */
export const CHROMIUM = [process.env['CHROMIUM'] ?? '', ...inPath()].find(isExecutable);

/** Said where tests of the page are skipped. */
export const NO_CHROMIUM = 'skipped: there is no Chromium here, see .ci/chromium';

function inPath(): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The page, built from its source into a folder of its own: `dist` may be in anybody's hands. */
export async function buildPage(): Promise<{ readonly folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'inspector-page-'));
  const vite = join(repo, 'node_modules/vite/bin/vite.js');
  // As it is packed: vitest says that this is a test.
  const env = { ...process.env, NODE_ENV: 'production' };
  await promisify(execFile)(
    process.execPath,
    [vite, 'build', 'inspector-page', '--outDir', folder, '--logLevel', 'error'],
    { cwd: repo, env },
  );
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

export async function launch(): Promise<Browser> {
  const args = ['--disable-gpu', '--disable-dev-shm-usage'];
  // Its sandbox refuses to be started by root.
  if (process.getuid?.() === 0) args.push('--no-sandbox');
  return puppeteer.launch({ executablePath: CHROMIUM ?? 'chromium', args });
}

export interface TabOptions {
  readonly scheme?: 'light' | 'dark';
  readonly width?: number;
  readonly height?: number;
}

/** Milliseconds: a busy machine may take as long as a test may. */
const PATIENCE = 50_000;

/** A page in a browser, as somebody uses it, and what has gone wrong in it. */
export class Tab {
  /** Errors of scripts, of the console and of the policy, and requests that leave the origin. */
  readonly complaints: string[] = [];

  private constructor(readonly page: Page) {}

  /** Opens a page that may look at its own origin alone. */
  static async open(
    browser: Browser,
    url: string,
    { scheme = 'light', width = 1280, height = 800 }: TabOptions = {},
  ): Promise<Tab> {
    const page = await browser.newPage();
    const tab = new Tab(page);
    const { complaints } = tab;
    const { origin } = new URL(url);
    page.setDefaultTimeout(PATIENCE);
    await page.setViewport({ width, height });
    await page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value: scheme },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ]);
    page.on('pageerror', (error) => complaints.push(`error: ${String(error)}`));
    page.on('console', (message) => {
      // That the server is away is told by the page, and noted by the browser.
      const isOfNetwork = /^Failed to load resource|net::ERR/.test(message.text());
      if (message.type() === 'error' && !isOfNetwork) complaints.push(message.text());
    });
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== origin) complaints.push(`leaves: ${request.url()}`);
    });
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.exposeFunction('complain', (text: string) => complaints.push(text));
    await page.evaluateOnNewDocument(`addEventListener('securitypolicyviolation', (event) => {
      complain('policy: ' + event.violatedDirective + ' ' + event.blockedURI);
    })`);
    await page.goto(url, { waitUntil: 'load' });
    return tab;
  }

  /** What an expression says in the page. */
  async ask<T>(expression: string): Promise<T> {
    return (await this.page.evaluate(expression)) as T;
  }

  /** Waits until an expression holds in the page. */
  async until(expression: string): Promise<void> {
    await this.page.waitForFunction(expression);
  }

  /** Waits until a text can be read. */
  async reads(text: string): Promise<void> {
    await this.until(`document.body.innerText.includes(${JSON.stringify(text)})`);
  }

  /** Waits until a text is told to those who listen. */
  async hears(text: string): Promise<void> {
    const told = `document.querySelector('#app > [role=status]')?.textContent`;
    await this.until(`${told} === ${JSON.stringify(text)}`);
  }

  /** Presses what has this name. */
  async press(role: 'button' | 'link' | 'checkbox', name: string): Promise<void> {
    await this.page.locator(`::-p-aria([name="${name}"][role="${role}"])`).click();
  }

  async type(field: string, text: string): Promise<void> {
    await this.page.locator(`::-p-aria([name="${field}"])`).click({ count: 3 });
    await this.keys('Backspace');
    await this.page.keyboard.type(text);
  }

  async keys(...keys: readonly KeyInput[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  texts(selector: string): Promise<readonly string[]> {
    return this.ask(
      `[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.innerText)`,
    );
  }
}
