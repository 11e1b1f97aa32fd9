import { useState } from 'preact/hooks';

import { plural } from '../format.js';

/** Children that are shown at a time. */
const MOST = 100;

interface JsonTreeProps {
  readonly value: unknown;
  readonly name?: string;
  readonly isOpen?: boolean;
}

/** A value as a tree whose branches open. All of it is text. */
export function JsonTree({ value, name, isOpen = false }: JsonTreeProps) {
  return (
    <div class="tree">
      <Node value={value} name={name} isOpen={isOpen} />
    </div>
  );
}

function Node({ value, name, isOpen: isOpenFirst = false }: JsonTreeProps) {
  const [isOpen, setOpen] = useState(isOpenFirst);
  if (typeof value !== 'object' || value === null) {
    return (
      <div class="leaf">
        <Name name={name} />
        <Leaf value={value} />
      </div>
    );
  }
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <Name name={name} />
        <span class="kind">{isOpen ? sizeOf(value) : digest(value)}</span>
      </summary>
      {isOpen && <Children value={value} />}
    </details>
  );
}

function Children({ value }: { readonly value: object }) {
  const [shown, setShown] = useState(MOST);
  const entries = Object.entries(value);
  return (
    <div class="children">
      {entries.slice(0, shown).map(([key, child]) => (
        <Node key={key} name={key} value={child} />
      ))}
      {entries.length > shown && (
        <button type="button" onClick={() => setShown(shown + MOST)}>
          {entries.length - shown} more
        </button>
      )}
    </div>
  );
}

function Name({ name }: { readonly name?: string | undefined }) {
  return name === undefined ? null : <span class="name">{name}: </span>;
}

function Leaf({ value }: { readonly value: unknown }) {
  const kind = value === null ? 'null' : typeof value;
  return <span class={`value is-${kind}`}>{JSON.stringify(value) ?? String(value)}</span>;
}

function sizeOf(value: object): string {
  return Array.isArray(value)
    ? plural(value.length, 'item')
    : plural(Object.keys(value).length, 'key');
}

/** What is inside, in a line. */
function digest(value: object): string {
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}
