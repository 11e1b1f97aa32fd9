import type { ComponentChild } from 'preact';
import { useEffect, useLayoutEffect, useReducer, useRef } from 'preact/hooks';

export interface Column {
  readonly key: string;
  readonly title: string;
  readonly isNumber?: boolean;
  /** How the rows are sorted by it; absent where they cannot be. */
  readonly sorting?: {
    readonly order: 'ascending' | 'descending' | 'none';
    readonly sort: () => void;
  };
}

export interface Row {
  readonly key: string;
  /** By the keys of the columns. The first has the control, a link or a button, which gets this `tabIndex`. */
  readonly cells: (tabIndex: 0 | -1) => Readonly<Record<string, ComponentChild>>;
  readonly class?: string;
  readonly isSelected?: boolean;
}

interface VirtualTableProps {
  readonly label: string;
  readonly class: string;
  readonly columns: readonly Column[];
  readonly count: number;
  /** What makes the rows others when it changes: then the first is seen. */
  readonly topOn?: string;
  /** Absent while it is not known. */
  readonly row: (index: number) => Row | undefined;
  /** Somebody has pressed on a row, but not on its control. */
  readonly onPress: (index: number) => void;
  /** Which rows are seen, when that changes. */
  readonly onWindow?: (first: number, count: number) => void;
  /** Whether the end stays in sight. */
  readonly isFollowing?: boolean;
  /** Somebody has scrolled away from the end that was followed. */
  readonly onLeft?: () => void;
}

/** Rows above and below what is seen, so that a step of the wheel shows no gap. */
const SPARE = 4;

/** Where the table is scrolled to, and who has the focus; no render waits for these. */
class View {
  readonly scroller = { current: null as HTMLDivElement | null };
  rowHeight = 30;
  top = 0;
  height = 0;
  /** The row that a tab leads to. */
  current = 0;
  /** Whether somebody has chosen it. */
  hasCurrent = false;
  /** The row that shall have the focus as soon as it is there. */
  wanted: number | undefined;
  focusedKey: string | undefined;

  measure(): boolean {
    const { current } = this.scroller;
    if (current === null) return false;
    const head = current.querySelector('thead')?.clientHeight ?? 0;
    const height = Math.max(current.clientHeight - head, this.rowHeight);
    const top = current.scrollTop;
    const isSame = height === this.height && top === this.top;
    this.top = top;
    this.height = height;
    return !isSame;
  }

  get isAtEnd(): boolean {
    const { current } = this.scroller;
    if (current === null) return true;
    return current.scrollTop + current.clientHeight >= current.scrollHeight - this.rowHeight;
  }

  get first(): number {
    return Math.floor(this.top / this.rowHeight);
  }

  get visible(): number {
    return Math.ceil(this.height / this.rowHeight) + 1;
  }

  control(index: number): HTMLElement | null | undefined {
    return this.scroller.current?.querySelector<HTMLElement>(
      `tr[data-index="${index}"] :is(a, button)`,
    );
  }

  /** Shows the row, and has it focused once it is there. */
  moveTo(index: number): void {
    this.wanted = index;
    this.current = index;
    this.hasCurrent = true;
    this.reveal();
  }

  /** Scrolls as little as shows the row that somebody has chosen. */
  reveal(): void {
    const { current } = this.scroller;
    if (current === null || !this.hasCurrent) return;
    const top = this.current * this.rowHeight;
    if (top < current.scrollTop) current.scrollTop = top;
    const under = top + this.rowHeight - this.height;
    if (under > current.scrollTop) current.scrollTop = under;
  }
}

/**
 * A table of which only what is seen exists. It is a real table: its rows say which of how many they are.
 * One row can be reached by tab; arrows, page keys, Home and End lead to the others.
 */
