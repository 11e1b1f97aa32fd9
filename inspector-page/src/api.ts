import type { ActionBody, ActionResult } from '../../lib/inspector/inspector.protocol.js';

/** The server has refused, in its own words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Asks the server for what does not change by itself. Paths are relative to the page's URL. */
export async function get<T>(path: string): Promise<T> {
  const response = await fetch(path, { headers: { accept: 'application/json' } });
  if (!response.ok) throw await errorOf(response);
  return (await response.json()) as T;
}

/** Has a client do something. */
export async function act(id: string, body: ActionBody): Promise<ActionResult> {
  const response = await fetch(`api/clients/${encodeURIComponent(id)}/actions/${body.name}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-websockex-inspector': '1' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw await errorOf(response);
  return (await response.json()) as ActionResult;
}

/** What a response says that is not good: errors are JSON, but a proxy's may be anything. */
export async function errorOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => undefined);
  const message =
    typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : '';
  return new ApiError(response.status, message || `The server answers ${response.status}`);
}
