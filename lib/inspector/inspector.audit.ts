import { Inject, Injectable, Logger } from '@nestjs/common';

import type { ClientRegistry } from '../manager/client.registry.js';
import type { Clock } from '../runtime/clock/clock.port.js';
import { toPromise } from '../runtime/async/deferred.js';
import { inspectShort, oneLine, toError } from '../runtime/errors/websockex.error.js';
import { addressOf, type HttpRequest } from './http.js';
import type { AuditEvent, InspectorSettings } from './inspector.options.js';
import { INSPECTOR_CLOCK, INSPECTOR_REGISTRY, INSPECTOR_SETTINGS } from './inspector.tokens.js';

/** One action, as far as it is known when it is asked for. */
export type Asked = Pick<AuditEvent, 'action' | 'client'>;

/** Tells who does what: one line of the log for each action, and the option `audit`. */
@Injectable()
export class InspectorAudit {
  private readonly logger = new Logger('WebSockexInspector');

  constructor(
    @Inject(INSPECTOR_REGISTRY) private readonly registry: ClientRegistry,
    @Inject(INSPECTOR_SETTINGS) private readonly settings: InspectorSettings,
    @Inject(INSPECTOR_CLOCK) private readonly clock: Clock,
  ) {}

  /** It is about to be done. Rejects where `audit` or `actor` does: then it is not to be done. */
  async asked(asked: Asked, request: HttpRequest): Promise<void> {
    const actor = this.actorOf(request);
    await this.settings.audit?.(this.event(asked, request, actor, 'asked', ''), request);
  }

  /** It has been done, has failed, or is refused. Never rejects: that it has happened is told in the log. */
  async over(
    asked: Asked,
    request: HttpRequest,
    outcome: 'done' | 'failed' | 'refused',
    message: string,
  ): Promise<void> {
    const { action, client } = asked;
    const actor = this.actorOrElse(request);
    const line = `${actor} has asked for "${action}" of ${client}: ${outcome}${message && `, ${message}`}`;
    if (outcome === 'done') this.logger.log(oneLine(line));
    else this.logger.warn(oneLine(line));
    try {
      await this.settings.audit?.(this.event(asked, request, actor, outcome, message), request);
    } catch (thrown) {
      this.tellFailed('audit', thrown);
    }
  }

  private actorOrElse(request: HttpRequest): string {
    try {
      return this.actorOf(request);
    } catch (thrown) {
      this.tellFailed('actor', thrown);
      return knownAs(request);
    }
  }

  private actorOf(request: HttpRequest): string {
    const actor: unknown = this.settings.actor?.(request);
    if (actor === undefined || actor === '') return knownAs(request);
    if (typeof actor === 'string') return actor;
    // A promise that nobody waits for may not end the process.
    toPromise(actor)?.catch(() => undefined);
    throw new TypeError(`it must return a text, or undefined, not ${inspectShort(actor)}`);
  }

  private tellFailed(option: string, thrown: unknown): void {
    const message = this.registry.redactor.text(toError(thrown).message);
    this.logger.error(oneLine(`the option "${option}" of the inspector has failed: ${message}`));
  }

  private event(
    asked: Asked,
    request: HttpRequest,
    actor: string,
    outcome: AuditEvent['outcome'],
    message: string,
  ): AuditEvent {
    const address = addressOf(request);
    return { time: this.clock.epoch(), actor, address, ...asked, outcome, message };
  }
}

/** Who it is, as far as is known without the option `actor`. */
function knownAs(request: HttpRequest): string {
  return userOf(request) ?? addressOf(request) ?? 'somebody';
}

/** What names a person in what guards leave behind as `request.user`, the most telling first. */
const NAMES = ['username', 'name', 'email', 'sub', 'id'] as const;

function userOf({ user }: HttpRequest): string | undefined {
  if (typeof user === 'string' && user !== '') return user;
  if (typeof user !== 'object' || user === null) return undefined;
  const known = user as Readonly<Record<string, unknown>>;
  for (const name of NAMES) {
    const value = known[name];
    if ((typeof value === 'string' && value !== '') || typeof value === 'number')
      return String(value);
  }
  return undefined;
}
