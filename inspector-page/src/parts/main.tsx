import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

interface MainProps {
  readonly title: string;
  /** Beside the heading. */
  readonly beside?: ComponentChildren;
  /** Above the heading: where this belongs. */
  readonly above?: ComponentChildren;
  readonly children?: ComponentChildren;
}

/** What a page is made of: a heading, which may be given the focus, and what follows. */
export function Main({ title, beside, above, children }: MainProps) {
  useEffect(() => {
    document.title = `${title} · WebSocket clients`;
  }, [title]);
  return (
    <main>
      {above}
      <div class="title">
        <h1 tabIndex={-1}>{title}</h1>
        {beside}
      </div>
      {children}
    </main>
  );
}
