/** Decorates a method in plain JavaScript. */
export function decorate(target, method, decorator) {
  const descriptor = Object.getOwnPropertyDescriptor(target.prototype, method);
  decorator(target.prototype, method, descriptor);
}
