/** Runs a function in the async context the application was booted in. */
export type ContextRunner = <R>(fn: () => R) => R;