export function VirtualTable(props: VirtualTableProps) {
  const { label, columns, count, topOn, row, onWindow, isFollowing = false } = props;
  const [, redraw] = useReducer<number, undefined>((n) => n + 1, 0);
  const ref = useRef<View>(undefined);
  ref.current ??= new View();
  const view = ref.current;
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const scroller = view.scroller.current;
    if (scroller === null) return;
    const draw = (): void => {
      if (view.measure()) redraw(undefined);
    };
    const resized = new ResizeObserver(() => {
      view.rowHeight = heightOfRow(scroller);
      draw();
      // What somebody has just opened may take the place of the row they opened it by.
      if (latest.current.isFollowing !== true) view.reveal();
    });
    resized.observe(scroller);
    const scrolled = (): void => {
      draw();
      if (latest.current.isFollowing === true && !view.isAtEnd) latest.current.onLeft?.();
    };
    const press = (target: Element, controls: string): void => {
      const index = indexOf(target);
      if (index === undefined || target.closest(controls) !== null) return;
      view.current = index;
      view.hasCurrent = true;
      // The arrows go on from there.
      view.wanted = index;
      latest.current.onPress(index);
    };
    const clicked = (event: MouseEvent): void => press(event.target as Element, 'a, button');
    const pressed = (event: MouseEvent): void => {
      // A row that moves on is another one by the end of a click, and so is its control.
      if (event.button === 0 && latest.current.isFollowing === true) {
        press(event.target as Element, 'a');
      }
    };
    const focused = (event: FocusEvent): void => {
      const line = (event.target as Element).closest<HTMLElement>('tr[data-index]');
      view.focusedKey = line?.dataset['key'];
      if (line === null) return;
      view.current = Number(line.dataset['index']);
      view.hasCurrent = true;
      view.wanted = undefined;
    };
    const left = (event: FocusEvent): void => {
      const control = event.target as Element;
      // A row that is taken away loses the focus as well, but nobody has gone anywhere.
      queueMicrotask(() => {
        if (control.isConnected && document.activeElement !== control) view.focusedKey = undefined;
      });
    };
    const moved = (event: KeyboardEvent): void => {
      const from = indexOf(event.target as Element);
      if (from === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      const to = indexAfter(event.key, from, view.visible - 2, latest.current.count);
      if (to === undefined) return;
      event.preventDefault();
      view.moveTo(to);
      redraw(undefined);
    };
    scroller.addEventListener('scroll', scrolled, { passive: true });
    scroller.addEventListener('mousedown', pressed);
    scroller.addEventListener('click', clicked);
    scroller.addEventListener('focusin', focused);
    scroller.addEventListener('focusout', left);
    scroller.addEventListener('keydown', moved);
    return () => {
      resized.disconnect();
      scroller.removeEventListener('scroll', scrolled);
      scroller.removeEventListener('mousedown', pressed);
      scroller.removeEventListener('click', clicked);
      scroller.removeEventListener('focusin', focused);
      scroller.removeEventListener('focusout', left);
      scroller.removeEventListener('keydown', moved);
    };
  }, [view]);

  useLayoutEffect(() => {
    view.current = 0;
    view.hasCurrent = false;
    if (view.scroller.current !== null) view.scroller.current.scrollTop = 0;
  }, [view, topOn]);

  useLayoutEffect(() => {
    const scroller = view.scroller.current;
    if (scroller === null) return;
    if (isFollowing) scroller.scrollTop = scroller.scrollHeight;
    if (view.measure()) redraw(undefined);
    if (view.wanted !== undefined) {
      view.control(view.wanted)?.focus({ preventScroll: true });
    } else if (view.focusedKey !== undefined && document.activeElement === document.body) {
      const key = CSS.escape(view.focusedKey);
      const control = scroller.querySelector<HTMLElement>(`tr[data-key="${key}"] :is(a, button)`);
      (control ?? scroller).focus({ preventScroll: true });
    }
  });

  const seen = Math.min(view.first, Math.max(0, count - 1));
  const { visible } = view;
  useEffect(() => {
    if (view.height > 0) onWindow?.(seen, visible);
  }, [view, seen, visible, onWindow, view.height]);

  const first = Math.max(0, seen - SPARE);
  const end = Math.min(count, seen + visible + SPARE);
  const isCurrentThere = view.current >= first && view.current < end;
  const rows = Array.from({ length: Math.max(0, end - first) }, (_, n) => first + n);
  return (
    // Who has no mouse scrolls it by keys.
    <div class="scroller virtual" role="region" aria-label={label} tabIndex={0} ref={view.scroller}>
      <table class={props.class} aria-label={label} aria-rowcount={count + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map((column) => (
              <HeadCell key={column.key} column={column} />
            ))}
          </tr>
        </thead>
        <Gap rows={first} height={view.rowHeight} columns={columns.length} />
        <tbody>
          {rows.map((index) => {
            const isCurrent = isCurrentThere ? index === view.current : index === seen;
            return (
              <Line
                key={row(index)?.key ?? `unknown-${index}`}
                index={index}
                columns={columns}
                row={row(index)}
                tabIndex={isCurrent ? 0 : -1}
              />
            );
          })}
        </tbody>
        <Gap rows={count - end} height={view.rowHeight} columns={columns.length} />
      </table>
    </div>
  );
}

