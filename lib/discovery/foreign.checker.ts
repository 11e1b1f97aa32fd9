import { RequestMethod, type Type } from '@nestjs/common';

import { ConfigurationError } from '../runtime/errors/client.errors.js';
import { messages } from '../websockex.messages.js';

/** Nest calls these of its providers; what a client has for the same. */
const HOOKS: Readonly<Record<string, string>> = {
  onModuleInit: '@OnStart()',
  onApplicationBootstrap: '@OnStart()',
  onModuleDestroy: '@OnTerminate()',
  beforeApplicationShutdown: '@OnTerminate()',
  onApplicationShutdown: '@OnTerminate()',
};

/**
 * What decorators leave on methods that their packages call, on providers and controllers only. By
 * name: a decorator that wraps its method, or describes it, leaves metadata too, and works.
 */
const DISPATCHED: Readonly<Record<string, string>> = {
  SCHEDULE_CRON_OPTIONS: '@Cron',
  SCHEDULE_INTERVAL_OPTIONS: '@Interval',
  SCHEDULE_TIMEOUT_OPTIONS: '@Timeout',
  EVENT_LISTENER_METADATA: '@OnEvent',
  'websockets:message_mapping': '@SubscribeMessage',
  'microservices:pattern': '@MessagePattern or @EventPattern',
  'graphql:resolver_type': '@Query, @Mutation or @Subscription',
  'graphql:resolve_property': '@ResolveField',
  'bull:module_queue_process': '@Process',
  'bull:queue_hook': '@OnQueueEvent',
  'bullmq:worker_events_metadata': '@OnWorkerEvent',
  'bullmq:queue_events_metadata': '@OnQueueEvent',
};

/**
 * Refuses methods that others would call of a provider, and of a client never: Nest's hooks, and what
 * carries the method decorators of schedulers, emitters, gateways and controllers.
 *
 * @param handlers the methods that are called, because a decorator of this library says so
 * @throws ConfigurationError naming the method
 */
export function checkForeign(client: Type<object>, handlers: ReadonlySet<string | symbol>): void {
  for (const [key, method] of methodsOf(client)) {
    const place = `${client.name}.${String(key)}()`;
    const hook = handlers.has(key) ? undefined : hookOf(key);
    if (hook !== undefined) throw new ConfigurationError(messages.foreignHook(place, hook));
    const decorator = decoratorOf(method);
    if (decorator !== undefined) {
      throw new ConfigurationError(messages.foreignDecorator(place, decorator, client.name));
    }
  }
}

function hookOf(key: string | symbol): string | undefined {
  return typeof key === 'string' && Object.hasOwn(HOOKS, key) ? HOOKS[key] : undefined;
}

function decoratorOf(method: object): string | undefined {
  for (const [key, name] of Object.entries(DISPATCHED)) {
    if (Reflect.hasMetadata(key, method)) return name;
  }
  if (!Reflect.hasMetadata('path', method)) return undefined;
  const verb = RequestMethod[Reflect.getMetadata('method', method) as RequestMethod] as
    string | undefined;
  return verb && `@${verb.charAt(0)}${verb.slice(1).toLowerCase()}`;
}

/** The methods of a class, those it inherits too. */
function methodsOf(client: Type<object>): ReadonlyMap<string | symbol, object> {
  const methods = new Map<string | symbol, object>();
  let at = client.prototype as object | null;
  for (; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at) as object | null) {
    for (const key of Reflect.ownKeys(at)) {
      const value: unknown = Object.getOwnPropertyDescriptor(at, key)?.value;
      if (typeof value === 'function' && key !== 'constructor' && !methods.has(key)) {
        methods.set(key, value);
      }
    }
  }
  return methods;
}
