import type { ClientStep, ClientStory, ItemWrite } from './story-steps.js';

const count = (which: number): ItemWrite => ({ cmd: 'update', which, counts: true, changes: [] });
const write = (who: number, what: ItemWrite): ClientStep => ({ kind: 'write', who, write: what });
const create: ItemWrite = { cmd: 'create', n: 3 };
const remove = (which: number): ItemWrite => ({ cmd: 'delete', which });
const list = (who: number, query = 0): ClientStep => ({ kind: 'watch-list', who, query });
const object = (who: number, which: number): ClientStep => ({ kind: 'watch-object', who, which });
const settle = (who: number): ClientStep => ({ kind: 'settle', who });
const beat: ClientStep = { kind: 'beat' };
const kill: ClientStep = { kind: 'kill' };
const start: ClientStep = { kind: 'start' };
const network = (
  who: number,
  mode: Extract<ClientStep, { kind: 'network' }>['mode'],
): ClientStep => ({ kind: 'network', who, mode });

/** What the stories once found, as small as they or people made it. */
export const foundStories: Readonly<Record<string, ClientStory>> = {
  'an object that was deleted meanwhile does not end at an older revision': {
    steps: [
      ...[list(1), write(0, count(2)), settle(0), write(0, count(2)), settle(0), settle(1)],
      ...[network(1, 'close'), write(0, remove(2)), settle(0), kill],
      ...[object(1, 2), start],
    ],
  },
  'a deleted object does not come back by a list that is behind': {
    steps: [
      ...[object(0, 2), settle(0), write(2, remove(2)), list(0), list(0, 3), list(0, 2), beat],
      settle(0),
    ],
  },
  'a batch that writes twice to an object is seen whole': {
    steps: [
      ...[object(0, 2), settle(0), network(0, 'deafen')],
      { kind: 'batch', who: 0, writes: [count(2), count(2)] },
      ...[beat, network(0, 'cut'), settle(0)],
    ],
  },
  'what is held back for a write in doubt enters the list once': {
    steps: [
      ...[settle(0), network(0, 'deafen'), write(0, count(1)), beat, list(0), network(0, 'cut')],
      settle(0),
    ],
  },
  'pushes around a cut are received once each, those that it swallowed too': {
    steps: [
      ...[list(0), object(0, 0), settle(0), write(1, create), settle(1), beat, beat, settle(0)],
      ...[network(0, 'deafen'), write(1, create), settle(1), beat, network(0, 'cut'), settle(0)],
    ],
  },
  'a list of some fields waits for no push of others': {
    steps: [list(0, 5), settle(0), write(0, count(0)), settle(0)],
  },
  'an object that an own deletion hides goes on with the revision that a list brings': {
    steps: [
      ...[list(2), settle(2), network(2, 'mute'), write(2, remove(1)), object(2, 1)],
      ...[write(0, count(1)), settle(0), beat, network(2, 'heal'), settle(2)],
    ],
  },
  'what a deletion hides leaves its list with nothing pending': {
    steps: [settle(1), write(1, remove(1)), list(1), settle(1)],
  },
};
