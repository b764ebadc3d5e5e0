import { describe, expect, test } from 'vitest';
import type { RoomBus, RoomBusMessage } from './room-bus.js';

/** The contract of every bus of rooms, seen from one node. */
export function roomBusContract(name: string, open: () => RoomBus): void {
  describe(`the bus of rooms: ${name}`, () => {
    test('[PRS11] a message reaches every follower of its room before publish returns, in order', () => {
      const bus = open();
      const received: string[][] = [[], []];
      for (const list of received) bus.follow('/boards/1', (message) => list.push(idOf(message)));
      bus.publish('/boards/1', left('a'));
      expect(received).toEqual([['a'], ['a']]);
      bus.publish('/boards/1', left('b'));
      expect(received).toEqual([
        ['a', 'b'],
        ['a', 'b'],
      ]);
    });

    test('[PRS11] rooms receive nothing of each other', () => {
      const bus = open();
      const received: string[] = [];
      bus.follow('/boards/1', (message) => received.push(idOf(message)));
      bus.publish('/boards/11', left('a'));
      bus.publish('/boards/2', left('b'));
      expect(received).toEqual([]);
    });

    test('[PRS11] a follower that ended receives nothing more, and the others go on', () => {
      const bus = open();
      const received: string[] = [];
      const listener = (message: RoomBusMessage) => received.push(idOf(message));
      const end = bus.follow('/boards/1', listener);
      bus.follow('/boards/1', listener);
      end();
      end();
      bus.publish('/boards/1', left('a'));
      expect(received).toEqual(['a']);
    });

    test('[PRS11] a follower that throws stops neither the others nor the publisher', () => {
      const bus = open();
      const received: string[] = [];
      bus.follow('/boards/1', () => {
        throw new Error('broken follower');
      });
      bus.follow('/boards/1', (message) => received.push(idOf(message)));
      bus.publish('/boards/1', left('a'));
      expect(received).toEqual(['a']);
    });

    test('[PRS11] a message arrives whole', () => {
      const bus = open();
      const received: RoomBusMessage[] = [];
      bus.follow('/boards/1', (message) => received.push(message));
      const sent: RoomBusMessage = {
        kind: 'sent',
        member: 'm1',
        by: { uid: 'amal', data: { nick: 'A' } },
        event: 'wave',
        data: { text: '\u0000\ud83d\ude00' },
      };
      bus.publish('/boards/1', sent);
      expect(received).toEqual([sent]);
    });
  });
}

function left(id: string): RoomBusMessage {
  return { kind: 'left', id };
}

function idOf(message: RoomBusMessage): string {
  return message.kind === 'left' ? message.id : message.kind;
}
