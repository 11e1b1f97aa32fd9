import { Inject, Injectable, Logger } from '@nestjs/common';

import type { Clock } from '../runtime/clock/clock.port.js';
import { oneLine } from '../runtime/errors/websockex.error.js';
import { WEBSOCKEX_CLOCK } from '../websockex.constants.js';
import { addressOf, type HttpRequest } from './http.js';
import { INSPECTOR_SETTINGS } from './inspector.tokens.js';
import type { AuditEvent, InspectorSettings } from './inspector.options.js';

/** One action, as far as it is known when it is asked for. */
export type Asked = Pick<AuditEvent, 'action' | 'client'>;

/** Tells who does what: one line of the log for each action, and the option `audit`. */
@Injectable()
export class InspectorAudit {
  private readonly logger = new Logger('WebSockexInspector');

  constructor(
    @Inject(INSPECTOR_SETTINGS) private readonly settings: InspectorSettings,
    @Inject(WEBSOCKEX_CLOCK) private readonly clock: Clock,
  ) {}

  /** It is about to be done. Rejects where `audit` does: then it is not to be done. */
  async asked(asked: Asked, request: HttpRequest): Promise<void> {
    await this.settings.audit?.(this.event(asked, request, 'asked', ''), request);
  }

  /** It has been done, has failed, or is refused. Never rejects: that it has happened is told in the log. */
  async over(
    asked: Asked,
    request: HttpRequest,
    outcome: 'done' | 'failed' | 'refused',
    message: string,
  ): Promise<void> {
    const event = this.event(asked, request, outcome, message);
    const { actor, action, client } = event;
    const line = `${actor} has asked for "${action}" of ${client}: ${outcome}${message && `, ${message}`}`;
    if (outcome === 'done') this.logger.log(oneLine(line));
    else this.logger.warn(oneLine(line));
    try {
      await this.settings.audit?.(event, request);
    } catch (thrown) {
      this.logger.error(`the option "audit" of the inspector has failed: ${String(thrown)}`);
    }
  }

  private event(
    asked: Asked,
    request: HttpRequest,
    outcome: AuditEvent['outcome'],
    message: string,
  ): AuditEvent {
    const address = addressOf(request);
    const actor = this.settings.actor?.(request) ?? userOf(request) ?? address ?? 'somebody';
    return { time: this.clock.epoch(), actor, address, ...asked, outcome, message };
  }
}

/** What names a person in what guards leave behind as `request.user`, the most telling first. */
const NAMES = ['username', 'name', 'email', 'sub', 'id'] as const;

function userOf({ user }: HttpRequest): string | undefined {
  if (typeof user === 'string') return user;
  if (typeof user !== 'object' || user === null) return undefined;
  const known = user as Readonly<Record<string, unknown>>;
  for (const name of NAMES) {
    const value = known[name];
    if (typeof value === 'string' || typeof value === 'number') return String(value);
  }
  return undefined;
}
