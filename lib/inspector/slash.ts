import type { IncomingMessage, ServerResponse } from 'node:http';

import { secure } from './http.js';

/**
 * Leads from the path with a slash at its end to the page: for Fastify that is another path, for which a controller has
 * no route. A middleware comes before guards, and tells nothing but where the page would be.
 */
export function enterBySlash(
  request: IncomingMessage & { readonly originalUrl?: string },
  response: ServerResponse,
  next: () => void,
): void {
  const { originalUrl, url = '' } = request;
  const [path = ''] = (originalUrl ?? url).split('?', 1);
  if (!path.endsWith('/')) {
    next();
    return;
  }
  secure((name, value) => response.setHeader(name, value));
  response.writeHead(302, { Location: './index.html', 'Content-Length': 0 }).end();
}
