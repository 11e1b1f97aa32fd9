import { Injectable, type Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';

import { isEmpty } from '../binding/client.classes.js';
import { ClientExplorer } from '../discovery/client.explorer.js';
import type { DynamicClientOptions } from '../interfaces/start-options.interface.js';
import { notConnected } from '../runtime/client/admission.js';
import type { ClientHandle } from '../runtime/client/client-handle.js';
import { AlreadyStartedError, ConfigurationError } from '../runtime/errors/client.errors.js';
import { inspectShort } from '../runtime/errors/websockex.error.js';
import { CloseCode } from '../runtime/frame/close-code.js';
import { checkOptions } from '../runtime/options/options.checker.js';
import { StartGate } from '../runtime/throttle/start.gate.js';
import { checkUrl } from '../runtime/transport/request.checker.js';
import { messages } from '../websockex.messages.js';
import { getClientName } from '../websockex.tokens.js';
import { AppStage } from './app.stage.js';
import { ClientRegistry } from './client.registry.js';
import { NameRegistrar } from './name.registrar.js';
import type { RegisteredClient } from './registered.client.js';

/** How a client is started at run time. */
export type DynamicStart = DynamicClientOptions & { readonly args?: unknown };

/** Makes a link once the client is there. */
export type Link = (child: RegisteredClient) => void;

/** Says how it is linked, or throws where it cannot be. */
export type Linking = () => Link;

/** What has been found good. */
interface Checked {
  readonly name: string | undefined;
  readonly moduleRef: ModuleRef;
  readonly link: Link | undefined;
}

const PLACE = 'manager.start()';

/** What stands among the options of a start, beside those of the client. */
const BESIDE = { name: '', url: '', args: '', via: '' } as const;

/** Starts clients at run time, each with a name. */
@Injectable()
export class ClientStarter {
  private readonly startGate = new StartGate();
  /** Of classes that say themselves where to connect, or are always told. */
  private readonly injectors = {
    withUrl: new WeakMap<Type<object>, ModuleRef>(),
    without: new WeakMap<Type<object>, ModuleRef>(),
  };
  private readonly names = new FreeNames((name) => this.registry.isTaken(name));

  constructor(
    private readonly explorer: ClientExplorer,
    private readonly registry: ClientRegistry,
    private readonly registrar: NameRegistrar,
    private readonly stage: AppStage,
  ) {
    registry.onForgotten = ({ type, client }) =>
      this.names.release(getClientName(type), client.name);
  }

  /** Starts a client, and waits for it as its `startup` says. */
  async start(
    type: Type<object>,
    options: DynamicStart = {},
    linking?: Linking,
  ): Promise<ClientHandle> {
    // As it is now, not when the turn has come.
    const isAbsent = this.stage.stage === 'absent';
    await this.startGate.turn();
    const made = this.make(type, options, isAbsent, linking);
    try {
      const { client, definition } = made;
      if (options.via !== undefined) await this.registrar.register(options.via, made);
      // Where there is nothing to wait for there is no promise: there may be ten thousand of them.
      const preparing = client.hasEnded ? undefined : definition.prepare();
      if (preparing !== undefined) await preparing;
      const making = client.hasEnded ? undefined : client.incarnate();
      if (making !== undefined) await making;
      const beginning = client.hasEnded ? this.refuse(made) : this.begin(made);
      if (beginning !== undefined) await beginning;
      return made.handle;
    } catch (error) {
      await made.client.stop(CloseCode.normal);
      await this.registrar.left(this.registry.shutdownTimeout, made);
      throw error;
    }
  }

  /** Makes it, linked and with its name, or nothing at all: nobody comes in between. */
  private make(
    type: Type<object>,
    options: DynamicStart,
    isAbsent: boolean,
    linking?: Linking,
  ): RegisteredClient {
    const { name, moduleRef, link } = this.check(type, options, isAbsent, linking);
    const { args, via: _, ...overrides } = options;
    const free = name ?? this.names.next(this.registry.classes.of(type).name);
    const made = this.registry.add(type, { ...overrides, name: free });
    const { client, definition } = made;
    definition.bind(moduleRef);
    client.prepare(args);
    link?.(made);
    return made;
  }

  /** Its instance has been made. @returns what is to be waited for */
  private begin({ definition, client }: RegisteredClient): Promise<unknown> | undefined {
    const { startup } = definition.settings();
    if (startup === 'required') return client.start();
    if (startup === 'background') void client.launch();
    return undefined;
  }

  /** Somebody has stopped it meanwhile, or its parent has ended. */
  private async refuse({ client }: RegisteredClient): Promise<never> {
    const reason = await client.terminated;
    if (reason.by === 'error') throw reason.error;
    throw notConnected(client.name, client.status, messages.noStart(), this.stage);
  }

  private check(
    type: Type<object>,
    options: DynamicStart,
    isAbsent: boolean,
    linking?: Linking,
  ): Checked {
    const what = typeof type === 'function' ? type.name : inspectShort(type);
    checkObject(`${PLACE} of ${what}`, options);
    const { name, url, args: _, via, ...rest } = options;
    if (name !== undefined && (typeof name !== 'string' || name === '')) {
      throw new ConfigurationError(messages.badName(PLACE, inspectShort(name)));
    }
    const who = name ?? `${PLACE} of ${what}`;
    if (url !== undefined) checkUrl(who, url);
    if (!isEmpty(rest)) checkOptions(who, rest, BESIDE);
    this.registrar.check(who, via);
    const moduleRef = this.injectorOf(type, url !== undefined);
    this.registry.classes.of(type).settings(who, rest);
    if (isAbsent || this.stage.isClosing) {
      throw notConnected(name ?? type.name, 'idle', 'cannot start', this.stage);
    }
    if (name !== undefined && via === undefined && this.registry.isTaken(name)) {
      const holder = this.registry.get(name);
      throw new AlreadyStartedError(name, messages.nameTaken(holder?.type.name), holder?.handle);
    }
    return { name, moduleRef, link: linking?.() };
  }

  private injectorOf(type: Type<object>, isUrlGiven: boolean): ModuleRef {
    const known = isUrlGiven ? this.injectors.withUrl : this.injectors.without;
    const found = known.get(type);
    if (found !== undefined) return found;
    const moduleRef = this.explorer.injectorOf(type, PLACE, isUrlGiven);
    known.set(type, moduleRef);
    return moduleRef;
  }
}

function checkObject(who: string, options: unknown): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigurationError(`${who}: options must be an object, not ${inspectShort(options)}`);
  }
}

/** Finds names for clients that were given none: that of the class, or the lowest number after it. */
export class FreeNames {
  /** Below these numbers no name is free, for each base. */
  readonly #lowest = new Map<string, number>();

  /** @param isTaken whether somebody has the name */
  constructor(private readonly isTaken: (name: string) => boolean) {}

  /** A name that is free now. */
  next(base: string): string {
    if (!this.isTaken(base)) return base;
    let number = this.#lowest.get(base) ?? 2;
    while (this.isTaken(`${base}#${number}`)) number++;
    // Nobody counts up from the first again, however many there are.
    this.#lowest.set(base, number + 1);
    return `${base}#${number}`;
  }

  /** A name of {@link next} is free again. */
  release(base: string, name: string): void {
    if (!name.startsWith(`${base}#`)) return;
    const number = Number(name.slice(base.length + 1));
    const lowest = this.#lowest.get(base) ?? 0;
    if (number >= 2 && number < lowest) this.#lowest.set(base, number);
  }
}
