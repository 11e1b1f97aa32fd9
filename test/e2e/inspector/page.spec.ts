import { type INestApplication, VersioningType } from '@nestjs/common';
import { describe, expect, it } from 'vitest';

import { INDEX, Inspected } from '../../fixtures/inspector/inspected.js';

const PLATFORMS = ['express', 'fastify'] as const;

describe.each(PLATFORMS)('The page of the inspector, on %s', (platform) => {
  it('is below its path, so that its own relative URLs lead to its files', async () => {
    await using world = await Inspected.boot({ platform });
    const bare = await world.fetch('websockex?x=1');
    expect([bare.status, bare.headers.get('location')]).toEqual([302, './websockex/index.html']);

    const page = await world.fetch('websockex', { redirect: 'follow' });
    expect([page.status, page.headers.get('content-type'), await page.text()]).toEqual([
      200,
      'text/html; charset=utf-8',
      INDEX,
    ]);
    const script = await fetch(new URL('./assets/index-abc.js', page.url));
    expect([script.status, script.headers.get('content-type'), await script.text()]).toEqual([
      200,
      'text/javascript; charset=utf-8',
      'export {};',
    ]);
    expect(script.headers.get('cache-control')).toContain('immutable');
  });

  it('is not sent again to who has it', async () => {
    await using world = await Inspected.boot({ platform });
    const { headers } = await world.fetch('websockex/index.html');
    const etag = headers.get('etag') ?? '';
    const again = await world.fetch('websockex/index.html', { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  it('has no files but its own', async () => {
    await using world = await Inspected.boot({ platform });
    for (const path of [
      'websockex/assets/notes.txt',
      'websockex/assets/..%2f..%2fpackage.json',
      'websockex/assets/none.js',
      'websockex/none/',
    ]) {
      const { status } = await world.fetch(path);
      expect([path, status]).toEqual([path, 404]);
    }
  });

  it.each<[string, string, (app: INestApplication) => void]>([
    ['a global prefix', 'api/admin/websockex', (app) => app.setGlobalPrefix('api/admin')],
    [
      'versions in the URL',
      'websockex',
      (app) => app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
    ],
    [
      'versions in a header',
      'websockex',
      (app) => app.enableVersioning({ type: VersioningType.HEADER, header: 'v' }),
    ],
  ])('is found under %s', async (_, path, prepare) => {
    await using world = await Inspected.boot({ platform, prepare });
    const bare = await world.fetch(path, { redirect: 'follow' });
    expect([bare.status, new URL(bare.url).pathname]).toEqual([200, `/${path}/index.html`]);
    const slash = await world.fetch(`${path}/?x=1`, { redirect: 'follow' });
    expect([slash.status, slash.url, slash.redirected]).toEqual([200, bare.url, true]);
    for (const relative of ['./assets/index-abc.js', './api/info', './api/clients?limit=1']) {
      const { status } = await fetch(new URL(relative, bare.url));
      expect([relative, status]).toEqual([relative, 200]);
    }
  });

  it.each(['ops/clients', '/ops/clients/'])('may be at another path: %s', async (path) => {
    await using world = await Inspected.boot({ platform, inspector: { path } });
    const page = await world.fetch('ops/clients', { redirect: 'follow' });
    expect([page.status, new URL(page.url).pathname]).toEqual([200, '/ops/clients/index.html']);
    expect((await fetch(new URL('api/info', page.url))).status).toBe(200);
  });

  it('tells browsers to run, frame, guess and keep nothing that is not its own', async () => {
    await using world = await Inspected.boot({ platform });
    for (const path of [
      'websockex',
      'websockex/',
      'websockex/index.html',
      'websockex/assets/index-abc.js',
      'websockex/api/info',
      'websockex/assets/none',
    ]) {
      const { headers } = await world.fetch(path);
      expect(headers.get('content-security-policy')).toBe(
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
      );
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
    }
    const { headers } = await world.fetch('websockex/api/clients');
    expect(headers.get('cache-control')).toContain('no-store');
    const live = await world.live('overview');
    expect(live.response.headers).toMatchObject({
      'cache-control': 'no-store, no-transform',
      'content-type': 'text/event-stream; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
  });
});
