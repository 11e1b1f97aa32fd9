import { useMemo } from 'preact/hooks';

import type { FrameView } from '../../../lib/inspector/inspector.protocol.js';
import { bytes, preciseClock } from '../format.js';
import { JsonTree } from '../parts/json.tree.js';
import { Panel } from '../parts/panel.js';
import { Scroller } from '../parts/scroller.js';
import { useServices } from '../services.js';

interface FrameDetailsProps {
  readonly frame: FrameView;
  readonly onClose: () => void;
}

/** One frame: JSON as a tree, other text as it is, what is binary in hexadecimal. */
export function FrameDetails({ frame, onClose }: FrameDetailsProps) {
  return (
    <Panel
      class="frame-details"
      title={`Frame ${frame.seq}`}
      beside={
        <button type="button" onClick={onClose}>
          Close
        </button>
      }
    >
      <p class="aside">
        {frame.direction === 'in' ? 'received' : 'sent'} · {frame.type} · {bytes(frame.size)} ·{' '}
        {preciseClock(frame.time)}
      </p>
      <Payload frame={frame} />
    </Panel>
  );
}

function Payload({ frame }: { readonly frame: FrameView }) {
  const { info } = useServices();
  const { payload, type, isTruncated = false } = frame;
  const isText = hasText(type);
  const json = useMemo(() => (isText ? jsonOf(payload) : undefined), [isText, payload]);
  if (payload === undefined) {
    return (
      <p class="none">
        {info.mode === 'metadata' ? 'Payloads are not shown here.' : 'It has no payload.'}
      </p>
    );
  }
  return (
    <Scroller label="Payload">
      {json !== undefined && <JsonTree value={json.value} isOpen />}
      {json === undefined && isText && <pre class="text">{payload}</pre>}
      {!isText && <Bytes payload={payload} />}
      {isTruncated && (
        <p class="aside">Only the first {bytes(info.limits.payload)} of it are shown.</p>
      )}
    </Scroller>
  );
}

/** Whether a payload is text, which that of a close is, too: its code and reason. Others come as Base64. */
export function hasText(type: FrameView['type']): boolean {
  return type === 'text' || type === 'close';
}

function Bytes({ payload }: { readonly payload: string }) {
  const text = useMemo(() => dump(atob(payload)), [payload]);
  return <pre>{text}</pre>;
}

/** Lines of sixteen bytes: where, in hexadecimal, and what can be read. */
function dump(data: string): string {
  const lines: string[] = [];
  for (let from = 0; from < data.length; from += 16) {
    const part = data.slice(from, from + 16);
    const hex = Array.from(part, (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0'));
    const readable = part.replace(/[^\x20-\x7e]/g, '·');
    lines.push(`${from.toString(16).padStart(4, '0')}  ${hex.join(' ').padEnd(47)}  ${readable}`);
  }
  return lines.join('\n');
}

/** In an object, as `null` is a value, too. */
function jsonOf(text: string | undefined): { readonly value: unknown } | undefined {
  if (text === undefined || !/^\s*[[{]/.test(text)) return undefined;
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}