function HeadCell({ column }: { readonly column: Column }) {
  const { key, title, isNumber, sorting } = column;
  const name = `column-${key}${isNumber === true ? ' number' : ''}`;
  if (sorting === undefined) {
    return (
      <th scope="col" class={name}>
        {title}
      </th>
    );
  }
  return (
    <th scope="col" class={name} aria-sort={sorting.order}>
      <button type="button" class="sort" onClick={sorting.sort}>
        {title}
        <span class="arrow" aria-hidden="true" />
      </button>
    </th>
  );
}

interface LineProps {
  readonly index: number;
  readonly columns: readonly Column[];
  readonly row: Row | undefined;
  readonly tabIndex: 0 | -1;
}

function Line({ index, columns, row, tabIndex }: LineProps) {
  const cells = row?.cells(tabIndex) ?? {};
  const names = [index % 2 === 1 ? 'odd' : '', row?.class ?? '', row ? '' : 'unknown'];
  return (
    <tr
      aria-rowindex={index + 2}
      data-index={index}
      data-key={row?.key}
      class={names.join(' ')}
      aria-current={row?.isSelected === true ? 'true' : undefined}
    >
      {columns.map(({ key, isNumber }, n) => {
        const name = isNumber === true ? 'number' : undefined;
        const cell = row === undefined ? '…' : cells[key];
        return n === 0 ? (
          <th key={key} scope="row" class={name}>
            {cell}
          </th>
        ) : (
          <td key={key} class={name}>
            {cell}
          </td>
        );
      })}
    </tr>
  );
}

/** In the place of rows that are not seen. */
function Gap(props: { readonly rows: number; readonly height: number; readonly columns: number }) {
  if (props.rows <= 0) return null;
  return (
    <tbody aria-hidden="true" class="gap">
      <tr>
        <td colSpan={props.columns} style={{ height: `${props.rows * props.height}px` }} />
      </tr>
    </tbody>
  );
}

function indexOf(target: Element): number | undefined {
  const index = target.closest<HTMLElement>('tr[data-index]')?.dataset['index'];
  return index === undefined ? undefined : Number(index);
}

/** The style sheet has it in rem, as people may have larger letters. */
function heightOfRow(element: Element): number {
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  return Number.parseFloat(getComputedStyle(element).getPropertyValue('--row')) * rem;
}

function indexAfter(key: string, from: number, page: number, count: number): number | undefined {
  const steps: Readonly<Record<string, number>> = {
    ArrowDown: from + 1,
    ArrowUp: from - 1,
    PageDown: from + page,
    PageUp: from - page,
    Home: 0,
    End: count - 1,
  };
  const to = steps[key];
  return to === undefined ? undefined : Math.max(0, Math.min(count - 1, to));
}
