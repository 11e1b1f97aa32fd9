import {
  close,
  Frame,
  OnCall,
  OnCast,
  OnFrame,
  OnInfo,
  reply,
  type TextFrame,
} from 'nestjs-websockex';

/** A client of which a trace has much to tell. */
export class FeedClient {
  @OnFrame('text', 'crash') crash(): void {
    throw new Error('boom');
  }

  @OnFrame('text', 'close') bye() {
    return close(4000, 'bye');
  }

  @OnFrame('text', 'echo') echo(frame: TextFrame) {
    return reply(frame, Frame.ping('p'));
  }

  @OnFrame() rest() {}

  @OnCast() publish(..._args: unknown[]) {}

  @OnCall() ask(..._args: unknown[]) {
    return 1;
  }

  @OnInfo() info() {}
}

/** The lines without what all begin with. */
export const texts = (lines: readonly string[]) =>
  lines.map((line) => line.replace('*DBG* FeedClient ', ''));
