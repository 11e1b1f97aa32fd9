import { Inject, Injectable } from '@nestjs/common';

import type { ClientRegistry } from '../manager/client.registry.js';
import type { RegisteredClient } from '../manager/registered.client.js';
import { limited } from '../runtime/async/deferred.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import { toError } from '../runtime/errors/websockex.error.js';
import { whyForeign, type HttpRequest } from './http.js';
import { type Asked, InspectorAudit } from './inspector.audit.js';
import { ACTIONS, type InspectorSettings } from './inspector.options.js';
import type { ActionName, ActionResult } from './inspector.protocol.js';
import { safe } from './shown.js';
import { INSPECTOR_CLOCK, INSPECTOR_REGISTRY, INSPECTOR_SETTINGS } from './inspector.tokens.js';

/** A header that no form and no other site can send. */
const HEADER = 'x-websockex-inspector';

/** Milliseconds that the page waits for the end of an action; what takes longer is told as under way. */
const PATIENCE = 2_000;

const LONG = 300;

/** What an action is given beside its name. */
type Body = Readonly<Record<string, unknown>>;

/** Does an action; what it takes and is not given is refused by a TypeError. */
type Deed = (client: RegisteredClient, body: Body) => Promise<unknown>;

const DEEDS: Readonly<Record<ActionName, Deed>> = {
  reconnect: ({ handle }) => handle.reconnect(),
  rotate: ({ handle }) => handle.rotate(),
  close: ({ handle }, { code, reason }) =>
    handle.close(optional('code', 'number', code), optional('reason', 'string', reason)),
  suspend: ({ handle }) => handle.sys.suspend(),
  resume: ({ handle }) => handle.sys.resume(),
  send: ({ handle }, { data }) => {
    if (typeof data !== 'string') throw new TypeError('"data" must be a text');
    return handle.sendFrame(data);
  },
};

/** What is answered to an action. */
export interface ActionAnswer {
  readonly status: number;
  /** Absent where it is refused: then the message says why. */
  readonly result?: ActionResult;
  readonly message: string;
}

/** Does what the page asks for, where that is allowed, and tells who has asked. */
@Injectable()
export class InspectorActions {
  constructor(
    @Inject(INSPECTOR_REGISTRY) private readonly registry: ClientRegistry,
    private readonly audit: InspectorAudit,
    @Inject(INSPECTOR_SETTINGS) private readonly settings: InspectorSettings,
    @Inject(INSPECTOR_CLOCK) private readonly clock: Clock,
  ) {}

  async ask(
    client: RegisteredClient | undefined,
    name: string,
    request: HttpRequest,
  ): Promise<ActionAnswer> {
    if (client === undefined) return { status: 404, message: 'there is no such client' };
    if (!isAction(name)) return { status: 404, message: 'there is no such action' };
    const asked: Asked = { action: name, client: client.client.name };
    const refusal = this.refusal(name, request);
    if (refusal !== undefined) {
      await this.audit.over(asked, request, 'refused', refusal.message);
      return refusal;
    }
    try {
      await this.audit.asked(asked, request);
    } catch (thrown) {
      const message = `the audit does not take it: ${this.textOf(thrown)}`;
      await this.audit.over(asked, request, 'refused', message);
      return { status: 503, message: 'not done: the audit does not take it' };
    }
    const result = await this.perform(client, name, request.body as Body);
    await this.audit.over(asked, request, result.ok ? 'done' : 'failed', result.message);
    return { status: 200, result, message: result.message };
  }

  private refusal(name: ActionName, request: HttpRequest): ActionAnswer | undefined {
    const { headers, body } = request;
    const foreign = whyForeign(request, this.settings);
    if (foreign !== undefined) return { status: 403, message: foreign };
    if (headers[HEADER] !== '1') {
      return { status: 403, message: `the header "${HEADER}: 1" is missing` };
    }
    if (!/^application\/json *(;|$)/i.test(headers['content-type'] ?? '')) {
      return { status: 415, message: 'an action is asked for in JSON (application/json)' };
    }
    if (!this.settings.actions.includes(name)) {
      return { status: 403, message: `"${name}" is not among the actions of the inspector` };
    }
    if (typeof body !== 'object' || body === null || (body as Body)['name'] !== name) {
      return { status: 400, message: `the body must name the action: { "name": "${name}" }` };
    }
    return undefined;
  }

  private async perform(
    client: RegisteredClient,
    name: ActionName,
    body: Body,
  ): Promise<ActionResult> {
    const done = limited<ActionResult>(
      this.clock,
      { timeout: PATIENCE },
      () => new Error('it takes its time'),
    );
    const told = { ok: true, message: 'done' };
    try {
      DEEDS[name](client, body).then(
        () => done.resolve(told),
        (thrown: unknown) => done.resolve({ ok: false, message: this.textOf(thrown) }),
      );
    } catch (thrown) {
      done.resolve({ ok: false, message: this.textOf(thrown) });
    }
    return done.promise.catch(() => ({ ok: true, message: 'under way' }));
  }

  private textOf(thrown: unknown): string {
    return safe(toError(thrown).message, this.registry.redactor, LONG);
  }
}

function isAction(name: string): name is ActionName {
  return (ACTIONS as readonly string[]).includes(name);
}

function optional<K extends 'number' | 'string'>(
  name: string,
  type: K,
  value: unknown,
): (K extends 'number' ? number : string) | undefined {
  if (value === undefined || typeof value === type) return value as never;
  throw new TypeError(`"${name}" must be a ${type}`);
}
