import type { ClientHandle, NameRegistry } from 'nestjs-websockex';
import { checkNameRegistry } from 'nestjs-websockex/testing';
import { describe, expect, it } from 'vitest';

import { LateRegistry, MapRegistry, turn } from '../../fixtures/nest/registries.js';

const broken: readonly (readonly [string, () => NameRegistry, RegExp])[] = [
  [
    'says nothing when it has registered',
    () => {
      const map = new MapRegistry();
      return {
        register: (name, handle) => map.register(name, handle) && (undefined as unknown as boolean),
        unregister: (name) => map.unregister(name),
        whereis: (name) => map.whereis(name),
      };
    },
    /rule "register\(\) of a free name returns true": register\(\) gave undefined, and not true/,
  ],
  [
    'throws for a taken name',
    () =>
      new (class extends MapRegistry {
        override register(name: string, handle: ClientHandle) {
          if (super.register(name, handle)) return true;
          throw new Error('taken');
        }
      })(),
    /rule "register\(\) of a taken name returns false, .*register\(\) failed: taken/,
  ],
  [
    'lets the next one have a taken name',
    () =>
      new (class extends MapRegistry {
        override register(name: string, handle: ClientHandle) {
          this.names.set(name, handle);
          return true;
        }
      })(),
    /rule "register\(\) of a taken name returns false, .*another handle gave true/,
  ],
  [
    'refuses a taken name, but keeps the new handle',
    () =>
      new (class extends MapRegistry {
        override register(name: string, handle: ClientHandle) {
          const isFree = !this.names.has(name);
          this.names.set(name, handle);
          return isFree;
        }
      })(),
    /rule "register\(\) of a taken name returns false, .*whereis\(\) gave a handle/,
  ],
  [
    'takes the same handle twice',
    () =>
      new (class extends MapRegistry {
        override register(name: string, handle: ClientHandle) {
          return super.register(name, handle) || this.names.get(name) === handle;
        }
      })(),
    /the same handle gave true, and not false/,
  ],
  [
    'looks, waits, and takes',
    () =>
      new (class extends LateRegistry {
        override async register(name: string, handle: ClientHandle) {
          const isFree = !this.names.has(name);
          await turn();
          if (isFree) this.names.set(name, handle);
          return isFree;
        }
      })(),
    /rule "of many who ask for one name at once, one has it": 8 of 8 were told true/,
  ],
  [
    'gives copies of handles',
    () =>
      new (class extends MapRegistry {
        override whereis(name: string) {
          const handle = super.whereis(name);
          return handle && (Object.create(handle) as ClientHandle);
        }
      })(),
    /rule "whereis\(\) finds the very handle/,
  ],
  [
    'says null for nobody',
    () =>
      new (class extends MapRegistry {
        override whereis(name: string) {
          return super.whereis(name) ?? (null as unknown as undefined);
        }
      })(),
    /rule "whereis\(\) of a name that nobody has returns undefined": .*gave null/,
  ],
  [
    'does not care for upper case',
    () =>
      new (class extends MapRegistry {
        override register(name: string, handle: ClientHandle) {
          return super.register(name.toLowerCase(), handle);
        }
        override whereis(name: string) {
          return super.whereis(name.toLowerCase());
        }
      })(),
    /rule "whereis\(\) of a name that nobody has/,
  ],
  [
    'frees nothing',
    () =>
      new (class extends MapRegistry {
        override unregister() {}
      })(),
    /rule "unregister\(\) frees the name.*whereis\(\) after it gave a handle/,
  ],
  [
    'frees everything',
    () =>
      new (class extends MapRegistry {
        override unregister() {
          this.names.clear();
        }
      })(),
    /rule "unregister\(\) of a free name does nothing"/,
  ],
  [
    'frees what begins so',
    () =>
      new (class extends MapRegistry {
        override unregister(name: string) {
          for (const one of this.names.keys()) {
            if (one === name || one.startsWith(`${name}:`)) this.names.delete(one);
          }
        }
      })(),
    /rule "names have nothing to do with each other"/,
  ],
  [
    'rejects for a free name',
    () =>
      new (class extends LateRegistry {
        override async unregister(name: string) {
          if (!this.names.has(name)) throw new Error(`no ${name}`);
          await super.unregister(name);
        }
      })(),
    /rule "unregister\(\) of a free name does nothing": unregister\(\) failed: no check:/,
  ],
  [
    'keeps names in an object',
    () => {
      const names: Record<string, ClientHandle> = {};
      return {
        register: (name, handle) => {
          if (Object.hasOwn(names, name)) return false;
          names[name] = handle;
          return true;
        },
        unregister: (name) => {
          delete names[name];
        },
        whereis: (name) => names[name],
      };
    },
    /rule "any string that is not empty is a name": whereis\("__proto__"\) gave/,
  ],
  [
    'does not answer',
    () =>
      new (class extends LateRegistry {
        override register(name: string, handle: ClientHandle): Promise<boolean> {
          return this.names.has(name) ? new Promise(() => undefined) : super.register(name, handle);
        }
      })(),
    /rule "register\(\) of a taken name.*register\(\) gave no answer within 2000 ms/,
  ],
];

describe('checkNameRegistry', () => {
  it('accepts good registries, also such as answer later and share a store', async () => {
    await checkNameRegistry(() => new MapRegistry());
    await checkNameRegistry(() => Promise.resolve(new LateRegistry()));
    const shared = new LateRegistry();
    await checkNameRegistry(() => shared);
    expect([...shared.names]).toEqual([]);
  });

  it.each(broken)('names the rule that is broken by one that %s', async (_, create, message) => {
    await expect(checkNameRegistry(create)).rejects.toThrow(message);
  });

  it('rejects with what the factory throws', async () => {
    const unreachable = new Error('no store');
    await expect(checkNameRegistry(() => Promise.reject(unreachable))).rejects.toBe(unreachable);
  });
});
