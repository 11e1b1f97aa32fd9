/** The headers of a request: names as they are spelled, values as they go out. */
export type HeaderMap = Record<string, string | readonly string[]>;

/** Headers as somebody gives them; one that is `undefined` takes away what stood before it. */
type GivenHeaders = Readonly<Record<string, unknown>>;

/**
 * Headers in which a name is one whatever its case (RFC 9110 section 5.1): it is read, set and
 * deleted under any spelling, and keeps the one it was set with last, which is what goes out.
 */
export function headerMap(...sources: readonly (GivenHeaders | undefined)[]): HeaderMap {
  return new Proxy(mergeHeaders(...sources) as HeaderMap, ANY_CASE);
}

/** Several headers as one plain object: what a later one says of a name stands, however it spells it. */
export function mergeHeaders(
  ...sources: readonly (GivenHeaders | undefined)[]
): Record<string, unknown> {
  const merged = Object.create(null) as Record<string, unknown>;
  const spelled = new Map<string, string>();
  for (const source of sources) {
    for (const [name, value] of Object.entries(source ?? {})) {
      const key = name.toLowerCase();
      const before = spelled.get(key);
      if (before !== undefined && before !== name) delete merged[before];
      spelled.set(key, name);
      merged[name] = value;
    }
  }
  return merged;
}

const ANY_CASE: ProxyHandler<HeaderMap> = {
  get: (headers, name) => Reflect.get(headers, spelling(headers, name)),
  has: (headers, name) => Reflect.has(headers, spelling(headers, name)),
  getOwnPropertyDescriptor: (headers, name) =>
    Reflect.getOwnPropertyDescriptor(headers, spelling(headers, name)),
  deleteProperty: (headers, name) => Reflect.deleteProperty(headers, spelling(headers, name)),
  set: (headers, name, value) => {
    Reflect.deleteProperty(headers, spelling(headers, name));
    return Reflect.set(headers, name, value);
  },
  defineProperty: (headers, name, descriptor) => {
    Reflect.deleteProperty(headers, spelling(headers, name));
    return Reflect.defineProperty(headers, name, descriptor);
  },
};

/** The name as it stands in these headers, or as it is asked for where it does not. */
function spelling(headers: HeaderMap, name: PropertyKey): PropertyKey {
  if (typeof name !== 'string' || Object.hasOwn(headers, name)) return name;
  const wanted = name.toLowerCase();
  return Object.keys(headers).find((one) => one.toLowerCase() === wanted) ?? name;
}
