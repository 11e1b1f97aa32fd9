import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];

/** A Chromium of this machine: that of `CHROMIUM`, or the first in the path. */
export function findChromium(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const files = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [process.env['CHROMIUM'] ?? '', ...files].find(isExecutable);
}

/** The peer: a browser without a window, at a free port of this machine. */
@Injectable()
export class Chromium implements OnModuleInit, OnApplicationShutdown {
  /** Where it listens; known when the modules have been initialised, so before any client starts. */
  url = '';
  private readonly logger = new Logger(Chromium.name);
  #process: ChildProcess | undefined;
  #profile = '';

  async onModuleInit(): Promise<void> {
    this.#profile = await mkdtemp(join(tmpdir(), 'devtools-'));
    const args = [
      '--headless=new',
      '--remote-debugging-port=0',
      `--user-data-dir=${this.#profile}`,
      '--no-first-run',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      // Its sandbox refuses to be started by root.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      'about:blank',
    ];
    // Detached: what it starts ends with it.
    this.#process = spawn(findChromium() ?? 'chromium', args, {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.url = await listening(this.#process);
    this.logger.log(`Chromium listens at ${this.url}`);
  }

  async onApplicationShutdown(): Promise<void> {
    const { pid, exitCode } = this.#process ?? {};
    if (this.#process !== undefined && pid !== undefined && exitCode === null) {
      const ended = once(this.#process, 'exit');
      process.kill(-pid, 'SIGKILL');
      await ended;
    }
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Chromium says where it listens among its complaints. */
async function listening({ stderr }: ChildProcess): Promise<string> {
  if (stderr === null) throw new Error('Chromium has no standard error');
  const lines: string[] = [];
  let url: string | undefined;
  for await (const line of createInterface(stderr)) {
    url = /^DevTools listening on (ws:.*)$/.exec(line)?.[1];
    if (url !== undefined) break;
    lines.push(line);
  }
  if (url === undefined) throw new Error(`Chromium has ended, and said:\n${lines.join('\n')}`);
  // What it says from now on nobody keeps.
  stderr.resume();
  return url;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
