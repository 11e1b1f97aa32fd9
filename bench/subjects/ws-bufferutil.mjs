// `ws` with its addon, which masks: the copy of it that stands beside `bufferutil`.
import { peer } from '../harness/peer.mjs';
import { subjectOf } from '../harness/ws.mjs';

peer('bufferutil');
export const { connect, send } = subjectOf(peer('ws'));
