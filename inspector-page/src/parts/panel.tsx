import type { ComponentChildren } from 'preact';

interface PanelProps {
  readonly title: string;
  /** Beside the title. */
  readonly beside?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}

/** A part of a page, with a heading. */
export function Panel({ title, beside, class: name = '', children }: PanelProps) {
  return (
    <section class={`panel ${name}`}>
      <div class="panel-title">
        <h2>{title}</h2>
        {beside}
      </div>
      {children}
    </section>
  );
}
