import type { DataFrame } from '../../runtime/frame/frame.js';
import { Fifo } from '../../runtime/mailbox/fifo.js';

/** A peer, as far as its frames may still arrive. */
interface SendingPeer {
  /** Whether neither end has closed, reset or left the session. */
  readonly isOpen: boolean;
  readonly link: {
    /** Whether nothing arrives anywhere any more. */
    readonly isSilent: boolean;
    /** Whether something waits between the peer and the client. */
    readonly isCarrying: boolean;
  };
}

/** A frame that a client has not taken. */
export interface MissingFrame {
  /** The number of the peer: 1 is the first whose handshake was agreed to. */
  readonly peer: number;
  readonly frame: DataFrame;
}

/** What has become of the frames that the peers of a client have sent. */
export interface FrameAccount {
  readonly sent: number;
  /** Those that nothing will bring any more, by peer, in the order in which they were sent. */
  readonly lost: readonly MissingFrame[];
  /** How many may still arrive. */
  readonly underWay: number;
  /** How many a rotation has dropped, since they had come twice. */
  readonly deduped: number;
}

/** The frames of one peer that its client has not taken. */
class PeerFrames {
  readonly missing = new Fifo<DataFrame>();
  /** Whether nothing of it is taken any more. */
  isOver = false;

  constructor(readonly peer: SendingPeer) {}
}

/**
 * Keeps the books of the text and binary frames that the scripted peers of one client send: each is taken by
 * the client, dropped by a rotation because it had come twice, under way, or lost.
 */
export class FrameLedger {
  readonly #peers: PeerFrames[] = [];
  #sent = 0;
  #deduped = 0;

  /** A session begins. Returns what is to be told each frame that its peer sends. */
  open(peer: SendingPeer): (frame: DataFrame) => void {
    const frames = new PeerFrames(peer);
    this.#peers.push(frames);
    return (frame) => {
      this.#sent++;
      frames.missing.push(frame);
    };
  }

  /** The client has taken a frame: of sessions side by side those of the older one come first. */
  taken(frame: DataFrame): void {
    const isIt = (one: DataFrame): one is DataFrame => isEqual(one, frame);
    for (const { missing, isOver } of this.#peers) {
      if (!isOver && missing.takeOut(isIt) !== undefined) return;
    }
    // It came as raw bytes.
  }

  /** A rotation has dropped so many, of the session that came last. */
  dropped(count: number): void {
    this.#deduped += count;
    let left = count;
    for (const { missing } of this.#peers.toReversed()) {
      for (; left > 0 && missing.length > 0; left--) missing.shift();
    }
  }

  /** A session has ended; `all`: with all others. Nothing of those that are over is taken any more. */
  ended(all: boolean): void {
    for (const frames of this.#peers) frames.isOver ||= all || !frames.peer.isOpen;
  }

  /** @param isBusy whether the client has something that it has not handled */
  account(isBusy: boolean): FrameAccount {
    const lost: MissingFrame[] = [];
    let underWay = 0;
    for (const [index, { peer, missing, isOver }] of this.#peers.entries()) {
      const { isSilent, isCarrying } = peer.link;
      if (!isOver && !isSilent && (isBusy || isCarrying)) underWay += missing.length;
      else lost.push(...missing.items().map((frame) => ({ peer: index + 1, frame })));
    }
    return { sent: this.#sent, lost, underWay, deduped: this.#deduped };
  }
}

function isEqual(one: DataFrame, other: DataFrame): boolean {
  if (one.type === 'text') return other.type === 'text' && one.data === other.data;
  return other.type === 'binary' && one.data.equals(other.data);
}
