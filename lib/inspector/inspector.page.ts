import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';

import { Inject, Injectable } from '@nestjs/common';

import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { INSPECTOR_PAGE } from './inspector.tokens.js';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** A file of the page. */
export interface PageFile {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  readonly etag: string;
}

/** The files of the page, read when the application boots: nothing that is asked for later names a file. */
@Injectable()
export class InspectorPage {
  private readonly files = new Map<string, PageFile>();

  /**
   * @param folder a URL that ends with a slash
   * @throws ConfigurationError where the page is not there
   */
  constructor(@Inject(INSPECTOR_PAGE) folder: URL) {
    try {
      this.read(folder, '');
      this.read(new URL('assets/', folder), 'assets/');
    } catch (cause) {
      throw new ConfigurationError(
        `WebSockexInspectorModule: its page is not in the package (${folder.pathname}). A build from source makes it ` +
          'with "npm run build"',
        { cause },
      );
    }
  }

  /** Of a path below that of the module. */
  find(path: string): PageFile | undefined {
    return this.files.get(path);
  }

  private read(folder: URL, prefix: string): void {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const type = TYPES[extname(entry.name)];
      if (!entry.isFile() || type === undefined) continue;
      const body = readFileSync(new URL(entry.name, folder));
      const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
      // Vite puts a hash into the name of what the page names.
      const caching = prefix === '' ? 'no-cache' : 'private, max-age=31536000, immutable';
      const headers = { 'Content-Type': type, ETag: etag, 'Cache-Control': caching };
      this.files.set(prefix + entry.name, { body, headers, etag });
    }
    if (prefix === '' && !this.files.has('index.html')) throw new Error('no index.html');
  }
}
