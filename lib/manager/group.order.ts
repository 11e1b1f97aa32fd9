import { CloseCode } from '../runtime/frame/close-code.js';
import type { RegisteredClient } from './client.registry.js';
import type { SupervisedGroup } from './group.supervisors.js';

/** When a client wants to be started. */
export function startupOf({ definition }: RegisteredClient): string {
  return definition.settings().startup;
}

/** Whether the application waits for it. */
export function isRequired(registered: RegisteredClient): boolean {
  return startupOf(registered) === 'required';
}

/**
 * Starts those of a group that are wanted, one after the other: the next when the one before has
 * begun, or is connected where that is required.
 *
 * @returns a promise of the last that is required
 */
export async function startGroup(
  { clients, supervisor }: SupervisedGroup,
  wanted: readonly RegisteredClient[],
): Promise<void> {
  const members = inOrder(clients, supervisor.members).filter((one) => wanted.includes(one));
  const last = members.findLastIndex(isRequired);
  for (const one of members.slice(0, last + 1)) {
    if (isRequired(one)) await one.client.start();
    else await one.client.launch();
  }
  void launchAll(members.slice(last + 1), supervisor);
}

/**
 * Stops a group, the last that was started first. Each has its share of the time that is left; one
 * whose stop fails keeps none of the others from theirs.
 *
 * @param remaining milliseconds until all must have ended
 */
export async function stopGroup(
  { clients, supervisor }: SupervisedGroup,
  remaining: () => number,
  onFailure: (name: string, error: unknown) => void,
): Promise<void> {
  const members = inOrder(clients, supervisor.members).filter(({ client }) => !client.hasEnded);
  for (let left = members.length; left > 0; left--) {
    const { client } = members[left - 1] as RegisteredClient;
    try {
      void client.stop(CloseCode.goingAway, remaining() / left);
      await client.ended;
    } catch (error) {
      onFailure(client.name, error);
    }
  }
}

async function launchAll(
  members: readonly RegisteredClient[],
  supervisor: SupervisedGroup['supervisor'],
): Promise<void> {
  for (const { client } of members) {
    // One that has begun may have crashed since: the next comes after its restart.
    await supervisor.settled();
    await client.launch();
  }
}

function inOrder(
  clients: readonly RegisteredClient[],
  members: readonly { readonly name: string }[],
): RegisteredClient[] {
  return members.flatMap(({ name }) => clients.find(({ client }) => client.name === name) ?? []);
}
