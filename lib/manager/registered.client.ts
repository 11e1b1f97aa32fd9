import type { Type } from '@nestjs/common';

import { NestClientDefinition } from '../binding/nest-client.definition.js';
import type { GroupOptions } from '../interfaces/group.interface.js';
import type { ClientHandle } from '../runtime/client/client-handle.js';
import { Client } from '../runtime/client/client.js';
import { Supervisor } from '../runtime/supervision/supervisor.js';
import type { Strategy } from '../runtime/supervision/supervisor.port.js';

/** A client with what the application knows of it. */
export interface RegisteredClient {
  readonly type: Type<object>;
  readonly definition: NestClientDefinition;
  readonly client: Client;
  readonly handle: ClientHandle;
  readonly group: SupervisedGroup;
}

/** Clients that are supervised together, with their supervisor. */
export interface SupervisedGroup {
  /** What it is called in errors. */
  readonly name: string;
  readonly strategy: Strategy;
  readonly supervisor: Supervisor;
  readonly options: GroupOptions | undefined;
  /** In order of declaration. */
  readonly clients: readonly RegisteredClient[];
  add(client: RegisteredClient): void;
}
