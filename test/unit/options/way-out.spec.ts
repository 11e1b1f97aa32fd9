import { Agent as HttpAgent } from 'node:http';
import { Agent } from 'node:https';

import { ConfigurationError } from 'nestjs-websockex';
import { describe, expect, it } from 'vitest';

import { checkOptions, checkTogether } from '../../../lib/runtime/options/options.checker.js';
import { mergeOptions } from '../../../lib/runtime/options/options.merger.js';
import { PLACES } from '../../../lib/runtime/options/way-out.checker.js';

/** What options are refused with. */
function refusal(options: unknown): string {
  try {
    checkTogether('Feed', checkOptions('Feed', options));
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  return 'taken';
}

const rows = Object.entries(PLACES).map(([place, table]) => ({ place, ...table }));
const refused = rows.flatMap(({ place, refuses }) =>
  Object.entries(refuses).map(([name, remedy]) => ({ place, name, remedy })),
);

describe('An option of Node or ws', () => {
  it.each(refused)('$place.$name is refused by name, whatever it is', ({ place, name, remedy }) => {
    for (const value of [undefined, 1, 'x', () => 1]) {
      expect(refusal({ [place]: { [name]: value } })).toBe(
        `Feed: the option "${place}.${name}" is not taken: ${remedy}`,
      );
    }
  });

  it.each(rows)('of $place stands in one of the two lists', ({ takes, refuses }) => {
    expect(Object.keys(takes).filter((name) => Object.hasOwn(refuses, name))).toEqual([]);
    for (const list of [takes, refuses]) {
      expect(Object.keys(list)).toEqual(Object.keys(list).toSorted());
    }
  });

  it.each(rows)('of $place that nobody knows is refused', ({ place }) => {
    expect(refusal({ [place]: { nope: 1 } })).toMatch(`Feed: unknown option "${place}.nope"`);
    expect(refusal({ [place]: { constructor: 1 } })).toMatch(`unknown option "${place}.`);
  });

  it.each([
    ['ws', 'rejectUnauthorized', 'belongs into "tls"'],
    ['ws', 'keepAlive', 'belongs into "socket"'],
    ['ws', 'ca', 'belongs into "tls"'],
    ['tls', 'keepAlive', 'belongs into "socket"'],
    ['tls', 'rejectUnautorized', 'did you mean "rejectUnauthorized"'],
    ['socket', 'rejectUnauthorized', 'belongs into "tls"'],
    ['socket', 'keepalive', 'did you mean "keepAlive"'],
    ['ws', 'threshold', 'belongs into "perMessageDeflate"'],
  ])('%s.%s is refused with the place it has', (place, name, says) => {
    expect(refusal({ [place]: { [name]: false } })).toContain(says);
  });

  it.each([
    [{ tls: { rejectUnauthorized: 0 } }, 'it must be true or false'],
    [{ tls: { minVersion: 'TLSv2' } }, "'TLSv1.3'"],
    [{ tls: { checkServerIdentity: true } }, 'a function'],
    [{ socket: { noDelay: 'yes' } }, 'true or false'],
    [{ socket: { family: 5 } }, '0, 4 or 6'],
    [{ socket: { localPort: 70_000 } }, 'a port'],
    [{ socket: { keepAliveInitialDelay: '5s' } }, 'a number of milliseconds'],
    [{ ws: { protocolVersion: 12 } }, '8 or 13'],
    [{ perMessageDeflate: { serverMaxWindowBits: 7 } }, 'from 8 to 15'],
  ])('that does not fit is refused: %j', (options, says) => {
    expect(refusal(options)).toContain(says);
  });

  it('that is given as undefined is one that is not given', () => {
    for (const { place, takes } of rows) {
      for (const name of Object.keys(takes)) {
        expect(refusal({ [place]: { [name]: undefined } })).toBe('taken');
      }
    }
  });
});

describe('An agent', () => {
  it.each([{}, 'http://proxy', () => new Agent(), { dispatch: () => undefined }])(
    'is refused where it is none: %o',
    (agent) => {
      expect(refusal({ agent })).toContain('"agent" is');
    },
  );

  it.each([false, new HttpAgent(), new Agent({ rejectUnauthorized: true, ca: 'pem' })])(
    'is taken: %o',
    (agent) => {
      expect(refusal({ agent })).toBe('taken');
    },
  );

  it('cannot switch off the verification of certificates behind the back of tls', () => {
    const agent = new Agent({ rejectUnauthorized: false });
    const says = 'set tls: { rejectUnauthorized: false } beside the agent';
    expect(refusal({ agent })).toContain(says);
    expect(refusal({ agent, tls: { rejectUnauthorized: true } })).toContain(says);
    expect(refusal({ agent, tls: { rejectUnauthorized: false } })).toBe('taken');
  });

  it('says no other things than tls and socket', () => {
    const agent = new Agent({ ca: 'mine', family: 6 });
    expect(refusal({ agent, tls: { ca: 'yours' } })).toContain('the option "tls.ca" is not what');
    expect(refusal({ agent, socket: { family: 4 } })).toContain('"socket.family" is not what');
    expect(refusal({ agent, tls: { ca: 'mine' }, socket: { family: 6 } })).toBe('taken');
    // An agent sets it on, unless told otherwise.
    expect(refusal({ agent, socket: { noDelay: false, keepAlive: false } })).toBe('taken');
  });

  it('and createConnection are not both asked for a socket', () => {
    const ws = { createConnection: () => undefined };
    expect(refusal({ agent: new Agent(), ws })).toContain('"ws.createConnection" is not taken');
    expect(refusal({ agent: false, ws })).toBe('taken');
  });
});

describe('The certificate of a client', () => {
  const whole = 'a PEM';

  it.each([
    ['key', 'cert'],
    ['cert', 'key'],
  ])('is refused with tls.%s alone, by an error that names tls.%s too', (given, missing) => {
    expect(refusal({ tls: { [given]: whole, [missing]: undefined } })).toBe(
      `Feed: the option "tls.${given}" is given without "tls.${missing}", so no certificate can be shown to the peer; ` +
        `give "tls.${missing}" too, or both in one file as "tls.pfx"`,
    );
  });

  it.each<object>([
    { key: whole, cert: whole },
    { pfx: whole },
    { pfx: whole, key: whole },
    { pfx: whole, cert: whole },
    { cert: whole, privateKeyIdentifier: 'slot', privateKeyEngine: 'hsm' },
    { key: whole, clientCertEngine: 'hsm' },
    { key: undefined, cert: undefined },
  ])('is taken whole: %o', (tls) => {
    expect(refusal({ tls })).toBe('taken');
  });

  it.each<[object, object]>([
    [{ key: whole }, { cert: whole }],
    [{ cert: whole }, { key: whole }],
  ])('may have its other half in the agent: %o and %o', (own, tls) => {
    expect(refusal({ agent: new Agent(own), tls })).toBe('taken');
    expect(refusal({ agent: new Agent(), tls })).toContain('is given without');
  });

  it('may come in two layers of options', () => {
    const layers = mergeOptions({ tls: { cert: whole } }, { tls: { key: whole } });
    expect(refusal(layers)).toBe('taken');
  });
});
