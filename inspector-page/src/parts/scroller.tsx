import type { ComponentChildren } from 'preact';

interface ScrollerProps {
  readonly label: string;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** What may be larger than its place; by keyboard, too. */
export function Scroller({ label, class: name = '', children }: ScrollerProps) {
  return (
    // Who has no mouse scrolls it by keys.
    <div class={`scroller ${name}`} role="region" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}
