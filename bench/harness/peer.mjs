import { createRequire } from 'node:module';

const require = createRequire(new URL('../peers/', import.meta.url));

/** A package that `bench/peers` has installed. */
export const peer = (name) => require(name);
