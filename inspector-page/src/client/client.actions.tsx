import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';

import type {
  ActionBody,
  ActionName,
  ActionResult,
} from '../../../lib/inspector/inspector.protocol.js';
import { act } from '../api.js';
import { useServices } from '../services.js';

interface Action {
  readonly title: string;
  /** What follows, for somebody who hesitates. */
  readonly text: string;
  readonly isHard?: boolean;
}

const ACTIONS: Readonly<Record<ActionName, Action>> = {
  send: { title: 'Send', text: 'Sends a text frame to the peer.' },
  reconnect: {
    title: 'Reconnect',
    text: 'Closes the session, and opens another one.',
    isHard: true,
  },
  rotate: {
    title: 'Rotate',
    text: 'Puts a new session in the place of this one, without a gap.',
  },
  suspend: {
    title: 'Suspend',
    text: 'Handles nothing more until it is resumed.',
    isHard: true,
  },
  resume: { title: 'Resume', text: 'Handles what has waited, and goes on.' },
  close: {
    title: 'Close',
    text: 'Closes the session. What follows is up to the client.',
    isHard: true,
  },
};

interface ClientActionsProps {
  readonly id: string;
  readonly name: string;
}

/** What may be done, of what can be; each is confirmed, and its outcome told. */
export function ClientActions({ id, name }: ClientActionsProps) {
  const { info, announce } = useServices();
  const chosen = useSignal<ActionName | undefined>(undefined);
  const outcome = useSignal<ActionResult | undefined>(undefined);
  const allowed = (Object.keys(ACTIONS) as ActionName[]).filter((action) =>
    info.actions.includes(action),
  );
  if (allowed.length === 0) return null;
  return (
    <div class="actions">
      <div role="group" aria-label="Actions">
        {allowed.map((action) => (
          <button
            key={action}
            type="button"
            onClick={() => {
              outcome.value = undefined;
              chosen.value = action;
            }}
          >
            {ACTIONS[action].title}…
          </button>
        ))}
      </div>
      {outcome.value !== undefined && (
        <p class={`outcome ${outcome.value.ok ? 'is-good' : 'is-bad'}`}>{outcome.value.message}</p>
      )}
      {chosen.value !== undefined && (
        <ActionDialog
          id={id}
          name={name}
          action={chosen.value}
          onOver={(result) => {
            chosen.value = undefined;
            outcome.value = result;
            if (result !== undefined) announce(result.message);
          }}
        />
      )}
    </div>
  );
}

interface ActionDialogProps extends ClientActionsProps {
  readonly action: ActionName;
  /** Without a result somebody has thought better of it. */
  readonly onOver: (result?: ActionResult) => void;
}

function ActionDialog({ id, name, action, onOver }: ActionDialogProps) {
  const { title, text, isHard = false } = ACTIONS[action];
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const isUnderWay = useSignal(false);
  const problem = useSignal<string | undefined>(undefined);
  useEffect(() => {
    // What opened it has the focus again when it closes.
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);

  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const body = bodyOf(action, new FormData(event.currentTarget as HTMLFormElement));
    isUnderWay.value = true;
    problem.value = undefined;
    act(id, body).then(onOver, (error: Error) => {
      isUnderWay.value = false;
      problem.value = error.message;
    });
  };
  return (
    <dialog ref={dialog} aria-labelledby={heading} onClose={() => onOver()}>
      <form onSubmit={submit}>
        <h2 id={heading}>
          {title}: {name}
        </h2>
        <p>{text}</p>
        {action === 'close' && (
          <div class="fields">
            <label>
              Code
              <input name="code" inputMode="numeric" pattern="1000|[34]\d\d\d" placeholder="1000" />
            </label>
            <label>
              Reason
              <input name="reason" maxLength={123} />
            </label>
          </div>
        )}
        {action === 'send' && (
          <label>
            Text
            <textarea name="data" rows={5} spellcheck={false} required />
          </label>
        )}
        {problem.value !== undefined && (
          <p class="outcome is-bad" role="alert">
            {problem.value}
          </p>
        )}
        <div class="buttons">
          <button type="button" onClick={() => onOver()}>
            Cancel
          </button>
          <button type="submit" class={isHard ? 'is-hard' : 'is-main'} disabled={isUnderWay.value}>
            {title}
          </button>
        </div>
      </form>
    </dialog>
  );
}

function bodyOf(name: ActionName, fields: FormData): ActionBody {
  const text = (field: string): string => {
    const value = fields.get(field);
    return typeof value === 'string' ? value : '';
  };
  if (name === 'send') return { name, data: text('data') };
  if (name !== 'close') return { name };
  const [code, reason] = [text('code'), text('reason')];
  return {
    name,
    ...(code !== '' && { code: Number(code) }),
    ...(reason !== '' && { reason }),
  };
}
